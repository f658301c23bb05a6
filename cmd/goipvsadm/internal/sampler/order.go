package sampler

import (
	"cmp"
	"slices"

	"goipvsadm/ipvs"
)

// An Order is one in which services stand.
type Order int

// The orders: as Reader.Services returns them, or the largest first.
const (
	ByAddress Order = iota
	ByPackets       // that come in: the director sees them whatever the forwarding method; then by connections
	ByConns         // that are new
	ByBytes         // in both directions
)

// orders says of each what it is by, and its load.
var orders = [...]struct {
	name string
	load func(Rates) []float64
}{
	ByAddress: {"address", nil},
	ByPackets: {"packets", func(f Rates) []float64 { return []float64{f.InPackets, f.Conns} }},
	ByConns:   {"connections", func(f Rates) []float64 { return []float64{f.Conns, f.InPackets} }},
	ByBytes:   {"bytes", func(f Rates) []float64 { return []float64{f.InBytes + f.OutBytes, f.InPackets} }},
}

// String returns what the order is by.
func (o Order) String() string { return orders[o].name }

// Next returns the order after o; after the last comes the first.
func (o Order) Next() Order { return (o + 1) % Order(len(orders)) }

// sort puts services in order. Those with the same load keep theirs.
func (o Order) sort(services []ipvs.Service, figures func(*ipvs.Service) Rates) {
	if o == ByAddress {
		return
	}
	loads := make(map[ipvs.ServiceKey][]float64, len(services))
	for i := range services {
		loads[services[i].ServiceKey] = orders[o].load(figures(&services[i]))
	}
	slices.SortStableFunc(services, func(a, b ipvs.Service) int {
		return slices.CompareFunc(loads[b.ServiceKey], loads[a.ServiceKey], cmp.Compare)
	})
}

// Busiest sorts services ByPackets, with the kernel's own rates.
func SortByPackets(services []ipvs.Service) { ByPackets.sort(services, KernelRates) }

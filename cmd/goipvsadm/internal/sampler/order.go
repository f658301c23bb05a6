package sampler

import (
	"cmp"
	"slices"

	"goipvsadm/ipvs"
)

// An Order is a sort order of services.
type Order int

// The sort orders. All but ByAddress put the highest rate first.
const (
	ByAddress Order = iota // the order in which Sampler.Services returns them
	ByPackets              // incoming packets, then new connections; replies may bypass the director
	ByConns                // new connections, then incoming packets
	ByBytes                // bytes in both directions, then incoming packets
)

// orders holds the name and the sort keys of each Order. Services are compared
// by the first key in which they differ.
var orders = [...]struct {
	name string
	keys func(Rates) []float64
}{
	ByAddress: {"address", nil},
	ByPackets: {"packets", func(r Rates) []float64 { return []float64{r.InPackets, r.Conns} }},
	ByConns:   {"connections", func(r Rates) []float64 { return []float64{r.Conns, r.InPackets} }},
	ByBytes:   {"bytes", func(r Rates) []float64 { return []float64{r.InBytes + r.OutBytes, r.InPackets} }},
}

// String returns "address", "packets", "connections" or "bytes".
func (o Order) String() string { return orders[o].name }

// Next returns the order after o, and the first one after the last.
func (o Order) Next() Order { return (o + 1) % Order(len(orders)) }

// sort sorts services by their rates. The sort is stable.
func (o Order) sort(services []ipvs.Service, rates func(*ipvs.Service) Rates) {
	if o == ByAddress {
		return
	}
	keys := make(map[ipvs.ServiceKey][]float64, len(services))
	for i := range services {
		keys[services[i].ServiceKey] = orders[o].keys(rates(&services[i]))
	}
	slices.SortStableFunc(services, func(a, b ipvs.Service) int {
		return slices.CompareFunc(keys[b.ServiceKey], keys[a.ServiceKey], cmp.Compare)
	})
}

// SortByPackets sorts services ByPackets, using the kernel's rates.
func SortByPackets(services []ipvs.Service) { ByPackets.sort(services, KernelRates) }

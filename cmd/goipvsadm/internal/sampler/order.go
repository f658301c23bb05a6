// SPDX-License-Identifier: MIT

package sampler

import (
	"slices"

	"goipvsadm/ipvs"
)

// An Order is a sort order of services or of the destinations of a service.
type Order int

// The sort orders. All but ByAddress put the highest rate first.
const (
	ByAddress Order = iota // the order in which Sampler.Services and Sampler.Destinations return them
	ByPackets              // incoming packets (replies may bypass the director), then new connections
	ByConns                // new connections, then incoming packets
	ByBytes                // bytes in both directions, then incoming packets
)

// orders holds the name and the two sort keys of each Order. The second key is compared
// if the first one is equal.
var orders = [...]struct {
	name string
	keys func(Rates) [2]float64
}{
	ByAddress: {"address", nil},
	ByPackets: {"packets", func(r Rates) [2]float64 { return [2]float64{r.InPackets, r.Conns} }},
	ByConns:   {"connections", func(r Rates) [2]float64 { return [2]float64{r.Conns, r.InPackets} }},
	ByBytes:   {"bytes", func(r Rates) [2]float64 { return [2]float64{r.InBytes + r.OutBytes, r.InPackets} }},
}

// String returns "address", "packets", "connections" or "bytes".
func (o Order) String() string { return orders[o].name }

// Next returns the order after o, and the first one after the last.
func (o Order) Next() Order { return (o + 1) % Order(len(orders)) }

// indices returns the indices of n elements in order. The order is stable.
func (o Order) indices(n int, rates func(int) Rates) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i
	}
	if o == ByAddress {
		return indices
	}
	keys := make([][2]float64, n)
	for i := range keys {
		keys[i] = orders[o].keys(rates(i))
	}
	slices.SortStableFunc(indices, func(a, b int) int { return slices.Compare(keys[b][:], keys[a][:]) })
	return indices
}

// SortByPackets sorts services ByPackets, using the kernel's rates.
func SortByPackets(services []ipvs.Service) {
	sorted := make([]ipvs.Service, 0, len(services))
	for _, i := range ByPackets.indices(len(services), func(i int) Rates { return KernelRates(&services[i].Stats) }) {
		sorted = append(sorted, services[i])
	}
	copy(services, sorted)
}

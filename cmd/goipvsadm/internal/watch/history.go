// SPDX-License-Identifier: MIT

package watch

import (
	"net/netip"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
)

// historyLength is the number of samples in a history.
const historyLength = 8

// A history holds the connections per second of services and servers in the last
// samples. The key of a service has no AddrPort.
type history struct {
	sampleTime time.Time
	rates      map[ipvs.DestinationKey][]float32 // oldest first
}

// observe records sample. If it has the same time as the previous sample, observe only
// records the services and servers that were missing from that one.
func (h *history) observe(sample *sampler.Sample) {
	repeated := sample.Time.Equal(h.sampleTime)
	rates := make(map[ipvs.DestinationKey][]float32)
	add := func(key ipvs.DestinationKey, measured *sampler.Rates) {
		values, known := h.rates[key]
		if measured != nil && (!repeated || !known) {
			values = append(values[max(0, len(values)-historyLength+1):len(values):len(values)], float32(measured.Conns))
		}
		rates[key] = values
	}
	for i := range sample.Services {
		s := &sample.Services[i]
		add(ipvs.DestinationKey{Service: s.ServiceKey}, s.Measured)
		for j := range s.Destinations {
			add(ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: s.Destinations[j].AddrPort}, s.Destinations[j].Measured)
		}
	}
	h.sampleTime, h.rates = sample.Time, rates
}

// of returns the rates of r, oldest first.
func (h *history) of(r *row) []float32 {
	var server netip.AddrPort
	if r.server != nil {
		server = r.server.AddrPort
	}
	return h.rates[ipvs.DestinationKey{Service: r.service.ServiceKey, AddrPort: server}]
}

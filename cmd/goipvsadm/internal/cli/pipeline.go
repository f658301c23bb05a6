// SPDX-License-Identifier: MIT

package cli

import "goipvsadm/ipvs"

// A destinationReader appends the destinations of a service.
type destinationReader func([]ipvs.Destination, ipvs.ServiceKey) ([]ipvs.Destination, error)

// servicesPerBatch is the number of services whose destinations form a
// destBatch.
const servicesPerBatch = 32

// A destBatch holds the destinations of consecutive services.
type destBatch struct {
	destinations []ipvs.Destination
	ends         []int // for each service, the end of its destinations
	err          error // error of the first service that could not be read
}

// A destPipeline reads destinations in batches, overlapping kernel reads with
// output. The consumer returns each batch to free, so that a few batches are
// enough for a table of any size.
type destPipeline struct{ full, free chan *destBatch }

// startDestPipeline starts reading the destinations of services. A batch with
// an error is the last.
func startDestPipeline(services []ipvs.Service, read destinationReader) destPipeline {
	p := destPipeline{full: make(chan *destBatch, 1), free: make(chan *destBatch, 3)}
	for range cap(p.free) {
		p.free <- new(destBatch)
	}
	run := func() {
		defer close(p.full)
		for len(services) > 0 {
			n := min(servicesPerBatch, len(services))
			batch := <-p.free
			batch.fill(services[:n], read)
			p.full <- batch
			if batch.err != nil {
				return
			}
			services = services[n:]
		}
	}
	if len(services) > servicesPerBatch {
		go run()
	} else {
		run() // full has space for one batch
	}
	return p
}

func (b *destBatch) fill(services []ipvs.Service, read destinationReader) {
	b.destinations, b.ends = b.destinations[:0], b.ends[:0]
	for i := range services {
		if b.destinations, b.err = read(b.destinations, services[i].ServiceKey); b.err != nil {
			return
		}
		b.ends = append(b.ends, len(b.destinations))
	}
}

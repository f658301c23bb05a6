package cli

import "goipvsadm/ipvs"

// A reader appends the destinations of a service.
type destinationReader func([]ipvs.Destination, ipvs.ServiceKey) ([]ipvs.Destination, error)

// groupSize is how many services are read at a time.
const groupSize = 32

// A group has the destinations of some services, one behind the other.
type destBatch struct {
	destinations []ipvs.Destination
	ends         []int // where each service's end
	err          error // what kept the next service's from being read
}

// groups are read while those before them are written: the kernel takes about
// as long to tell of a destination as it takes to write it down. Whoever is
// done with a group puts it back, so that a table of any size needs but a few.
type destPipeline struct{ full, free chan *destBatch }

// readGroups begins to read. A group with an error is the last.
func readGroups(services []ipvs.Service, read destinationReader) destPipeline {
	g := destPipeline{make(chan *destBatch, 1), make(chan *destBatch, 3)}
	for range cap(g.free) {
		g.free <- new(destBatch)
	}
	fill := func() {
		defer close(g.full)
		for len(services) > 0 {
			n := min(groupSize, len(services))
			next := <-g.free
			next.fill(services[:n], read)
			g.full <- next
			if next.err != nil {
				return
			}
			services = services[n:]
		}
	}
	if len(services) > groupSize {
		go fill()
	} else {
		fill() // a single group has room
	}
	return g
}

func (g *destBatch) fill(services []ipvs.Service, read destinationReader) {
	g.destinations, g.ends = g.destinations[:0], g.ends[:0]
	for i := range services {
		if g.destinations, g.err = read(g.destinations, services[i].ServiceKey); g.err != nil {
			return
		}
		g.ends = append(g.ends, len(g.destinations))
	}
}

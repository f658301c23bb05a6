package app

import "goipvsadm/ipvs"

// A reader appends the destinations of a service.
type reader func([]ipvs.Destination, ipvs.ServiceKey) ([]ipvs.Destination, error)

// groupSize is how many services are read at a time.
const groupSize = 32

// A group has the destinations of some services, one behind the other.
type group struct {
	destinations []ipvs.Destination
	ends         []int // where each service's end
	err          error // what kept the next service's from being read
}

// groups are read while those before them are written: the kernel takes about
// as long to tell of a destination as it takes to write it down. Whoever is
// done with a group puts it back, so that a table of any size needs but a few.
type groups struct{ full, free chan *group }

// readGroups begins to read. A group with an error is the last.
func readGroups(services []ipvs.Service, read reader) groups {
	g := groups{make(chan *group, 1), make(chan *group, 3)}
	for range cap(g.free) {
		g.free <- new(group)
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

func (g *group) fill(services []ipvs.Service, read reader) {
	g.destinations, g.ends = g.destinations[:0], g.ends[:0]
	for i := range services {
		if g.destinations, g.err = read(g.destinations, services[i].ServiceKey); g.err != nil {
			return
		}
		g.ends = append(g.ends, len(g.destinations))
	}
}

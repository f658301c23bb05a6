package watch

import (
	"time"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
)

// A Mark is what is to be seen of a server from across the room.
type Alert byte

// The marks, the one that counts first where there are several.
const (
	Unmarked      Alert = iota
	Drained             // weight 0: no new connections
	OverThreshold       // over its threshold: no new connections for now
	ShareDropped        // it lost its share of the connections at once
)

// marks says of each how it looks: the character before the arrow, colours as
// the numbers of ISO 6429, and what it means.
var marks = [...]struct {
	sign    byte
	colours string
	meaning string
}{
	Unmarked:      {' ', "", ""},
	Drained:       {'0', "30;43", "the server's weight is 0"},
	OverThreshold: {'^', "1;37;41", "it is over its threshold"},
	ShareDropped:  {'v', "1;37;45", "it lost half of its share or more at once"},
}

// What a fall is: from a share that was one, of more than a few connections.
// It is seen for a while, unless the server gets its share back.
const (
	minDropShare  = 0.1
	fallConns     = 10
	alertDuration = 30 * time.Second
)

// A lookout knows the marks of servers, for which one reading is not enough.
type alertTracker struct {
	time time.Time
	seen map[ipvs.DestinationKey]serverState
}

// A sight is what a reading showed of a server.
type serverState struct {
	conns uint64
	share float64
	full  bool
	from  float64   // the share that it had before it fell
	fell  time.Time // zero if it did not
}

// look takes a reading in. One that was made again tells only of servers that
// it did not have before.
func (l *alertTracker) observe(r *sampler.Sample) {
	again := r.Time.Equal(l.time)
	seen := make(map[ipvs.DestinationKey]serverState)
	for i := range r.Services {
		s := &r.Services[i]
		all := allConnections(s)
		for j := range s.Destinations {
			d := &s.Destinations[j]
			key := ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: d.AddrPort}
			now, known := l.seen[key]
			if !again || !known {
				now = now.next(d, all, r.Time)
			}
			seen[key] = now
		}
	}
	l.time, l.seen = r.Time, seen
}

// next returns what d shows at a time, of all connections of its service, after
// what a reading before it showed.
func (s serverState) next(d *sampler.Destination, all uint64, at time.Time) serverState {
	before := s
	s.conns = connections(d)
	s.full = full(d, before.full)
	if all == 0 {
		return serverState{full: s.full}
	}
	s.share = float64(s.conns) / float64(all)
	if before.share >= minDropShare && before.conns >= fallConns && s.share <= before.share/2 {
		s.from, s.fell = before.share, at
	}
	if s.share > s.from/2 || at.Sub(s.fell) >= alertDuration {
		s.from, s.fell = 0, time.Time{}
	}
	return s
}

// full reports whether the kernel gives d no more connections. If it gave none
// before, it goes on so until there are fewer than the lower threshold, or than
// three of four parts of the upper one where there is no lower.
func full(d *sampler.Destination, before bool) bool {
	upper, lower, n := uint64(d.UpperThreshold), uint64(d.LowerThreshold), connections(d)
	switch {
	case upper == 0:
		return false
	case n >= upper:
		return true
	case lower > 0:
		return before && n >= lower
	}
	return before && 4*n >= 3*upper
}

// mark returns the mark of a server of a reading that was looked at.
func (l *alertTracker) mark(key ipvs.ServiceKey, d *sampler.Destination) Alert {
	sight := l.seen[ipvs.DestinationKey{Service: key, AddrPort: d.AddrPort}]
	switch {
	case d.Weight == 0:
		return Drained
	case sight.full:
		return OverThreshold
	case !sight.fell.IsZero():
		return ShareDropped
	}
	return Unmarked
}

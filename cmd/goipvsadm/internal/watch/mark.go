package watch

import (
	"net/netip"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/reading"
	"goipvsadm/ipvs"
)

// A Mark is what is to be seen of a server from across the room.
type Mark byte

// The marks, the one that counts first where there are several.
const (
	Unmarked Mark = iota
	Drained       // weight 0: no new connections
	Full          // over its threshold: no new connections for now
	Fallen        // it lost its share of the connections at once
)

// marks says of each how it looks: the character before the arrow, colours as
// the numbers of ISO 6429, and what it means.
var marks = [...]struct {
	sign    byte
	colours string
	meaning string
}{
	Unmarked: {' ', "", ""},
	Drained:  {'0', "30;43", "the server's weight is 0"},
	Full:     {'^', "1;37;41", "it is over its threshold"},
	Fallen:   {'v', "1;37;45", "it lost half of its share or more at once"},
}

// What a fall is: from a share that was one, of more than a few connections.
// It is seen for a while, unless the server gets its share back.
const (
	fallShare = 0.1
	fallConns = 10
	fallSeen  = 30 * time.Second
)

// A lookout knows the marks of servers, for which one reading is not enough.
type lookout struct {
	time time.Time
	seen map[serverKey]sight
}

type serverKey struct {
	service ipvs.ServiceKey
	ap      netip.AddrPort
}

// A sight is what a reading showed of a server.
type sight struct {
	conns uint64
	share float64
	full  bool
	from  float64   // the share that it had before it fell
	fell  time.Time // zero if it did not
}

// look takes a reading in. One that was made again tells only of servers that
// it did not have before.
func (l *lookout) look(r *reading.Reading) {
	again := r.Time.Equal(l.time)
	seen := make(map[serverKey]sight)
	for i := range r.Services {
		s := &r.Services[i]
		all := allConnections(s)
		for j := range s.Destinations {
			d := &s.Destinations[j]
			key := serverKey{s.ServiceKey, d.AddrPort}
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
func (s sight) next(d *reading.Destination, all uint64, at time.Time) sight {
	before := s
	s.conns = connections(d)
	s.full = full(d, before.full)
	if all == 0 {
		return sight{full: s.full}
	}
	s.share = float64(s.conns) / float64(all)
	if before.share >= fallShare && before.conns >= fallConns && s.share <= before.share/2 {
		s.from, s.fell = before.share, at
	}
	if s.share > s.from/2 || at.Sub(s.fell) >= fallSeen {
		s.from, s.fell = 0, time.Time{}
	}
	return s
}

// full reports whether the kernel gives d no more connections. If it gave none
// before, it goes on so until there are fewer than the lower threshold, or than
// three of four parts of the upper one where there is no lower.
func full(d *reading.Destination, before bool) bool {
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
func (l *lookout) mark(key ipvs.ServiceKey, d *reading.Destination) Mark {
	sight := l.seen[serverKey{key, d.AddrPort}]
	switch {
	case d.Weight == 0:
		return Drained
	case sight.full:
		return Full
	case !sight.fell.IsZero():
		return Fallen
	}
	return Unmarked
}

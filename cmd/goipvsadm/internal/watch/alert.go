// SPDX-License-Identifier: MIT

package watch

import (
	"time"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
)

// An Alert is a condition for which the view highlights a server.
type Alert byte

// The alerts. If several conditions hold, the view shows the first one.
const (
	NoAlert       Alert = iota
	Drained             // weight 0: no new connections
	OverThreshold       // the upper threshold was reached: no new connections for now
	ShareDropped        // the server suddenly lost its share of connections
)

// alertStyles holds the display of each Alert: the character before the arrow, the
// color of the highlights as SGR parameters (ISO 6429), and the description on the
// help screen. The background is that of the terminal.
var alertStyles = [...]struct {
	sign    byte
	color   string
	meaning string
}{
	NoAlert:       {' ', "", ""},
	Drained:       {'0', "1;33", "weight is 0"},
	OverThreshold: {'^', "1;31", "upper threshold reached"},
	ShareDropped:  {'v', "1;35", "lost at least half of its share of connections at once"},
}

// ShareDropped requires that the server had at least minDropShare of the connections
// of its service and at least minDropConns of them, and lost at least half of its
// share between two samples. It lasts for alertDuration, unless the server recovers
// more than half of the previous share.
const (
	minDropShare  = 0.1
	minDropConns  = 10
	alertDuration = 30 * time.Second
)

// An alertTracker determines alerts that depend on earlier samples.
type alertTracker struct {
	sampleTime time.Time
	servers    map[ipvs.DestinationKey]serverState
}

// A serverState is the state of a server in the last sample.
type serverState struct {
	conns         uint64
	share         float64 // fraction of the connections of the service
	overThreshold bool
	shareBefore   float64   // share before it dropped; 0 if it did not
	droppedAt     time.Time // zero if the share did not drop
}

// observe records sample. If it has the same time as the previous sample, observe only
// records the servers that were missing from that one.
func (t *alertTracker) observe(sample *sampler.Sample) {
	repeated := sample.Time.Equal(t.sampleTime)
	servers := make(map[ipvs.DestinationKey]serverState)
	for i := range sample.Services {
		s := &sample.Services[i]
		total := totalConns(s)
		for j := range s.Destinations {
			d := &s.Destinations[j]
			key := ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: d.AddrPort}
			state, known := t.servers[key]
			if !repeated || !known {
				state = state.update(d, total, sample.Time)
			}
			servers[key] = state
		}
	}
	t.sampleTime, t.servers = sample.Time, servers
}

// update returns the state after a new sample of d. total is the number of connections
// of its service.
func (s serverState) update(d *sampler.Destination, total uint64, now time.Time) serverState {
	previous := s
	s.conns = connCount(d)
	s.overThreshold = isOverThreshold(d, previous.overThreshold)
	if total == 0 {
		return serverState{overThreshold: s.overThreshold}
	}
	s.share = float64(s.conns) / float64(total)
	if previous.share >= minDropShare && previous.conns >= minDropConns && s.share <= previous.share/2 {
		s.shareBefore, s.droppedAt = previous.share, now
	}
	if s.share > s.shareBefore/2 || now.Sub(s.droppedAt) >= alertDuration {
		s.shareBefore, s.droppedAt = 0, time.Time{}
	}
	return s
}

// isOverThreshold reports whether the kernel assigns no new connections to d because
// of its thresholds. Once d has reached the upper threshold, it receives new connections
// only after it falls below the lower threshold or, without a lower threshold, below
// three quarters of the upper threshold.
func isOverThreshold(d *sampler.Destination, wasOver bool) bool {
	upper, lower, conns := uint64(d.UpperThreshold), uint64(d.LowerThreshold), connCount(d)
	switch {
	case upper == 0:
		return false
	case conns >= upper:
		return true
	case lower > 0:
		return wasOver && conns >= lower
	}
	return wasOver && 4*conns >= 3*upper
}

// alert returns the alert of a server of the last observed sample.
func (t *alertTracker) alert(key ipvs.ServiceKey, d *sampler.Destination) Alert {
	state := t.servers[ipvs.DestinationKey{Service: key, AddrPort: d.AddrPort}]
	switch {
	case d.Weight == 0:
		return Drained
	case state.overThreshold:
		return OverThreshold
	case !state.droppedAt.IsZero():
		return ShareDropped
	}
	return NoAlert
}

// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/ipvs"
)

// A thresholdState relates the number of a server's connections to its thresholds.
type thresholdState uint8

const (
	belowThresholds thresholdState = iota
	// A server between its thresholds gets no new connections if it has reached the
	// upper one before. The lower one is three quarters of the upper one by default.
	betweenThresholds
	overloaded
)

// thresholdState compares the number of the server's connections with its thresholds.
func (d *Server) thresholdState() thresholdState {
	conns := d.ActiveConns + d.InactiveConns
	switch {
	case d.UpperThreshold == 0:
		return belowThresholds
	case conns >= d.UpperThreshold:
		return overloaded
	case d.LowerThreshold > 0 && conns >= d.LowerThreshold, d.LowerThreshold == 0 && uint64(conns)*4 >= uint64(d.UpperThreshold)*3:
		return betweenThresholds
	}
	return belowThresholds
}

// isAvoided reports whether a server of a service with rr or wrr got no new connections
// between the samples, although its share, by weight, of the service's new connections
// was at least three.
func (s *Service) isAvoided(d *Server) bool {
	if s.Scheduler != "rr" && s.Scheduler != "wrr" || s.Flags&ipvs.Persistent != 0 || s.Delta == nil || d.Delta == nil || d.Delta.Conns > 0 {
		return false
	}
	weights := uint64(0)
	for i := range s.Servers {
		if w := uint64(s.Servers[i].Weight); w > 0 && s.Scheduler == "rr" {
			weights++
		} else {
			weights += w
		}
	}
	share := uint64(1)
	if s.Scheduler == "wrr" {
		share = uint64(d.Weight)
	}
	return s.Delta.Conns*share >= 3*weights
}

// rejectsClients reports whether a service gets no new connections because its
// servers have reached their thresholds.
func (f *Facts) rejectsClients(s *Service) bool {
	a := f.Arrivals[s.ServiceKey]
	return a != nil && a.Packets >= minUnanswered && s.Protocol != ipvs.UDP && s.Delta != nil && s.Delta.Conns == 0 &&
		slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Weight > 0 }) && !s.hasAvailable()
}

// hasAvailable reports whether a server of the service gets new connections: its weight
// is not 0, and it is below its thresholds.
func (s *Service) hasAvailable() bool {
	return slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Weight > 0 && d.thresholdState() == belowThresholds })
}

func overThreshold(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		conns := d.ActiveConns + d.InactiveConns
		state := d.thresholdState()
		if state == belowThresholds {
			return
		}
		rejects := f.rejectsClients(s)
		evidence := fmt.Sprintf("%s, upper threshold %s", humanize.Count(conns, "connection"), humanize.Count(d.UpperThreshold, ""))
		switch {
		case state == overloaded:
		case state == betweenThresholds && (rejects || s.isAvoided(d)):
			lower := "three quarters of it"
			if d.LowerThreshold > 0 {
				lower = humanize.Count(d.LowerThreshold, "")
			}
			evidence += fmt.Sprintf(", lower threshold %s; no new connections in this sample", lower)
		default:
			return
		}
		x := s.serverFinding(d, evidence, f.editServer(s, d, func(d *ipvs.Destination) {
			d.UpperThreshold = 2 * max(conns, d.UpperThreshold)
			// After an edit, Linux 7.2 still waits until the server is below the lower threshold. Zero means
			// three quarters of the upper one.
			if conns >= d.LowerThreshold {
				d.LowerThreshold = 0
			}
		}))
		x.Severity = Warning
		switch {
		case state == overloaded && s.hasAvailable():
			x.Severity = Hint
			x.Causes = []string{"the threshold works as intended: other servers get the new connections"}
		case rejects:
			x.Severity = Error
			x.Evidence += fmt.Sprintf("; %s for the service arrived in this sample, and no server is available", humanize.Count(f.Arrivals[s.ServiceKey].Packets, "packet"))
		}
		report(x)
	})
}

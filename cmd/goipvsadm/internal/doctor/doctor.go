// Package doctor says why a load balancer does not work. It gathers facts
// about the table, the kernel's variables, links, addresses, routes,
// neighbours and connections, and puts them before checks, each of which knows
// one kind of trouble: what is seen, why that is so, and the command that mends
// it. Nothing is changed.
//
// A check is a row of one of the tables here, in a file a subject: the
// director, the services, the way to a server, what the network says when it
// is asked, and what connections and counters say.
package doctor

import (
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// A Severity says how bad a finding is.
type Severity uint8

// The severities.
const (
	Hint    Severity = iota // it may be meant so
	Warning                 // it works by accident, or not for long
	Error                   // it does not work
)

// String returns the severity as the report has it.
func (s Severity) String() string {
	return [...]string{Hint: "hint", Warning: "warning", Error: "error"}[s]
}

// A Check knows one kind of trouble.
type Check struct {
	ID          string // for programs; it never changes
	Severity    Severity
	Title       string // is wrong, in a few words
	Explanation string // it is so, in a sentence

	look func(f *Facts, report func(Finding))
}

// Checks returns all checks in the order in which they look. Those that say
// what keeps packets from a server come before those that say that a server
// does not answer.
func Checks() []Check {
	return slices.Concat(directorChecks, syncChecks, serviceChecks, wayChecks, probeChecks, counterChecks)
}

// A Finding is what a check found.
type Finding struct {
	Check        *Check
	Service      *ipvs.ServiceKey  // nil if it is about the director
	Server       *ipvs.Destination // nil if it is about the service
	MoreServices int               // so many more services have the same trouble
	Evidence     string            // the evidence
	Remedies     []Remedy          // any of which mends it
}

// A Remedy is a command. It is for the director unless On says otherwise.
type Remedy struct {
	Host    string // a server's address; or in words who else
	Command string
}

// A trouble is the same in many services if it is of the same kind, with the
// same server, for the same reason.
type dedupeKey struct {
	check  *Check
	server netip.Addr
	seen   string
}

// Look puts the facts before all checks and returns what they find, what is
// about the director first and then in the order of the services.
func Diagnose(f *Facts) []Finding {
	var findings []Finding
	known := make(map[dedupeKey]int)
	f.excused = make(map[netip.Addr]*Check)
	checks := Checks()
	for i := range checks {
		c := &checks[i]
		f.current = c
		c.look(f, func(found Finding) {
			found.Check = c
			if found.Server != nil {
				t := dedupeKey{c, found.Server.AddrPort.Addr(), found.Evidence}
				if first, ok := known[t]; ok {
					findings[first].MoreServices++
					return
				}
				known[t] = len(findings)
				if c.Severity == Error {
					f.suppress(t.server)
				}
			}
			findings = append(findings, found)
		})
	}
	f.sort(findings)
	return findings
}

// sort puts findings in the order of the report.
func (f *Facts) sort(findings []Finding) {
	place := make(map[ipvs.ServiceKey]int)
	for i := range f.Services {
		place[f.Services[i].ServiceKey] = i + 1
	}
	// What the director's findings have in common is no service.
	at := func(x *Finding) int {
		if x.Service == nil {
			return 0
		}
		return place[*x.Service]
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if d := at(&a) - at(&b); d != 0 {
			return d
		}
		switch {
		case a.Server == nil && b.Server == nil:
			return 0
		case a.Server == nil:
			return -1
		case b.Server == nil:
			return 1
		}
		return a.Server.AddrPort.Compare(b.Server.AddrPort)
	})
}

// Worst returns the severity of the worst finding, and whether there is any.
func Worst(findings []Finding) (worst Severity, any bool) {
	for i := range findings {
		worst = max(worst, findings[i].Check.Severity)
	}
	return worst, len(findings) > 0
}

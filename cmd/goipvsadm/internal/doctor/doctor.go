// Package doctor diagnoses load balancers that do not work. It collects the
// table, sysctls, links, addresses, routes, neighbors and connections and runs
// checks over them. Each check reports its evidence, the cause and commands
// that fix it. The package is read-only.
//
// Each file contains the checks of one subject: the director, its VIPs, the
// connection tables, the sync daemons, the services, the path to a server, the
// results of probes, and traffic.
package doctor

import (
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// A Severity is the severity of a finding.
type Severity uint8

// Severities.
const (
	Hint    Severity = iota // may be intentional
	Warning                 // works, but fragile
	Error                   // does not work
)

// String returns the severity as reports print it.
func (s Severity) String() string {
	return [...]string{Hint: "hint", Warning: "warning", Error: "error"}[s]
}

// A Check detects one kind of problem.
type Check struct {
	ID          string // stable identifier for programs
	Severity    Severity
	Title       string // the problem, in a few words
	Explanation string // the cause, in one sentence

	run func(f *Facts, report func(Finding))
}

// Checks returns all checks in the order in which they run. Checks for the
// causes of a silent server precede the checks for silent servers, so that
// suppress takes effect.
func Checks() []Check {
	return slices.Concat(directorChecks, syncChecks, serviceChecks, pathChecks, probeChecks, trafficChecks)
}

// A Finding is a problem that a check has found.
type Finding struct {
	Check        *Check
	Service      *ipvs.ServiceKey  // nil if the finding is about the director
	Server       *ipvs.Destination // nil if the finding is about the director or a service
	MoreServices int               // number of other services with the same problem
	Evidence     string
	Remedies     []Remedy // alternatives; at least one
}

// A Remedy is a command that fixes a problem.
type Remedy struct {
	Host    string // where to run it: a server's address, or a description; "" for the director
	Command string
}

// A dedupeKey identifies findings that differ only in their service.
type dedupeKey struct {
	check    *Check
	server   netip.Addr
	evidence string
}

// Diagnose runs all checks. Findings about the director come first, followed by
// those about the services in the order of the table.
func Diagnose(f *Facts) []Finding {
	var findings []Finding
	first := make(map[dedupeKey]int) // index into findings
	f.suppressedBy = make(map[netip.Addr]*Check)
	checks := Checks()
	for i := range checks {
		c := &checks[i]
		f.current = c
		c.run(f, func(finding Finding) {
			finding.Check = c
			if finding.Server != nil {
				key := dedupeKey{c, finding.Server.AddrPort.Addr(), finding.Evidence}
				if i, ok := first[key]; ok {
					findings[i].MoreServices++
					return
				}
				first[key] = len(findings)
				if c.Severity == Error {
					f.suppress(key.server)
				}
			}
			findings = append(findings, finding)
		})
	}
	f.sort(findings)
	return findings
}

// sort sorts findings by service and server, in the order of the table.
func (f *Facts) sort(findings []Finding) {
	position := make(map[ipvs.ServiceKey]int)
	for i := range f.Services {
		position[f.Services[i].ServiceKey] = i + 1
	}
	servicePosition := func(x *Finding) int {
		if x.Service == nil {
			return 0
		}
		return position[*x.Service]
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if d := servicePosition(&a) - servicePosition(&b); d != 0 {
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

// Worst returns the highest severity among findings, and false if there are
// none.
func Worst(findings []Finding) (worst Severity, ok bool) {
	for i := range findings {
		worst = max(worst, findings[i].Check.Severity)
	}
	return worst, len(findings) > 0
}

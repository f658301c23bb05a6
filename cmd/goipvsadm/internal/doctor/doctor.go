// SPDX-License-Identifier: MIT

// Package doctor diagnoses load balancers that do not work. It collects the
// table, its connections, the state of the network and of the firewall, and
// captured packets, and runs checks over them. Each check reports its evidence,
// the cause and commands that fix it. The package changes nothing, and sends
// packets only if probes are requested.
//
// The checks are in one file per subject: the director, its VIPs, the
// connection table, the firewall, the sync daemons, the services and their
// configuration, thresholds, replies, the path to a server, servers with
// weight 0, the results of probes, and traffic.
package doctor

import (
	"cmp"
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// A Severity is the severity of a finding.
type Severity uint8

// Severities in ascending order. An error requires proof that clients are
// affected; a configuration that is only suspicious is a warning, or a hint if
// a working network may look the same.
const (
	_       Severity = iota // unset: a finding has the severity of its check
	Hint                    // may be intentional
	Warning                 // works, but fragile
	Error                   // does not work
)

// String returns the severity as reports print it.
func (s Severity) String() string {
	return [...]string{Hint: "hint", Warning: "warning", Error: "error"}[s]
}

// A Check detects one kind of problem.
type Check struct {
	ID          string   // stable identifier for programs
	Severity    Severity // default and highest severity of its findings
	Title       string   // the problem, in a few words
	Explanation string   // the cause, in one sentence

	// WholeHost is set if the problem affects all ports of a server. An error
	// that this check finds suppresses later findings about any port of the server.
	WholeHost bool

	run func(f *Facts, report func(Finding))
}

// Checks returns all checks in the order in which they run. Checks that find out
// why a server is silent run first: they suppress the findings of the checks that
// only find that it is silent.
func Checks() []Check {
	return slices.Concat(directorChecks, vipStateChecks, firewallChecks, syncChecks, syncStateChecks, serviceChecks, configurationChecks,
		replyChecks, pathChecks, stuckChecks, probeChecks, trafficChecks)
}

// A Subject is what a finding is about: a server of a service; a service, if
// Server is nil; or the director, if both are nil.
type Subject struct {
	Service *ipvs.ServiceKey
	Server  *ipvs.Destination
}

// A Finding is a problem that a check has found.
type Finding struct {
	Check    *Check
	Severity Severity // set to that of Check if the check leaves it unset
	Subject
	More     []Subject // other subjects with the same problem
	Evidence string
	Causes   []string // competing causes, the most likely first; may be empty
	Remedies []Remedy // alternatives, the most likely and harmless first; at least one

	// Group identifies what subjects with the same problem have in common, such
	// as a gateway. Findings of a check with the same severity are merged if they
	// have the same Group or, without a Group, the same server address.
	Group string
}

// MoreServices returns the number of other services with the same problem.
func (x *Finding) MoreServices() int {
	services := make(map[ipvs.ServiceKey]bool)
	for _, s := range x.More {
		if s.Service != nil && *s.Service != *x.Service {
			services[*s.Service] = true
		}
	}
	return len(services)
}

// Diagnose runs all checks and returns their findings: errors, then warnings,
// then hints. Within a severity, findings about the director precede those
// about services, which have the order of the table.
func Diagnose(f *Facts) []Finding {
	var findings []Finding
	f.index = nil // tests change the facts between runs
	f.explained = make(map[ipvs.ServiceKey]bool)
	f.suppressedHosts = make(map[netip.Addr]*Check)
	f.suppressedServers = make(map[*ipvs.Destination]*Check)
	checks := Checks()
	for i := range checks {
		c := &checks[i]
		f.current = c
		c.run(f, func(x Finding) {
			x.Check = c
			x.Severity = cmp.Or(x.Severity, c.Severity)
			if x.Server != nil && x.Severity == Error {
				if c.WholeHost {
					f.suppressHost(x.Server.AddrPort.Addr())
				}
				f.suppressServer(x.Server)
			}
			findings = append(findings, x)
		})
	}
	findings = merge(findings)
	f.sort(findings)
	return findings
}

// maxSeparate is the maximum number of separate findings of a check with the same
// severity. If there are more, the findings about services are merged into one.
const maxSeparate = 4

// merge merges findings of the same check and severity: first those with the same
// Group or the same server address; then, if more than maxSeparate remain, all
// findings about services.
func merge(findings []Finding) []Finding {
	type kind struct {
		check    *Check
		severity Severity
	}
	type key struct {
		kind
		group  string
		server netip.Addr
	}
	merged := findings[:0]
	first := make(map[key]int) // index into merged
	count := make(map[kind]int)
	for _, x := range findings {
		k := key{kind: kind{x.Check, x.Severity}, group: x.Group}
		if x.Group == "" && x.Server != nil {
			k.server = x.Server.AddrPort.Addr()
		}
		if i, ok := first[k]; ok && (x.Group != "" || x.Server != nil) {
			merged[i].More = append(merged[i].More, x.Subject)
			continue
		}
		first[k] = len(merged)
		count[k.kind]++
		merged = append(merged, x)
	}
	findings = merged
	merged = findings[:0]
	clear(first)
	for _, x := range findings {
		k := key{kind: kind{x.Check, x.Severity}}
		if i, ok := first[k]; ok && count[k.kind] > maxSeparate && x.Service != nil {
			merged[i].More = append(append(merged[i].More, x.Subject), x.More...)
			continue
		}
		first[k] = len(merged)
		merged = append(merged, x)
	}
	return merged
}

// sort sorts findings by severity, service and server, in the order of the
// table.
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
		if order := cmp.Or(int(b.Severity)-int(a.Severity), servicePosition(&a)-servicePosition(&b)); order != 0 {
			return order
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
		worst = max(worst, findings[i].Severity)
	}
	return worst, len(findings) > 0
}

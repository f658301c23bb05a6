// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// AppendReport appends the report as text: the verdict, what was and what could not be
// examined, and the findings. Control characters are escaped.
func AppendReport(b []byte, f *Facts, findings []Finding, n tablefmt.Namer) []byte {
	b = append(b, Verdict(f, findings)+"\n"...)
	b = append(b, "Examined "+f.examinedSummary()+"\n"...)
	if f.Probed {
		b = append(b, "Probed "+f.probeSummary()+"\n"...)
	}
	for _, u := range f.Unavailable {
		b = append(b, termsafe.Escape("Not examined: "+u.What+": "+u.Reason+"\n")...)
	}
	last := ""
	for i := range findings {
		x := &findings[i]
		subject := string(appendSubject(nil, &x.Subject, n))
		if subject != last || x.Severity != findings[i-1].Severity {
			b = append(b, "\n"+subject+"\n"...)
			last = subject
		}
		b = x.append(b, n)
	}
	return b
}

// Verdict summarizes the findings. It contains "no problems found" only if there are
// neither errors nor warnings, and all facts that are not Optional could be read.
func Verdict(f *Facts, findings []Finding) string {
	count := make(map[Severity]int)
	for i := range findings {
		count[findings[i].Severity]++
	}
	var parts []string
	for _, s := range []Severity{Error, Warning, Hint} {
		if count[s] > 0 {
			parts = append(parts, humanize.Count(count[s], s.String()))
		}
	}
	incomplete := slices.ContainsFunc(f.Unavailable, func(u Unavailable) bool { return !u.Optional })
	if count[Error]+count[Warning] == 0 && !incomplete {
		parts = append([]string{"no problems found"}, parts...)
	}
	text := strings.Join(parts, ", ")
	switch {
	case incomplete && text != "":
		text += "; not everything could be examined"
	case incomplete:
		text = "not everything could be examined"
	}
	return text
}

// examinedSummary summarizes what was examined.
func (f *Facts) examinedSummary() string {
	servers := 0
	for i := range f.Services {
		servers += len(f.Services[i].Servers)
	}
	first := ""
	if f.Connections > 0 && !f.AllConnections {
		first = "the first "
	}
	text := fmt.Sprintf("%s with %s, %s%s, %s", humanize.Count(len(f.Services), "service"), humanize.Count(servers, "server"),
		first, humanize.Count(f.Connections, "connection"), humanize.Count(len(f.Links), "interface"))
	if f.Elapsed > 0 {
		text += fmt.Sprintf("; sampled traffic for %.1f s", f.Elapsed.Seconds())
	}
	return text
}

// probeSummary summarizes the probes and their outcomes.
func (f *Facts) probeSummary() string {
	outcomes := make(map[netprobe.Outcome]int)
	var shortest, longest time.Duration
	for _, r := range f.ProbeResults {
		if r.Outcome == netprobe.Answered {
			if outcomes[r.Outcome] == 0 || r.After < shortest {
				shortest = r.After
			}
			longest = max(longest, r.After)
		}
		outcomes[r.Outcome]++
	}
	var parts []string
	if n := outcomes[netprobe.Answered]; n > 0 {
		parts = append(parts, fmt.Sprintf("%s replied after %s to %s",
			humanize.Count(n, ""), formatMilliseconds(shortest), formatMilliseconds(longest)))
	}
	if n := outcomes[netprobe.Refused]; n > 0 {
		parts = append(parts, humanize.Count(n, "")+" refused")
	}
	if n := outcomes[netprobe.Silent]; n > 0 {
		parts = append(parts, humanize.Count(n, "")+" did not reply")
	}
	text := humanize.Count(len(f.ProbeResults), "server")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

// appendSubject appends the name of a subject.
func appendSubject(b []byte, x *Subject, n tablefmt.Namer) []byte {
	if x.Service == nil {
		return append(b, "The director"...)
	}
	k := x.Service
	if k.Mark != 0 {
		b = fmt.Appendf(b, "FWM %d", k.Mark)
		if k.Family == ipvs.IPv6 {
			b = append(b, " IPv6"...)
		}
	} else {
		b = append(b, k.Protocol.String()+" "...)
		b = n.Append(b, k.AddrPort, k.Protocol)
	}
	if d := x.Server; d != nil {
		b = append(b, " -> "...)
		b = n.Append(b, d.AddrPort, k.Protocol)
		b = append(b, " ("+d.Method.String()+")"...)
	}
	return b
}

// append appends the lines of a finding, without its subject.
func (x *Finding) append(b []byte, n tablefmt.Namer) []byte {
	line := func(label, text string) {
		b = fmt.Appendf(b, "    %-5s %s\n", label, termsafe.Escape(text))
	}
	b = fmt.Appendf(b, "  %s: %s [%s]\n", x.Severity, x.Check.Title, x.Check.ID)
	line("seen:", x.Evidence)
	if len(x.More) > 0 {
		line("also:", x.moreSubjects(n))
	}
	why := x.Check.Explanation
	switch len(x.Causes) {
	case 0:
	case 1:
		why += ": " + x.Causes[0]
	default:
		why += "; likely causes:"
	}
	line("why:", why)
	if len(x.Causes) > 1 {
		for _, cause := range x.Causes {
			line("", "- "+cause)
		}
	}
	for i := range x.Remedies {
		r := &x.Remedies[i]
		label := "do:"
		if i > 0 {
			label = "or:"
		}
		text := r.CommandLine()
		if text == "" {
			text = r.Advice
		}
		if r.Host != "" {
			text = "on " + r.Host + ": " + text
		}
		line(label, text)
	}
	return b
}

// maxNamedSubjects is the maximum number of the subjects in More that a report names.
const maxNamedSubjects = 3

// moreSubjects describes the other services and servers with the same problem.
func (x *Finding) moreSubjects(n tablefmt.Namer) string {
	services := x.MoreServices()
	servers := make(map[netip.Addr]bool)
	var names []string
	for i := range x.More {
		s := &x.More[i]
		if s.Server != nil && s.Server.AddrPort.Addr() != x.Server.AddrPort.Addr() {
			servers[s.Server.AddrPort.Addr()] = true
		}
		if len(names) < maxNamedSubjects {
			names = append(names, string(appendSubject(nil, s, n)))
		}
	}
	var counts []string
	if len(servers) > 0 {
		counts = append(counts, humanize.Count(len(servers), "more server"))
	}
	if services > 0 {
		counts = append(counts, humanize.Count(services, "more service"))
	}
	if len(counts) == 0 {
		counts = []string{humanize.Count(len(x.More), "more port")}
	}
	text := strings.Join(counts, " and ") + ": " + strings.Join(names, ", ")
	if len(x.More) > maxNamedSubjects {
		text += ", …"
	}
	return text
}

// Endpoints returns the endpoints that AppendReport passes to its Namer.
func Endpoints(findings []Finding) []resolve.Endpoint {
	var all []resolve.Endpoint
	for i := range findings {
		x := &findings[i]
		subjects := append([]Subject{x.Subject}, x.More[:min(maxNamedSubjects, len(x.More))]...)
		for _, subject := range subjects {
			s, d := subject.Service, subject.Server
			if s != nil && s.Mark == 0 {
				all = append(all, resolve.Endpoint{AddrPort: s.AddrPort, Protocol: s.Protocol})
			}
			if d != nil {
				all = append(all, resolve.Endpoint{AddrPort: d.AddrPort, Protocol: s.Protocol})
			}
		}
	}
	return all
}

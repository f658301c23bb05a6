package doctor

import (
	"fmt"
	"strings"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// AppendReport appends the report in text form: what was read, what could not
// be read, and the findings.
func AppendReport(b []byte, f *Facts, findings []Finding, n tablefmt.Namer) []byte {
	b = append(b, "Looked at "+f.inspectedSummary()+"\n"...)
	if f.Probed {
		b = append(b, "Probed "+f.probeSummary()+"\n"...)
	}
	for _, u := range f.Unavailable {
		b = fmt.Appendf(b, "Not looked at: %s: %s\n", u.What, u.Reason)
	}
	if len(findings) == 0 {
		return append(b, "No problems found\n"...)
	}
	last := ""
	for i := range findings {
		x := &findings[i]
		if subject := string(appendSubject(nil, x, n)); subject != last {
			b = append(b, "\n"+subject+"\n"...)
			last = subject
		}
		b = x.append(b)
	}
	return b
}

// inspectedSummary summarizes what was read.
func (f *Facts) inspectedSummary() string {
	servers := 0
	for i := range f.Services {
		servers += len(f.Services[i].Servers)
	}
	part := ""
	if f.Connections > 0 && !f.AllConnections {
		part = "the first "
	}
	text := fmt.Sprintf("%s with %s, %s%s, %s", humanize.Count(len(f.Services), "service"), humanize.Count(servers, "server"),
		part, humanize.Count(f.Connections, "connection"), humanize.Count(len(f.Links), "interface"))
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
		parts = append(parts, fmt.Sprintf("%s answered after %s to %s",
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

// appendSubject appends what a finding is about: the director, a service, or a
// server of a service.
func appendSubject(b []byte, x *Finding, n tablefmt.Namer) []byte {
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

// append appends a finding, without its subject.
func (x *Finding) append(b []byte) []byte {
	more := ""
	if x.MoreServices > 0 {
		more = "; also in " + humanize.Count(x.MoreServices, "more service")
	}
	b = fmt.Appendf(b, "  %s: %s [%s]\n", x.Check.Severity, x.Check.Title, x.Check.ID)
	b = fmt.Appendf(b, "    seen: %s%s\n", x.Evidence, more)
	b = fmt.Appendf(b, "    why:  %s\n", x.Check.Explanation)
	for i, r := range x.Remedies {
		label := "do:  "
		if i > 0 {
			label = "or:  "
		}
		host := ""
		if r.Host != "" {
			host = "on " + r.Host + ": "
		}
		b = fmt.Appendf(b, "    %s %s%s\n", label, host, r.Command)
	}
	return b
}

// Endpoints returns the endpoints that a report names.
func Endpoints(findings []Finding) []resolve.Endpoint {
	var all []resolve.Endpoint
	for i := range findings {
		s, d := findings[i].Service, findings[i].Server
		if s != nil && s.Mark == 0 {
			all = append(all, resolve.Endpoint{AddrPort: s.AddrPort, Protocol: s.Protocol})
		}
		if d != nil {
			all = append(all, resolve.Endpoint{AddrPort: d.AddrPort, Protocol: s.Protocol})
		}
	}
	return all
}

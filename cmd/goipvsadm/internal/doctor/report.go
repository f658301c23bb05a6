package doctor

import (
	"fmt"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// Append appends the report: what was looked at, what could not be, and the
// findings, or that there are none.
func Append(b []byte, f *Facts, findings []Finding, n tablefmt.Namer) []byte {
	b = append(b, "Looked at "+f.inspectedSummary()+"\n"...)
	if f.Probed {
		b = append(b, "Asked "+f.probeSummary()+"\n"...)
	}
	for _, m := range f.Missing {
		b = fmt.Appendf(b, "Not looked at: %s: %s\n", m.What, m.Reason)
	}
	if len(findings) == 0 {
		return append(b, "Nothing found\n"...)
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

// looked says what was looked at.
func (f *Facts) inspectedSummary() string {
	servers := 0
	for i := range f.Services {
		servers += len(f.Services[i].Servers)
	}
	first := ""
	if f.Connections > 0 && !f.All {
		first = "the first "
	}
	text := fmt.Sprintf("%s with %s, %s%s, %s", humanize.Count(len(f.Services), "service"), humanize.Count(servers, "server"),
		first, humanize.Count(f.Connections, "connection"), humanize.Count(len(f.Links), "interface"))
	if f.Elapsed > 0 {
		text += fmt.Sprintf("; traffic of %.1f s", f.Elapsed.Seconds())
	}
	return text
}

// asked says what was asked, and how long it took.
func (f *Facts) probeSummary() string {
	outcomes := make(map[netprobe.Outcome]int)
	var least, most time.Duration
	for _, r := range f.Reached {
		if r.Outcome == netprobe.Answered {
			if outcomes[r.Outcome] == 0 || r.After < least {
				least = r.After
			}
			most = max(most, r.After)
		}
		outcomes[r.Outcome]++
	}
	text := humanize.Count(len(f.Reached), "server")
	if n := outcomes[netprobe.Answered]; n > 0 {
		text += fmt.Sprintf(": %s answered, the first after %s, the last after %s", humanize.Count(n, ""), short(least), short(most))
	}
	if n := outcomes[netprobe.Refused]; n > 0 {
		text += fmt.Sprintf("; %s refused", humanize.Count(n, ""))
	}
	if n := outcomes[netprobe.Silent]; n > 0 {
		text += fmt.Sprintf("; %s did not answer", humanize.Count(n, ""))
	}
	return text
}

// appendSubject appends what a finding is about.
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

// append appends a finding below its subject.
func (x *Finding) append(b []byte) []byte {
	also := ""
	if x.MoreServices > 0 {
		also = "; so it is in " + humanize.Count(x.MoreServices, "more service")
	}
	b = fmt.Appendf(b, "  %s: %s [%s]\n", x.Check.Severity, x.Check.Title, x.Check.ID)
	b = fmt.Appendf(b, "    seen: %s%s\n", x.Evidence, also)
	b = fmt.Appendf(b, "    why:  %s\n", x.Check.Explanation)
	for i, r := range x.Remedies {
		word := "do:  "
		if i > 0 {
			word = "or:  "
		}
		on := ""
		if r.Host != "" {
			on = "on " + r.Host + ": "
		}
		b = fmt.Appendf(b, "    %s %s%s\n", word, on, r.Command)
	}
	return b
}

// Endpoints returns what a report names.
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

// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"math"

	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
)

// Findings writes the report of --doctor, with one finding per line.
func Findings(w *bufio.Writer, f *doctor.Facts, findings []doctor.Finding) error {
	b := newObject()
	b.report(f, findings)
	sw, err := newStreamWriter(w, b, "findings", "\n")
	if err != nil {
		return err
	}
	for i := range findings {
		if err := sw.add(func(b *builder) { b.finding(&findings[i]) }); err != nil {
			return err
		}
	}
	return sw.end()
}

// report appends the members of the report that precede the findings.
func (b *builder) report(f *doctor.Facts, findings []doctor.Finding) {
	b.string("verdict", doctor.Verdict(f, findings))
	servers := 0
	for i := range f.Services {
		servers += len(f.Services[i].Servers)
	}
	b.openObject("looked_at")
	b.int("services", len(f.Services))
	b.int("servers", servers)
	b.int("connections", f.Connections)
	b.bool("all_connections", f.AllConnections)
	b.int("interfaces", len(f.Links))
	b.float("seconds", math.Round(f.Elapsed.Seconds()*10)/10)
	b.bool("probed", f.Probed)
	b.closeObject()
	b.openArray("not_looked_at")
	for _, u := range f.Unavailable {
		b.openObject("")
		b.string("what", u.What)
		b.string("reason", u.Reason)
		b.closeObject()
	}
	b.closeArray()
	if len(f.ProbeResults) > 0 {
		b.openArray("probes")
		for i := range f.ProbeResults {
			b.probe(&f.ProbeResults[i])
		}
		b.closeArray()
	}
}

func (b *builder) probe(r *netprobe.Result) {
	b.openObject("")
	b.addr("address", r.AddrPort.Addr())
	if port := r.AddrPort.Port(); port != 0 {
		b.uint("port", uint64(port))
	}
	by := "tcp"
	if r.ICMP {
		by = "echo"
	}
	b.string("by", by)
	b.string("outcome", map[netprobe.Outcome]string{netprobe.Answered: "answered", netprobe.Refused: "refused", netprobe.Silent: "silent"}[r.Outcome])
	b.float("milliseconds", math.Round(float64(r.After.Microseconds())/100)/10)
	b.closeObject()
}

func (b *builder) finding(x *doctor.Finding) {
	b.string("id", x.Check.ID)
	b.string("severity", x.Severity.String())
	b.string("what", x.Check.Title)
	b.subject(&x.Subject)
	b.int("more_services", x.MoreServices())
	if len(x.More) > 0 {
		b.openArray("also")
		for i := range x.More {
			b.openObject("")
			b.subject(&x.More[i])
			b.closeObject()
		}
		b.closeArray()
	}
	b.string("seen", x.Evidence)
	b.string("why", x.Check.Explanation)
	if len(x.Causes) > 0 {
		b.strings("causes", x.Causes)
	}
	b.openArray("do")
	for i := range x.Remedies {
		b.remedy(&x.Remedies[i])
	}
	b.closeArray()
}

// subject appends the service and the server of a finding, if there are any.
func (b *builder) subject(x *doctor.Subject) {
	if x.Service != nil {
		b.serviceObject(x.Service)
	}
	if d := x.Server; d != nil {
		b.openObject("server")
		b.addrPort(d.AddrPort)
		b.lower("forward", d.Method.String())
		b.closeObject()
	}
}

func (b *builder) remedy(r *doctor.Remedy) {
	b.openObject("")
	b.nonempty("on", r.Host)
	b.nonempty("command", r.CommandLine())
	if len(r.Commands) > 0 {
		b.openArray("commands")
		for _, command := range r.Commands {
			b.strings("", command)
		}
		b.closeArray()
	}
	b.nonempty("advice", r.Advice)
	b.closeObject()
}

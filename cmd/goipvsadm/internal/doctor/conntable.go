// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/ipvs"
)

// maxConnsPerBucket is the average number of connections per hash bucket above
// which the connection table is too small. The search of a shorter chain costs less
// than the other processing of a packet.
const maxConnsPerBucket = 32

// Limits of the module parameter conn_tab_bits.
const (
	minConnTabBits = 8
	maxConnTabBits = 20
)

func connTableSmall(f *Facts, report func(Finding)) {
	var conns uint64
	for _, d := range allServers(f.Services) {
		conns += uint64(d.ActiveConns) + uint64(d.InactiveConns)
	}
	if f.ConnTableSize == 0 || conns <= maxConnsPerBucket*uint64(f.ConnTableSize) {
		return
	}
	bits := minConnTabBits
	for bits < maxConnTabBits && conns > 1<<bits {
		bits++
	}
	report(Finding{
		Evidence: fmt.Sprintf("%s in %s", humanize.Count(conns, "connection"), humanize.Count(f.ConnTableSize, "bucket")),
		Remedies: []Remedy{
			{
				Host: "the director, before reloading the module",
				// A file of its own: ip_vs.conf may have other options.
				Commands: [][]string{{"sh", "-c", fmt.Sprintf("echo options ip_vs conn_tab_bits=%d >/etc/modprobe.d/ip_vs-conn_tab_bits.conf", bits)}},
			},
			advise("if IPVS is built into the kernel, add ip_vs.conn_tab_bits=%d to its command line", bits),
		},
	})
}

func conntrackFull(f *Facts, report func(Finding)) {
	n, limit := f.Sysctls["net/netfilter/nf_conntrack_count"], f.Sysctls["net/netfilter/nf_conntrack_max"]
	if limit == 0 || n < limit/10*9 || !f.tableInUse() {
		return
	}
	x := Finding{
		Severity: Warning,
		Evidence: fmt.Sprintf("%s of %s entries in use", humanize.Count(n, ""), humanize.Count(limit, "")),
		// Not localCommand: only the initial network namespace can set this limit,
		// which applies to all of them.
		Remedies: []Remedy{{Commands: [][]string{sysctlCommand(max(4*limit, 65536), "net/netfilter/nf_conntrack_max")}}},
	}
	if drops := f.Counters.ConntrackDrops; drops > 0 {
		x.Severity = Error
		x.Evidence += fmt.Sprintf("; %s dropped in this sample", humanize.Count(drops, "packet"))
		// Packets of clients and of probes are lost before they reach a service or server.
		for s, d := range allServers(f.Services) {
			f.explained[s.ServiceKey] = true
			f.suppressServer(&d.Destination)
		}
	}
	report(x)
}

func conntrackOff(f *Facts, report func(Finding)) {
	if f.ConntrackInvalid == 0 || !f.sysctlIs(conntrackPath, 0) {
		return
	}
	servers := 0
	f.eachServer(func(_ *Service, d *Server) {
		if d.Method == ipvs.Masquerading && d.hasTraffic() {
			servers++
		}
	})
	if servers > 0 {
		report(Finding{
			Evidence: fmt.Sprintf("netfilter classified %s as INVALID in this sample, while %s with NAT had traffic",
				humanize.Count(f.ConntrackInvalid, "packet"), humanize.Count(servers, "server")),
			Remedies: []Remedy{f.sysctlRemedy(1, conntrackPath)},
		})
	}
}

func dropEntry(f *Facts, report func(Finding))  { checkDefense(f, "drop_entry", report) }
func dropPacket(f *Facts, report func(Finding)) { checkDefense(f, "drop_packet", report) }
func secureTCP(f *Facts, report func(Finding))  { checkDefense(f, "secure_tcp", report) }

// checkDefense reports a defense that is active: 1 is automatic mode, which
// becomes 2 while memory is low, and 3 is always on.
func checkDefense(f *Facts, name string, report func(Finding)) {
	path := "net/ipv4/vs/" + name
	reason := ""
	switch f.Sysctls[path] {
	case 2:
		reason = "activated by the kernel because memory is low"
	case 3:
		reason = "always active"
	default:
		return
	}
	report(Finding{
		Evidence: fmt.Sprintf("%s is %d: %s", sysctlName(path), f.Sysctls[path], reason),
		Remedies: []Remedy{f.sysctlRemedy(0, path)},
	})
}

func expireNodestConn(f *Facts, report func(Finding)) {
	const path = expireNodestPath
	if len(f.Orphans) == 0 || !f.sysctlIs(path, 0) {
		return
	}
	example := f.Orphans[0]
	x := Finding{
		Severity: Hint,
		Evidence: fmt.Sprintf("%s to removed servers, such as %s from %s to %s, which expires in %s",
			humanize.Count(len(f.Orphans), "open connection"), example.Service, example.Client, example.Server,
			humanize.Count(example.Expires, "second")),
		Remedies: []Remedy{f.sysctlRemedy(1, path)},
	}
	if f.OrphanPackets >= minUnanswered {
		x.Severity = Error
		x.Evidence += fmt.Sprintf("; %s of their clients arrived in this sample", humanize.Count(f.OrphanPackets, "packet"))
	}
	report(x)
}

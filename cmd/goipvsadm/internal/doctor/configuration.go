// SPDX-License-Identifier: MIT

package doctor

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/ipvs"
)

// configurationChecks check combinations of settings that do not work together.
var configurationChecks = []Check{
	{
		ID: "hash-without-fallback", Severity: Warning, run: hashWithoutFallback,
		Title:       "clients of an unavailable server are rejected",
		Explanation: "this scheduler selects a server by a hash of an address and, without its fallback flag, rejects the connection if that server is unavailable",
	},
	{
		ID: "one-packet-scheduler", Severity: Warning, run: onePacketScheduler,
		Title:       "scheduler does not work with one-packet scheduling",
		Explanation: "this scheduler selects servers by their number of connections; one-packet scheduling creates none, so all packets go to the same server",
	},
	{
		ID: "one-packet-nat", Severity: Error, run: onePacketNAT,
		Title:       "replies with one-packet scheduling and NAT are not translated",
		Explanation: "one-packet scheduling keeps no connections, so clients receive replies from the address of the server",
	},
	{
		ID: "persistence-netmask-holes", Severity: Warning, run: persistenceNetmaskHoles,
		Title:       "persistence netmask is not a prefix",
		Explanation: "clients are not grouped by network; for IPv4, -M takes a netmask, not a prefix length",
	},
	{
		ID: "ftp-helper", Severity: Warning, run: ftpHelper,
		Title:       "FTP with NAT requires ip_vs_ftp",
		Explanation: "data connections use addresses and ports that only this module translates",
	},
	{
		ID: "ftp-persistence", Severity: Warning, run: ftpPersistence,
		Title:       "FTP without NAT requires persistence",
		Explanation: "data connections are scheduled separately and may reach another server, which does not expect them",
	},
	{
		ID: "mixed-forwarding", Severity: Hint, run: mixedForwarding,
		Title:       "server has a different forwarding method than the others",
		Explanation: "-e without -m or -i sets direct routing",
	},
	{
		ID: "port-ignored", Severity: Warning, run: portIgnored,
		Title:       "port of server has no effect",
		Explanation: "only NAT changes the port: with direct routing and tunneling, the server receives packets to the port of the service",
	},
	{
		ID: "tunnel-pmtu", Severity: Warning, run: tunnelPMTU,
		Title:       "large requests do not fit into the tunnel",
		Explanation: "the director drops them and notifies the clients by ICMP; clients that do not get these messages hang",
	},
	{
		ID: "timeout-short", Severity: Warning, run: timeoutShort,
		Title:       "TCP timeout is short",
		Explanation: "IPVS removes a connection that is idle for longer and replies to its next packet with a TCP reset",
	},
}

// fallbackFlag returns the -b flag that makes a hashing scheduler select another
// server if the hashed one is unavailable, or "" if the scheduler has no such flag.
func fallbackFlag(scheduler string) string {
	switch scheduler {
	case "sh", "mh":
		return scheduler + "-fallback"
	}
	return ""
}

func hashWithoutFallback(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		switch s.Scheduler {
		case "sh", "mh":
			if s.Flags&ipvs.Sched1 != 0 {
				continue
			}
		case "dh":
		default:
			continue
		}
		var unavailable []string
		available := 0
		for j := range s.Servers {
			switch d := &s.Servers[j]; {
			case d.Weight == 0:
				unavailable = append(unavailable, fmt.Sprintf("%s has weight 0", d.AddrPort))
			case d.thresholdState() == overloaded:
				unavailable = append(unavailable, fmt.Sprintf("%s has reached its upper threshold", d.AddrPort))
			default:
				available++
			}
		}
		if len(unavailable) == 0 || available == 0 {
			continue
		}
		evidence := fmt.Sprintf("the scheduler is %s; %s", s.Scheduler, unavailable[0])
		if n := len(unavailable) - 1; n > 0 {
			evidence += fmt.Sprintf("; also unavailable: %s", humanize.Count(n, "more server"))
		}
		x := s.serviceFinding(evidence)
		if fallbackFlag(s.Scheduler) != "" {
			x.Evidence += fmt.Sprintf("; the flag %s is not set", fallbackFlag(s.Scheduler))
			x.Remedies = []Remedy{f.editService(s, func(s *ipvs.Service) { s.Flags |= ipvs.Sched1 })}
		} else {
			x.Remedies = []Remedy{advise("remove the server once it has no connections: dh has no fallback")}
		}
		report(x)
	}
}

// countingSchedulers select a server by its number of connections.
var countingSchedulers = []string{"lc", "wlc", "sed", "nq", "lblc", "lblcr", "ovf"}

func onePacketScheduler(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.Flags&ipvs.OnePacketScheduling == 0 || !slices.Contains(countingSchedulers, s.Scheduler) || len(s.Servers) < 2 ||
			f.untranslatedReplies(s) >= minUnanswered { // the service cannot use one-packet scheduling
			continue
		}
		report(s.serviceFinding(fmt.Sprintf("one-packet scheduling with the scheduler %s", s.Scheduler),
			f.editService(s, func(s *ipvs.Service) { s.Scheduler = "wrr" })))
	}
}

// untranslatedReplies returns the number of packets that were captured from the servers
// with NAT of a UDP service, or 0 if IPVS has translated and counted such packets.
func (f *Facts) untranslatedReplies(s *Service) int {
	replies := 0
	for i := range s.Servers {
		d := &s.Servers[i]
		if d.Method != ipvs.Masquerading || d.Delta == nil {
			continue
		}
		if d.Delta.OutPackets > 0 {
			return 0
		}
		replies += f.Replies[Endpoint{ipvs.UDP, netip.AddrPortFrom(d.AddrPort.Addr(), cmp.Or(d.AddrPort.Port(), s.AddrPort.Port()))}]
	}
	return replies
}

func onePacketNAT(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.Flags&ipvs.OnePacketScheduling == 0 || s.PEName != "" {
			continue // a persistence engine may create connections for replies
		}
		if !slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Method == ipvs.Masquerading && d.Weight > 0 }) {
			continue
		}
		replies := f.untranslatedReplies(s)
		x := s.serviceFinding("one-packet scheduling with NAT", f.editService(s, func(s *ipvs.Service) { s.Flags &^= ipvs.OnePacketScheduling }))
		switch {
		case replies >= minUnanswered && s.hasTraffic():
			x.Evidence += fmt.Sprintf("; %s from the servers arrived in this sample, and IPVS translated none of them", humanize.Count(replies, "packet"))
		case s.hasTraffic():
			continue // a protocol without replies
		default:
			x.Severity = Hint
			x.Causes = []string{"this is intended if the protocol has no replies, such as syslog"}
		}
		report(x)
	}
}

func persistenceNetmaskHoles(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.Flags&ipvs.Persistent == 0 || s.Family != ipvs.IPv4 || s.Netmask == ipvs.ZeroNetmask {
			continue
		}
		mask := uint32(s.Netmask)
		if mask == 0 || bits.LeadingZeros32(^mask) == bits.OnesCount32(mask) {
			continue
		}
		length := 32 // prefix length that was probably intended
		if mask > 0 && mask < 32 {
			length = int(mask)
		}
		report(s.serviceFinding(fmt.Sprintf("the netmask is %s", s.Netmask.AppendTo(nil, s.Family)),
			f.editService(s, func(s *ipvs.Service) { s.Netmask = ^ipvs.Netmask(0) << (32 - length) & 0xffffffff })))
	}
}

// ftpPort is the port of FTP control connections.
const ftpPort = 21

// isFTP reports whether a service is for FTP control connections.
func isFTP(s *Service) bool {
	return s.Mark == 0 && s.Protocol == ipvs.TCP && s.AddrPort.Port() == ftpPort
}

func ftpHelper(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		usesNAT := slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Method == ipvs.Masquerading })
		if isFTP(s) && usesNAT && !f.HasFTPHelper {
			x := s.serviceFinding("the module ip_vs_ftp is not loaded", Remedy{Commands: [][]string{{"modprobe", "ip_vs_ftp"}}})
			x.Group = "ip_vs_ftp"
			report(x)
		}
	}
}

func ftpPersistence(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		withoutNAT := 0
		for _, d := range s.Servers {
			if d.Method != ipvs.Masquerading && d.Weight > 0 {
				withoutNAT++
			}
		}
		if isFTP(s) && withoutNAT > 1 && s.Flags&ipvs.Persistent == 0 {
			report(s.serviceFinding(fmt.Sprintf("%s with direct routing or tunneling, and no persistence", humanize.Count(withoutNAT, "server")),
				f.editService(s, func(s *ipvs.Service) {
					s.Flags |= ipvs.Persistent
					s.Timeout = ipvs.DefaultPersistenceTimeout
				})))
		}
	}
}

func mixedForwarding(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		// Direct routing is usual for a local server, and works for a server whose
		// connections complete. Tunneling is for servers on other networks.
		var nat *Server
		n := 0 // servers with NAT
		for j := range s.Servers {
			if d := &s.Servers[j]; d.Method == ipvs.Masquerading && !f.isLocal(d.AddrPort.Addr()) {
				nat, n = d, n+1
			}
		}
		if nat == nil || 2*n < len(s.Servers) {
			continue
		}
		for j := range s.Servers {
			d := &s.Servers[j]
			if d.Method != ipvs.DirectRouting || d.Weight == 0 || f.isLocal(d.AddrPort.Addr()) || d.hasTraffic() && d.Conns.Established > 0 {
				continue
			}
			report(s.serverFinding(d, fmt.Sprintf("%s uses direct routing, most other servers use NAT", d.AddrPort), f.useMethodOf(s, d, nat)))
		}
	}
}

func portIgnored(f *Facts, report func(Finding)) {
	if len(f.IgnoredPorts) == 0 {
		return
	}
	for i := range f.Services {
		s := &f.Services[i]
		for j := range s.Servers {
			d := &s.Servers[j]
			port := f.IgnoredPorts[s.key(d)]
			if port == 0 {
				continue
			}
			report(s.serverFinding(d, fmt.Sprintf("the rule names port %d, but packets are sent to port %d of the service", port, s.AddrPort.Port()),
				advise("let the server listen on port %d, or use NAT (-m)", s.AddrPort.Port())))
		}
	}
}

func tunnelPMTU(f *Facts, report func(Finding)) {
	// Packets that were merged on arrival (GRO) are dropped without an ICMP message.
	dropped := max(f.Counters.FragmentsFailed, uint64(f.TooBigSent))
	if dropped < 2 || !f.sysctlIs("net/ipv4/vs/pmtu_disc", 1) {
		return
	}
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || d.Method != ipvs.Tunneling || !d.hasTraffic() {
			return
		}
		l, overhead := f.link(r.Link), tunnelOverhead(&d.Destination)
		if l.MTU == 0 || l.MTU-overhead >= maxClientPacket {
			return
		}
		mss := l.MTU - overhead - 40
		if !s.AddrPort.Addr().Is4() {
			mss -= 20
		}
		x := s.serverFinding(d, fmt.Sprintf("the director dropped %s in this sample because they were too big; %s has an MTU of %d bytes, and the tunnel adds %d",
			humanize.Count(dropped, "packet"), l.Name, l.MTU, overhead))
		x.Causes = []string{
			"clients, or firewalls between them and the director, drop the ICMP messages, so large requests never reach the server",
			"the ICMP messages reach the clients, and each dropped packet was the first large one of its client",
		}
		x.Remedies = []Remedy{
			remoteCommand(d.AddrPort.Addr(), "iptables", "-t", "mangle", "-A", "OUTPUT", "-p", "tcp", "--tcp-flags", "SYN,RST", "SYN",
				"-j", "TCPMSS", "--set-mss", fmt.Sprint(mss)),
			f.localCommand("ip", "link", "set", "dev", l.Name, "mtu", fmt.Sprint(maxClientPacket+overhead)),
		}
		x.Group = "pmtu"
		// One packet of each client may be too big: its ICMP message makes all
		// connections of the client send smaller ones.
		if dropped <= uint64(len(d.Conns.Clients)) {
			x.Severity = Hint
		}
		report(x)
	})
}

// minTCPTimeout is the shortest TCP timeout that is not reported. The kernel's
// default is 15 minutes.
const minTCPTimeout = 120

func timeoutShort(f *Facts, report func(Finding)) {
	hasTCP := slices.ContainsFunc(f.Services, func(s Service) bool {
		return s.mayUseTCP() && len(s.Servers) > 0
	})
	if f.Timeouts.TCP == 0 || f.Timeouts.TCP >= minTCPTimeout || !hasTCP {
		return
	}
	evidence := fmt.Sprintf("the TCP timeout is %s", humanize.Count(f.Timeouts.TCP, "second"))
	if n := f.Counters.ResetsSent; n > 0 {
		evidence += fmt.Sprintf("; the director sent %s in this sample", humanize.Count(n, "TCP reset"))
	}
	report(Finding{Evidence: evidence, Remedies: []Remedy{
		f.localCommand(f.Program, "--set", "900", "0", "0"),
		advise("make clients or servers send TCP keepalives more often than every %s", humanize.Count(f.Timeouts.TCP, "second")),
	}})
}

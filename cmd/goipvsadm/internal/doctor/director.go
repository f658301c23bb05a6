// SPDX-License-Identifier: MIT

package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// directorChecks check the director itself: its addresses, its sysctls, its
// connection tables and other programs that manage the IPVS table.
var directorChecks = []Check{
	{
		ID: "forwarding-off", Severity: Error, run: forwardingOff,
		Title:       "IP forwarding is disabled",
		Explanation: "NAT requires forwarding on the director: without it, the servers' replies are dropped",
	},
	{
		ID: "send-redirects", Severity: Warning, run: sendRedirects,
		Title:       "ICMP redirects may make servers bypass the director",
		Explanation: "if clients and servers are on the same network, a server that follows a redirect replies to the client directly",
	},
	{
		ID: "vip-not-local", Severity: Error, run: vipNotLocal,
		Title:       "VIP is not configured on the director",
		Explanation: "IPVS only receives packets for local addresses",
	},
	{
		ID: "vip-link-down", Severity: Warning, run: vipLinkDown,
		Title:       "VIP is on an interface that is down",
		Explanation: "the VIP is unreachable there",
	},
	{
		ID: "vip-on-lo", Severity: Hint, run: vipOnLo,
		Title:       "VIP is configured only on lo",
		Explanation: "the director replies to ARP requests for it only while arp_ignore is 0, and never to neighbor solicitations (IPv6)",
	},
	{
		ID: "rp-filter", Severity: Error, run: rpFilter,
		Title:       "rp_filter is dropping packets",
		Explanation: "strict rp_filter drops packets whose reverse route uses another interface",
	},
	{
		ID: "conn-table-small", Severity: Warning, run: connTableSmall,
		Title:       "connection hash table is too small",
		Explanation: "long hash chains slow down every lookup",
	},
	{
		ID: "conntrack-full", Severity: Error, run: conntrackFull,
		Title:       "nf_conntrack table is full or nearly full",
		Explanation: "once it is full, packets of new connections are dropped",
	},
	{
		ID: "conntrack-off", Severity: Hint, run: conntrackOff,
		Title:       "conntrack is disabled for IPVS",
		Explanation: "without net.ipv4.vs.conntrack, netfilter classifies server replies as INVALID, and rules that match connection states do not work",
	},
	{
		ID: "drop-entry", Severity: Warning, run: dropEntry,
		Title:       "drop_entry defense is active",
		Explanation: "the kernel removes half-open connections at random to save memory",
	},
	{
		ID: "drop-packet", Severity: Warning, run: dropPacket,
		Title:       "drop_packet defense is active",
		Explanation: "the kernel drops a share of all packets to save memory",
	},
	{
		ID: "secure-tcp", Severity: Warning, run: secureTCP,
		Title:       "secure_tcp defense is active",
		Explanation: "TCP connections have shorter timeouts to save memory",
	},
	{
		ID: "expire-nodest-conn", Severity: Error, run: expireNodestConn,
		Title:       "connections to removed servers hang",
		Explanation: "packets of these connections are silently dropped until the connections time out; with expire_nodest_conn=1, clients can reconnect at once",
	},
	{
		ID: "other-program", Severity: Hint, run: otherProgram,
		Title:       "table is managed by another program",
		Explanation: "manual changes may be overwritten",
	},
}

func forwardingOff(f *Facts, report func(Finding)) {
	// Number of servers with NAT, by the path of the sysctl that disables
	// forwarding of their replies.
	servers := make(map[string]int)
	failing := make(map[string]bool) // paths for which clients get no replies
	var paths []string               // in the order of the table
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		replies := d.Stats.OutPackets > 0
		if d.hasTraffic() && d.Delta != nil {
			replies = d.Delta.OutPackets > 0
		}
		// If mayHaveClients returns false, all clients are on the director itself,
		// which needs no forwarding for them.
		if !ok || d.Method != ipvs.Masquerading || replies || !s.mayHaveClients(f) {
			return
		}
		path := f.forwardingSysctl(r.Link, d.AddrPort.Addr())
		if !f.sysctlIs(path, 0) {
			return
		}
		if path != ip6ForwardingPath && f.sysctlIs(ipForwardPath, 0) {
			path = ipForwardPath // setting it sets the sysctls of all links
		}
		if servers[path] == 0 {
			paths = append(paths, path)
		}
		servers[path]++
		if d.hasClientTraffic() {
			failing[path] = true
			f.suppressHost(d.AddrPort.Addr())
		}
	})
	for _, path := range paths {
		x := Finding{
			Severity: Warning,
			Evidence: fmt.Sprintf("%s is 0, but the table has %s with NAT", sysctlName(path), humanize.Count(servers[path], "server")),
			Remedies: []Remedy{f.forwardingRemedy(path)},
		}
		if failing[path] {
			x.Severity = Error
			x.Evidence += "; servers got packets in this sample, but no replies were forwarded"
		}
		report(x)
	}
}

const (
	ipForwardPath     = "net/ipv4/ip_forward"
	ip6ForwardingPath = "net/ipv6/conf/all/forwarding"
)

// forwardingSysctl returns the path of the sysctl that enables forwarding of
// packets of a family that are received on a link. IPv4 has one sysctl per link,
// IPv6 one for all links.
func (f *Facts) forwardingSysctl(link int, addr netip.Addr) string {
	if addr.Is4() {
		return linkSysctlPath(f.link(link).Name, "forwarding")
	}
	return ip6ForwardingPath
}

func sendRedirects(f *Facts, report func(Finding)) {
	// With conntrack, SNAT rules may make the servers reply to the director.
	if f.sysctlIs(conntrackPath, 1) {
		return
	}
	reported := make(map[int]bool) // by link
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || d.Method != ipvs.Masquerading || !d.AddrPort.Addr().Is4() || reported[r.Link] {
			return
		}
		link := f.link(r.Link).Name
		// The kernel sends a redirect if a packet leaves by the link on which it
		// was received.
		client := slices.IndexFunc(d.Conns.Clients, func(a netip.Addr) bool {
			toClient, ok := f.Routes[a]
			return ok && toClient.Type == netstate.Unicast && toClient.Link == r.Link && !s.isServer(a)
		})
		if enabled, _ := f.linkSysctl("send_redirects", link); client < 0 || enabled == 0 {
			return
		}
		reported[r.Link] = true
		report(Finding{
			Evidence: fmt.Sprintf("client %s and server %s are both reached through %s, which has send_redirects enabled",
				d.Conns.Clients[client], d.AddrPort.Addr(), link),
			Remedies: []Remedy{f.sysctlRemedy(0, linkSysctlPath("all", "send_redirects"), linkSysctlPath(link, "send_redirects"))},
		})
	})
}

// tableManagers are programs that manage the IPVS table.
var tableManagers = []struct {
	name          string // process name
	configuration string // where the table is configured
	reloads       bool   // whether SIGHUP makes it reload its configuration, rather than exit
}{
	{"keepalived", "/etc/keepalived/keepalived.conf", true},
	{"ldirectord", "/etc/ha.d/ldirectord.cf", true},
	{"kube-proxy", "the Services of the Kubernetes cluster", false},
	{"kube-router", "the Services of the Kubernetes cluster", false},
	{"kube-vip", "the Services of the Kubernetes cluster", false},
	{"seesaw_engine", "Seesaw's cluster.pb", false},
	{"dockerd", "the services of the Docker swarm", false},
}

// haDaemons are programs that move VIPs between directors.
var haDaemons = []string{"keepalived", "heartbeat", "corosync", "pacemakerd", "ucarp", "vrrpd", "uvrrpd", "seesaw_ha"}

// watchedProcesses returns the names of tableManagers and haDaemons.
func watchedProcesses() []string {
	names := slices.Clone(haDaemons)
	for _, m := range tableManagers {
		names = append(names, m.name)
	}
	return names
}

func otherProgram(f *Facts, report func(Finding)) {
	for _, m := range tableManagers {
		// The process with the lowest PID is the parent of the others.
		i := slices.IndexFunc(f.Processes, func(p netstate.Process) bool { return p.Name == m.name })
		if i < 0 || !f.tableInUse() {
			continue
		}
		p := &f.Processes[i]
		configuration := m.configuration
		if m.name == "keepalived" {
			configuration = cmp.Or(keepalivedFile(p.Args), configuration)
		}
		x := Finding{
			Evidence: fmt.Sprintf("%s is running (PID %d)", m.name, p.ID),
			Remedies: []Remedy{advise("change %s instead of the table", configuration)},
		}
		if m.reloads {
			x.Remedies = []Remedy{{
				Host:     "the director, after changing " + configuration,
				Commands: [][]string{{"kill", "-HUP", strconv.Itoa(p.ID)}},
			}}
		}
		report(x)
	}
}

// keepalivedValueOptions are the short options of keepalived that have a value: the
// remaining characters of the word or, if there are none, the next word.
const keepalivedValueOptions = "fSuprcbAsMi"

// keepalivedFile returns the configuration file that the arguments of keepalived
// name, or "". Short options may be combined, as in -nlf FILE.
func keepalivedFile(args []string) (file string) {
	next := func(i int) string { return strings.Join(args[i+1:min(i+2, len(args))], "") }
	for i := 0; i < len(args); i++ {
		arg := args[i]
		value, isLong := strings.CutPrefix(arg, "--use-file=")
		switch {
		case isLong:
			file = value
		case arg == "--use-file":
			file = next(i)
		case strings.HasPrefix(arg, "--") || !strings.HasPrefix(arg, "-"):
		default:
			j := strings.IndexAny(arg[1:], keepalivedValueOptions) + 1
			if j == 0 {
				continue
			}
			value := arg[j+1:]
			if value == "" {
				value = next(i)
				i++
			}
			if arg[j] == 'f' {
				file = value
			}
		}
	}
	return file
}

// tableInUse reports whether there are services, or whether the table could not
// be read.
func (f *Facts) tableInUse() bool { return f.TableUnreadable || len(f.Services) > 0 }

package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/ipvs"
)

// localCommand returns a command for the director, in its network namespace.
func (f *Facts) localCommand(format string, args ...any) Remedy {
	prefix := ""
	switch {
	case strings.Contains(f.NetNS, "/"):
		prefix = "nsenter --net=" + f.NetNS + " "
	case f.NetNS != "":
		prefix = "ip netns exec " + f.NetNS + " "
	}
	return Remedy{Command: prefix + fmt.Sprintf(format, args...)}
}

// remoteCommand returns a command for another host.
func remoteCommand(host any, format string, args ...any) Remedy {
	return Remedy{Host: fmt.Sprint(host), Command: fmt.Sprintf(format, args...)}
}

// sysctlRemedy returns the command that sets sysctls on the director.
func (f *Facts) sysctlRemedy(value int, paths ...string) Remedy {
	return f.localCommand("%s", sysctlCommand(value, paths...))
}

func sysctlCommand(value int, paths ...string) string {
	line := "sysctl -w"
	for _, path := range paths {
		line += fmt.Sprintf(" %s=%d", sysctlName(path), value)
	}
	return line
}

// sysctlName returns the name of a sysctl as sysctl(8) writes it: dots and
// slashes of the path are exchanged.
func sysctlName(path string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/':
			return '.'
		case '.':
			return '/'
		}
		return r
	}, path)
}

// selfCommand returns a command line of this program.
func (f *Facts) selfCommand(c *command.Command) Remedy {
	line := strings.TrimSuffix(string(ruleset.Append(nil, c, resolve.Numeric{})), "\n")
	return f.localCommand("%s %s", f.Program, line)
}

// edit returns the command that changes a server.
func (f *Facts) edit(s *Service, d *Server, change func(*ipvs.Destination)) Remedy {
	c := &command.Command{Verb: command.EditServer, Service: s.Service, Destination: d.Destination}
	change(&c.Destination)
	return f.selfCommand(c)
}

// drain returns the command that sets the weight of a server to 0.
func (f *Facts) drain(s *Service, d *Server) Remedy {
	return f.edit(s, d, func(d *ipvs.Destination) { d.Weight = 0 })
}

// remove returns the command that removes a server.
func (f *Facts) remove(s *Service, d *Server) Remedy {
	return f.selfCommand(&command.Command{Verb: command.DeleteServer, Service: s.Service, Destination: d.Destination})
}

// editService returns the command that changes a service.
func (f *Facts) editService(s *Service, change func(*ipvs.Service)) Remedy {
	c := &command.Command{Verb: command.EditService, Service: s.Service}
	change(&c.Service)
	return f.selfCommand(c)
}

// removeService returns the command that removes a service.
func (f *Facts) removeService(s *Service) Remedy {
	return f.selfCommand(&command.Command{Verb: command.DeleteService, Service: s.Service})
}

// hostPrefix returns an address as a /32 or /128 prefix.
func hostPrefix(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// nodad returns the option of ip-address(8) that disables duplicate address
// detection for a VIP, or "" for IPv4. With direct routing, the servers have
// the VIP as well.
func nodad(vip netip.Addr) string {
	if vip.Is4() {
		return ""
	}
	return " nodad"
}

// hideVIPCommand returns the command that keeps a server from replying to ARP
// requests for a VIP on lo and from using the VIP as the source of its own.
func hideVIPCommand() string {
	return sysctlCommand(1, "net/ipv4/conf/all/arp_ignore") + " && " + sysctlCommand(2, "net/ipv4/conf/all/arp_announce")
}

// acceptVIPCommand returns the command that makes a server accept packets to a
// VIP that arrive by direct routing.
func acceptVIPCommand(vip netip.Addr) string {
	add := "ip address add " + hostPrefix(vip) + " dev lo" + nodad(vip)
	if vip.Is4() {
		return hideVIPCommand() + " && " + add
	}
	return add
}

// acceptTunnelCommand returns the command that makes a server accept packets to
// a VIP that arrive through an IPIP tunnel.
func acceptTunnelCommand(vip netip.Addr) string {
	if vip.Is4() {
		return "modprobe ipip && ip link set tunl0 up && " +
			sysctlCommand(0, "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/tunl0/rp_filter") +
			" && ip address add " + hostPrefix(vip) + " dev tunl0"
	}
	return "modprobe ip6_tunnel && ip link set ip6tnl0 up && ip address add " + hostPrefix(vip) + " dev ip6tnl0 nodad"
}

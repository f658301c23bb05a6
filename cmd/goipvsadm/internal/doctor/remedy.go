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

// here returns a command for the director, in its network namespace.
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

// there returns a command for another machine.
func remoteCommand(on any, format string, args ...any) Remedy {
	return Remedy{Host: fmt.Sprint(on), Command: fmt.Sprintf(format, args...)}
}

// set returns the command that gives kernel variables a value.
func (f *Facts) sysctlRemedy(value int, paths ...string) Remedy {
	return f.localCommand("%s", sysctlCommand(value, paths...))
}

func sysctlCommand(value int, paths ...string) string {
	words := "sysctl -w"
	for _, path := range paths {
		words += fmt.Sprintf(" %s=%d", variable(path), value)
	}
	return words
}

// variable returns the name that sysctl(8) has for a path: in it, dots and
// slashes change places.
func variable(path string) string {
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

// own returns a command of this program.
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

// drain returns the command that keeps new connections from a server.
func (f *Facts) drain(s *Service, d *Server) Remedy {
	return f.edit(s, d, func(d *ipvs.Destination) { d.Weight = 0 })
}

// remove returns the command that takes a server out of its service.
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

// single returns an address as ip-address(8) takes it, with all its bits.
func hostPrefix(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// nodad is added to the command that adds an address: another machine that has
// it too, as with direct routing, is no mistake.
func nodad(a netip.Addr) string {
	if a.Is4() {
		return ""
	}
	return " nodad"
}

// takeVirtual returns the command by which a server accepts packets to a
// virtual address that come by direct routing, without saying so in ARP.
func acceptVIPCommand(a netip.Addr) string {
	if a.Is4() {
		return sysctlCommand(1, "net/ipv4/conf/all/arp_ignore") + " && " + sysctlCommand(2, "net/ipv4/conf/all/arp_announce") +
			" && ip address add " + hostPrefix(a) + " dev lo"
	}
	return "ip address add " + hostPrefix(a) + " dev lo nodad"
}

// takeTunnel returns the same for packets that come through a tunnel.
func acceptTunnelCommand(a netip.Addr) string {
	if a.Is4() {
		return "modprobe ipip && ip link set tunl0 up && " +
			sysctlCommand(0, "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/tunl0/rp_filter") +
			" && ip address add " + hostPrefix(a) + " dev tunl0"
	}
	return "modprobe ip6_tunnel && ip link set ip6tnl0 up && ip address add " + hostPrefix(a) + " dev ip6tnl0 nodad"
}

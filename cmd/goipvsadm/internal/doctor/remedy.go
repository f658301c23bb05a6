// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// A Remedy is a way to fix a problem: commands, or advice if no command fixes it.
type Remedy struct {
	Host     string     // where to run the commands: a server's address, or a description; "" for the director
	Commands [][]string // words of each command; each runs if the previous one succeeded
	Advice   string     // used if there are no commands
}

// CommandLine returns the commands quoted for the shell, or "" if there are
// none.
func (r *Remedy) CommandLine() string {
	var lines []string
	for _, words := range r.Commands {
		quoted := make([]string, len(words))
		for i, word := range words {
			quoted[i] = quoteWord(word)
		}
		lines = append(lines, strings.Join(quoted, " "))
	}
	return strings.Join(lines, " && ")
}

// quoteWord quotes a word for the shell if necessary. Control characters
// require the $'…' quotes of bash.
func quoteWord(word string) string {
	if termsafe.HasControl(word) {
		return termsafe.Quote(word)
	}
	isPlain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+[]", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !isPlain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// advise returns a remedy that consists of advice.
func advise(format string, args ...any) Remedy { return Remedy{Advice: fmt.Sprintf(format, args...)} }

// localCommands returns commands for the director, in its network namespace.
func (f *Facts) localCommands(commands ...[]string) Remedy {
	var prefix []string
	switch {
	case strings.Contains(f.NetNS, "/"):
		prefix = []string{"nsenter", "--net=" + f.NetNS}
	case f.NetNS != "":
		prefix = []string{"ip", "netns", "exec", f.NetNS}
	}
	var r Remedy
	for _, words := range commands {
		r.Commands = append(r.Commands, slices.Concat(prefix, words))
	}
	return r
}

// localCommand is like localCommands, for one command.
func (f *Facts) localCommand(words ...string) Remedy { return f.localCommands(words) }

// remoteCommands returns commands for another host.
func remoteCommands(host any, commands ...[]string) Remedy {
	return Remedy{Host: fmt.Sprint(host), Commands: commands}
}

// remoteCommand is like remoteCommands, for one command.
func remoteCommand(host any, words ...string) Remedy { return remoteCommands(host, words) }

// sysctlRemedy returns the command that sets sysctls on the director.
func (f *Facts) sysctlRemedy(value int, paths ...string) Remedy {
	return f.localCommand(sysctlCommand(value, paths...)...)
}

func sysctlCommand(value int, paths ...string) []string {
	words := []string{"sysctl", "-w"}
	for _, path := range paths {
		words = append(words, fmt.Sprintf("%s=%d", sysctlName(path), value))
	}
	return words
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
	words := []string{f.Program}
	for _, word := range strings.Fields(string(ruleset.Append(nil, c, resolve.Numeric{}))) {
		words = append(words, termsafe.Unquote(word))
	}
	return f.localCommand(words...)
}

// editServer returns the command that changes a server.
func (f *Facts) editServer(s *Service, d *Server, change func(*ipvs.Destination)) Remedy {
	c := &command.Command{Verb: command.EditServer, Service: s.Service, Destination: d.Destination}
	change(&c.Destination)
	return f.selfCommand(c)
}

// drain returns the command that sets the weight of a server to 0.
func (f *Facts) drain(s *Service, d *Server) Remedy {
	return f.editServer(s, d, func(d *ipvs.Destination) { d.Weight = 0 })
}

// Paths of the sysctls that, if they are 1, let the clients of a removed server or of a
// server of weight 0 reach another server.
const (
	expireNodestPath    = "net/ipv4/vs/expire_nodest_conn"
	expireQuiescentPath = "net/ipv4/vs/expire_quiescent_template"
	connReusePath       = "net/ipv4/vs/conn_reuse_mode"
)

// takeOutOfRotation returns the commands that send the clients of a failed server to
// others. Weight 0 alone does not: persistent clients, and UDP clients that keep their
// source port, would stay on the server.
func (f *Facts) takeOutOfRotation(s *Service, d *Server) Remedy {
	switch {
	case s.Protocol == ipvs.UDP && s.Flags&ipvs.OnePacketScheduling == 0:
		return f.withSysctl(expireNodestPath, f.removeServer(s, d))
	case s.Flags&ipvs.Persistent != 0:
		return f.withSysctl(expireQuiescentPath, f.drain(s, d))
	}
	return f.drain(s, d)
}

// withSysctl returns r, preceded by the command that sets a sysctl to 1 unless it is 1.
func (f *Facts) withSysctl(path string, r Remedy) Remedy {
	if !f.sysctlIs(path, 1) {
		r.Commands = append(f.sysctlRemedy(1, path).Commands, r.Commands...)
	}
	return r
}

// removeServer returns the command that removes a server.
func (f *Facts) removeServer(s *Service, d *Server) Remedy {
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

// serviceOptions returns the command-line options that identify a service.
func (f *Facts) serviceOptions(s *Service) []string {
	words := f.removeService(s).Commands[0]
	return words[slices.Index(words, "-D")+1:]
}

// addServer returns the command that adds a server.
func (f *Facts) addServer(s *Service, server string) Remedy {
	return f.localCommand(slices.Concat([]string{f.Program, "-a"}, f.serviceOptions(s), []string{"-r", server})...)
}

// hostPrefix returns an address as a /32 or /128 prefix.
func hostPrefix(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// addAddress returns the command that adds a VIP to a link unless the link already
// has it. It disables duplicate address detection, which would find the servers with
// direct routing: they have the VIP as well.
func addAddress(vip netip.Addr, link string) []string {
	words := []string{"ip", "address", "replace", hostPrefix(vip), "dev", link}
	if !vip.Is4() {
		words = append(words, "nodad")
	}
	return words
}

// flushAddress returns the command that removes an address from all links.
func flushAddress(a netip.Addr) []string {
	return []string{"ip", "address", "flush", "to", hostPrefix(a)}
}

// hideVIPCommands returns the commands that keep a server from replying to ARP
// requests for a VIP on lo, and from sending ARP requests from the VIP.
func hideVIPCommands() [][]string {
	return [][]string{
		sysctlCommand(1, "net/ipv4/conf/all/arp_ignore"),
		sysctlCommand(2, "net/ipv4/conf/all/arp_announce"),
	}
}

// acceptVIPCommands returns the commands that make a server accept packets to a
// VIP that arrive by direct routing.
func acceptVIPCommands(vip netip.Addr) [][]string {
	if vip.Is4() {
		return append(hideVIPCommands(), addAddress(vip, "lo"))
	}
	return [][]string{addAddress(vip, "lo")}
}

// acceptTunnelCommands returns the commands that make a server accept packets
// to a VIP that arrive through an IPIP tunnel.
func acceptTunnelCommands(vip netip.Addr) [][]string {
	if vip.Is4() {
		return [][]string{
			{"modprobe", "ipip"},
			{"ip", "link", "set", "dev", "tunl0", "up"},
			sysctlCommand(0, "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/tunl0/rp_filter"),
			addAddress(vip, "tunl0"),
		}
	}
	return [][]string{
		{"modprobe", "ip6_tunnel"},
		{"ip", "link", "set", "dev", "ip6tnl0", "up"},
		addAddress(vip, "ip6tnl0"),
	}
}

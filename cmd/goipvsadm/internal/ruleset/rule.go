// SPDX-License-Identifier: MIT

// Package ruleset reads and writes rulesets, which -S prints and -R reads. Each
// line is a rule: the arguments of one command, such as
//
//	-A -t 192.0.2.1:80 -s wlc
package ruleset

import (
	"fmt"
	"strconv"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// Append appends the rule for c: a command that adds, edits or removes a
// service, a server or a sync daemon, or sets the timeouts. A rule that edits an
// entry includes all options, so that the result does not depend on the previous
// state. Append panics if c is any other command.
func Append(b []byte, c *command.Command, n tablefmt.Namer) []byte {
	switch c.Verb {
	case command.AddService:
		return AppendService(b, &c.Service, n)
	case command.EditService:
		return appendService(b, "-E", &c.Service, n)
	case command.DeleteService:
		b = append(b, "-D"...)
		b = AppendServiceKey(b, &c.Service.ServiceKey, n)
	case command.AddServer:
		b = append(b, "-a"...)
		b = AppendServiceKey(b, &c.Service.ServiceKey, n)
		return appendDestination(b, &c.Destination, c.Service.Protocol, n)
	case command.EditServer:
		b = append(b, "-e"...)
		b = AppendServiceKey(b, &c.Service.ServiceKey, n)
		return appendDestination(b, &c.Destination, c.Service.Protocol, n)
	case command.DeleteServer:
		b = append(b, "-d"...)
		b = AppendServiceKey(b, &c.Service.ServiceKey, n)
		b = appendDestinationKey(b, &c.Destination, c.Service.Protocol, n)
	case command.SetTimeouts:
		return AppendTimeouts(b, &c.Timeouts)
	case command.StartDaemon:
		return AppendDaemon(b, &c.Daemon)
	case command.StopDaemon:
		b = append(b, "--stop-daemon "...)
		b = append(b, c.Daemon.State.String()...)
	default:
		panic(fmt.Sprintf("ruleset: the command %s cannot be written as a rule", c.Verb))
	}
	return append(b, '\n')
}

// AppendService appends the rule that adds s.
func AppendService(b []byte, s *ipvs.Service, n tablefmt.Namer) []byte {
	return appendService(b, "-A", s, n)
}

func appendService(b []byte, flag string, s *ipvs.Service, n tablefmt.Namer) []byte {
	b = append(b, flag...)
	b = AppendServiceKey(b, &s.ServiceKey, n)
	b = append(b, " -s "...)
	b = append(b, s.Scheduler...)
	if s.Flags&ipvs.Persistent != 0 {
		b = append(b, " -p "...)
		b = strconv.AppendUint(b, uint64(s.Timeout), 10)
		if s.Netmask != ipvs.HostNetmask(s.Family) {
			b = append(b, " -M "...)
			b = s.Netmask.AppendTo(b, s.Family)
		}
	}
	if s.PEName != "" {
		b = append(b, " --pe "...)
		b = append(b, s.PEName...)
	}
	if s.Flags&ipvs.OnePacketScheduling != 0 {
		b = append(b, " -o"...)
	}
	if s.Flags&ipvs.SchedFlags != 0 {
		b = append(b, " -b "...)
		b = append(b, sched.FlagNames(s.Scheduler, uint32(s.Flags))...)
	}
	return append(b, '\n')
}

// AppendDestination appends the rule that adds d to a service of the protocol p. key are
// the options of the service, as AppendServiceKey appends them. Callers reuse them,
// because most rules have the same service as the rule before.
func AppendDestination(b, key []byte, p ipvs.Protocol, d *ipvs.Destination, n tablefmt.Namer) []byte {
	b = append(b, "-a"...)
	b = append(b, key...)
	return appendDestination(b, d, p, n)
}

// appendDestination appends the options for d, a server of a service of the protocol
// p, and a newline.
func appendDestination(b []byte, d *ipvs.Destination, p ipvs.Protocol, n tablefmt.Namer) []byte {
	b = appendDestinationKey(b, d, p, n)
	b = append(b, methodFlag(d.Method)...)
	b = appendNumber(b, " -w ", uint32(d.Weight))
	if d.UpperThreshold != 0 {
		b = appendNumber(b, " -x ", d.UpperThreshold)
	}
	if d.LowerThreshold != 0 {
		b = appendNumber(b, " -y ", d.LowerThreshold)
	}
	if d.Method == ipvs.Tunneling {
		b = appendTunnel(b, &d.Tunnel)
	}
	return append(b, '\n')
}

// AppendServiceKey appends the options that identify a service, with a space before
// each.
func AppendServiceKey(b []byte, k *ipvs.ServiceKey, n tablefmt.Namer) []byte {
	if k.Mark != 0 {
		b = appendNumber(b, " -f ", k.Mark)
		if k.Family == ipvs.IPv6 {
			b = append(b, " -6"...)
		}
		return b
	}
	switch k.Protocol {
	case ipvs.UDP:
		b = append(b, " -u "...)
	case ipvs.SCTP:
		b = append(b, " --sctp-service "...)
	default:
		b = append(b, " -t "...)
	}
	return n.Append(b, k.AddrPort, k.Protocol)
}

// appendDestinationKey appends the option that identifies d within its service, which
// has the protocol p.
func appendDestinationKey(b []byte, d *ipvs.Destination, p ipvs.Protocol, n tablefmt.Namer) []byte {
	b = append(b, " -r "...)
	return n.Append(b, d.AddrPort, p)
}

// methodFlag returns the flag for m. The kernel reports Local for a destination on
// the director itself, whichever method was configured. Local has no flag; -g, the
// default, is used for it.
func methodFlag(m ipvs.ForwardingMethod) string {
	switch m {
	case ipvs.Masquerading:
		return " -m"
	case ipvs.Tunneling:
		return " -i"
	}
	return " -g"
}

// appendTunnel appends the type of t and the options that this type supports.
func appendTunnel(b []byte, t *ipvs.Tunnel) []byte {
	b = append(b, " --tun-type "...)
	b = append(b, t.Type.String()...)
	if t.Type == ipvs.GUE {
		b = appendNumber(b, " --tun-port ", uint32(t.Port))
	}
	if t.Type == ipvs.IPIP {
		return b
	}
	switch {
	case t.Flags&ipvs.TunnelRemoteChecksum != 0:
		return append(b, " --tun-remcsum"...)
	case t.Flags&ipvs.TunnelChecksum != 0:
		return append(b, " --tun-csum"...)
	}
	return append(b, " --tun-nocsum"...)
}

// AppendTimeouts appends the rule that sets t.
func AppendTimeouts(b []byte, t *ipvs.Timeouts) []byte {
	b = append(b, "--set"...)
	b = appendNumber(b, " ", t.TCP)
	b = appendNumber(b, " ", t.TCPFin)
	b = appendNumber(b, " ", t.UDP)
	return append(b, '\n')
}

// AppendDaemon appends the rule that starts d, without the options for unset
// fields: old kernels report only the state, the interface and the sync ID.
func AppendDaemon(b []byte, d *ipvs.Daemon) []byte {
	b = append(b, "--start-daemon "...)
	b = append(b, d.State.String()...)
	if d.Interface != "" {
		b = appendInterface(b, d.Interface)
	}
	b = appendNumber(b, " --syncid ", d.SyncID)
	if d.MaxLen != 0 {
		b = appendNumber(b, " --sync-maxlen ", uint32(d.MaxLen))
	}
	if d.Group.IsValid() {
		b = append(b, " --mcast-group "...)
		b = resolve.AppendAddr(b, d.Group)
	}
	if d.Port != 0 {
		b = appendNumber(b, " --mcast-port ", uint32(d.Port))
	}
	if d.TTL != 0 {
		b = appendNumber(b, " --mcast-ttl ", uint32(d.TTL))
	}
	return append(b, '\n')
}

// appendInterface appends the --mcast-interface option. A name that Reader would
// skip as a comment or as the name of the program is attached with =.
func appendInterface(b []byte, name string) []byte {
	b = append(b, " --mcast-interface"...)
	if name[0] == '#' || name == programName {
		b = append(b, '=')
	} else {
		b = append(b, ' ')
	}
	return append(b, termsafe.Quote(name)...)
}

func appendNumber(b []byte, flag string, v uint32) []byte {
	return strconv.AppendUint(append(b, flag...), uint64(v), 10)
}

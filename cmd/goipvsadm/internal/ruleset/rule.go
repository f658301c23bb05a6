// Package ruleset writes the kernel's state as the commands that would bring it
// about: what the save command prints and the restore command reads.
package ruleset

import (
	"strconv"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// AppendService appends the line that adds s.
func AppendService(b []byte, s *ipvs.Service, n tablefmt.Namer) []byte {
	return appendService(b, command.AddService.Flag(), s, n)
}

func appendService(b []byte, word string, s *ipvs.Service, n tablefmt.Namer) []byte {
	b = append(b, word...)
	b = appendKey(b, &s.ServiceKey, n)
	b = append(b, " -s "...)
	b = append(b, s.Scheduler...)
	if s.Flags&ipvs.Persistent != 0 {
		b = append(b, " -p "...)
		b = strconv.AppendUint(b, uint64(s.Timeout), 10)
		if s.Netmask != ipvs.FullNetmask(s.Family) {
			b = append(b, " -M "...)
			b = s.Netmask.AppendTo(b, s.Family)
		}
	}
	if s.Engine != "" {
		b = append(b, " --pe "...)
		b = append(b, s.Engine...)
	}
	if s.Flags&ipvs.OnePacket != 0 {
		b = append(b, " -o"...)
	}
	if s.Flags&ipvs.SchedFlags != 0 {
		b = append(b, " -b "...)
		b = append(b, sched.FlagNames(s.Scheduler, uint32(s.Flags))...)
	}
	return append(b, '\n')
}

// AppendDestination appends the line that adds d to the service s.
func AppendDestination(b []byte, s *ipvs.Service, d *ipvs.Destination, n tablefmt.Namer) []byte {
	return appendDestination(b, command.AddServer.Flag(), s, d, n)
}

func appendDestination(b []byte, word string, s *ipvs.Service, d *ipvs.Destination, n tablefmt.Namer) []byte {
	b = append(b, word...)
	b = appendDestinationKey(b, s, d, n)
	b = append(b, methodOption(d.Method)...)
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

// appendKey appends the option that names a service.
func appendKey(b []byte, k *ipvs.ServiceKey, n tablefmt.Namer) []byte {
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

// appendDestinationKey appends the options that name a destination of s.
func appendDestinationKey(b []byte, s *ipvs.Service, d *ipvs.Destination, n tablefmt.Namer) []byte {
	b = appendKey(b, &s.ServiceKey, n)
	b = append(b, " -r "...)
	return n.Append(b, d.AddrPort, s.Protocol)
}

// methodOption returns the option for m. A destination on the director itself
// is local whatever method it was given; it is saved with the default.
func methodOption(m ipvs.ForwardingMethod) string {
	switch m {
	case ipvs.Masquerading:
		return " -m"
	case ipvs.Tunneling:
		return " -i"
	}
	return " -g"
}

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

// AppendTimeouts appends the line that sets t.
func AppendTimeouts(b []byte, t *ipvs.Timeouts) []byte {
	b = append(b, "--set"...)
	b = appendNumber(b, " ", t.TCP)
	b = appendNumber(b, " ", t.TCPFin)
	b = appendNumber(b, " ", t.UDP)
	return append(b, '\n')
}

// AppendDaemon appends the line that starts d. What the kernel did not tell
// is left out.
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

// appendInterface appends the option that names an interface. A name that the
// reader of rules would take for something else is no word of its own.
func appendInterface(b []byte, name string) []byte {
	b = append(b, " --mcast-interface"...)
	if name[0] == '#' || name == program {
		b = append(b, '=')
	} else {
		b = append(b, ' ')
	}
	return append(b, termsafe.Quote(name)...)
}

func appendNumber(b []byte, option string, v uint32) []byte {
	return strconv.AppendUint(append(b, option...), uint64(v), 10)
}

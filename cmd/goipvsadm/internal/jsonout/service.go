// SPDX-License-Identifier: MIT

package jsonout

import (
	"fmt"
	"net/netip"
	"strings"

	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// The JSON form of services and destinations. It differs from the types of package
// ipvs in that flags are names, and addresses are separate from ports.
type (
	service struct {
		serviceConfig
		Stats    stats     `json:"stats"`
		Measured *measured `json:"measured,omitempty"`
		Servers  []server  `json:"servers"`
	}

	// serviceConfig is what -A and -E set.
	serviceConfig struct {
		serviceKey
		Scheduler      string      `json:"scheduler"`
		SchedulerFlags []string    `json:"scheduler_flags"`
		OnePacket      bool        `json:"one_packet"`
		Persistence    persistence `json:"persistence"`
	}

	serviceKey struct {
		Family   string `json:"family"`
		*address        // nil for a firewall mark
		Mark     uint32 `json:"mark,omitzero"`
	}

	address struct {
		Protocol string     `json:"protocol"`
		Address  netip.Addr `json:"address"`
		Port     uint16     `json:"port"`
	}

	persistence struct {
		Enabled      bool   `json:"enabled"`
		Timeout      uint32 `json:"timeout"`
		Netmask      string `json:"netmask,omitempty"`       // set for IPv4
		PrefixLength uint32 `json:"prefix_length,omitempty"` // set for IPv6
		Engine       string `json:"engine,omitempty"`
	}

	server struct {
		serverConfig
		ActiveConns     uint32    `json:"active_connections"`
		InactiveConns   uint32    `json:"inactive_connections"`
		PersistentConns uint32    `json:"persistent_connections"`
		Stats           stats     `json:"stats"`
		Measured        *measured `json:"measured,omitempty"`
	}

	// serverConfig is what -a and -e set.
	serverConfig struct {
		Family string `json:"family"`
		serverAddress
		Forward        string  `json:"forward"`
		Tunnel         *tunnel `json:"tunnel,omitempty"`
		Weight         uint32  `json:"weight"`
		UpperThreshold uint32  `json:"upper_threshold"`
		LowerThreshold uint32  `json:"lower_threshold"`
	}

	tunnel struct {
		Type  string   `json:"type"`
		Port  uint16   `json:"port"`
		Flags []string `json:"flags"`
	}

	// stats has the fields of ipvs.Stats.
	stats struct {
		Conns      uint64 `json:"connections"`
		InPackets  uint64 `json:"in_packets"`
		OutPackets uint64 `json:"out_packets"`
		InBytes    uint64 `json:"in_bytes"`
		OutBytes   uint64 `json:"out_bytes"`
		CPS        uint64 `json:"connections_per_second"`
		InPPS      uint64 `json:"in_packets_per_second"`
		OutPPS     uint64 `json:"out_packets_per_second"`
		InBPS      uint64 `json:"in_bytes_per_second"`
		OutBPS     uint64 `json:"out_bytes_per_second"`
	}

	// measured has the fields of sampler.Rates.
	measured struct {
		Conns      float64 `json:"connections_per_second"`
		InPackets  float64 `json:"in_packets_per_second"`
		OutPackets float64 `json:"out_packets_per_second"`
		InBytes    float64 `json:"in_bytes_per_second"`
		OutBytes   float64 `json:"out_bytes_per_second"`
	}
)

func newService(s *ipvs.Service) service {
	return service{serviceConfig: newServiceConfig(s), Stats: stats(s.Stats), Servers: []server{}}
}

func newServiceConfig(s *ipvs.Service) serviceConfig {
	v := serviceConfig{
		serviceKey:     *newServiceKey(&s.ServiceKey),
		Scheduler:      s.Scheduler,
		SchedulerFlags: schedulerFlags(s),
		OnePacket:      s.Flags&ipvs.OnePacketScheduling != 0,
		Persistence: persistence{
			Enabled: s.Flags&ipvs.Persistent != 0,
			Timeout: s.Timeout,
			Engine:  s.PEName,
		},
	}
	if s.Family == ipvs.IPv6 {
		v.Persistence.PrefixLength = uint32(s.Netmask)
	} else {
		v.Persistence.Netmask = string(s.Netmask.AppendTo(nil, s.Family))
	}
	return v
}

func newServiceKey(k *ipvs.ServiceKey) *serviceKey {
	v := &serviceKey{Family: lowerName(k.Family), Mark: k.Mark}
	if k.Mark == 0 {
		v.address = &address{lowerName(k.Protocol), k.AddrPort.Addr(), k.AddrPort.Port()}
	}
	return v
}

func newServer(d *ipvs.Destination) server {
	return server{
		serverConfig:    newServerConfig(d),
		ActiveConns:     d.ActiveConns,
		InactiveConns:   d.InactiveConns,
		PersistentConns: d.PersistentConns,
		Stats:           stats(d.Stats),
	}
}

func newServerConfig(d *ipvs.Destination) serverConfig {
	v := serverConfig{
		Family:         lowerName(ipvs.FamilyOf(d.AddrPort.Addr())),
		serverAddress:  serverAddress{d.AddrPort.Addr(), d.AddrPort.Port()},
		Forward:        lowerName(d.Method),
		Weight:         d.Weight,
		UpperThreshold: d.UpperThreshold,
		LowerThreshold: d.LowerThreshold,
	}
	// The kernel changes the method of a tunnel to a local address to Local.
	if d.Method == ipvs.Tunneling || d.Tunnel != (ipvs.Tunnel{}) {
		v.Tunnel = &tunnel{lowerName(d.Tunnel.Type), d.Tunnel.Port, TunnelFlags(d.Tunnel.Flags)}
	}
	return v
}

// lowerName returns the name of v in lower case.
func lowerName(v fmt.Stringer) string { return strings.ToLower(v.String()) }

func schedulerFlags(s *ipvs.Service) []string {
	names := sched.FlagNames(s.Scheduler, uint32(s.Flags&ipvs.SchedFlags))
	if names == "" {
		return []string{}
	}
	return strings.Split(names, ",")
}

// TunnelFlags returns the names of f: csum and remcsum, as in the options --tun-csum
// and --tun-remcsum.
func TunnelFlags(f ipvs.TunnelFlags) []string {
	names := []string{}
	if f&ipvs.TunnelChecksum != 0 {
		names = append(names, "csum")
	}
	if f&ipvs.TunnelRemoteChecksum != 0 {
		names = append(names, "remcsum")
	}
	return names
}

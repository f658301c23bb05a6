// SPDX-License-Identifier: MIT

package ipvs

import (
	"net/netip"

	"goipvsadm/netlinkmsg"
)

// The types are declared in package netlinkmsg, which encodes and decodes them.
// TestTypesAreDocumented compares the fields in the comments with the declarations.

// A Service is a virtual service: its configuration and counters.
//
//	type Service struct {
//		ServiceKey              // identity of the service; see AddrKey and MarkKey
//		Scheduler  string       // name, such as wlc, of at most 15 bytes; "" selects sched.Default
//		Flags      ServiceFlags // Persistent, OnePacketScheduling and scheduler flags; Hashed is set by the kernel
//		Timeout    uint32       // persistence timeout in seconds; 0 selects DefaultPersistenceTimeout
//		Netmask    Netmask      // persistence granularity; 0 selects HostNetmask
//		PEName     string       // persistence engine name of at most 15 bytes; "" selects none
//		Stats      Stats        // counters; ignored in requests
//	}
//
// Zero-valued fields that would be invalid are replaced by defaults; see
// WithDefaults. An update replaces the whole configuration: an unset field is
// reset to its default. Timeout, Netmask and PEName have no effect without the
// flag Persistent.
type Service = netlinkmsg.Service

// A ServiceKey identifies a virtual service, either by protocol, address and port
// or by firewall mark and address family. It is comparable.
//
//	type ServiceKey struct {
//		Family   Family         // 0 selects the family of the address, or IPv4 for a firewall mark
//		Protocol Protocol       // TCP, UDP or SCTP; 0 for a firewall mark
//		AddrPort netip.AddrPort // unset for a firewall mark; port 0 (all ports) requires Persistent
//		Mark     uint32         // firewall mark; 0 for an address
//	}
type ServiceKey = netlinkmsg.ServiceKey

// ServiceFlags are the flags of a service (IP_VS_SVC_F_*): Persistent, Hashed,
// OnePacketScheduling, and Sched1 to Sched3.
type ServiceFlags = netlinkmsg.ServiceFlags

// Netmask is the persistence granularity: clients whose masked addresses are equal
// share a destination. For IPv4 it is the mask as a number (255.255.255.0 is
// 0xffffff00), for IPv6 a prefix length of 1 to 128. 0 selects HostNetmask; the
// IPv4 mask 0.0.0.0 is ZeroNetmask.
type Netmask = netlinkmsg.Netmask

// A Destination is a real server of a virtual service: its configuration,
// connections and counters.
//
//	type Destination struct {
//		AddrPort        netip.AddrPort   // identity within the service; port 0 if the service has port 0 or a firewall mark
//		Method          ForwardingMethod // forwarding method; the zero value is Masquerading (NAT)
//		Weight          uint32           // at most 2147483647; 0 schedules no new connections to it
//		Tunnel          Tunnel           // encapsulation with the method Tunneling
//		UpperThreshold  uint32           // number of connections at which scheduling to it stops; 0 means no limit
//		LowerThreshold  uint32           // number of connections below which scheduling resumes; 0 selects 3/4 of UpperThreshold
//		ActiveConns     uint32           // connections that are established or being established; this and later fields are ignored in requests
//		InactiveConns   uint32           // all other connections, including those of UDP
//		PersistentConns uint32           // persistence templates
//		Stats           Stats
//	}
//
// Destination fields are sent as given. The kernel rejects IPv4-mapped addresses. An
// update replaces the whole configuration. If the address families of destination and
// service differ, the method must be Tunneling.
type Destination = netlinkmsg.Destination

// A ForwardingMethod selects how packets are forwarded to a destination:
// Masquerading, Tunneling or DirectRouting. The zero value is Masquerading.
type ForwardingMethod = netlinkmsg.ForwardingMethod

// A Tunnel is the encapsulation of packets to a tunneling destination:
//
//	type Tunnel struct {
//		Type  TunnelType  // the zero value is IPIP
//		Port  uint16      // UDP destination port; required for GUE, 0 for other types
//		Flags TunnelFlags // checksum options of GUE and GRE; 0 selects no checksum
//	}
type Tunnel = netlinkmsg.Tunnel

// A TunnelType is an encapsulation: IPIP, GUE (since Linux 5.2) or GRE (since
// 5.3).
type TunnelType = netlinkmsg.TunnelType

// TunnelFlags are the checksum options of a GUE or GRE tunnel: TunnelChecksum, and
// for GUE TunnelRemoteChecksum.
type TunnelFlags = netlinkmsg.TunnelFlags

// Stats are the counters of a service or destination since it was added or zeroed,
// and the kernel's estimates of their rates:
//
//	type Stats struct {
//		Conns      uint64 // connections scheduled
//		InPackets  uint64 // packets from clients
//		OutPackets uint64 // packets to clients; 0 unless they pass the director, as with Masquerading
//		InBytes    uint64
//		OutBytes   uint64
//		CPS        uint64 // connections per second
//		InPPS      uint64 // packets from clients per second
//		OutPPS     uint64
//		InBPS      uint64 // bytes from clients per second
//		OutBPS     uint64
//	}
//
// The kernel updates them every two seconds. A destination that is removed and added
// again within two minutes, or while it has connections, keeps its counters. Before
// Linux 4.1, the counters of connections and packets have 32 bits and wrap around.
type Stats = netlinkmsg.Stats

// A Daemon is a connection synchronization daemon (sync daemon). The fields after
// SyncID are optional and need Linux 4.3:
//
//	type Daemon struct {
//		State     DaemonState // Master or Backup
//		Interface string      // multicast interface, a name of at most 15 bytes; required
//		SyncID    uint32      // 0 to 255; a backup with 0 accepts the messages of every ID
//		MaxLen    uint16      // UDP payload of a sync message in bytes; 0 derives it from the interface's MTU
//		Group     netip.Addr  // multicast address; the zero value selects 224.0.0.81
//		Port      uint16      // UDP port; 0 selects 8848
//		TTL       uint8       // TTL or hop limit of sync messages; 0 selects 1
//	}
type Daemon = netlinkmsg.Daemon

// A DaemonState is the role of a sync daemon: Master or Backup.
type DaemonState = netlinkmsg.DaemonState

// Timeouts are the timeouts of idle connections in seconds. In SetTimeouts, a field
// of 0 keeps the current timeout.
//
//	type Timeouts struct {
//		TCP    uint32 // established TCP connections
//		TCPFin uint32 // TCP connections after a FIN
//		UDP    uint32
//	}
type Timeouts = netlinkmsg.Timeouts

// Info describes the kernel's IPVS:
//
//	type Info struct {
//		Version       Version
//		ConnTableSize uint32 // hash buckets of the connection table; since Linux 7.2 the current number, 0 before the first service
//	}
type Info = netlinkmsg.Info

// A Version is a version of the kernel's IPVS. 0x010201 is version 1.2.1, as String
// prints it.
type Version = netlinkmsg.Version

// A Family is an address family: IPv4 or IPv6.
type Family = netlinkmsg.Family

// A Protocol is a transport protocol by its IP protocol number: TCP, UDP or SCTP.
// Firewall-mark services have protocol 0.
type Protocol = netlinkmsg.Protocol

// Address families.
const (
	IPv4 = netlinkmsg.IPv4
	IPv6 = netlinkmsg.IPv6
)

// ZeroNetmask is the IPv4 persistence netmask 0.0.0.0, with which all clients share a
// destination. It is not 0, because the zero Netmask selects HostNetmask.
const ZeroNetmask = netlinkmsg.ZeroNetmask

// Protocols of virtual services.
const (
	TCP  = netlinkmsg.TCP
	UDP  = netlinkmsg.UDP
	SCTP = netlinkmsg.SCTP
)

// Flags of a service. The meaning of Sched1 to Sched3 depends on the scheduler; see
// package sched.
const (
	Persistent          = netlinkmsg.Persistent
	Hashed              = netlinkmsg.Hashed
	OnePacketScheduling = netlinkmsg.OnePacketScheduling
	Sched1              = netlinkmsg.Sched1
	Sched2              = netlinkmsg.Sched2
	Sched3              = netlinkmsg.Sched3
	SchedFlags          = netlinkmsg.SchedFlags
)

// Forwarding methods. Some kernels report Local for a destination on the director
// itself, whichever method was requested.
const (
	Masquerading  = netlinkmsg.Masquerading
	Local         = netlinkmsg.Local
	Tunneling     = netlinkmsg.Tunneling
	DirectRouting = netlinkmsg.DirectRouting
	Bypass        = netlinkmsg.Bypass
)

// Tunnel types and checksum options.
const (
	IPIP = netlinkmsg.IPIP
	GUE  = netlinkmsg.GUE
	GRE  = netlinkmsg.GRE

	TunnelChecksum       = netlinkmsg.TunnelChecksum
	TunnelRemoteChecksum = netlinkmsg.TunnelRemoteChecksum
)

// Roles of a sync daemon.
const (
	Master = netlinkmsg.Master
	Backup = netlinkmsg.Backup
)

var (
	// AddrKey returns the key of the service with a protocol, address and port. It
	// converts an IPv4-mapped IPv6 address to the IPv4 address.
	AddrKey = netlinkmsg.AddrKey

	// MarkKey returns the key of the service with a firewall mark for packets of
	// a family.
	MarkKey = netlinkmsg.MarkKey

	// HostNetmask returns the netmask with which each client address is assigned
	// separately: 255.255.255.255 for IPv4, prefix length 128 for IPv6.
	HostNetmask = netlinkmsg.HostNetmask

	// FamilyOf returns the family of an address. An IPv4-mapped IPv6 address is
	// IPv6.
	FamilyOf = netlinkmsg.FamilyOf
)

// A DestinationKey identifies a destination in the whole table. It is comparable.
type DestinationKey struct {
	Service  ServiceKey
	AddrPort netip.AddrPort
}

// MaxNameLen is the maximum length, in bytes, of the name of a scheduler, persistence
// engine or interface. The kernel stores names NUL-terminated in 16 bytes
// (IP_VS_SCHEDNAME_MAXLEN, IP_VS_PENAME_MAXLEN, IP_VS_IFNAME_MAXLEN).
const MaxNameLen = 15

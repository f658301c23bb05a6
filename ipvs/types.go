package ipvs

import (
	"net/netip"

	"goipvsadm/netlinkmsg"
)

// The values of the protocol are those of package netlinkmsg, which reads and
// writes them. What is said of their fields here a test compares with their
// declarations.

// A Service is a virtual service with its configuration and what the kernel
// counted for it:
//
//	type Service struct {
//		ServiceKey              // which service it is; AddrKey and MarkKey make one
//		Scheduler  string       // such as wlc, at most 15 bytes; "" is sched.Default
//		Flags      ServiceFlags // Persistent, OnePacket, and the scheduler's; Hashed is the kernel's
//		Timeout    uint32       // of Persistent, in seconds; 0 is DefaultTimeout
//		Netmask    Netmask      // of Persistent: which clients are one; 0 is FullNetmask
//		PEName     string       // of Persistent: the persistence engine, at most 15 bytes; "" is none
//		Stats      Stats        // from the kernel only
//	}
//
// An update sets everything: a field that is left out goes back to its
// default. Without Persistent, the fields that belong to it have no effect.
type Service = netlinkmsg.Service

// A ServiceKey identifies a virtual service: either by protocol and address
// with port, or by a firewall mark and the family of the addresses it is used
// with. It is comparable.
//
//	type ServiceKey struct {
//		Family   Family         // 0 is the address's, and of a mark IPv4
//		Protocol Protocol       // TCP, UDP or SCTP; 0 for a mark
//		AddrPort netip.AddrPort // zero for a mark; port 0, for all ports, needs Persistent
//		Mark     uint32         // 0 for an address
//	}
type ServiceKey = netlinkmsg.ServiceKey

// ServiceFlags are a virtual service's flags (IP_VS_SVC_F_*): Persistent,
// Hashed, OnePacket, and Sched1 to Sched3.
type ServiceFlags = netlinkmsg.ServiceFlags

// A Netmask says which clients of a persistent service are one: those whose
// addresses are the same under it. For IPv4 it is the mask as a number
// (255.255.255.0 is 0xffffff00), for IPv6 the length of a prefix, from 1 to
// 128. 0 stands for FullNetmask; AllClients is the IPv4 mask 0.0.0.0.
type Netmask = netlinkmsg.Netmask

// A Destination is a real server of a virtual service, with its configuration
// and what the kernel counted for it:
//
//	type Destination struct {
//		AddrPort        netip.AddrPort   // its identity in the service; port 0 where the service has it, or a mark
//		Method          ForwardingMethod // the zero value is Masquerading: NAT
//		Weight          uint32           // up to 2147483647; with 0 it gets no new connections
//		Tunnel          Tunnel           // of the method Tunneling
//		UpperThreshold  uint32           // with more connections than this it gets no new ones; 0 is no limit
//		LowerThreshold  uint32           // until it has fewer than this; 0 is three quarters of the upper one
//		ActiveConns     uint32           // from the kernel only, as are the rest
//		InactiveConns   uint32           // such as closed ones that linger on, and all of UDP
//		PersistentConns uint32           // clients of a persistent service that are remembered for it
//		Stats           Stats
//	}
//
// An update sets everything: the zero Destination but for its address is NAT
// with weight 0. A destination of the other family than its service's must be
// reached by Tunneling.
type Destination = netlinkmsg.Destination

// A ForwardingMethod says how packets reach a destination: Masquerading,
// Tunneling or DirectRouting. The zero value is Masquerading.
type ForwardingMethod = netlinkmsg.ForwardingMethod

// A Tunnel says how packets for a tunneling destination are wrapped:
//
//	type Tunnel struct {
//		Type  TunnelType  // the zero value is IPIP
//		Port  uint16      // UDP destination port of GUE, which must have one; 0 for the others
//		Flags TunnelFlags // checksum options of GUE and GRE; 0 is no checksum
//	}
type Tunnel = netlinkmsg.Tunnel

// A TunnelType is the encapsulation of a tunneling destination: IPIP, GUE
// (since Linux 5.2) or GRE (since 5.3).
type TunnelType = netlinkmsg.TunnelType

// TunnelFlags are the checksum options of a GUE or GRE tunnel: TunnelChecksum,
// and for GUE TunnelRemoteChecksum.
type TunnelFlags = netlinkmsg.TunnelFlags

// Stats are the counters of a service or destination since it was added or its
// counters were set to zero, and the kernel's estimates of what they grow by:
//
//	type Stats struct {
//		Conns      uint64 // connections scheduled
//		InPackets  uint64 // packets from clients
//		OutPackets uint64 // packets to clients; only seen with Masquerading
//		InBytes    uint64
//		OutBytes   uint64
//		CPS        uint64 // connections per second
//		InPPS      uint64 // packets per second
//		OutPPS     uint64
//		InBPS      uint64 // bytes per second
//		OutBPS     uint64
//	}
//
// The kernel brings them up to date every other second, and counts in 64 bits
// since Linux 4.1.
type Stats = netlinkmsg.Stats

// A Daemon is a connection synchronisation daemon. Of its fields those after
// SyncID are optional, and kernels before 4.3 do not know them:
//
//	type Daemon struct {
//		State     DaemonState // Master or Backup
//		Interface string      // of the multicasts, at most 15 bytes; must be given
//		SyncID    uint32      // 0 to 255; a backup with 0 takes the messages of every id
//		MaxLen    uint16      // UDP payload of a message, in bytes; 0 follows from the interface
//		Group     netip.Addr  // multicast address; the zero value is 224.0.0.81
//		Port      uint16      // UDP port; 0 is 8848
//		TTL       uint8       // how many routers messages may pass; 0 is 1
//	}
type Daemon = netlinkmsg.Daemon

// A DaemonState is the role of a synchronisation daemon: Master or Backup.
type DaemonState = netlinkmsg.DaemonState

// Timeouts are the life times of connections without traffic, in seconds. When
// they are set, 0 leaves a value as it is.
//
//	type Timeouts struct {
//		TCP    uint32
//		TCPFin uint32 // after a FIN
//		UDP    uint32
//	}
type Timeouts = netlinkmsg.Timeouts

// Info is what the kernel tells of its IPVS:
//
//	type Info struct {
//		Version       Version
//		ConnTableSize uint32 // in hash buckets; since Linux 7.2 of this moment, and 0 before the first service
//	}
type Info = netlinkmsg.Info

// A Version is that of the kernel's IPVS, and prints as such: 0x010201 is
// 1.2.1.
type Version = netlinkmsg.Version

// A Family is an address family: IPv4 or IPv6.
type Family = netlinkmsg.Family

// A Protocol is a transport protocol by its IP protocol number: TCP, UDP or
// SCTP. The zero Protocol belongs to firewall-mark services.
type Protocol = netlinkmsg.Protocol

// Address families.
const (
	IPv4 = netlinkmsg.IPv4
	IPv6 = netlinkmsg.IPv6
)

// AllClients is the persistence netmask 0.0.0.0: all clients are one. The
// number 0 stands for the default, that every client is one by itself.
const AllClients = netlinkmsg.ZeroNetmask

// Protocols of virtual services.
const (
	TCP  = netlinkmsg.TCP
	UDP  = netlinkmsg.UDP
	SCTP = netlinkmsg.SCTP
)

// Flags of a service. Sched1 to Sched3 are the scheduler's own; package sched
// knows their names.
const (
	Persistent = netlinkmsg.Persistent
	Hashed     = netlinkmsg.Hashed
	OnePacket  = netlinkmsg.OnePacketScheduling
	Sched1     = netlinkmsg.Sched1
	Sched2     = netlinkmsg.Sched2
	Sched3     = netlinkmsg.Sched3
	SchedFlags = netlinkmsg.SchedFlags
)

// Forwarding methods. Local is the kernel's word for a destination on the
// director itself and cannot be asked for.
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

// Roles of a synchronisation daemon.
const (
	Master = netlinkmsg.Master
	Backup = netlinkmsg.Backup
)

var (
	// AddrKey returns the key of the service at an address and port.
	AddrKey = netlinkmsg.AddrKey
	// MarkKey returns the key of a firewall mark's service.
	MarkKey = netlinkmsg.MarkKey
	// FullNetmask returns the persistence netmask for single clients.
	FullNetmask = netlinkmsg.HostNetmask
	// FamilyOf returns the family of an address. An IPv4-mapped IPv6 address
	// is IPv6.
	FamilyOf = netlinkmsg.FamilyOf
)

// A DestinationKey identifies a destination among those of all services. It is
// comparable, for use as a map key.
type DestinationKey struct {
	Service  ServiceKey
	AddrPort netip.AddrPort
}

// MaxNameLen is how many bytes the name of a scheduler, a persistence engine
// or an interface may have. The kernel stores them NUL-terminated in 16 bytes
// (IP_VS_SCHEDNAME_MAXLEN, IP_VS_PENAME_MAXLEN, IP_VS_IFNAME_MAXLEN).
const MaxNameLen = 15

// Package ipvs manages the Linux kernel's layer-4 load balancer, IPVS: its
// virtual services, their destinations (real servers), time-outs,
// connection-synchronisation daemons and connections.
//
// A Client speaks to the kernel over generic netlink. Reading and changing
// the table needs CAP_NET_ADMIN in the network namespace it is for.
//
//	c, err := ipvs.Dial()
//	if err != nil { … }
//	defer c.Close()
//
//	web := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
//	err = c.AddService(ipvs.Service{
//		ServiceKey: web,
//		Scheduler:  "wlc",
//		Netmask:    ipvs.FullNetmask(ipvs.IPv4),
//	})
//
// Errors that the kernel answers are *Error values: errors.Is tells them
// apart by the package's Err values as well as by the errno.
package ipvs

import "goipvsadm/netlinkmsg"

// The values of the protocol are those of package netlinkmsg, under the names
// by which users of this package know them.
type (
	Service          = netlinkmsg.Service
	ServiceKey       = netlinkmsg.ServiceKey
	ServiceFlags     = netlinkmsg.ServiceFlags
	Destination      = netlinkmsg.Destination
	ForwardingMethod = netlinkmsg.ForwardingMethod
	Tunnel           = netlinkmsg.Tunnel
	TunnelType       = netlinkmsg.TunnelType
	TunnelFlags      = netlinkmsg.TunnelFlags
	Stats            = netlinkmsg.Stats
	Daemon           = netlinkmsg.Daemon
	DaemonState      = netlinkmsg.DaemonState
	Timeouts         = netlinkmsg.Timeouts
	Info             = netlinkmsg.Info
	Version          = netlinkmsg.Version
	Netmask          = netlinkmsg.Netmask
	Family           = netlinkmsg.Family
	Protocol         = netlinkmsg.Protocol
)

// Address families.
const (
	IPv4 = netlinkmsg.IPv4
	IPv6 = netlinkmsg.IPv6
)

// AllClients is the persistence netmask 0.0.0.0: all clients are one. The
// number 0 stands for the default, that every client is one by itself.
const AllClients = netlinkmsg.AllClients

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
	OnePacket  = netlinkmsg.OnePacket
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
	FullNetmask = netlinkmsg.FullNetmask
	// FamilyOf returns the family of an address. An IPv4-mapped IPv6 address
	// is IPv6.
	FamilyOf = netlinkmsg.FamilyOf
)

// SPDX-License-Identifier: MIT

package netlinkmsg

import "net/netip"

// Daemon is a connection synchronization daemon. The fields after SyncID are
// optional and need Linux 4.3: the kernel replaces zero values with its defaults,
// and older kernels ignore the fields.
type Daemon struct {
	State     DaemonState // role: Master or Backup
	Interface string      // network interface for sync messages, at most 15 bytes; required
	SyncID    uint32      // 0 to 255; a backup accepts messages with its own SyncID, or all if it is 0

	MaxLen uint16     // maximum UDP payload of a sync message in bytes; the default depends on the interface's MTU
	Group  netip.Addr // multicast group, IPv4 or IPv6; the default is 224.0.0.81
	Port   uint16     // UDP port; the default is 8848
	TTL    uint8      // time to live (IPv6: hop limit) of sync messages; the default is 1
}

// The attributes of a daemon (IPVS_DAEMON_ATTR_*). Unlike all other ports, its
// port is in host byte order.
const (
	daemonState = iota + 1
	daemonInterface
	daemonSyncID
	daemonMaxLen
	daemonGroup
	daemonGroup6
	daemonPort
	daemonTTL
)

// append appends d as a nested attribute. DelDaemon uses only the state, but the
// kernel requires the interface and the SyncID as well.
func (d *Daemon) append(b []byte) ([]byte, error) {
	start := len(b)
	b = beginNested(b, cmdDaemon)
	b = appendUint32(b, daemonState, uint32(d.State))
	b, err := appendName(b, daemonInterface, d.Interface, "interface name")
	if err != nil {
		return nil, err
	}
	b = appendUint32(b, daemonSyncID, d.SyncID)
	if d.MaxLen != 0 {
		b = appendUint16(b, daemonMaxLen, d.MaxLen)
	}
	switch {
	case d.Group.Is4():
		v := d.Group.As4()
		b = append(appendAttrHeader(b, daemonGroup, 4), v[:]...)
	case d.Group.IsValid():
		b = appendAddr(b, daemonGroup6, d.Group)
	}
	if d.Port != 0 {
		b = appendUint16(b, daemonPort, d.Port)
	}
	if d.TTL != 0 {
		b = appendUint8(b, daemonTTL, d.TTL)
	}
	endNested(b, start)
	return b, nil
}

// decode sets *d to the daemon with the attributes b.
func (d *Daemon) decode(b []byte) error {
	*d = Daemon{}
	var group, group6 []byte
	var tooShort attributes
	a := attributes(b)
	for ; a.valid(); a = a.next() {
		switch a.typ() {
		case daemonState:
			d.State = DaemonState(a.uint32(&tooShort))
		case daemonInterface:
			d.Interface = cString(a.payload(), "")
		case daemonSyncID:
			d.SyncID = a.uint32(&tooShort)
		case daemonMaxLen:
			d.MaxLen = a.uint16(&tooShort)
		case daemonGroup:
			group = a.payload()
		case daemonGroup6:
			group6 = a.payload()
		case daemonPort:
			d.Port = a.uint16(&tooShort)
		case daemonTTL:
			d.TTL = a.uint8(&tooShort)
		}
	}
	err := a.err(tooShort)
	switch {
	case err != nil:
	case group != nil:
		d.Group, err = address(IPv4, group)
	case group6 != nil:
		d.Group, err = address(IPv6, group6)
	}
	return err
}

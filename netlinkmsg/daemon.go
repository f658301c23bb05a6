package netlinkmsg

import "net/netip"

// A Daemon is a connection synchronisation daemon. Fields after SyncID are
// optional: zero takes the kernel's default, and kernels before 4.3 do not
// know them.
type Daemon struct {
	State     DaemonState
	Interface string // of the multicasts, at most 15 bytes
	SyncID    uint32 // 0 to 255; a backup with 0 takes all

	MaxLen uint16     // UDP payload of a sync message, in bytes
	Group  netip.Addr // multicast address, 224.0.0.81 by default
	Port   uint16     // UDP port, 8848 by default
	TTL    uint8      // 1 by default
}

// Attributes of a nested daemon (IPVS_DAEMON_ATTR_*). The port is in host
// order here.
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

var daemonSizes = minLens{
	daemonState: 4, daemonSyncID: 4, daemonMaxLen: 2, daemonGroup: 4, daemonGroup6: addrLen, daemonPort: 2, daemonTTL: 1,
}

// append appends the nested daemon attribute. Stopping a daemon needs its
// state alone, but interface and id are checked all the same.
func (d *Daemon) append(b []byte) []byte {
	start := len(b)
	b = beginNested(b, cmdDaemon)
	b = appendUint32(b, daemonState, uint32(d.State))
	b = appendString(b, daemonInterface, d.Interface)
	b = appendUint32(b, daemonSyncID, d.SyncID)
	if d.MaxLen != 0 {
		b = appendUint16(b, daemonMaxLen, d.MaxLen)
	}
	switch {
	case d.Group.Is4():
		v := d.Group.As4()
		b = append(appendAttr(b, daemonGroup, len(v)), v[:]...)
	case d.Group.IsValid():
		v := d.Group.As16()
		b = append(appendAttr(b, daemonGroup6, len(v)), v[:]...)
	}
	if d.Port != 0 {
		b = appendUint16(b, daemonPort, d.Port)
	}
	if d.TTL != 0 {
		b = appendUint8(b, daemonTTL, d.TTL)
	}
	endNested(b, start)
	return b
}

func (d *Daemon) decode(b []byte) error {
	var a attributes
	if err := a.parse(b, &daemonSizes); err != nil {
		return err
	}
	*d = Daemon{
		State:     DaemonState(a.uint32(daemonState)),
		Interface: cString(a.data(daemonInterface), ""),
		SyncID:    a.uint32(daemonSyncID),
		MaxLen:    a.uint16(daemonMaxLen),
		Port:      a.uint16(daemonPort),
		TTL:       a.uint8(daemonTTL),
	}
	switch {
	case a.has(daemonGroup):
		d.Group = netip.AddrFrom4(a.inline[daemonGroup])
	case a.has(daemonGroup6):
		d.Group = netip.AddrFrom16([16]byte(a.data(daemonGroup6)))
	}
	return nil
}

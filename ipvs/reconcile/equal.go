// SPDX-License-Identifier: MIT

package reconcile

import (
	"cmp"
	"net/netip"

	"goipvsadm/ipvs"
)

// The kernel normalizes configurations, so one that it reports can differ from the
// wanted one and still have the same effect.

// destinationEqual reports whether the configuration that the kernel reports has
// the same effect as the wanted one.
func destinationEqual(want, have *ipvs.Destination) bool {
	if want.Weight != have.Weight ||
		want.UpperThreshold != have.UpperThreshold ||
		want.LowerThreshold != have.LowerThreshold {
		return false
	}
	switch {
	case have.Method == ipvs.Local:
		// Some kernels report this method for a destination on the director
		// itself, whichever method was requested.
		return true
	case want.Method != have.Method:
		return false
	case want.Method == ipvs.Tunneling:
		return tunnelEqual(want.Tunnel, have.Tunnel)
	}
	return true
}

// tunnelEqual reports whether the fields that the tunnel type uses are equal.
func tunnelEqual(want, have ipvs.Tunnel) bool {
	return want.Type == have.Type &&
		(want.Type != ipvs.GUE || want.Port == have.Port) &&
		(want.Type == ipvs.IPIP || want.Flags == have.Flags)
}

// The kernel's defaults for unset parameters of a sync daemon, and its limits for
// MaxLen.
const (
	defaultSyncPort = 8848
	defaultSyncTTL  = 1

	minBackupMaxLen = 1024  // smaller values are raised
	maxIPv6MaxLen   = 65487 // larger values are lowered
)

// daemonEqual reports whether a running sync daemon has the same effect as the
// wanted one. If the wanted MaxLen is unset, any value is equal, because the kernel
// derives it from the interface's MTU. Kernels before 4.3 report neither MaxLen nor
// the multicast parameters; these are then not compared.
func daemonEqual(want, have *ipvs.Daemon) bool {
	if want.Interface != have.Interface || want.SyncID != have.SyncID {
		return false
	}
	reported := have.Group.IsValid()
	return !reported ||
		cmp.Or(want.Group, netip.AddrFrom4([4]byte{224, 0, 0, 81})) == have.Group &&
			cmp.Or(want.Port, defaultSyncPort) == have.Port &&
			cmp.Or(want.TTL, defaultSyncTTL) == have.TTL &&
			(want.MaxLen == 0 || effectiveMaxLen(want) == have.MaxLen)
}

// effectiveMaxLen returns the value that the kernel uses for d.MaxLen.
func effectiveMaxLen(d *ipvs.Daemon) uint16 {
	n := d.MaxLen
	if d.State == ipvs.Backup {
		n = max(n, minBackupMaxLen)
	}
	if d.Group.Is6() {
		n = min(n, maxIPv6MaxLen)
	}
	return n
}

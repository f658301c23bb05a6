package reconcile

import (
	"net/netip"

	"goipvsadm/ipvs"
)

// What the kernel reports of a configuration is not what it was given, letter
// by letter.

// sameService reports whether a service that the kernel has is the wanted one.
func serviceEqual(want, have *ipvs.Service) bool {
	// Whether a service is hashed is the kernel's affair.
	const flags = ipvs.Persistent | ipvs.OnePacket | ipvs.SchedFlags
	if want.Flags&flags != have.Flags&flags || want.Scheduler != have.Scheduler || want.PEName != have.PEName {
		return false
	}
	// Without persistence neither has a meaning, and the kernel keeps a
	// netmask all the same.
	return want.Flags&ipvs.Persistent == 0 || want.Timeout == have.Timeout && want.Netmask == have.Netmask
}

// sameDestination reports whether a destination that the kernel has is the
// wanted one.
func sameDestination(want, have *ipvs.Destination) bool {
	if want.Weight != have.Weight ||
		want.UpperThreshold != have.UpperThreshold ||
		want.LowerThreshold != have.LowerThreshold {
		return false
	}
	switch {
	case have.Method == ipvs.Local:
		// Kernels that report so do for a server on the director itself,
		// whatever method it was given.
		return true
	case want.Method != have.Method:
		return false
	case want.Method == ipvs.Tunneling:
		return sameTunnel(want.Tunnel, have.Tunnel)
	}
	return true
}

// sameTunnel compares of a tunnel what its type has.
func sameTunnel(want, have ipvs.Tunnel) bool {
	return want.Type == have.Type &&
		(want.Type != ipvs.GUE || want.Port == have.Port) &&
		(want.Type == ipvs.IPIP || want.Flags == have.Flags)
}

// What the kernel makes of a daemon's parameters.
var defaultGroup = netip.AddrFrom4([4]byte{224, 0, 0, 81})

const (
	defaultSyncPort = 8848
	defaultSyncTTL  = 1

	minBackupLen = 1024  // smaller ones are raised
	maxLenIPv6   = 65487 // larger ones are lowered
)

// sameDaemon reports whether a daemon that runs is the wanted one. How long
// its messages may be follows from the interface if the rule does not say so,
// and is not compared then; neither is what an old kernel does not tell.
func sameDaemon(want, have *ipvs.Daemon) bool {
	if want.Interface != have.Interface || want.SyncID != have.SyncID {
		return false
	}
	reported := have.Group.IsValid()
	return !reported ||
		orDefault(want.Group, defaultGroup) == have.Group &&
			orDefault(want.Port, defaultSyncPort) == have.Port &&
			orDefault(want.TTL, defaultSyncTTL) == have.TTL &&
			(want.MaxLen == 0 || maxLen(want) == have.MaxLen)
}

// maxLen is what the kernel makes of the length that is asked for.
func maxLen(d *ipvs.Daemon) uint16 {
	n := d.MaxLen
	if d.State == ipvs.Backup {
		n = max(n, minBackupLen)
	}
	if d.Group.Is6() {
		n = min(n, maxLenIPv6)
	}
	return n
}

// orDefault is v, or what stands for its zero.
func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

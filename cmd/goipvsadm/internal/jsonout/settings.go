// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"

	"goipvsadm/ipvs"
)

// Timeouts writes t, in seconds.
func Timeouts(w *bufio.Writer, t *ipvs.Timeouts) error {
	b := newObject()
	b.timeouts(t)
	return b.write(w)
}

func (b *builder) timeouts(t *ipvs.Timeouts) {
	b.openObject("timeouts")
	b.uint("tcp", uint64(t.TCP))
	b.uint("tcp_fin", uint64(t.TCPFin))
	b.uint("udp", uint64(t.UDP))
	b.closeObject()
}

// Daemons writes the running sync daemons.
func Daemons(w *bufio.Writer, daemons []ipvs.Daemon) error {
	sw, err := newStreamWriter(w, newObject(), "daemons", "\n")
	if err != nil {
		return err
	}
	for i := range daemons {
		if err := sw.add(func(b *builder) { b.daemon(&daemons[i]) }); err != nil {
			return err
		}
	}
	return sw.end()
}

// daemon appends the members of a daemon. They are named after the options of
// --start-daemon. Kernels before 4.3 report only the state, interface and sync ID.
func (b *builder) daemon(d *ipvs.Daemon) {
	b.lower("state", d.State.String())
	b.string("mcast_interface", d.Interface)
	b.base64UnlessUTF8("mcast_interface_base64", d.Interface)
	b.uint("syncid", uint64(d.SyncID))
	if d.MaxLen != 0 {
		b.uint("sync_maxlen", uint64(d.MaxLen))
	}
	if d.Group.IsValid() {
		b.addr("mcast_group", d.Group)
	}
	if d.Port != 0 {
		b.uint("mcast_port", uint64(d.Port))
	}
	if d.TTL != 0 {
		b.uint("mcast_ttl", uint64(d.TTL))
	}
}

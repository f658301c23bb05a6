// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"net/netip"
	"unicode/utf8"

	"goipvsadm/ipvs"
)

// timeouts has the fields of ipvs.Timeouts, in seconds.
type timeouts struct {
	TCP    uint32 `json:"tcp"`
	TCPFin uint32 `json:"tcp_fin"`
	UDP    uint32 `json:"udp"`
}

// Timeouts writes t.
func Timeouts(w *bufio.Writer, t *ipvs.Timeouts) error {
	return newEncoder(w).Encode(map[string]timeouts{"timeouts": timeouts(*t)})
}

// A daemon is the JSON form of an ipvs.Daemon. Its members are named after the options of
// --start-daemon. Kernels before 4.3 report only the state, interface and sync ID.
type daemon struct {
	daemonKey
	Interface      string     `json:"mcast_interface"`
	InterfaceBytes []byte     `json:"mcast_interface_base64,omitempty"`
	SyncID         uint32     `json:"syncid"`
	MaxLen         uint16     `json:"sync_maxlen,omitzero"`
	Group          netip.Addr `json:"mcast_group,omitzero"`
	Port           uint16     `json:"mcast_port,omitzero"`
	TTL            uint8      `json:"mcast_ttl,omitzero"`
}

// daemonKey identifies a daemon.
type daemonKey struct {
	State string `json:"state"`
}

func newDaemon(d *ipvs.Daemon) daemon {
	v := daemon{daemonKey{lowerName(d.State)}, d.Interface, nil, d.SyncID, d.MaxLen, d.Group, d.Port, d.TTL}
	if !utf8.ValidString(d.Interface) {
		v.InterfaceBytes = []byte(d.Interface)
	}
	return v
}

// Daemons writes the running sync daemons.
func Daemons(w *bufio.Writer, daemons []ipvs.Daemon) error {
	sw, err := newStreamWriter(w, struct{}{}, "daemons", "\n")
	if err != nil {
		return err
	}
	for i := range daemons {
		if err := sw.add(newDaemon(&daemons[i])); err != nil {
			return err
		}
	}
	return sw.end()
}

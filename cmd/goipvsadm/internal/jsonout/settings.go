package jsonout

import (
	"bufio"
	"bytes"
	"net/netip"
	"unicode/utf8"

	"goipvsadm/ipvs"
)

// timeouts is ipvs.Timeouts.
type timeouts struct {
	TCP    uint32 `json:"tcp"`
	TCPFin uint32 `json:"tcp_fin"`
	UDP    uint32 `json:"udp"`
}

// Timeouts writes the time-outs.
func Timeouts(w *bufio.Writer, t *ipvs.Timeouts) error {
	var b bytes.Buffer
	if err := newEncoder(&b).Encode(map[string]timeouts{"timeouts": timeouts(*t)}); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// daemon has the names of the options that start one. Old kernels tell no more
// of it than its interface and id.
type daemon struct {
	State     string     `json:"state"`
	Interface string     `json:"mcast_interface"`
	Bytes     []byte     `json:"mcast_interface_base64,omitempty"`
	SyncID    uint32     `json:"syncid"`
	MaxLen    uint16     `json:"sync_maxlen,omitzero"`
	Group     netip.Addr `json:"mcast_group,omitzero"`
	Port      uint16     `json:"mcast_port,omitzero"`
	TTL       uint8      `json:"mcast_ttl,omitzero"`
}

// Daemons writes the daemons that run.
func Daemons(w *bufio.Writer, daemons []ipvs.Daemon) error {
	a, err := newArray(w, struct{}{}, "daemons", "\n")
	if err != nil {
		return err
	}
	for i := range daemons {
		d := &daemons[i]
		v := daemon{lowerName(d.State), d.Interface, nil, d.SyncID, d.MaxLen, d.Group, d.Port, d.TTL}
		if !utf8.ValidString(d.Interface) {
			v.Bytes = []byte(d.Interface)
		}
		if err := a.add(&v); err != nil {
			return err
		}
	}
	return a.end()
}

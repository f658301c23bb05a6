// SPDX-License-Identifier: MIT

package tablefmt

import (
	"strconv"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// AppendTimeouts appends a line with the timeouts in seconds.
func AppendTimeouts(b []byte, t *ipvs.Timeouts) []byte {
	b = append(b, "Timeout (tcp tcpfin udp):"...)
	for _, v := range []uint32{t.TCP, t.TCPFin, t.UDP} {
		b = strconv.AppendUint(append(b, ' '), uint64(v), 10)
	}
	return append(b, '\n')
}

// AppendDaemon appends a line that describes a running sync daemon. Kernels before
// 4.3 report only its interface and its sync ID.
func AppendDaemon(b []byte, d *ipvs.Daemon) []byte {
	b = append(b, d.State.String()...)
	b = append(b, " sync daemon (mcast="...)
	b = append(b, termsafe.Quote(d.Interface)...)
	b = append(b, ", syncid="...)
	b = strconv.AppendUint(b, uint64(d.SyncID), 10)
	if d.MaxLen != 0 {
		b = append(b, ", maxlen="...)
		b = strconv.AppendUint(b, uint64(d.MaxLen), 10)
	}
	if d.Group.IsValid() {
		b = append(b, ", group="...)
		b = resolve.AppendAddr(b, d.Group)
	}
	if d.Port != 0 {
		b = append(b, ", port="...)
		b = strconv.AppendUint(b, uint64(d.Port), 10)
	}
	if d.TTL != 0 {
		b = append(b, ", ttl="...)
		b = strconv.AppendUint(b, uint64(d.TTL), 10)
	}
	return append(b, ")\n"...)
}

// SPDX-License-Identifier: MIT

package tablefmt

import (
	"strconv"

	"goipvsadm/ipvs"
)

func appendCounters(b []byte, s *ipvs.Stats, exact bool) []byte {
	b = appendScaled(b, s.Conns, exact)
	b = appendScaled(b, s.InPackets, exact)
	b = appendScaled(b, s.OutPackets, exact)
	b = appendScaled(b, s.InBytes, exact)
	return appendScaled(b, s.OutBytes, exact)
}

func appendServiceRates(b []byte, s *ipvs.Service, exact bool) []byte {
	b = appendScaled(b, s.Stats.CPS, exact)
	b = appendScaled(b, s.Stats.InPPS, exact)
	b = appendScaled(b, s.Stats.OutPPS, exact)
	b = appendScaled(b, s.Stats.InBPS, exact)
	return appendScaled(b, s.Stats.OutBPS, exact)
}

// appendDestinationRates, like ipvsadm, never abbreviates the first three rates.
func appendDestinationRates(b []byte, d *ipvs.Destination, exact bool) []byte {
	b = appendScaled(b, d.Stats.CPS, true)
	b = appendScaled(b, d.Stats.InPPS, true)
	b = appendScaled(b, d.Stats.OutPPS, true)
	b = appendScaled(b, d.Stats.InBPS, exact)
	return appendScaled(b, d.Stats.OutBPS, exact)
}

func appendPlainColumns(b []byte, d *ipvs.Destination, _ bool) []byte {
	b = padRight(append(b, ' '), d.Method.String(), 7)
	b = appendWeight(append(b, ' '), d)
	return appendConns(b, d)
}

func appendTunnelColumns(b []byte, d *ipvs.Destination, _ bool) []byte {
	b = padRight(append(b, ' '), d.Method.String(), 7)
	b = append(b, ' ')
	b = pad(AppendTunnel(b, d), len(b), 13)
	b = appendWeight(append(b, ' '), d)
	return appendConns(b, d)
}

// AppendTunnel appends the tunnel type of d, the port for GUE, and for GUE and
// GRE the checksum mode: gue:5555:+c. It appends n/a if d has no tunnel.
func AppendTunnel(b []byte, d *ipvs.Destination) []byte {
	t := &d.Tunnel
	if d.Method != ipvs.Tunneling || t.Type > ipvs.GRE {
		return append(b, "n/a"...)
	}
	b = append(b, t.Type.String()...)
	if t.Type == ipvs.IPIP {
		return b
	}
	if t.Type == ipvs.GUE {
		b = strconv.AppendUint(append(b, ':'), uint64(t.Port), 10)
	}
	switch {
	case t.Flags&ipvs.TunnelRemoteChecksum != 0:
		return append(b, ":r+c"...)
	case t.Flags&ipvs.TunnelChecksum != 0:
		return append(b, ":+c"...)
	}
	return append(b, ":-c"...)
}

func appendThresholdColumns(b []byte, d *ipvs.Destination, _ bool) []byte {
	b = padRightUint(append(b, ' '), uint64(d.UpperThreshold), 10)
	b = padRightUint(append(b, ' '), uint64(d.LowerThreshold), 10)
	return appendConns(b, d)
}

func appendPersistentColumns(b []byte, d *ipvs.Destination, _ bool) []byte {
	b = padRightUint(append(b, ' '), uint64(d.Weight), 9)
	b = padRightUint(append(b, ' '), uint64(d.PersistentConns), 11)
	return appendConns(b, d)
}

// appendWeight appends the weight, which the kernel stores as a signed integer.
func appendWeight(b []byte, d *ipvs.Destination) []byte {
	return pad(strconv.AppendInt(b, int64(int32(d.Weight)), 10), len(b), 6)
}

func appendConns(b []byte, d *ipvs.Destination) []byte {
	b = padRightUint(append(b, ' '), uint64(d.ActiveConns), 10)
	return padRightUint(append(b, ' '), uint64(d.InactiveConns), 10)
}

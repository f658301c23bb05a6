package netprobe

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRecordReply(t *testing.T) {
	client, server := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddrPort("10.0.0.11:80")
	p := pathProbe{port: 40000, path: Path{Source: client, To: server}}
	paths, probes := []Path{p.path}, map[uint16]int{p.port: 0}
	// reply returns a probe with other addresses and its payload modified by change.
	reply := func(packet []byte, from, to netip.Addr, change func(payload []byte)) []byte {
		_, payload, _ := parseIPv4(packet)
		change(payload)
		return ipv4Packet(packet[9], from, to, payload)
	}
	const tcpACK = 0x10
	swapPorts := func(flags byte) func([]byte) {
		return func(b []byte) {
			b[0], b[1], b[2], b[3] = b[2], b[3], b[0], b[1]
			b[13] = flags
		}
	}
	for _, tt := range []struct {
		name   string
		packet []byte
		want   PathReply
	}{
		{name: "accepted", packet: reply(p.syn(), server.Addr(), client, swapPorts(tcpSYN|tcpACK)), want: PathReply{TCP: Answered}},
		{name: "refused", packet: reply(p.syn(), server.Addr(), client, swapPorts(tcpRST|tcpACK)), want: PathReply{TCP: Refused}},
		{name: "from another host", packet: reply(p.syn(), client, client, swapPorts(tcpRST|tcpACK))},
		{name: "echo", packet: reply(p.echo(), server.Addr(), client, func(b []byte) { b[0] = echoReply4 }), want: PathReply{Echo: true}},
		{name: "the probe itself", packet: p.echo()},
		{name: "truncated", packet: p.echo()[:21]},
		{name: "empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			replies := make([]PathReply, 1)
			isReply := tt.want != PathReply{}
			if got := recordReply(tt.packet, paths, probes, replies); got != isReply || replies[0] != tt.want {
				t.Errorf("got %v and %+v, want %v and %+v", got, replies[0], isReply, tt.want)
			}
		})
	}
}

func TestAnnouncementCaptureAdd(t *testing.T) {
	source, group := netip.MustParseAddr("172.16.0.3"), netip.MustParseAddr("224.0.0.81")
	c, seen := &AnnouncementCapture{port: 8848}, make(map[string]bool)
	udp := append([]byte{0x80, 0, 0x22, 0x90, 0, 20, 0, 0}, 0, 6, 0, 12, 1, 1, 0, 0)
	vrrp := []byte{0x31, 51, 100, 2, 0, 100, 0, 0, 192, 0, 2, 10, 10, 6, 0, 1}
	for range 2 { // the second, identical packet is ignored
		c.add(ipv4Packet(unix.IPPROTO_UDP, source, group, udp), 2, false, seen)
		c.add(ipv4Packet(protocolVRRP, source, group, vrrp), 2, true, seen)
	}
	c.add(ipv4Packet(unix.IPPROTO_UDP, source, group, udp[:9]), 2, false, seen)
	c.add([]byte{0x45}, 2, false, seen)
	if len(c.SyncMessages) != 1 || c.SyncMessages[0] != (SyncMessage{Link: 2, Source: source, Group: netip.AddrPortFrom(group, 8848), SyncID: 6}) {
		t.Errorf("sync messages: got %+v, want one with sync ID 6", c.SyncMessages)
	}
	if len(c.Advertisements) != 1 || len(c.Advertisements[0].Addresses) != 2 || !c.Advertisements[0].Outgoing ||
		c.Advertisements[0].Addresses[1] != netip.MustParseAddr("10.6.0.1") {
		t.Errorf("advertisements: got %+v, want an outgoing one of two addresses", c.Advertisements)
	}
	if got := parseVRRP([]byte{0x21, 51, 0, 1, 0, 1, 0, 0, 192, 0, 2, 10}); got != nil {
		t.Errorf("priority 0: got %v, want no addresses", got)
	}
}

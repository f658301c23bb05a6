package doctor

import (
	"net/netip"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// largeTable returns a table of 1,000 services with 10 NAT servers each.
func largeTable() *ipvstest.FakeKernel {
	k := new(ipvstest.FakeKernel)
	vip, server := netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("198.19.0.1")
	for range 1000 {
		e := ipvstest.Entry{Service: ipvs.Service{
			ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(vip, 80)),
			Scheduler:  "wlc",
			Netmask:    ipvs.HostNetmask(ipvs.IPv4),
		}}
		for range 10 {
			e.Destinations = append(e.Destinations, ipvs.Destination{
				AddrPort: netip.AddrPortFrom(server, 80), Method: ipvs.Masquerading, Weight: 1,
			})
			server = server.Next()
		}
		k.Table = append(k.Table, e)
		vip = vip.Next()
	}
	return k
}

// newCollector returns a Collector for a fake table and the network of this
// machine. It does not pause between the samples.
func newCollector(k *ipvstest.FakeKernel) *Collector {
	client, _ := k.Dial()
	return &Collector{
		Program:   "goipvsadm",
		InNetNS:   func(f func() error) error { return f() },
		Client:    client,
		Info:      ipvs.Info{Version: 0x010201, ConnTableSize: 4096},
		ErrorText: func(err error) string { return err.Error() },
		pause:     func() {},
	}
}

// BenchmarkDoctor measures a diagnosis without the pause between the samples.
func BenchmarkDoctor(b *testing.B) {
	c := newCollector(largeTable())
	for b.Loop() {
		f, err := c.Collect()
		if err != nil {
			b.Fatal(err)
		}
		if len(f.Services) != 1000 || len(Diagnose(f)) == 0 {
			b.Fatalf("got %d services", len(f.Services))
		}
	}
}

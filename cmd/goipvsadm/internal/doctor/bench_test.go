package doctor

import (
	"net/netip"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// large returns a table of 1,000 services of 10 servers each, with NAT.
func large() *ipvstest.FakeKernel {
	k := new(ipvstest.FakeKernel)
	virtual, server := netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("198.19.0.1")
	for range 1000 {
		e := ipvstest.Entry{Service: ipvs.Service{
			ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(virtual, 80)),
			Scheduler:  "wlc",
			Netmask:    ipvs.FullNetmask(ipvs.IPv4),
		}}
		for range 10 {
			e.Destinations = append(e.Destinations, ipvs.Destination{
				AddrPort: netip.AddrPortFrom(server, 80), Method: ipvs.Masquerading, Weight: 1,
			})
			server = server.Next()
		}
		k.Table = append(k.Table, e)
		virtual = virtual.Next()
	}
	return k
}

// gatherer returns one for a table in memory and the network of this machine,
// that does not wait.
func gatherer(k *ipvstest.FakeKernel) *Gatherer {
	client, _ := k.Dial()
	return &Gatherer{
		Program: "goipvsadm",
		Inside:  func(f func() error) error { return f() },
		Client:  client,
		Info:    ipvs.Info{Version: 0x010201, ConnTableSize: 4096},
		Reason:  func(err error) string { return err.Error() },
		wait:    func() {},
	}
}

// All but the wait between the two readings: 1,000 services of 10 servers.
func BenchmarkDoctor(b *testing.B) {
	g := gatherer(large())
	for b.Loop() {
		f, err := g.Gather()
		if err != nil {
			b.Fatal(err)
		}
		if len(f.Services) != 1000 || len(Diagnose(f)) == 0 {
			b.Fatalf("%d services", len(f.Services))
		}
	}
}

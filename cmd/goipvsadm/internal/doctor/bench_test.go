// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// largeTable returns a table of services with the same number of NAT servers
// each.
func largeTable(services, servers int) *ipvstest.FakeKernel {
	k := new(ipvstest.FakeKernel)
	vip, server := netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("198.19.0.1")
	for range services {
		e := ipvstest.Entry{Service: ipvs.Service{
			ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(vip, 80)),
			Scheduler:  "wlc",
			Netmask:    ipvs.HostNetmask(ipvs.IPv4),
		}}
		for range servers {
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

// BenchmarkDoctor measures a diagnosis without the pause between the samples. It
// includes the time of the fake kernel, which searches its table for each
// request.
func BenchmarkDoctor(b *testing.B) {
	for _, size := range []struct{ services, servers int }{
		{1, 1000}, {1, 10_000}, {1000, 1}, {1000, 10}, {10_000, 1},
	} {
		b.Run(fmt.Sprintf("%dx%d", size.services, size.servers), func(b *testing.B) {
			c := newCollector(largeTable(size.services, size.servers))
			for b.Loop() {
				f, err := c.Collect()
				if err != nil {
					b.Fatal(err)
				}
				if len(f.Services) != size.services {
					b.Fatalf("got %d services", len(f.Services))
				}
				Diagnose(f)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size.services*size.servers), "ns/row")
		})
	}
}

// BenchmarkDiagnose measures the checks of a table in which each VIP is local,
// no server replies to probes, and another host replies to ARP for each VIP.
func BenchmarkDiagnose(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			f := healthyFacts()
			service := f.Services[0]
			f.Services = nil
			vip, server := addr("198.18.0.1"), addr("198.19.0.1")
			for range n {
				s := service
				s.ServiceKey = ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(vip, 80))
				s.Servers = []Server{{Destination: ipvs.Destination{AddrPort: netip.AddrPortFrom(server, 80), Weight: 1}, Delta: new(ipvs.Stats)}}
				f.Services = append(f.Services, s)
				f.Addresses = append(f.Addresses, netstate.Address{Link: outside, Prefix: netip.PrefixFrom(vip, 32)})
				f.Routes[vip] = netstate.Route{Type: netstate.Local, Link: lo}
				f.Routes[server] = netstate.Route{Type: netstate.Unicast, Link: inside}
				f.ARPReplies = append(f.ARPReplies, netprobe.Reply{Link: outside, Addr: vip, HardwareAddr: server.AsSlice()})
				f.ProbeResults = append(f.ProbeResults, netprobe.Result{Target: netprobe.Target{AddrPort: netip.AddrPortFrom(server, 80)}})
				vip, server = vip.Next(), server.Next()
			}
			for b.Loop() {
				if findings := Diagnose(f); len(findings) > 10 {
					b.Fatalf("got %d findings", len(findings))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
		})
	}
}

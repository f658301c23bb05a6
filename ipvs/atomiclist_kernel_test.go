// SPDX-License-Identifier: MIT

//go:build kernel

package ipvs

import (
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/testnet"
)

// A countingSocket counts the requests that are sent.
type countingSocket struct {
	Socket
	requests int
}

func (s *countingSocket) Send(b []byte) error {
	s.requests++
	return s.Socket.Send(b)
}

// without returns list without one row.
func without[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }

// swapped returns list with its first two rows swapped.
func swapped[T any](list []T) []T {
	return append([]T{list[1], list[0]}, list[2:]...)
}

// TestKernelAtomicList checks that hasServices and hasDestinations recognize exactly the
// lists that the kernel has, and that dumps of many datagrams are repeated only if they
// cannot be compared with the list of a socket option.
func TestKernelAtomicList(t *testing.T) {
	counting := new(countingSocket)
	c, err := Dial(WithSocketWrapper(func(s Socket) Socket {
		counting.Socket = s
		return counting
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	checkErr(t, c.RemoveAllServices(), nil)
	t.Cleanup(func() { checkErr(t, c.RemoveAllServices(), nil) })

	const rows = 300
	web, mark := AddrKey(TCP, netip.MustParseAddrPort("192.0.2.1:80")), MarkKey(1000, IPv4)
	server := func(i int) Destination {
		return Destination{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), uint16(1000+i))}
	}
	b := c.Batch()
	b.AddService(Service{ServiceKey: web, Scheduler: "rr"})
	for i := range rows {
		key := AddrKey(UDP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), uint16(1000+i)))
		if i%3 == 0 {
			key = MarkKey(uint32(1000+i), IPv4)
		}
		b.AddService(Service{ServiceKey: key, Scheduler: "rr"})
		b.AddDestination(web, server(i))
		b.AddDestination(mark, server(i))
	}
	if failures, err := b.Commit(); len(failures) > 0 || err != nil {
		t.Fatal(failures, err)
	}

	services := stableServices(t, c)
	ds, err := c.Destinations(web)
	checkErr(t, err, nil)
	if len(services) != rows+1 || len(ds) != rows {
		t.Fatalf("%d services, %d destinations", len(services), len(ds))
	}
	hasCookies, err := testnet.HasNetNSCookies() // without cookies, lists are not read and dumps are repeated
	checkErr(t, err, nil)

	for _, tt := range []struct {
		name string
		got  bool
		want bool
	}{
		{"services", c.hasServices(services), hasCookies},
		{"services without the first", c.hasServices(services[1:]), false},
		{"services without the last", c.hasServices(services[:rows]), false},
		{"services without one", c.hasServices(without(services, 9)), false},
		{"one service more", c.hasServices(append(slices.Clone(services), Service{ServiceKey: MarkKey(1<<32-1, IPv4)})), false},
		{"services in another order", c.hasServices(swapped(services)), false},
		{"no service", c.hasServices(nil), false},
		{"destinations", c.hasDestinations(web, ds), hasCookies},
		{"destinations of a mark", c.hasDestinations(mark, ds), hasCookies},
		{"destinations without the first", c.hasDestinations(web, ds[1:]), false},
		{"destinations without the last", c.hasDestinations(web, ds[:rows-1]), false},
		{"destinations without one", c.hasDestinations(web, without(ds, 9)), false},
		{"one destination more", c.hasDestinations(web, append(slices.Clone(ds), Destination{AddrPort: netip.MustParseAddrPort("255.255.255.255:65535")})), false},
		{"destinations in another order", c.hasDestinations(web, swapped(ds)), false},
		{"no destination", c.hasDestinations(web, nil), false},
		{"no destination of a service without any", c.hasDestinations(services[slices.IndexFunc(services, func(s Service) bool { return s.ServiceKey != web && s.ServiceKey != mark })].ServiceKey, nil), hasCookies},
		{"no such service", c.hasDestinations(MarkKey(7, IPv4), nil), false},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}

	check := func(name string, rows, dumps int) {
		t.Helper()
		counting.requests = 0
		list, err := c.ServicesConsistent()
		if err != nil || len(list) != rows+1 || counting.requests != dumps {
			t.Errorf("%s: %d services, %v, %d dumps; want %d, %d dumps", name, len(list), err, counting.requests, rows+1, dumps)
		}
		for _, key := range []ServiceKey{web, mark} {
			counting.requests = 0
			list, err := c.AppendDestinationsConsistent(nil, key)
			if err != nil || len(list) != rows || counting.requests != dumps {
				t.Errorf("%s: %v: %d destinations, %v, %d dumps; want %d, %d dumps", name, key, len(list), err, counting.requests, rows, dumps)
			}
		}
	}
	dumps := 2
	if hasCookies {
		dumps = 1
	}
	check("IPv4", rows, dumps)

	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		check("from a thread in another network namespace", rows, 2)
	}()
	<-done

	v6 := Destination{AddrPort: netip.MustParseAddrPort("[2001:db8::1]:80"), Method: Tunneling}
	checkErr(t, c.AddService(Service{ServiceKey: MarkKey(1, IPv6), Scheduler: "rr"}), nil)
	checkErr(t, c.AddDestination(web, v6), nil)
	checkErr(t, c.AddDestination(mark, v6), nil)
	stableServices(t, c)
	check("IPv6", rows+1, 2)
}

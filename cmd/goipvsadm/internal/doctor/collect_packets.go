// SPDX-License-Identifier: MIT

package doctor

import (
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/ipvs"

	"golang.org/x/sys/unix"
)

// Arrivals are packets for a service that arrived from the network between the
// samples, whether or not IPVS received them: TCP SYNs, or any UDP and SCTP
// packets.
type Arrivals struct {
	Packets    int
	Clients    []netip.Addr // some of the clients
	Link       int          // index of the link of the last packet
	OtherLinks bool         // whether packets arrived on other links too
}

// An Endpoint is a port of a host.
type Endpoint struct {
	Protocol ipvs.Protocol
	AddrPort netip.AddrPort
}

// A Rejection is the number of packets to a server that were rejected between
// the samples, by ICMP or by SCTP.
type Rejection struct {
	Packets  int
	Reporter netip.Addr // the server, or a gateway on the way to it
}

// An UnmarkedTarget is an address of the director to which a client has sent TCP
// SYNs, or UDP packets, between the samples without creating a connection, and which
// belongs to no service: the packets may lack a firewall mark, or the service may have
// another protocol.
type UnmarkedTarget struct {
	Protocol ipvs.Protocol
	Target   netip.AddrPort
	Client   netip.Addr
	Packets  int
}

// maxRecorded is the number of endpoints and of packets without a service that are
// recorded.
const maxRecorded = 10000

// maxArrivalClients is the number of clients that are recorded per service, to find
// those that a firewall drops.
const maxArrivalClients = 64

// capture waits for sampleInterval and records the packets that arrive for the
// services and from their servers meanwhile. It returns the TCP SYNs to addresses
// of the director that belong to no service, and the UDP packets to the addresses of
// TCP services without a UDP service or, with firewall marks, to any address of the
// director.
func (c *Collector) capture(f *Facts, services []Service) (unserved []netprobe.Packet, err error) {
	var capture *netprobe.Capture
	err = c.InNetNS(func() (err error) {
		capture, err = netprobe.OpenCapture()
		return err
	})
	c.wait()
	if err != nil {
		return nil, err
	}
	defer capture.Close()
	ix := newServerIndex(f, services)
	own := f.ownAddrs()
	servers := serverAddrs(services)
	marks := hasMarks(services)
	orphans := make(map[connKey]bool)
	for i := range f.Orphans {
		o := &f.Orphans[i]
		orphans[connKey{o.Service.Protocol, o.Client, o.VIP}] = true
	}
	f.Arrivals = make(map[ipvs.ServiceKey]*Arrivals)
	f.ARPRequests = make(map[netip.Addr]int)
	f.Replies = make(map[Endpoint]int)
	f.Rejections = make(map[Endpoint]*Rejection)
	requests := make(map[[2]netip.Addr]int) // by host and requested address
	for _, p := range capture.Packets() {
		from, to := p.Source.Addr(), p.Destination.Addr()
		protocol := ipvs.Protocol(p.Protocol)
		switch {
		case p.Protocol == 0:
			if key := [2]netip.Addr{from, to}; from != to && !own[from] {
				requests[key]++
				f.ARPRequests[to] = max(f.ARPRequests[to], requests[key])
			}
			continue
		case p.Sent:
			if p.TooBig && (own[to] || ix.service(protocol, p.Destination) != nil) {
				f.TooBigSent++
			}
			continue
		case p.Reporter.IsValid():
			if servers[to] && !p.TooBig {
				f.reject(Endpoint{protocol, p.Destination}, p.Reporter)
			}
			continue
		case servers[from] && p.Aborts:
			f.reject(Endpoint{protocol, p.Source}, from)
		case servers[from] && p.Protocol != unix.IPPROTO_TCP && !own[to] && len(f.Replies) < maxRecorded:
			f.Replies[Endpoint{protocol, p.Source}]++
		}
		if orphans[connKey{protocol, p.Source, p.Destination}] {
			f.OrphanPackets++
		}
		s := ix.service(protocol, p.Destination)
		if s == nil {
			isUDP := p.Protocol == unix.IPPROTO_UDP && (marks || ix.service(ipvs.TCP, p.Destination) != nil)
			if (p.Protocol == unix.IPPROTO_TCP || isUDP) && own[to] && len(unserved) < maxRecorded {
				unserved = append(unserved, p)
			}
			continue
		}
		a := f.Arrivals[s.ServiceKey]
		if a == nil {
			a = new(Arrivals)
			f.Arrivals[s.ServiceKey] = a
		}
		a.OtherLinks = a.OtherLinks || a.Packets > 0 && a.Link != p.Link
		a.Packets++
		a.Link = p.Link
		a.Clients = appendDistinct(a.Clients, from, maxArrivalClients)
	}
	return unserved, nil
}

// reject records that a packet to a server was rejected.
func (f *Facts) reject(e Endpoint, reporter netip.Addr) {
	r := f.Rejections[e]
	if r == nil {
		if len(f.Rejections) == maxRecorded {
			return
		}
		r = new(Rejection)
		f.Rejections[e] = r
	}
	r.Packets++
	r.Reporter = reporter
}

// unmarked returns the targets of the packets that have created no connection of a
// firewall mark service, each with the most persistent client. It returns none if
// not all connections have been read.
func unmarked(f *Facts, unserved []netprobe.Packet, conns map[connKey]connSample) []UnmarkedTarget {
	if !f.AllConnections {
		return nil
	}
	type pair struct {
		client netip.Addr
		target Endpoint
	}
	count := make(map[pair]int)
	index := make(map[Endpoint]int)
	var targets []UnmarkedTarget
	for _, p := range unserved {
		if _, ok := conns[connKey{ipvs.Protocol(p.Protocol), p.Source, p.Destination}]; ok {
			continue
		}
		k := pair{p.Source.Addr(), Endpoint{ipvs.Protocol(p.Protocol), p.Destination}}
		count[k]++
		i, ok := index[k.target]
		if !ok {
			i = len(targets)
			index[k.target] = i
			targets = append(targets, UnmarkedTarget{Protocol: k.target.Protocol, Target: k.target.AddrPort})
		}
		if t := &targets[i]; count[k] > t.Packets {
			t.Client, t.Packets = k.client, count[k]
		}
	}
	return targets
}

// hasMarks reports whether there is a firewall mark service.
func hasMarks(services []Service) bool {
	return slices.ContainsFunc(services, func(s Service) bool { return s.Mark != 0 })
}

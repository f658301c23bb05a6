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

// A Rejection describes the packets to a server that were rejected between the samples,
// by an ICMP error or an SCTP ABORT.
type Rejection struct {
	Packets  int
	Reporter netip.Addr // the server, or a gateway on the way to it
}

// An UnmatchedTarget is an address and port of the director at which TCP SYNs or UDP
// packets of a client arrived between the samples, but matched no service and created no
// connection. The packets may lack a firewall mark, or the service may be for another
// protocol.
type UnmatchedTarget struct {
	Protocol ipvs.Protocol
	Target   netip.AddrPort
	Client   netip.Addr
	Packets  int
}

// maxRecorded is the maximum length of Facts.Replies, Facts.Rejections, Facts.Resets and
// packetRecorder.unmatched.
const maxRecorded = 10000

// maxArrivalClients is the maximum number of clients that are recorded per service,
// to find clients whose packets a firewall drops.
const maxArrivalClients = 64

// capturePackets waits for sampleInterval and records the packets that arrive meanwhile
// for the services and from their servers. It returns the packets that match no service:
// see packetRecorder.unmatched.
func (c *Collector) capturePackets(f *Facts, services []Service) (unmatched []netprobe.Packet, err error) {
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
	r := newPacketRecorder(f, services)
	for _, p := range capture.Packets() {
		r.record(&p)
	}
	return r.unmatched, nil
}

// A packetRecorder records captured packets in Facts.
type packetRecorder struct {
	f            *Facts
	ix           *serverIndex
	own, servers map[netip.Addr]bool   // addresses of the director, and of servers
	orphans      map[connKey]bool      // connections in Facts.Orphans
	hasMarks     bool                  // whether there is a fwmark service
	arpRequests  map[[2]netip.Addr]int // by sender and requested address

	// unmatched are TCP SYNs to addresses of the director that match no service, and
	// UDP packets to the addresses of TCP services without a UDP service or, if
	// hasMarks is set, to any address of the director.
	unmatched []netprobe.Packet
}

func newPacketRecorder(f *Facts, services []Service) *packetRecorder {
	r := &packetRecorder{f: f, ix: newServerIndex(f, services), own: f.ownAddrs(), servers: serverAddrs(services),
		orphans: make(map[connKey]bool), hasMarks: hasMarks(services), arpRequests: make(map[[2]netip.Addr]int)}
	for i := range f.Orphans {
		o := &f.Orphans[i]
		r.orphans[connKey{o.Service.Protocol, o.Client, o.VIP}] = true
	}
	f.Arrivals = make(map[ipvs.ServiceKey]*Arrivals)
	f.ARPRequests = make(map[netip.Addr]int)
	f.Replies = make(map[Endpoint]int)
	f.Rejections = make(map[Endpoint]*Rejection)
	f.Resets = make(map[connKey]bool)
	return r
}

func (r *packetRecorder) record(p *netprobe.Packet) {
	switch {
	case p.Protocol == 0:
		r.recordARPRequest(p)
	case p.Reporter.IsValid():
		r.recordICMPError(p)
	case p.Protocol == unix.IPPROTO_TCP && p.Aborts:
		if len(r.f.Resets) < maxRecorded {
			r.f.Resets[connKey{ipvs.TCP, p.Source, p.Destination}] = true
		}
	default:
		r.recordReply(p)
		r.recordRequest(p)
	}
}

// recordARPRequest counts the requests of other hosts, except gratuitous ones, in which
// the requested address is that of the sender.
func (r *packetRecorder) recordARPRequest(p *netprobe.Packet) {
	from, to := p.Source.Addr(), p.Destination.Addr()
	if from == to || r.own[from] {
		return
	}
	key := [2]netip.Addr{from, to}
	r.arpRequests[key]++
	r.f.ARPRequests[to] = max(r.f.ARPRequests[to], r.arpRequests[key])
}

func (r *packetRecorder) recordICMPError(p *netprobe.Packet) {
	to, protocol := p.Destination.Addr(), ipvs.Protocol(p.Protocol)
	switch {
	case p.Sent && p.TooBig && (r.own[to] || r.ix.service(protocol, p.Destination) != nil):
		r.f.TooBigSent++
	case !p.Sent && !p.TooBig && r.servers[to]:
		r.f.addRejection(Endpoint{protocol, p.Destination}, p.Reporter)
	}
}

// recordReply records a packet from a server. TCP replies are not captured.
func (r *packetRecorder) recordReply(p *netprobe.Packet) {
	from, server := p.Source.Addr(), Endpoint{ipvs.Protocol(p.Protocol), p.Source}
	switch {
	case !r.servers[from]:
	case p.Aborts:
		r.f.addRejection(server, from)
	case p.Protocol != unix.IPPROTO_TCP && !r.own[p.Destination.Addr()] && len(r.f.Replies) < maxRecorded:
		r.f.Replies[server]++
	}
}

// recordRequest records a packet to a service, or a packet that matches no service.
func (r *packetRecorder) recordRequest(p *netprobe.Packet) {
	protocol := ipvs.Protocol(p.Protocol)
	if r.orphans[connKey{protocol, p.Source, p.Destination}] {
		r.f.OrphanPackets++
	}
	s := r.ix.service(protocol, p.Destination)
	if s == nil {
		isTCP := protocol == ipvs.TCP
		isUDP := protocol == ipvs.UDP && (r.hasMarks || r.ix.service(ipvs.TCP, p.Destination) != nil)
		if (isTCP || isUDP) && r.own[p.Destination.Addr()] && len(r.unmatched) < maxRecorded {
			r.unmatched = append(r.unmatched, *p)
		}
		return
	}
	a := r.f.Arrivals[s.ServiceKey]
	if a == nil {
		a = new(Arrivals)
		r.f.Arrivals[s.ServiceKey] = a
	}
	a.OtherLinks = a.OtherLinks || a.Packets > 0 && a.Link != p.Link
	a.Packets++
	a.Link = p.Link
	a.Clients = appendDistinct(a.Clients, p.Source.Addr(), maxArrivalClients)
}

// addRejection records that a packet to a server was rejected.
func (f *Facts) addRejection(e Endpoint, reporter netip.Addr) {
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

// unmatchedTargets returns the targets of the packets that have created no connection, each
// with the client that sent the most packets to it. It returns none unless all connections
// have been read: an unread connection may be one to a fwmark service.
func unmatchedTargets(f *Facts, unmatched []netprobe.Packet, conns map[connKey]connSample) []UnmatchedTarget {
	if !f.AllConnections {
		return nil
	}
	type pair struct {
		client netip.Addr
		target Endpoint
	}
	count := make(map[pair]int)
	index := make(map[Endpoint]int)
	var targets []UnmatchedTarget
	for _, p := range unmatched {
		if _, ok := conns[connKey{ipvs.Protocol(p.Protocol), p.Source, p.Destination}]; ok {
			continue
		}
		k := pair{p.Source.Addr(), Endpoint{ipvs.Protocol(p.Protocol), p.Destination}}
		count[k]++
		i, ok := index[k.target]
		if !ok {
			i = len(targets)
			index[k.target] = i
			targets = append(targets, UnmatchedTarget{Protocol: k.target.Protocol, Target: k.target.AddrPort})
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

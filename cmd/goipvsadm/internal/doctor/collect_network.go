// SPDX-License-Identifier: MIT

package doctor

import (
	"cmp"
	"net/netip"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"

	"golang.org/x/sys/unix"
)

// A networkWatch observes the network between the two samples.
type networkWatch struct {
	c          *Collector
	firewall   *netstate.Firewall // at the first sample
	counters   netstate.Counters  // at the first sample
	capture    *netprobe.AnnouncementCapture
	captureErr error
}

// defaultSyncPort is the UDP port of sync messages unless another one is set.
const defaultSyncPort = 8848

// watchNetwork reads the firewall rules and the counters, and starts to capture
// the announcements of directors.
func (c *Collector) watchNetwork(f *Facts) *networkWatch {
	w := &networkWatch{c: c}
	_ = c.InNetNS(func() error { w.firewall, _ = netstate.ReadFirewall(); return nil }) // errors are noted by finish
	_ = c.InNetNS(func() (err error) { w.counters, err = netstate.ReadCounters(); return err })
	f.Firewall = w.firewall
	port := uint16(defaultSyncPort)
	for _, d := range f.Daemons {
		if d.Port != 0 {
			port = d.Port
		}
	}
	w.captureErr = c.InNetNS(func() (err error) { w.capture, err = netprobe.CaptureAnnouncements(port); return err })
	return w
}

// finish ends the capture and reads the firewall rules and the counters again.
func (w *networkWatch) finish(f *Facts) {
	if w.capture != nil {
		w.captureErr = w.capture.Close()
		f.SyncMessages, f.Advertisements = w.capture.SyncMessages, w.capture.Advertisements
	}
	if w.captureErr != nil && len(f.Daemons) > 0 {
		f.noteOptional("sync messages and VRRP advertisements", w.captureErr.Error())
	}
	err := w.c.InNetNS(func() (err error) { f.Firewall, err = netstate.ReadFirewall(); return err })
	if err != nil {
		f.FirewallIncomplete = true
		f.noteOptional("firewall rules", err.Error())
	}
	f.Firewall.Since(w.firewall)
	w.c.read(f, "packet counters", func() error {
		counters, err := netstate.ReadCounters()
		f.Counters = counters.Since(w.counters)
		return err
	})
}

// readNetworkUse reads whether ip_vs_ftp and VRRP are in use, and which links have a
// default route from a router advertisement.
func (c *Collector) readNetworkUse(f *Facts) {
	f.HasFTPHelper = netstate.ModuleLoaded("ip_vs_ftp")
	c.read(f, "raw sockets", func() (err error) { f.HasVRRP, err = netstate.HasVRRPSocket(); return err })
	c.read(f, "IPv6 routes", func() (err error) { f.AdvertisedDefaults, err = netstate.AdvertisedDefaultLinks(); return err })
}

// A PathResult is the result of the path probes of a server.
type PathResult struct {
	Client       netip.Addr         // one of the clients without replies
	FromClient   netprobe.PathReply // replies, received by the director, to packets whose source is Client
	FromDirector netprobe.PathReply // replies to packets whose source is the director, or Client if the VIP is its only address
}

const (
	maxPaths     = 32          // maximum number of TCP servers whose paths are probed
	maxDatagrams = 256         // maximum number of UDP and SCTP servers that are probed
	pathWait     = time.Second // time limit for replies to path probes
	gueHeaderLen = 4           // in bytes
)

// probePaths probes the paths to TCP servers with stuck clients, and the ports of
// UDP and SCTP servers.
func (c *Collector) probePaths(f *Facts) {
	type probe struct {
		d      *ipvs.Destination
		client netip.Addr // source of the first of the two paths to a TCP server; invalid for other servers, which have one path
	}
	var probes []probe
	var paths []netprobe.Path
	suspects, datagrams := 0, 0 // numbers of TCP servers, and of UDP and SCTP servers
	f.eachServer(func(s *Service, d *Server) {
		isTCP := s.mayUseTCP()
		if isTCP && (suspects == maxPaths || len(d.Conns.StuckClients) == 0) || !isTCP && datagrams == maxDatagrams {
			return
		}
		path, ok := f.pathTo(s, d)
		if !ok {
			return
		}
		path.Echo = true
		if !isTCP {
			datagrams++
			probes, paths = append(probes, probe{d: &d.Destination}), append(paths, path)
			return
		}
		suspects++
		fromClient := path
		fromClient.Source = d.Conns.StuckClients[0]
		if !path.Source.IsValid() {
			path.Source = fromClient.Source
		}
		probes, paths = append(probes, probe{&d.Destination, fromClient.Source}), append(paths, fromClient, path)
	})
	var replies []netprobe.PathReply
	err := c.InNetNS(func() (err error) { replies, err = netprobe.ProbePaths(paths, pathWait); return err })
	if err != nil {
		f.noteUnavailable("path probes", err.Error())
		return
	}
	f.Paths = make(map[*ipvs.Destination]PathResult)
	f.Datagrams = make(map[*ipvs.Destination]netprobe.PathReply)
	for _, p := range probes {
		if p.client.IsValid() {
			f.Paths[p.d] = PathResult{Client: p.client, FromClient: replies[0], FromDirector: replies[1]}
			replies = replies[2:]
			continue
		}
		f.Datagrams[p.d] = replies[0]
		replies = replies[1:]
	}
}

// pathTo returns the path by which probes from the director reach a server in the
// same way as packets that IPVS forwards. It returns false if the server has no
// route or hardware address, or if the port is unknown. Source is invalid if the
// VIP is the director's only address.
func (f *Facts) pathTo(s *Service, d *Server) (p netprobe.Path, ok bool) {
	r, ok := f.routeTo(d)
	if !ok || !s.mayUseTCP() && s.AddrPort.Port() == 0 {
		return p, false
	}
	addr, vip := d.AddrPort.Addr(), s.vip(d)
	p = netprobe.Path{Protocol: unix.IPPROTO_TCP, To: vip, Link: r.Link, Server: addr}
	if s.Mark == 0 {
		p.Protocol = uint8(s.Protocol)
	}
	switch d.Method {
	case ipvs.Masquerading:
		p.To = netip.AddrPortFrom(addr, s.serverPort(d))
		p.Source = cmp.Or(f.probeSource(r.Link, addr), r.Source)
	case ipvs.Tunneling:
		p.TunnelProto, p.Tunnel = tunnelHeaders(&d.Destination, vip.Addr())
		p.TunnelSource = r.Source
		p.Source = f.probeSource(r.Link, vip.Addr())
	default:
		nextHop := cmp.Or(r.Gateway, addr)
		p.HardwareAddr = f.HardwareAddrs[neighborKey{r.Link, nextHop}]
		if len(p.HardwareAddr) != 6 || vip.Addr().Is4() != nextHop.Is4() {
			return p, false
		}
		p.Source = f.probeSource(r.Link, nextHop)
	}
	return p, p.To.IsValid() && p.To.Port() != 0 && (p.Source.IsValid() || p.Protocol == unix.IPPROTO_TCP)
}

// tunnelEndpoint returns the endpoint at which the tunnel to a server ends, for
// packets to a VIP. The port is 0 unless the tunnel uses UDP.
func tunnelEndpoint(d *ipvs.Destination, vip netip.Addr) Endpoint {
	protocol, _ := tunnelHeaders(d, vip)
	e := Endpoint{ipvs.Protocol(protocol), netip.AddrPortFrom(d.AddrPort.Addr(), 0)}
	if d.Tunnel.Type == ipvs.GUE {
		e.AddrPort = netip.AddrPortFrom(d.AddrPort.Addr(), d.Tunnel.Port)
	}
	return e
}

// tunnelHeaders returns the protocol of a tunnel's outer header and the headers
// between it and a packet to the VIP.
func tunnelHeaders(d *ipvs.Destination, vip netip.Addr) (protocol int, headers []byte) {
	inner, etherType := unix.IPPROTO_IPIP, uint16(unix.ETH_P_IP)
	if !vip.Is4() {
		inner, etherType = unix.IPPROTO_IPV6, unix.ETH_P_IPV6
	}
	switch d.Tunnel.Type {
	case ipvs.GUE:
		// The UDP length is that of an empty payload: without a checksum, receivers
		// only check that it does not exceed the packet.
		length := 8 + gueHeaderLen
		port := d.Tunnel.Port
		return unix.IPPROTO_UDP, []byte{0x9c, 0x40, byte(port >> 8), byte(port), 0, byte(length), 0, 0, 0, byte(inner), 0, 0}
	case ipvs.GRE:
		return unix.IPPROTO_GRE, []byte{0, 0, byte(etherType >> 8), byte(etherType)}
	}
	return inner, nil
}

// acceptRASysctl returns the path of the sysctl that controls whether a link accepts
// router advertisements: 1 means unless forwarding is enabled, 2 means always.
func acceptRASysctl(link string) string { return "net/ipv6/conf/" + link + "/accept_ra" }

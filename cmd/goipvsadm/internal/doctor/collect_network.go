package doctor

import (
	"net"
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

// collectIPVS reads the timeouts and which of ip_vs_ftp, VRRP and router
// advertisements are in use.
func (c *Collector) collectIPVS(f *Facts) {
	if c.Client != nil {
		var err error
		if f.Timeouts, err = c.Client.Timeouts(); err != nil {
			f.noteUnavailable("timeouts", c.ErrorText(err))
		}
	}
	f.HasFTPHelper = netstate.ModuleLoaded("ip_vs_ftp")
	c.read(f, "raw sockets", func() (err error) { f.HasVRRP, err = netstate.HasVRRPSocket(); return err })
	c.read(f, "IPv6 routes", func() (err error) { f.AdvertisedDefaults, err = netstate.AdvertisedDefaultLinks(); return err })
}

// A PathResult is the result of the path probes of a server.
type PathResult struct {
	Client       netip.Addr         // one of the clients without replies
	FromClient   netprobe.PathReply // replies to packets from Client that arrive at the director
	FromDirector netprobe.PathReply // replies to packets from an address of the director
}

const (
	maxPaths     = 32          // number of servers whose path is probed
	pathWait     = time.Second // time limit for replies to path probes
	gueHeaderLen = 4           // in bytes
)

// probePaths probes the paths to servers that do not reply to their clients.
func (c *Collector) probePaths(f *Facts) {
	type suspect struct {
		d      *ipvs.Destination
		client netip.Addr
	}
	var suspects []suspect
	var paths []netprobe.Path
	f.eachServer(func(s *Service, d *Server) {
		if len(suspects) == maxPaths || s.Protocol != ipvs.TCP && s.Mark == 0 || !d.AddrPort.Addr().Is4() || !d.Conns.VIP.Is4() ||
			d.Conns.StuckSynRecv == 0 || len(d.Conns.StuckClients) == 0 {
			return
		}
		r, ok := f.routeTo(d)
		if !ok {
			return
		}
		client := d.Conns.StuckClients[0]
		base := netprobe.Path{Link: r.Link, Server: d.AddrPort.Addr(), To: d.AddrPort}
		if d.Method != ipvs.Masquerading {
			base.To = d.Conns.VIPPort
			if s.Mark == 0 && s.AddrPort.Port() != 0 {
				base.To = s.AddrPort
			}
			if d.Method == ipvs.Tunneling {
				base.TunnelProto, base.Tunnel = tunnelHeaders(&d.Destination)
			} else if base.HardwareAddr = f.HardwareAddrs[neighborKey{r.Link, d.AddrPort.Addr()}]; base.HardwareAddr == nil {
				return
			}
		}
		fromClient, fromDirector := base, base
		fromClient.Source = client
		if fromDirector.Source = f.probeSource(r.Link, d.AddrPort.Addr()); !fromDirector.Source.IsValid() {
			fromDirector.Source = client
		}
		suspects = append(suspects, suspect{&d.Destination, client})
		paths = append(paths, fromClient, fromDirector)
	})
	var replies []netprobe.PathReply
	err := c.InNetNS(func() (err error) { replies, err = netprobe.ProbePaths(paths, pathWait); return err })
	if err != nil {
		f.noteUnavailable("path probes", err.Error())
		return
	}
	f.Paths = make(map[*ipvs.Destination]PathResult)
	for i, s := range suspects {
		f.Paths[s.d] = PathResult{Client: s.client, FromClient: replies[2*i], FromDirector: replies[2*i+1]}
	}
}

// tunnelHeaders returns the protocol of a tunnel's outer header and the headers
// between it and the client's packet.
func tunnelHeaders(d *ipvs.Destination) (protocol int, headers []byte) {
	switch d.Tunnel.Type {
	case ipvs.GUE:
		// UDP length. Without a checksum, receivers only check that it does not
		// exceed the packet.
		length := 8 + gueHeaderLen
		port := d.Tunnel.Port
		return unix.IPPROTO_UDP, []byte{0x9c, 0x40, byte(port >> 8), byte(port), 0, byte(length), 0, 0, 0, unix.IPPROTO_IPIP, 0, 0}
	case ipvs.GRE:
		return unix.IPPROTO_GRE, []byte{0, 0, 0x08, 0}
	}
	return unix.IPPROTO_IPIP, nil
}

// markOf returns the firewall mark that rules set on packets to an address. It
// returns false if the rules are unknown, set no mark, or may not match.
func (f *Facts) markOf(protocol ipvs.Protocol, to netip.AddrPort) (uint32, bool) {
	if f.Firewall == nil {
		return 0, false
	}
	mark := uint32(0)
	outcomes := f.Firewall.Evaluate("prerouting", "", &netstate.Packet{Protocol: uint16(protocol), Destination: to, State: "NEW", Local: true})
	for _, o := range outcomes {
		switch {
		case o.Verdict != netstate.SetMark:
		case !o.Certain:
			return 0, false
		default:
			mark = mark&^o.Rule.Mask ^ o.Rule.Mark
		}
	}
	return mark, mark != 0
}

// An Unserved is a connection to a virtual address and port without a service,
// which the master has sent.
type Unserved struct {
	VIP    netip.AddrPort
	Server netip.AddrPort
}

// isStandby reports whether this director does not announce a VIP, and either
// another one does or this one is a backup director.
func (f *Facts) isStandby(vip netip.Addr) bool {
	return !f.isAnnounced(vip, true) && (f.isAnnounced(vip, false) || f.isBackupDirector())
}

// hardwareAddrs returns the hardware addresses of neighbors.
func hardwareAddrs(neighbors []netstate.Neighbor) map[neighborKey]net.HardwareAddr {
	addrs := make(map[neighborKey]net.HardwareAddr)
	for _, n := range neighbors {
		if n.HardwareAddr != nil {
			addrs[neighborKey{n.Link, n.Addr}] = n.HardwareAddr
		}
	}
	return addrs
}

// acceptRASysctl returns the path of the sysctl that controls whether a link
// accepts router advertisements: 1 unless forwarding is enabled, 2 always.
func acceptRASysctl(link string) string { return "net/ipv6/conf/" + link + "/accept_ra" }

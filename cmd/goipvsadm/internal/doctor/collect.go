// SPDX-License-Identifier: MIT

package doctor

import (
	"errors"
	"io/fs"
	"net"
	"strings"
	"sync"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// sampleInterval is the time between the two samples. The kernel updates its
// counters every two seconds.
const sampleInterval = 2200 * time.Millisecond

// A Collector collects facts.
type Collector struct {
	Program     string                   // name of this program, for remedies
	NetNS       string                   // network namespace as given to --netns; "" for the caller's
	InNetNS     func(func() error) error // calls a function in that network namespace
	Client      *ipvs.Client             // nil if IPVS is not available
	ClientError string                   // why Client is nil
	Info        ipvs.Info
	Service     *ipvs.ServiceKey   // the only service to examine; nil for all
	Probe       bool               // whether to send probes
	ErrorText   func(error) string // formats an error of Client

	Rules *Rules // table to examine instead of the kernel's; nil for the kernel's

	pause func() // waits for sampleInterval; replaced in tests
}

// A sample is the state that is read twice, for comparison.
type sample struct {
	time             time.Time
	services         []Service
	conns            map[connKey]connSample
	neighbors        Neighbors
	reversePathDrops uint64
	conntrackInvalid uint64
}

// Collect takes two samples and reads the remaining facts with the second one.
// What cannot be read is noted in Unavailable; an error is returned only if the
// requested Service does not exist.
func (c *Collector) Collect() (*Facts, error) {
	if c.Rules != nil {
		return c.collectRules()
	}
	f := &Facts{Program: c.Program, NetNS: c.NetNS, Probed: c.Probe, ConnTableSize: c.Info.ConnTableSize}
	c.readLinks(f)
	c.readDaemons(f)
	watch := c.watchNetwork(f)
	first, err := c.sample(f, nil)
	if err != nil {
		return nil, err
	}
	var probing sync.WaitGroup
	var probeErr error
	probed := &Facts{Services: first.services} // the probes must not use f, which capturePackets changes
	if c.Probe {
		c.collectHost(probed)
		probing.Go(func() { probeErr = c.probeNetwork(probed) })
	}
	var captureErr error
	var unmatched []netprobe.Packet
	if len(first.services) > 0 || len(f.Daemons) > 0 {
		unmatched, captureErr = c.capturePackets(f, first.services)
	}
	probing.Wait()
	f.ARPReplies, f.ARPProbed = probed.ARPReplies, probed.ARPProbed
	f.ProbeResults, f.VIPOutcomes = probed.ProbeResults, probed.VIPOutcomes

	f.Unavailable, f.TableUnreadable = nil, false // noted again by the second sample
	if captureErr != nil {
		f.noteOptional("arriving packets", captureErr.Error())
	}
	if probeErr != nil {
		f.noteUnavailable("network probes", probeErr.Error())
	}
	second, err := c.sample(f, first)
	if err != nil {
		return nil, err
	}
	if len(first.services) > 0 {
		f.Elapsed = second.time.Sub(first.time)
	}
	f.Services = second.services
	setDeltas(first.services, f.Services)
	f.UnmatchedTargets = unmatchedTargets(f, unmatched, second.conns)
	f.NeighborsBefore, f.Neighbors = first.neighbors, second.neighbors
	f.ReversePathDrops = increase(first.reversePathDrops, second.reversePathDrops)
	f.ConntrackInvalid = increase(first.conntrackInvalid, second.conntrackInvalid)
	c.readDaemons(f)
	watch.finish(f)
	c.readTimeouts(f)
	c.readNetworkUse(f)
	c.collectHost(f)
	if c.Probe {
		c.probePaths(f)
	} else if f.hasUnseenReplies() {
		f.noteOptional("replies of UDP servers with direct routing or tunnels", "they bypass the director; --probe tests the ports")
	}
	return f, nil
}

// hasUnseenReplies reports whether UDP packets were sent to servers whose replies
// bypass the director: neither counters nor connection states show whether such a
// server replies.
func (f *Facts) hasUnseenReplies() bool {
	for s, d := range allServers(f.Services) {
		if s.Protocol == ipvs.UDP && (d.Method == ipvs.DirectRouting || d.Method == ipvs.Tunneling) && d.hasClientTraffic() && !f.isLocal(d.AddrPort.Addr()) {
			return true
		}
	}
	return false
}

func (c *Collector) wait() {
	if c.pause != nil {
		c.pause()
		return
	}
	time.Sleep(sampleInterval)
}

// sample takes a sample; previous is nil for the first one.
func (c *Collector) sample(f *Facts, previous *sample) (*sample, error) {
	services, err := c.readTable(f)
	if err != nil {
		return nil, err
	}
	s := &sample{time: time.Now(), services: services}
	var before map[connKey]connSample
	if previous != nil {
		before = previous.conns
	}
	s.conns = c.sampleConnections(f, services, before)
	s.neighbors = c.readNeighbors(f)
	c.read(f, "drop counters", func() (err error) {
		if s.reversePathDrops, err = zeroIfMissing(netstate.ReversePathDrops()); err != nil {
			return err
		}
		s.conntrackInvalid, err = zeroIfMissing(netstate.ConntrackInvalid())
		return err
	})
	return s, nil
}

// zeroIfMissing returns 0 without an error if the kernel does not have a
// counter.
func zeroIfMissing(n uint64, err error) (uint64, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return n, err
}

// increase returns the increase of a counter, or 0 if it was zeroed.
func increase(before, after uint64) uint64 {
	if after < before {
		return 0
	}
	return after - before
}

// noteUnavailable notes that something could not be read. If it is called again for the
// same thing, it keeps the first reason. It joins the lines of a reason.
func (f *Facts) noteUnavailable(what, reason string) { f.note(Unavailable{What: what, Reason: reason}) }

// noteOptional is like noteUnavailable, for facts without which the report is
// complete.
func (f *Facts) noteOptional(what, reason string) {
	f.note(Unavailable{What: what, Reason: reason, Optional: true})
}

func (f *Facts) note(u Unavailable) {
	for i := range f.Unavailable {
		if noted := &f.Unavailable[i]; noted.What == u.What {
			noted.Optional = noted.Optional && u.Optional
			return
		}
	}
	u.Reason = strings.ReplaceAll(u.Reason, "\n", "; ")
	f.Unavailable = append(f.Unavailable, u)
}

// read calls a function in the network namespace and notes its error.
func (c *Collector) read(f *Facts, what string, read func() error) {
	if err := c.InNetNS(read); err != nil {
		f.noteUnavailable(what, err.Error())
	}
}

// readNetlink is like read and passes a route netlink socket to the function.
func (c *Collector) readNetlink(f *Facts, what string, read func(*netstate.Conn) error) {
	c.read(f, what, func() error {
		conn, err := netstate.Dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		return read(conn)
	})
}

// readNeighbors reads the neighbor entries. It returns their states, and stores their
// hardware addresses in f.
func (c *Collector) readNeighbors(f *Facts) Neighbors {
	states := make(Neighbors)
	f.HardwareAddrs = make(map[neighborKey]net.HardwareAddr)
	c.readNetlink(f, "neighbors", func(conn *netstate.Conn) error {
		neighbors, err := conn.Neighbors()
		for _, n := range neighbors {
			key := neighborKey{n.Link, n.Addr}
			states[key] = n.State
			if n.HardwareAddr != nil {
				f.HardwareAddrs[key] = n.HardwareAddr
			}
		}
		return err
	})
	return states
}

// probeNetwork sends the probes for the services of f and stores the results in f.
func (c *Collector) probeNetwork(f *Facts) error {
	f.addrs() // builds the index before it is used concurrently
	var wg sync.WaitGroup
	var whoHasErr, serversErr error
	wg.Go(func() {
		whoHasErr = c.InNetNS(func() (err error) {
			f.ARPReplies, err = netprobe.WhoHas(f.arpQueries(), probeTime)
			f.ARPProbed = err == nil
			return err
		})
	})
	wg.Go(func() {
		serversErr = c.InNetNS(func() (err error) {
			f.ProbeResults, err = netprobe.ProbeServers(f.probeTargets(), probeTime)
			return err
		})
	})
	wg.Wait()
	return errors.Join(whoHasErr, serversErr, c.probeVIPs(f))
}

// probeVIPs probes the VIPs at the servers with direct routing. It runs after the other
// probes, which have resolved the hardware addresses of the servers.
func (c *Collector) probeVIPs(f *Facts) error {
	c.readNeighbors(f)
	var paths []netprobe.Path
	var servers []ipvs.DestinationKey
	f.eachProbedServer(func(s *Service, d *Server) {
		if d.Method != ipvs.DirectRouting || s.Protocol != ipvs.TCP || s.AddrPort.Port() == 0 {
			return
		}
		if p, ok := f.pathTo(s, d); ok && p.Source.IsValid() {
			paths, servers = append(paths, p), append(servers, s.key(d))
		}
	})
	return c.InNetNS(func() error {
		replies, err := netprobe.ProbePaths(paths, pathWait)
		f.VIPOutcomes = make(map[ipvs.DestinationKey]netprobe.Outcome)
		for i, r := range replies {
			f.VIPOutcomes[servers[i]] = r.Port
		}
		return err
	})
}

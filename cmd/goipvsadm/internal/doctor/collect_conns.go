package doctor

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// maxSampledConns is the number of connections read. The kernel walks its table
// from the start for each page of /proc/net/ip_vs_conn, so reading a large
// table takes minutes. The table is hashed, so its first connections are a
// random sample.
const maxSampledConns = 20000

// maxClients is the maximum number of clients kept per server or service.
const maxClients = 4

// A connKey identifies a connection.
type connKey struct {
	protocol    ipvs.Protocol
	client, vip netip.AddrPort
}

const (
	synRecv     = "SYN_RECV"
	established = "ESTABLISHED"
)

// isPastHandshake reports whether a TCP connection in a state has completed its
// handshake and has not been reset.
func isPastHandshake(state string) bool {
	switch state {
	case established, "FIN_WAIT", "TIME_WAIT", "CLOSE_WAIT", "LAST_ACK":
		return true
	}
	return false
}

// sampleConnections reads up to maxSampledConns connections and fills in the
// Conns of the servers. It returns the states of the connections; before
// contains those of the previous sample, or is nil. With a backup daemon, no
// connections count as new: they may have been received from the master.
func (c *Collector) sampleConnections(f *Facts, services []Service, before map[connKey]string) map[connKey]string {
	backup := slices.ContainsFunc(f.Daemons, func(d ipvs.Daemon) bool { return d.State == ipvs.Backup })
	if c.Client == nil || len(services) == 0 && !backup {
		return nil
	}
	ix := newServerIndex(f, services)
	own := f.ownAddrs()
	states := make(map[connKey]string)
	f.Unserved = nil
	f.Connections, f.AllConnections, f.Orphans = 0, true, nil
	f.WorkingClients = make(map[netip.Addr][]netip.Addr)
	for conn, err := range c.Client.Connections() {
		if err != nil {
			reason := err.Error()
			if file := new(fs.PathError); errors.As(err, &file) {
				reason = file.Error()
			}
			f.noteUnavailable("connections", reason)
			break
		}
		if f.Connections == maxSampledConns {
			f.AllConnections = false
			break
		}
		f.Connections++
		if conn.Client.Port() == 0 {
			continue // persistence template
		}
		d, s := ix.find(&conn)
		if d == nil {
			switch {
			case s != nil && (conn.State == established || conn.State == "UDP"):
				f.Orphans = append(f.Orphans, Orphan{Service: s.ServiceKey, Server: conn.Destination, Client: conn.Client, Expires: conn.Expires})
			case s == nil && backup && conn.Protocol != 0:
				f.Unserved = append(f.Unserved, Unserved{conn.VIP, conn.Destination})
			}
			continue
		}
		key := connKey{conn.Protocol, conn.Client, conn.VIP}
		states[key] = conn.State
		stateBefore, existed := before[key]
		d.Conns.add(&conn, stateBefore, before != nil && !existed && !backup, own)
		if client := conn.Client.Addr(); isPastHandshake(conn.State) {
			f.WorkingClients[client] = appendDistinct(f.WorkingClients[client], conn.Destination.Addr(), 2)
		}
	}
	for i := range services {
		for j := range services[i].Servers {
			services[i].Servers[j].Conns.Partial = !f.AllConnections
		}
	}
	return states
}

// add adds a connection. stateBefore is its state at the previous sample, and
// isNew reports whether it was not in that sample.
func (c *Conns) add(conn *ipvs.Connection, stateBefore string, isNew bool, own map[netip.Addr]bool) {
	client := conn.Client.Addr()
	c.Total++
	c.VIP, c.VIPPort = conn.VIP.Addr(), conn.VIP
	if own[client] {
		c.FromDirector++
	}
	c.Clients = appendDistinct(c.Clients, client, maxClients)
	if isNew && !own[client] {
		c.New++
	}
	switch {
	case conn.State == synRecv:
		c.SynRecv++
		if stateBefore == synRecv && !own[client] {
			c.StuckSynRecv++
			c.StuckClients = appendDistinct(c.StuckClients, client, maxClients)
		}
	case isPastHandshake(conn.State):
		c.Established++
		if isNew || stateBefore == synRecv {
			c.Completed++
		}
	}
}

// appendDistinct appends an address unless the slice contains it or has reached
// the limit.
func appendDistinct(addrs []netip.Addr, a netip.Addr, limit int) []netip.Addr {
	if len(addrs) >= limit || slices.Contains(addrs, a) {
		return addrs
	}
	return append(addrs, a)
}

// A serverIndex finds the server of a connection.
type serverIndex struct {
	services map[ipvs.ServiceKey]*Service
	servers  map[ipvs.DestinationKey]*Server
	byFwmark map[netip.AddrPort][]fwmarkServer // servers of fwmark services

	facts *Facts
	marks map[connTarget]uint32 // cache of markOf
}

type (
	fwmarkServer struct {
		mark   uint32
		server *Server
	}
	connTarget struct {
		protocol ipvs.Protocol
		vip      netip.AddrPort
	}
)

func newServerIndex(f *Facts, services []Service) *serverIndex {
	ix := &serverIndex{make(map[ipvs.ServiceKey]*Service), make(map[ipvs.DestinationKey]*Server), make(map[netip.AddrPort][]fwmarkServer),
		f, make(map[connTarget]uint32)}
	for i := range services {
		s := &services[i]
		ix.services[s.ServiceKey] = s
		for j := range s.Servers {
			d := &s.Servers[j]
			ix.servers[ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: d.AddrPort}] = d
			if s.Mark != 0 {
				ix.byFwmark[d.AddrPort] = append(ix.byFwmark[d.AddrPort], fwmarkServer{s.Mark, d})
			}
		}
	}
	return ix
}

// find returns the server of a connection and its service. The server is nil if
// it is not in the table; the service is nil if it is not in the table or is a
// fwmark service. The connection table does not contain marks, so a server of a
// fwmark service is found by its address and, if several marks share it, by the
// firewall rules that set marks.
func (ix *serverIndex) find(c *ipvs.Connection) (*Server, *Service) {
	anyPort := netip.AddrPortFrom(c.Destination.Addr(), 0)
	for _, servers := range [][]fwmarkServer{ix.byFwmark[c.Destination], ix.byFwmark[anyPort]} {
		if len(servers) > 0 && ix.services[ipvs.AddrKey(c.Protocol, c.VIP)] == nil {
			return ix.ofMark(servers, c), nil
		}
	}
	s := ix.service(c.Protocol, c.VIP)
	if s == nil {
		return nil, nil
	}
	for _, server := range []netip.AddrPort{c.Destination, anyPort} {
		if d := ix.servers[ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: server}]; d != nil {
			return d, s
		}
	}
	return nil, s
}

// service returns the service for a VIP and port, or nil. A service for the port
// precedes one for all ports.
func (ix *serverIndex) service(p ipvs.Protocol, vip netip.AddrPort) *Service {
	for _, vip := range []netip.AddrPort{vip, netip.AddrPortFrom(vip.Addr(), 0)} {
		if s := ix.services[ipvs.AddrKey(p, vip)]; s != nil {
			return s
		}
	}
	return nil
}

// ofMark returns the server whose service has the mark of a connection's
// packets, or the last server if the mark is unknown.
func (ix *serverIndex) ofMark(servers []fwmarkServer, c *ipvs.Connection) *Server {
	last := servers[len(servers)-1].server
	if len(servers) == 1 {
		return last
	}
	target := connTarget{c.Protocol, c.VIP}
	mark, ok := ix.marks[target]
	if !ok {
		mark, _ = ix.facts.markOf(target.protocol, target.vip)
		ix.marks[target] = mark
	}
	for _, s := range servers {
		if s.mark == mark {
			return s.server
		}
	}
	return last
}

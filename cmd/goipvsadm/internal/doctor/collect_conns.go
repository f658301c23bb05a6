// SPDX-License-Identifier: MIT

package doctor

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// maxSampledConns is the maximum number of connections that a sample reads. The
// kernel walks its table from the start for each page of /proc/net/ip_vs_conn, so
// reading a large table takes minutes. Because the table is hashed, its first
// connections are a random sample.
const maxSampledConns = 20000

// maxClients is the maximum number of clients kept per server or service.
const maxClients = 4

// A connKey identifies a connection.
type connKey struct {
	protocol    ipvs.Protocol
	client, vip netip.AddrPort
}

// A connSample is a connection in a sample.
type connSample struct {
	state   string
	expires uint32 // in seconds
}

const (
	synRecv     = "SYN_RECV"
	established = "ESTABLISHED"

	// States of SCTP: the client has sent an INIT, or has repeated it because there
	// was no reply.
	sctpInit      = "INIT1"
	sctpInitAgain = "INIT"
)

// isHandshake reports whether a connection in the given state has not received a reply
// from the server yet.
func isHandshake(state string) bool {
	return state == synRecv || state == sctpInit || state == sctpInitAgain
}

// isPastHandshake reports whether a TCP or SCTP connection in the given state has
// completed its handshake and has not been reset.
func isPastHandshake(protocol ipvs.Protocol, state string) bool {
	switch state {
	case established, "FIN_WAIT", "TIME_WAIT", "CLOSE_WAIT", "LAST_ACK":
		return true
	case "NONE", "REJECTED":
		return false
	}
	return protocol == ipvs.SCTP && !isHandshake(state)
}

// isStuck reports whether a connection has been in its handshake for longer than a
// server takes to reply. The state INIT1 of SCTP lasts at most three seconds.
func isStuck(conn *ipvs.Connection, stateBefore string) bool {
	switch conn.State {
	case synRecv:
		return stateBefore == synRecv
	case sctpInit:
		return conn.Expires <= 1
	}
	return conn.State == sctpInitAgain
}

// sampleConnections reads up to maxSampledConns connections, fills in the Conns of the
// servers, and returns the connections. Before contains the connections of the previous
// sample, or is nil. With a backup daemon, no connection counts as new, since it may
// have been received from the master.
func (c *Collector) sampleConnections(f *Facts, services []Service, before map[connKey]connSample) map[connKey]connSample {
	backup := slices.ContainsFunc(f.Daemons, func(d ipvs.Daemon) bool { return d.State == ipvs.Backup })
	if c.Client == nil || len(services) == 0 && !backup {
		return nil
	}
	ix := newServerIndex(f, services)
	own := f.ownAddrs()
	conns := make(map[connKey]connSample)
	f.UnmatchedConns = nil
	f.Connections, f.AllConnections, f.Orphans = 0, true, nil
	f.Completing = make(map[ClientServer]bool)
	f.WorkingClients = make(map[netip.Addr][]*ipvs.Destination)
	read := c.readConnections(f)
	// A client that resets a connection in its handshake has received a reply: it only
	// tests whether the server replies.
	answered := make(map[ClientServer]bool)
	for i := range read {
		if conn := &read[i]; isHandshake(conn.State) && f.Resets[connKey{conn.Protocol, conn.Client, conn.VIP}] {
			if d, _ := ix.find(conn); d != nil {
				answered[ClientServer{conn.Client.Addr(), &d.Destination}] = true
				d.Conns.Completed++
			}
		}
	}
	for _, conn := range read {
		d, s := ix.find(&conn)
		if d == nil {
			switch {
			case s != nil && (conn.State == established || conn.State == "UDP"):
				f.Orphans = append(f.Orphans, Orphan{Service: s.ServiceKey, Server: conn.Destination, Client: conn.Client, VIP: conn.VIP, Expires: conn.Expires})
			case s == nil && backup && conn.Protocol != 0:
				f.UnmatchedConns = append(f.UnmatchedConns, conn.VIP)
			}
			continue
		}
		key := connKey{conn.Protocol, conn.Client, conn.VIP}
		conns[key] = connSample{conn.State, conn.Expires}
		last, existed := before[key]
		completed := d.Conns.Completed
		if conn.Protocol == ipvs.UDP && existed && conn.Expires+1 >= last.expires && !backup {
			d.Conns.Refreshed++
		}
		stuck := isStuck(&conn, last.state) && !answered[ClientServer{conn.Client.Addr(), &d.Destination}]
		d.Conns.add(&conn, last.state, before != nil && !existed && !backup, stuck, own)
		if d.Conns.Completed > completed {
			f.Completing[ClientServer{conn.Client.Addr(), &d.Destination}] = true
		}
		if client := conn.Client.Addr(); isPastHandshake(conn.Protocol, conn.State) {
			f.WorkingClients[client] = appendDistinct(f.WorkingClients[client], &d.Destination, 2)
		}
	}
	for _, d := range allServers(services) {
		d.Conns.Partial = !f.AllConnections
	}
	return conns
}

// readConnections reads up to maxSampledConns connections, without persistence
// templates.
func (c *Collector) readConnections(f *Facts) (conns []ipvs.Connection) {
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
		if conn.Client.Port() != 0 {
			conns = append(conns, conn)
		}
	}
	return conns
}

// add adds a connection: its state in the previous sample, whether it is missing from
// that sample, and the result of isStuck. Own are the addresses of the director.
func (c *Conns) add(conn *ipvs.Connection, stateBefore string, isNew, stuck bool, own map[netip.Addr]bool) {
	client := conn.Client.Addr()
	c.Total++
	c.VIP = conn.VIP
	if own[client] {
		c.FromDirector++
	}
	c.Clients = appendDistinct(c.Clients, client, maxClients)
	if isNew && !own[client] {
		c.New++
		c.NewClients = appendDistinct(c.NewClients, client, maxClients)
	}
	switch {
	case isHandshake(conn.State):
		c.SynRecv++
		if stuck && !own[client] {
			c.StuckSynRecv++
			c.StuckClients = appendDistinct(c.StuckClients, client, maxClients)
		}
		if stateBefore != "" && !isHandshake(stateBefore) {
			c.Reused++
		}
	case isPastHandshake(conn.Protocol, conn.State):
		c.Established++
		if conn.State == established {
			c.Open++
		}
		if isNew || isHandshake(stateBefore) {
			c.Completed++
		}
	}
}

// appendDistinct appends an element unless the slice contains it or has reached
// the limit.
func appendDistinct[T comparable](list []T, x T, limit int) []T {
	if len(list) >= limit || slices.Contains(list, x) {
		return list
	}
	return append(list, x)
}

// A serverIndex finds the server of a connection.
type serverIndex struct {
	services map[ipvs.ServiceKey]*Service
	servers  map[ipvs.DestinationKey]*Server
	byFwmark map[netip.AddrPort][]fwmarkServer // servers of fwmark services

	facts *Facts
	marks map[Endpoint]uint32 // cache of markSetByRules
}

// A fwmarkServer is a server of a fwmark service.
type fwmarkServer struct {
	mark   uint32
	server *Server
}

func newServerIndex(f *Facts, services []Service) *serverIndex {
	ix := &serverIndex{make(map[ipvs.ServiceKey]*Service), make(map[ipvs.DestinationKey]*Server), make(map[netip.AddrPort][]fwmarkServer),
		f, make(map[Endpoint]uint32)}
	for i := range services {
		ix.services[services[i].ServiceKey] = &services[i]
	}
	for s, d := range allServers(services) {
		ix.servers[s.key(d)] = d
		if s.Mark != 0 {
			ix.byFwmark[d.AddrPort] = append(ix.byFwmark[d.AddrPort], fwmarkServer{s.Mark, d})
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
			return ix.serverOfMark(servers, c), nil
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

// service returns the service for a VIP and port, or nil. A service for the port takes
// precedence over a service for all ports.
func (ix *serverIndex) service(p ipvs.Protocol, vip netip.AddrPort) *Service {
	for _, vip := range []netip.AddrPort{vip, netip.AddrPortFrom(vip.Addr(), 0)} {
		if s := ix.services[ipvs.AddrKey(p, vip)]; s != nil {
			return s
		}
	}
	return nil
}

// serverOfMark returns the server whose service has the mark of a connection's
// packets, or the last server if the mark is unknown.
func (ix *serverIndex) serverOfMark(servers []fwmarkServer, c *ipvs.Connection) *Server {
	last := servers[len(servers)-1].server
	if len(servers) == 1 {
		return last
	}
	target := Endpoint{c.Protocol, c.VIP}
	mark, ok := ix.marks[target]
	if !ok {
		mark, _ = ix.facts.markSetByRules(target.Protocol, target.AddrPort)
		ix.marks[target] = mark
	}
	for _, s := range servers {
		if s.mark == mark {
			return s.server
		}
	}
	return last
}

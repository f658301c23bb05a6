package doctor

import (
	"errors"
	"io/fs"
	"net/netip"

	"goipvsadm/ipvs"
)

// maxSampledConns is the number of connections read. The kernel walks its table
// from the start for each page of /proc/net/ip_vs_conn, so reading a large
// table takes minutes. The table is hashed, so a prefix is a random sample.
const maxSampledConns = 20000

// maxClients is the number of clients kept per server.
const maxClients = 4

// A synRecvConn identifies a connection in SYN_RECV.
type synRecvConn struct {
	protocol    ipvs.Protocol
	client, vip netip.AddrPort
}

// sampleConnections reads up to maxSampledConns connections and fills in the
// Conns of the servers. It returns the connections in SYN_RECV; before contains
// those of the previous sample.
func (c *Collector) sampleConnections(f *Facts, services []Service, before map[synRecvConn]bool) map[synRecvConn]bool {
	if c.Client == nil || len(services) == 0 {
		return nil
	}
	ix := newServerIndex(services)
	synRecv := make(map[synRecvConn]bool)
	f.Connections, f.AllConnections, f.Orphans = 0, true, nil
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
			if s != nil && conn.State == "ESTABLISHED" {
				f.Orphans = append(f.Orphans, Orphan{s.ServiceKey, conn.Destination})
			}
			continue
		}
		d.Conns.Total++
		d.Conns.VIP = conn.VIP.Addr()
		if len(d.Conns.Clients) < maxClients {
			d.Conns.Clients = append(d.Conns.Clients, conn.Client.Addr())
		}
		switch conn.State {
		case "SYN_RECV":
			d.Conns.SynRecv++
			key := synRecvConn{conn.Protocol, conn.Client, conn.VIP}
			synRecv[key] = true
			if before[key] {
				d.Conns.StuckSynRecv++
			}
		case "ESTABLISHED", "FIN_WAIT", "TIME_WAIT", "CLOSE_WAIT", "LAST_ACK":
			d.Conns.Established++
		}
	}
	for i := range services {
		for j := range services[i].Servers {
			services[i].Servers[j].Conns.Partial = !f.AllConnections
		}
	}
	return synRecv
}

// A serverIndex finds the server of a connection.
type serverIndex struct {
	services map[ipvs.ServiceKey]*Service
	servers  map[ipvs.DestinationKey]*Server
	byFwmark map[netip.AddrPort]*Server // servers of fwmark services
}

func newServerIndex(services []Service) *serverIndex {
	ix := &serverIndex{make(map[ipvs.ServiceKey]*Service), make(map[ipvs.DestinationKey]*Server), make(map[netip.AddrPort]*Server)}
	for i := range services {
		s := &services[i]
		ix.services[s.ServiceKey] = s
		for j := range s.Servers {
			d := &s.Servers[j]
			ix.servers[ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: d.AddrPort}] = d
			if s.Mark != 0 {
				ix.byFwmark[d.AddrPort] = d
			}
		}
	}
	return ix
}

// find returns the server of a connection and its service. The server is nil if
// the service has no such server, and the service is nil for a fwmark service:
// the connection table does not contain marks, so these are found by the
// server's address alone.
func (ix *serverIndex) find(c *ipvs.Connection) (*Server, *Service) {
	anyPort := netip.AddrPortFrom(c.Destination.Addr(), 0)
	for _, d := range []*Server{ix.byFwmark[c.Destination], ix.byFwmark[anyPort]} {
		if d != nil && ix.services[ipvs.AddrKey(c.Protocol, c.VIP)] == nil {
			return d, nil
		}
	}
	for _, vip := range []netip.AddrPort{c.VIP, netip.AddrPortFrom(c.VIP.Addr(), 0)} {
		key := ipvs.AddrKey(c.Protocol, vip)
		s := ix.services[key]
		if s == nil {
			continue
		}
		for _, server := range []netip.AddrPort{c.Destination, anyPort} {
			if d := ix.servers[ipvs.DestinationKey{Service: key, AddrPort: server}]; d != nil {
				return d, s
			}
		}
		return nil, s
	}
	return nil, nil
}

package metrics

import (
	"strconv"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
	"goipvsadm/sched"
)

// A Family is the metrics of a name.
type Family struct {
	Name, Type, Help string
	write            func(w *writer, t *table)
}

// The types.
const (
	gauge   = "gauge"
	counter = "counter"
)

// Families returns all that there are, in their order.
func Families() []Family {
	return []Family{
		{"ipvs_info", gauge, "The version of the kernel's IPVS; always 1.", func(w *writer, t *table) {
			w.startSample()
			w.label("version", t.info.Version.String())
			w.end(1)
		}},
		{"ipvs_connection_table_size", gauge, "Size of the kernel's connection table, in hash buckets.", func(w *writer, t *table) {
			w.startSample()
			w.end(uint64(t.info.ConnTableSize))
		}},

		{"ipvs_service_info", gauge, "The configuration of a virtual service; always 1.", eachService(serviceInfo)},
		{"ipvs_service_persistence_timeout_seconds", gauge, "For how long a client of a persistent service stays on its server after its last connection.",
			eachService(func(w *writer, s *ipvs.Service) {
				if s.Flags&ipvs.Persistent != 0 {
					w.end(uint64(s.Timeout))
				}
			})},
		{"ipvs_service_connections_total", counter, "Connections of a virtual service.", ofService(func(s *ipvs.Stats) uint64 { return s.Conns })},
		{"ipvs_service_in_packets_total", counter, "Packets from the clients of a virtual service.", ofService(func(s *ipvs.Stats) uint64 { return s.InPackets })},
		{"ipvs_service_out_packets_total", counter, "Packets to the clients of a virtual service, as far as they pass through the director.", ofService(func(s *ipvs.Stats) uint64 { return s.OutPackets })},
		{"ipvs_service_in_bytes_total", counter, "Bytes from the clients of a virtual service.", ofService(func(s *ipvs.Stats) uint64 { return s.InBytes })},
		{"ipvs_service_out_bytes_total", counter, "Bytes to the clients of a virtual service, as far as they pass through the director.", ofService(func(s *ipvs.Stats) uint64 { return s.OutBytes })},

		{"ipvs_server_info", gauge, "How packets reach a real server; always 1.", eachServer(serverInfo)},
		{"ipvs_server_weight", gauge, "The weight of a real server; 0 for no new connections.", ofServer(func(d *ipvs.Destination) uint32 { return d.Weight })},
		{"ipvs_server_upper_threshold", gauge, "With more connections than this a real server gets no new ones; 0 for no limit.", ofServer(func(d *ipvs.Destination) uint32 { return d.UpperThreshold })},
		{"ipvs_server_lower_threshold", gauge, "With fewer connections than this it gets new ones again; 0 for three quarters of the upper threshold.", ofServer(func(d *ipvs.Destination) uint32 { return d.LowerThreshold })},
		{"ipvs_server_active_connections", gauge, "Active connections of a real server.", ofServer(func(d *ipvs.Destination) uint32 { return d.ActiveConns })},
		{"ipvs_server_inactive_connections", gauge, "Inactive connections of a real server, such as closed ones that linger on, and all of UDP.", ofServer(func(d *ipvs.Destination) uint32 { return d.InactiveConns })},
		{"ipvs_server_persistent_connections", gauge, "Clients of a persistent service that are remembered for a real server.", ofServer(func(d *ipvs.Destination) uint32 { return d.PersistentConns })},
		{"ipvs_server_connections_total", counter, "Connections of a real server.", countedOfServer(func(s *ipvs.Stats) uint64 { return s.Conns })},
		{"ipvs_server_in_packets_total", counter, "Packets to a real server.", countedOfServer(func(s *ipvs.Stats) uint64 { return s.InPackets })},
		{"ipvs_server_out_packets_total", counter, "Packets from a real server, as far as they pass through the director.", countedOfServer(func(s *ipvs.Stats) uint64 { return s.OutPackets })},
		{"ipvs_server_in_bytes_total", counter, "Bytes to a real server.", countedOfServer(func(s *ipvs.Stats) uint64 { return s.InBytes })},
		{"ipvs_server_out_bytes_total", counter, "Bytes from a real server, as far as they pass through the director.", countedOfServer(func(s *ipvs.Stats) uint64 { return s.OutBytes })},

		{"ipvs_timeout_seconds", gauge, "How long connections without traffic live: of TCP, of TCP after a FIN, and of UDP.", timeouts},
		{"ipvs_daemon_running", gauge, "Whether the synchronisation daemon of a state runs: 1 or 0.", func(w *writer, t *table) {
			for _, state := range []ipvs.DaemonState{ipvs.Master, ipvs.Backup} {
				w.startSample()
				w.label("state", state.String())
				running := uint64(0)
				for i := range t.Daemons {
					if t.Daemons[i].State == state {
						running = 1
					}
				}
				w.end(running)
			}
		}},
		{"ipvs_daemon_info", gauge, "The settings of a synchronisation daemon that runs; always 1.", eachDaemon(daemonInfo)},
		{"ipvs_daemon_sync_maxlen_bytes", gauge, "How long a message of a synchronisation daemon may be, where the kernel tells.",
			eachDaemon(func(w *writer, d *ipvs.Daemon) {
				if d.MaxLen != 0 {
					w.end(uint64(d.MaxLen))
				}
			})},
	}
}

// eachService makes a sample of each service that value ends.
func eachService(value func(w *writer, s *ipvs.Service)) func(*writer, *table) {
	return func(w *writer, t *table) {
		for i := range t.Services {
			s := &t.Services[i]
			w.startSample()
			w.service(&s.ServiceKey)
			value(w, &s.Service)
		}
	}
}

func ofService(value func(*ipvs.Stats) uint64) func(*writer, *table) {
	return eachService(func(w *writer, s *ipvs.Service) { w.end(value(&s.Stats)) })
}

// service writes the labels that identify a service.
func (w *writer) service(k *ipvs.ServiceKey) {
	w.label("family", strings.ToLower(k.Family.String()))
	if k.Mark != 0 {
		w.number("mark", uint64(k.Mark))
		return
	}
	w.label("protocol", strings.ToLower(k.Protocol.String()))
	w.address("address", k.AddrPort.Addr())
	w.number("port", uint64(k.AddrPort.Port()))
}

func serviceInfo(w *writer, s *ipvs.Service) {
	netmask := ""
	persistent := s.Flags&ipvs.Persistent != 0
	if persistent {
		netmask = string(s.Netmask.AppendTo(nil, s.Family))
	}
	w.label("scheduler", s.Scheduler)
	w.label("scheduler_flags", sched.FlagNames(s.Scheduler, uint32(s.Flags&ipvs.SchedFlags)))
	w.label("one_packet", strconv.FormatBool(s.Flags&ipvs.OnePacket != 0))
	w.label("persistent", strconv.FormatBool(persistent))
	w.label("persistence_netmask", netmask)
	w.label("persistence_engine", s.Engine)
	w.end(1)
}

// eachServer makes a sample of each server that value ends.
func eachServer(value func(w *writer, d *ipvs.Destination)) func(*writer, *table) {
	return func(w *writer, t *table) {
		for i := range t.Services {
			s := &t.Services[i]
			for j := range s.Destinations {
				w.startSample()
				w.server(s, &s.Destinations[j])
				value(w, &s.Destinations[j])
			}
		}
	}
}

func ofServer(value func(*ipvs.Destination) uint32) func(*writer, *table) {
	return eachServer(func(w *writer, d *ipvs.Destination) { w.end(uint64(value(d))) })
}

func countedOfServer(value func(*ipvs.Stats) uint64) func(*writer, *table) {
	return eachServer(func(w *writer, d *ipvs.Destination) { w.end(value(&d.Stats)) })
}

// server writes the labels that identify a server.
func (w *writer) server(s *reconcile.Service, d *ipvs.Destination) {
	w.service(&s.ServiceKey)
	w.address("server_address", d.AddrPort.Addr())
	w.number("server_port", uint64(d.AddrPort.Port()))
}

func serverInfo(w *writer, d *ipvs.Destination) {
	w.label("forward", strings.ToLower(d.Method.String()))
	typ, port, flags := "", "", ""
	// The kernel calls a tunnel to an address of its own Local.
	if d.Method == ipvs.Tunneling || d.Tunnel != (ipvs.Tunnel{}) {
		typ = d.Tunnel.Type.String()
		port = strconv.Itoa(int(d.Tunnel.Port))
		flags = strings.Join(jsonout.TunnelFlags(d.Tunnel.Flags), ",")
	}
	w.label("tunnel_type", typ)
	w.label("tunnel_port", port)
	w.label("tunnel_flags", flags)
	w.end(1)
}

func timeouts(w *writer, t *table) {
	for _, v := range []struct {
		name  string
		value uint32
	}{{"tcp", t.Timeouts.TCP}, {"tcp_fin", t.Timeouts.TCPFin}, {"udp", t.Timeouts.UDP}} {
		w.startSample()
		w.label("timeout", v.name)
		w.end(uint64(v.value))
	}
}

func eachDaemon(value func(w *writer, d *ipvs.Daemon)) func(*writer, *table) {
	return func(w *writer, t *table) {
		for i := range t.Daemons {
			w.startSample()
			w.label("state", t.Daemons[i].State.String())
			value(w, &t.Daemons[i])
		}
	}
}

func daemonInfo(w *writer, d *ipvs.Daemon) {
	w.label("mcast_interface", d.Interface)
	w.number("syncid", uint64(d.SyncID))
	// Old kernels tell no more.
	if d.Group.IsValid() {
		w.label("mcast_group", d.Group.String())
		w.number("mcast_port", uint64(d.Port))
		w.number("mcast_ttl", uint64(d.TTL))
	}
	w.end(1)
}

// SPDX-License-Identifier: MIT

package metrics

import (
	"strconv"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// A Family is a metric family: all samples of one name.
type Family struct {
	Name, Type, Help string
	writeSamples     func(w *writer, in *input)
}

// Family types.
const (
	gauge   = "gauge"
	counter = "counter"
)

// Families returns all families in output order.
func Families() []Family {
	return []Family{
		{"ipvs_info", gauge, "IPVS version of the kernel; always 1.", func(w *writer, in *input) {
			w.startSample()
			w.label("version", in.info.Version.String())
			w.endSample(1)
		}},
		{"ipvs_connection_table_size", gauge, "Size of the connection table in hash buckets.", func(w *writer, in *input) {
			w.startSample()
			w.endSample(uint64(in.info.ConnTableSize))
		}},
		{"ipvs_connections_total", counter, "Connections to all virtual services, including removed ones.", totalCounter(func(s *ipvs.Stats) uint64 { return s.Conns })},
		{"ipvs_in_packets_total", counter, "Packets from clients of all virtual services, including removed ones.", totalCounter(func(s *ipvs.Stats) uint64 { return s.InPackets })},
		{"ipvs_out_packets_total", counter, "Packets to clients of all virtual services, including removed ones, that passed through the director.", totalCounter(func(s *ipvs.Stats) uint64 { return s.OutPackets })},
		{"ipvs_in_bytes_total", counter, "Bytes from clients of all virtual services, including removed ones.", totalCounter(func(s *ipvs.Stats) uint64 { return s.InBytes })},
		{"ipvs_out_bytes_total", counter, "Bytes to clients of all virtual services, including removed ones, that passed through the director.", totalCounter(func(s *ipvs.Stats) uint64 { return s.OutBytes })},

		{"ipvs_service_info", gauge, "Configuration of a virtual service; always 1.", eachService(writeServiceInfo)},
		{"ipvs_service_persistence_timeout_seconds", gauge, "Time for which a client of a persistent service stays with its server after its last connection.",
			eachService(func(w *writer, s *ipvs.Service) {
				if s.Flags&ipvs.Persistent != 0 {
					w.endSample(uint64(s.Timeout))
				}
			})},
		{"ipvs_service_connections_total", counter, "Connections to a virtual service.", serviceCounter(func(s *ipvs.Stats) uint64 { return s.Conns })},
		{"ipvs_service_in_packets_total", counter, "Packets from clients of a virtual service.", serviceCounter(func(s *ipvs.Stats) uint64 { return s.InPackets })},
		{"ipvs_service_out_packets_total", counter, "Packets to clients of a virtual service that passed through the director.", serviceCounter(func(s *ipvs.Stats) uint64 { return s.OutPackets })},
		{"ipvs_service_in_bytes_total", counter, "Bytes from clients of a virtual service.", serviceCounter(func(s *ipvs.Stats) uint64 { return s.InBytes })},
		{"ipvs_service_out_bytes_total", counter, "Bytes to clients of a virtual service that passed through the director.", serviceCounter(func(s *ipvs.Stats) uint64 { return s.OutBytes })},

		{"ipvs_server_info", gauge, "Forwarding method and tunnel of a real server; always 1.", eachServer(writeServerInfo)},
		{"ipvs_server_weight", gauge, "Weight of a real server; 0 means no new connections.", serverGauge(func(d *ipvs.Destination) uint32 { return d.Weight })},
		{"ipvs_server_upper_threshold", gauge, "Number of connections at which scheduling to a real server stops; 0 means no limit.", serverGauge(func(d *ipvs.Destination) uint32 { return d.UpperThreshold })},
		{"ipvs_server_lower_threshold", gauge, "Number of connections below which scheduling to a real server that reached its upper threshold resumes; 0 means three quarters of the upper threshold.", serverGauge(func(d *ipvs.Destination) uint32 { return d.LowerThreshold })},
		{"ipvs_server_active_connections", gauge, "Active connections of a real server.", serverGauge(func(d *ipvs.Destination) uint32 { return d.ActiveConns })},
		{"ipvs_server_inactive_connections", gauge, "Inactive connections of a real server, such as closed TCP connections that have not expired, and all UDP connections.", serverGauge(func(d *ipvs.Destination) uint32 { return d.InactiveConns })},
		{"ipvs_server_persistent_connections", gauge, "Persistence entries of a real server: clients of persistent services that are bound to it.", serverGauge(func(d *ipvs.Destination) uint32 { return d.PersistentConns })},
		{"ipvs_server_connections_total", counter, "Connections to a real server.", serverCounter(func(s *ipvs.Stats) uint64 { return s.Conns })},
		{"ipvs_server_in_packets_total", counter, "Packets to a real server.", serverCounter(func(s *ipvs.Stats) uint64 { return s.InPackets })},
		{"ipvs_server_out_packets_total", counter, "Packets from a real server that passed through the director.", serverCounter(func(s *ipvs.Stats) uint64 { return s.OutPackets })},
		{"ipvs_server_in_bytes_total", counter, "Bytes to a real server.", serverCounter(func(s *ipvs.Stats) uint64 { return s.InBytes })},
		{"ipvs_server_out_bytes_total", counter, "Bytes from a real server that passed through the director.", serverCounter(func(s *ipvs.Stats) uint64 { return s.OutBytes })},

		{"ipvs_timeout_seconds", gauge, "Timeout of idle connections: of TCP, of TCP after a FIN, and of UDP.", writeTimeouts},
		{"ipvs_daemon_running", gauge, "Whether a sync daemon in this state is running: 1 or 0.", func(w *writer, in *input) {
			for _, state := range []ipvs.DaemonState{ipvs.Master, ipvs.Backup} {
				w.startSample()
				w.label("state", state.String())
				running := uint64(0)
				for i := range in.Daemons {
					if in.Daemons[i].State == state {
						running = 1
					}
				}
				w.endSample(running)
			}
		}},
		{"ipvs_daemon_info", gauge, "Configuration of a running sync daemon; always 1.", eachDaemon(writeDaemonInfo)},
		{"ipvs_daemon_sync_maxlen_bytes", gauge, "Maximum size of a sync message; absent on kernels that do not report it.",
			eachDaemon(func(w *writer, d *ipvs.Daemon) {
				if d.MaxLen != 0 {
					w.endSample(uint64(d.MaxLen))
				}
			})},
	}
}

// totalCounter returns a function that writes a sample of the totals if they are known.
func totalCounter(value func(*ipvs.Stats) uint64) func(*writer, *input) {
	return func(w *writer, in *input) {
		if in.totals != nil {
			w.startSample()
			w.endSample(value(in.totals))
		}
	}
}

// eachService returns a function that starts a sample with the labels of each service
// and calls write to complete it. A sample that write does not end is dropped.
func eachService(write func(w *writer, s *ipvs.Service)) func(*writer, *input) {
	return func(w *writer, in *input) {
		for i := range in.Services {
			s := &in.Services[i]
			w.startSample()
			w.serviceLabels(&s.ServiceKey)
			write(w, &s.Service)
		}
	}
}

func serviceCounter(value func(*ipvs.Stats) uint64) func(*writer, *input) {
	return eachService(func(w *writer, s *ipvs.Service) { w.endSample(value(&s.Stats)) })
}

// serviceLabels appends the labels that identify a service.
func (w *writer) serviceLabels(k *ipvs.ServiceKey) {
	w.label("family", strings.ToLower(k.Family.String()))
	if k.Mark != 0 {
		w.uintLabel("mark", uint64(k.Mark))
		return
	}
	w.label("protocol", strings.ToLower(k.Protocol.String()))
	w.addrLabel("address", k.AddrPort.Addr())
	w.uintLabel("port", uint64(k.AddrPort.Port()))
}

func writeServiceInfo(w *writer, s *ipvs.Service) {
	netmask := ""
	persistent := s.Flags&ipvs.Persistent != 0
	if persistent {
		netmask = string(s.Netmask.AppendTo(nil, s.Family))
	}
	w.label("scheduler", s.Scheduler)
	w.label("scheduler_flags", sched.FlagNames(s.Scheduler, uint32(s.Flags&ipvs.SchedFlags)))
	w.label("one_packet", strconv.FormatBool(s.Flags&ipvs.OnePacketScheduling != 0))
	w.label("persistent", strconv.FormatBool(persistent))
	w.label("persistence_netmask", netmask)
	w.label("persistence_engine", s.PEName)
	w.endSample(1)
}

// eachServer is like eachService for the servers of all services. It appends the labels
// of a service only once.
func eachServer(write func(w *writer, d *ipvs.Destination)) func(*writer, *input) {
	return func(w *writer, in *input) {
		for i := range in.Services {
			s := &in.Services[i]
			w.startSample()
			w.serviceLabels(&s.ServiceKey)
			common := len(w.sample)
			for j := range s.Destinations {
				d := &s.Destinations[j]
				w.sample = w.sample[:common]
				w.addrLabel("server_address", d.AddrPort.Addr())
				w.uintLabel("server_port", uint64(d.AddrPort.Port()))
				write(w, d)
			}
		}
	}
}

func serverGauge(value func(*ipvs.Destination) uint32) func(*writer, *input) {
	return eachServer(func(w *writer, d *ipvs.Destination) { w.endSample(uint64(value(d))) })
}

func serverCounter(value func(*ipvs.Stats) uint64) func(*writer, *input) {
	return eachServer(func(w *writer, d *ipvs.Destination) { w.endSample(value(&d.Stats)) })
}

func writeServerInfo(w *writer, d *ipvs.Destination) {
	w.label("forward", strings.ToLower(d.Method.String()))
	typ, port, flags := "", "", ""
	// If a tunnel leads to a local address, the kernel replaces its method with Local.
	if d.Method == ipvs.Tunneling || d.Tunnel != (ipvs.Tunnel{}) {
		typ = d.Tunnel.Type.String()
		port = strconv.Itoa(int(d.Tunnel.Port))
		flags = strings.Join(jsonout.TunnelFlags(d.Tunnel.Flags), ",")
	}
	w.label("tunnel_type", typ)
	w.label("tunnel_port", port)
	w.label("tunnel_flags", flags)
	w.endSample(1)
}

func writeTimeouts(w *writer, in *input) {
	for _, v := range []struct {
		name  string
		value uint32
	}{{"tcp", in.Timeouts.TCP}, {"tcp_fin", in.Timeouts.TCPFin}, {"udp", in.Timeouts.UDP}} {
		w.startSample()
		w.label("timeout", v.name)
		w.endSample(uint64(v.value))
	}
}

// eachDaemon is like eachService for the running sync daemons.
func eachDaemon(write func(w *writer, d *ipvs.Daemon)) func(*writer, *input) {
	return func(w *writer, in *input) {
		for i := range in.Daemons {
			w.startSample()
			w.label("state", in.Daemons[i].State.String())
			write(w, &in.Daemons[i])
		}
	}
}

func writeDaemonInfo(w *writer, d *ipvs.Daemon) {
	w.label("mcast_interface", d.Interface)
	w.uintLabel("syncid", uint64(d.SyncID))
	// Kernels before 4.3 report nothing else.
	if d.Group.IsValid() {
		w.label("mcast_group", d.Group.String())
		w.uintLabel("mcast_port", uint64(d.Port))
		w.uintLabel("mcast_ttl", uint64(d.TTL))
	}
	w.endSample(1)
}

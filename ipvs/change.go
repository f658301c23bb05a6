package ipvs

import (
	"net/netip"

	"goipvsadm/netlinkmsg"
)

// The messages of all changes, for the client's methods and for batches.

func addService(s *Service) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.NewService, Service: s}
}

func updateService(s *Service) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.SetService, Service: s}
}

func removeService(key ServiceKey) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.DelService, Service: &Service{ServiceKey: key}}
}

func addDestination(key ServiceKey, d *Destination) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.NewDestination, Service: &Service{ServiceKey: key}, Destination: d}
}

func updateDestination(key ServiceKey, d *Destination) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.SetDestination, Service: &Service{ServiceKey: key}, Destination: d}
}

func removeDestination(key ServiceKey, ap netip.AddrPort) *netlinkmsg.Message {
	return &netlinkmsg.Message{
		Command:     netlinkmsg.DelDestination,
		Service:     &Service{ServiceKey: key},
		Destination: &Destination{AddrPort: ap},
	}
}

func zero() *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.Zero}
}

func zeroService(key ServiceKey) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.Zero, Service: &Service{ServiceKey: key}}
}

func flush() *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.Flush}
}

func setTimeouts(t *Timeouts) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.SetConfig, Timeouts: t}
}

func startDaemon(d *Daemon) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.NewDaemon, Daemon: d}
}

func stopDaemon(state DaemonState) *netlinkmsg.Message {
	return &netlinkmsg.Message{Command: netlinkmsg.DelDaemon, Daemon: &Daemon{State: state}}
}

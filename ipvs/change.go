package ipvs

import (
	"net/netip"

	"goipvsadm/netlinkmsg"
)

// A change is the message of a change together with what it points to, so that a
// batch makes do with one. Each method makes it another change, and returns its
// message.
type change struct {
	message     netlinkmsg.Message
	service     Service
	destination Destination
	timeouts    Timeouts
	daemon      Daemon
}

func (c *change) addService(s *Service) *netlinkmsg.Message {
	return c.ofService(netlinkmsg.NewService, s)
}

func (c *change) updateService(s *Service) *netlinkmsg.Message {
	return c.ofService(netlinkmsg.SetService, s)
}

func (c *change) removeService(key ServiceKey) *netlinkmsg.Message {
	return c.ofService(netlinkmsg.DelService, &Service{ServiceKey: key})
}

func (c *change) zeroService(key ServiceKey) *netlinkmsg.Message {
	return c.ofService(netlinkmsg.Zero, &Service{ServiceKey: key})
}

func (c *change) addDestination(key ServiceKey, d *Destination) *netlinkmsg.Message {
	return c.ofDestination(netlinkmsg.NewDestination, key, d)
}

func (c *change) updateDestination(key ServiceKey, d *Destination) *netlinkmsg.Message {
	return c.ofDestination(netlinkmsg.SetDestination, key, d)
}

func (c *change) removeDestination(key ServiceKey, ap netip.AddrPort) *netlinkmsg.Message {
	return c.ofDestination(netlinkmsg.DelDestination, key, &Destination{AddrPort: ap})
}

func (c *change) zero() *netlinkmsg.Message {
	return c.of(netlinkmsg.Message{Command: netlinkmsg.Zero})
}

func (c *change) flush() *netlinkmsg.Message {
	return c.of(netlinkmsg.Message{Command: netlinkmsg.Flush})
}

func (c *change) setTimeouts(t *Timeouts) *netlinkmsg.Message {
	c.timeouts = *t
	return c.of(netlinkmsg.Message{Command: netlinkmsg.SetConfig, Timeouts: &c.timeouts})
}

func (c *change) startDaemon(d *Daemon) *netlinkmsg.Message {
	return c.ofDaemon(netlinkmsg.NewDaemon, d)
}

func (c *change) stopDaemon(state DaemonState) *netlinkmsg.Message {
	return c.ofDaemon(netlinkmsg.DelDaemon, &Daemon{State: state})
}

func (c *change) ofService(command netlinkmsg.Command, s *Service) *netlinkmsg.Message {
	c.service = *s
	return c.of(netlinkmsg.Message{Command: command, Service: &c.service})
}

func (c *change) ofDestination(command netlinkmsg.Command, key ServiceKey, d *Destination) *netlinkmsg.Message {
	c.service, c.destination = Service{ServiceKey: key}, *d
	return c.of(netlinkmsg.Message{Command: command, Service: &c.service, Destination: &c.destination})
}

func (c *change) ofDaemon(command netlinkmsg.Command, d *Daemon) *netlinkmsg.Message {
	c.daemon = *d
	return c.of(netlinkmsg.Message{Command: command, Daemon: &c.daemon})
}

func (c *change) of(m netlinkmsg.Message) *netlinkmsg.Message {
	c.message = m
	return &c.message
}

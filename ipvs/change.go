package ipvs

import (
	"net/netip"

	"goipvsadm/netlinkmsg"
)

// A change is the message of a change together with what it points to, so that a
// batch makes do with one. Each method makes it another change, and returns its
// message.
type requestBuilder struct {
	message     netlinkmsg.Message
	service     Service
	destination Destination
	timeouts    Timeouts
	daemon      Daemon
}

func (c *requestBuilder) addService(s *Service) *netlinkmsg.Message {
	return c.serviceRequest(netlinkmsg.NewService, s)
}

func (c *requestBuilder) updateService(s *Service) *netlinkmsg.Message {
	return c.serviceRequest(netlinkmsg.SetService, s)
}

func (c *requestBuilder) removeService(key ServiceKey) *netlinkmsg.Message {
	return c.serviceRequest(netlinkmsg.DelService, &Service{ServiceKey: key})
}

func (c *requestBuilder) zeroService(key ServiceKey) *netlinkmsg.Message {
	return c.serviceRequest(netlinkmsg.Zero, &Service{ServiceKey: key})
}

func (c *requestBuilder) addDestination(key ServiceKey, d *Destination) *netlinkmsg.Message {
	return c.destinationRequest(netlinkmsg.NewDestination, key, d)
}

func (c *requestBuilder) updateDestination(key ServiceKey, d *Destination) *netlinkmsg.Message {
	return c.destinationRequest(netlinkmsg.SetDestination, key, d)
}

func (c *requestBuilder) removeDestination(key ServiceKey, ap netip.AddrPort) *netlinkmsg.Message {
	return c.destinationRequest(netlinkmsg.DelDestination, key, &Destination{AddrPort: ap})
}

func (c *requestBuilder) zero() *netlinkmsg.Message {
	return c.request(netlinkmsg.Message{Command: netlinkmsg.Zero})
}

func (c *requestBuilder) flush() *netlinkmsg.Message {
	return c.request(netlinkmsg.Message{Command: netlinkmsg.Flush})
}

func (c *requestBuilder) setTimeouts(t *Timeouts) *netlinkmsg.Message {
	c.timeouts = *t
	return c.request(netlinkmsg.Message{Command: netlinkmsg.SetConfig, Timeouts: &c.timeouts})
}

func (c *requestBuilder) startDaemon(d *Daemon) *netlinkmsg.Message {
	return c.daemonRequest(netlinkmsg.NewDaemon, d)
}

func (c *requestBuilder) stopDaemon(state DaemonState) *netlinkmsg.Message {
	return c.daemonRequest(netlinkmsg.DelDaemon, &Daemon{State: state})
}

func (c *requestBuilder) serviceRequest(command netlinkmsg.Command, s *Service) *netlinkmsg.Message {
	c.service = *s
	return c.request(netlinkmsg.Message{Command: command, Service: &c.service})
}

func (c *requestBuilder) destinationRequest(command netlinkmsg.Command, key ServiceKey, d *Destination) *netlinkmsg.Message {
	c.service, c.destination = Service{ServiceKey: key}, *d
	return c.request(netlinkmsg.Message{Command: command, Service: &c.service, Destination: &c.destination})
}

func (c *requestBuilder) daemonRequest(command netlinkmsg.Command, d *Daemon) *netlinkmsg.Message {
	c.daemon = *d
	return c.request(netlinkmsg.Message{Command: command, Daemon: &c.daemon})
}

func (c *requestBuilder) request(m netlinkmsg.Message) *netlinkmsg.Message {
	c.message = m
	return &c.message
}

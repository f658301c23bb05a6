package ipvs

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"goipvsadm/netlinkmsg"
)

// A Client is a connection to the kernel's IPVS. Its methods may be called
// from several goroutines; they take turns.
type Client struct {
	s      Socket
	family uint16
	netns  string // path of the namespace it was dialled for, "" for the caller's

	seq        atomic.Uint32 // of the last message
	mu         sync.Mutex    // held for a request and its answers; see lock
	activeDump *dump         // that somebody iterates over
	out, in    []byte
	receives   uint64       // that brought something
	limits     batchLimits  // for a batch, zero until one asks
	kernel     kernelSocket // of s, nil if it is not the kernel's
	keepMapped bool         // whether IPv4-mapped addresses of destinations are sent as they are
	closed     atomic.Bool
}

// kernelSocket is what the kernel's socket does besides carrying messages.
type kernelSocket interface {
	growBuffers(want batchLimits) batchLimits
	setNonblocking(on bool)
}

// receiveBuffer is the size of the largest message that the kernel makes of a
// dump: it takes as much memory for each as the reader has room for. Debian's
// kernels also clear it first, so room for more than a usual service's
// destinations costs more than it saves. With the 320 bytes that the kernel
// adds, this is 8 KiB, which it has at hand; and no kernel sends more than it
// to a reader that has less.
const receiveBuffer = 8<<10 - 320

// NewClient makes a client of a socket and the number of the IPVS family on
// it. Most programs use Dial; tests use NewClient, with package ipvstest.
func NewClient(s Socket, family uint16) *Client {
	// One allocation: most requests fit into what the kernel's 320 bytes leave.
	b := make([]byte, 8<<10)
	return &Client{s: s, family: family, in: b[:receiveBuffer:receiveBuffer], out: b[receiveBuffer:]}
}

// Close closes the connection. A client that is closed already stays closed,
// and the error is nil.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.s.Close()
}

// Info returns the version of the kernel's IPVS and the size of its
// connection table.
func (c *Client) Info() (Info, error) {
	var info Info
	err := c.get(&netlinkmsg.Message{Command: netlinkmsg.GetInfo}, &netlinkmsg.Message{Info: &info})
	return info, err
}

// Services returns all virtual services, in the kernel's order. It is not one
// moment's picture: the kernel tells of some at a time, and counts them in
// between. Where services are added or removed meanwhile, one may be missing or
// be there twice. ServicesSeq reads as many without the slice.
func (c *Client) Services() ([]Service, error) { return c.services(false) }

// UniqueServices is Services for those who must not see one twice: it reads
// again then, up to ten times, before it returns ErrInterrupted.
func (c *Client) ServicesConsistent() ([]Service, error) { return c.services(true) }

func (c *Client) services(unique bool) ([]Service, error) {
	var services []Service
	var s Service
	err := c.dump(&netlinkmsg.Message{Command: netlinkmsg.GetService}, &netlinkmsg.Message{Service: &s},
		func() { services = services[:0] },
		func() { services = append(services, s) },
		func() bool {
			return unique && hasDuplicates(services, func(s *Service) ServiceKey { return s.ServiceKey })
		})
	return services, err
}

// Service returns one virtual service, or ErrNoService.
func (c *Client) Service(key ServiceKey) (Service, error) {
	var s Service
	req := &netlinkmsg.Message{Command: netlinkmsg.GetService, Service: &Service{ServiceKey: key}}
	err := c.get(req, &netlinkmsg.Message{Service: &s})
	return s, err
}

// Destinations returns the destinations of a service, in the kernel's order.
// A service that does not exist has none: the kernel does not tell the
// difference.
func (c *Client) Destinations(key ServiceKey) ([]Destination, error) {
	return c.AppendDestinations(nil, key)
}

// AppendDestinations appends the destinations of a service to ds, so that
// reading a large table can reuse one slice.
func (c *Client) AppendDestinations(ds []Destination, key ServiceKey) ([]Destination, error) {
	return c.appendDestinations(ds, key, false)
}

// AppendUniqueDestinations is to AppendDestinations what UniqueServices is to
// Services.
func (c *Client) AppendDestinationsConsistent(ds []Destination, key ServiceKey) ([]Destination, error) {
	return c.appendDestinations(ds, key, true)
}

func (c *Client) appendDestinations(ds []Destination, key ServiceKey, unique bool) ([]Destination, error) {
	before := len(ds)
	var d Destination
	req := &netlinkmsg.Message{Command: netlinkmsg.GetDestination, Service: &Service{ServiceKey: key}}
	err := c.dump(req, &netlinkmsg.Message{Destination: &d},
		func() { ds = ds[:before] },
		func() { ds = append(ds, d) },
		func() bool {
			return unique && hasDuplicates(ds[before:], func(d *Destination) netip.AddrPort { return d.AddrPort })
		})
	return ds, err
}

// AddService adds a virtual service. Its errors are ErrServiceExists and
// ErrNoScheduler, the latter for an unknown persistence engine as well.
func (c *Client) AddService(s Service) error {
	return c.Do(&Change{Op: OpAddService, Service: s})
}

// UpdateService changes the configuration of a virtual service; its
// destinations and connections stay. Its errors are ErrNoService and
// ErrNoScheduler.
func (c *Client) UpdateService(s Service) error {
	return c.Do(&Change{Op: OpUpdateService, Service: s})
}

// RemoveService removes a virtual service with its destinations, or returns
// ErrNoService.
func (c *Client) RemoveService(key ServiceKey) error {
	return c.Do(&Change{Op: OpRemoveService, Service: Service{ServiceKey: key}})
}

// AddDestination adds a destination to a service. Its errors are ErrNoService
// and ErrDestinationExists.
func (c *Client) AddDestination(key ServiceKey, d Destination) error {
	return c.Do(&Change{Op: OpAddDestination, Service: Service{ServiceKey: key}, Destination: d})
}

// UpdateDestination changes the configuration of a destination; its
// connections stay. Its errors are ErrNoService and ErrNoDestination.
func (c *Client) UpdateDestination(key ServiceKey, d Destination) error {
	return c.Do(&Change{Op: OpUpdateDestination, Service: Service{ServiceKey: key}, Destination: d})
}

// RemoveDestination removes a destination. Its errors are ErrNoService and
// ErrNoDestination.
func (c *Client) RemoveDestination(key ServiceKey, ap netip.AddrPort) error {
	return c.Do(&Change{Op: OpRemoveDestination, Service: Service{ServiceKey: key}, Destination: Destination{AddrPort: ap}})
}

// Zero sets the counters and rates of all services to zero.
func (c *Client) Zero() error { return c.Do(&Change{Op: OpZero}) }

// ZeroService sets the counters and rates of one service and its destinations
// to zero, or returns ErrNoService.
func (c *Client) ZeroService(key ServiceKey) error {
	return c.Do(&Change{Op: OpZeroService, Service: Service{ServiceKey: key}})
}

// Flush removes all services.
func (c *Client) RemoveAllServices() error { return c.Do(&Change{Op: OpRemoveAllServices}) }

// Timeouts returns how long connections without traffic live.
func (c *Client) Timeouts() (Timeouts, error) {
	var t Timeouts
	err := c.get(&netlinkmsg.Message{Command: netlinkmsg.GetConfig}, &netlinkmsg.Message{Timeouts: &t})
	return t, err
}

// SetTimeouts sets how long connections without traffic live. A value of 0
// leaves the kernel's as it is.
func (c *Client) SetTimeouts(t Timeouts) error { return c.Do(&Change{Op: OpSetTimeouts, Timeouts: t}) }

// Daemons returns the synchronisation daemons that run: none, a master, a
// backup, or both in that order.
func (c *Client) Daemons() ([]Daemon, error) {
	var daemons []Daemon
	var d Daemon
	err := c.dump(&netlinkmsg.Message{Command: netlinkmsg.GetDaemon}, &netlinkmsg.Message{Daemon: &d},
		func() { daemons = daemons[:0] },
		func() { daemons = append(daemons, d) },
		func() bool { return false })
	return daemons, err
}

// StartDaemon starts a synchronisation daemon, or returns ErrDaemonRunning.
// An interface that does not exist is ENODEV.
func (c *Client) StartDaemon(d Daemon) error { return c.Do(&Change{Op: OpStartDaemon, Daemon: d}) }

// StopDaemon stops the synchronisation daemon of a role, or returns
// ErrNoDaemon.
func (c *Client) StopDaemon(state DaemonState) error {
	return c.Do(&Change{Op: OpStopDaemon, Daemon: Daemon{State: state}})
}

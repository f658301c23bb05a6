// SPDX-License-Identifier: MIT

package ipvs

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"goipvsadm/netlinkmsg"
)

// A Client is a connection to the kernel's IPVS. It is safe for concurrent use;
// requests are serialized.
type Client struct {
	socket Socket
	kernel kernelSocket // the kernel socket that socket is or wraps; nil if there is none
	family uint16       // generic netlink family ID of IPVS
	portID uint32       // netlink port ID of the socket; 0 accepts replies to any port
	netns  string       // path of the network namespace; "" for the caller's
	closed atomic.Bool

	seq       atomic.Uint32                   // sequence number of the last request
	spareDump atomic.Pointer[destinationDump] // nil while it is used

	mu         sync.Mutex  // held from a request to the end of its reply; see acquire
	activeDump *dump       // iteration whose dump has not been read completely
	in, out    []byte      // buffers for replies and requests
	datagrams  uint64      // number of datagrams received
	lastLen    int         // length of the last datagram
	limits     batchLimits // limits of one send; zero until initLimits
}

// receiveBuffer is the size of the buffer for replies. It limits the datagrams of a
// dump: for each, the kernel allocates as many bytes as the reader's buffer has, plus
// 320 bytes of bookkeeping. With 8 KiB in total, an allocation fills one slab object
// exactly. A larger buffer costs more than it saves, because many kernels clear each
// allocation (init_on_alloc=1).
//
// The length of a datagram is a multiple of four, and the length of the buffer is not:
// only a datagram that is too long fills the buffer.
const receiveBuffer = 8<<10 - 320 - 1

// NewClient returns a client that uses the socket s; family is the ID of the generic
// netlink family IPVS. It is intended for tests, see package ipvstest; programs use
// Dial.
func NewClient(s Socket, family uint16) *Client {
	// One allocation for both buffers: most requests fit into 320 bytes.
	b := make([]byte, 8<<10)
	return &Client{socket: s, family: family, in: b[:receiveBuffer:receiveBuffer], out: b[receiveBuffer:]}
}

// Close closes the connection. Closing a closed client has no effect.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.socket.Close()
}

// Info returns the version of the kernel's IPVS and the size of its connection
// table.
func (c *Client) Info() (Info, error) {
	var info Info
	err := c.get(&netlinkmsg.Message{Command: netlinkmsg.GetInfo}, &netlinkmsg.Message{Info: &info})
	return info, err
}

// Services returns all virtual services in the kernel's order. The dump is not
// atomic: if services are added or removed while it runs, any service may be missing
// or duplicated. ServicesConsistent prevents this by repeating the dump; ServicesSeq
// does not hold the services in memory.
func (c *Client) Services() ([]Service, error) {
	var services []Service
	var s Service
	err := c.dump(&netlinkmsg.Message{Command: netlinkmsg.GetService}, &netlinkmsg.Message{Service: &s},
		func() { services = services[:0] },
		func() { services = appendRow(services, &s) },
		acceptDump)
	return services, err
}

// Service returns the service with the given key, or ErrNoService.
func (c *Client) Service(key ServiceKey) (Service, error) {
	var s Service
	request := &netlinkmsg.Message{Command: netlinkmsg.GetService, Service: &Service{ServiceKey: key}}
	err := c.get(request, &netlinkmsg.Message{Service: &s})
	return s, err
}

// Destinations returns the destinations of a service in the kernel's order. The
// result is empty if the service does not exist, because the kernel does not
// distinguish this case from a service without destinations. As with Services, the
// dump is not atomic.
func (c *Client) Destinations(key ServiceKey) ([]Destination, error) {
	return c.AppendDestinations(nil, key)
}

// AppendDestinations is like Destinations but appends to ds, so that reading many
// services can reuse one slice.
func (c *Client) AppendDestinations(ds []Destination, key ServiceKey) ([]Destination, error) {
	before := len(ds)
	d := c.takeDestinationDump(key)
	defer c.spareDump.Store(d)
	err := c.dump(&d.request, &d.reply,
		func() { ds = ds[:before] },
		func() { ds = appendRow(ds, &d.row) },
		acceptDump)
	return ds, err
}

// A destinationDump holds the messages of a dump of destinations. They are reused: a
// table with many services needs many dumps, and new messages for each would produce as
// much garbage as the size of the table.
type destinationDump struct {
	request, reply netlinkmsg.Message
	service        Service     // Service of request
	row            Destination // Destination of reply
}

// takeDestinationDump returns a destinationDump for the service with a key. After use
// it is stored in spareDump.
func (c *Client) takeDestinationDump(key ServiceKey) *destinationDump {
	d := c.spareDump.Swap(nil)
	if d == nil { // the first dump, or another one is running
		d = new(destinationDump)
	}
	d.service = Service{ServiceKey: key}
	d.request = netlinkmsg.Message{Command: netlinkmsg.GetDestination, Service: &d.service}
	d.reply = netlinkmsg.Message{Destination: &d.row}
	return d
}

// AddService adds a service. It returns ErrServiceExists if the service exists, and
// ErrNoScheduler if the scheduler or the persistence engine is unknown.
func (c *Client) AddService(s Service) error {
	return c.Do(&Change{Op: OpAddService, Service: s})
}

// UpdateService replaces the configuration of a service and keeps its destinations
// and connections. It returns ErrNoService if the service does not exist, and
// ErrNoScheduler if the scheduler or the persistence engine is unknown.
func (c *Client) UpdateService(s Service) error {
	return c.Do(&Change{Op: OpUpdateService, Service: s})
}

// RemoveService removes a service with its destinations, or returns ErrNoService.
func (c *Client) RemoveService(key ServiceKey) error {
	return c.Do(&Change{Op: OpRemoveService, Service: Service{ServiceKey: key}})
}

// RemoveAllServices removes all services with their destinations.
func (c *Client) RemoveAllServices() error { return c.Do(&Change{Op: OpRemoveAllServices}) }

// AddDestination adds a destination to a service. It returns ErrNoService or
// ErrDestinationExists.
func (c *Client) AddDestination(key ServiceKey, d Destination) error {
	return c.Do(&Change{Op: OpAddDestination, Service: Service{ServiceKey: key}, Destination: d})
}

// UpdateDestination replaces the configuration of a destination and keeps its
// connections. It returns ErrNoService or ErrNoDestination.
func (c *Client) UpdateDestination(key ServiceKey, d Destination) error {
	return c.Do(&Change{Op: OpUpdateDestination, Service: Service{ServiceKey: key}, Destination: d})
}

// RemoveDestination removes a destination. It returns ErrNoService or
// ErrNoDestination.
func (c *Client) RemoveDestination(key ServiceKey, ap netip.AddrPort) error {
	return c.Do(&Change{Op: OpRemoveDestination, Service: Service{ServiceKey: key}, Destination: Destination{AddrPort: ap}})
}

// Zero resets the counters and rates of all services and destinations.
func (c *Client) Zero() error { return c.Do(&Change{Op: OpZero}) }

// ZeroService resets the counters and rates of a service and its destinations, or
// returns ErrNoService.
func (c *Client) ZeroService(key ServiceKey) error {
	return c.Do(&Change{Op: OpZeroService, Service: Service{ServiceKey: key}})
}

// Timeouts returns the timeouts of idle connections.
func (c *Client) Timeouts() (Timeouts, error) {
	var t Timeouts
	err := c.get(&netlinkmsg.Message{Command: netlinkmsg.GetConfig}, &netlinkmsg.Message{Timeouts: &t})
	return t, err
}

// SetTimeouts sets the timeouts of idle connections. A field of 0 keeps the
// current timeout.
func (c *Client) SetTimeouts(t Timeouts) error { return c.Do(&Change{Op: OpSetTimeouts, Timeouts: t}) }

// Daemons returns the running sync daemons: at most one master and one backup, in
// this order.
func (c *Client) Daemons() ([]Daemon, error) {
	var daemons []Daemon
	var d Daemon
	err := c.dump(&netlinkmsg.Message{Command: netlinkmsg.GetDaemon}, &netlinkmsg.Message{Daemon: &d},
		func() { daemons = daemons[:0] },
		func() { daemons = append(daemons, d) },
		acceptDump)
	return daemons, err
}

// StartDaemon starts a sync daemon. It returns ErrDaemonRunning, or ENODEV if the
// interface does not exist.
func (c *Client) StartDaemon(d Daemon) error { return c.Do(&Change{Op: OpStartDaemon, Daemon: d}) }

// StopDaemon stops a sync daemon, or returns ErrNoDaemon.
func (c *Client) StopDaemon(state DaemonState) error {
	return c.Do(&Change{Op: OpStopDaemon, Daemon: Daemon{State: state}})
}

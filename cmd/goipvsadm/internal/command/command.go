// Package command reads a command line, of the program or of a restored
// rule, into one value: the command, what it acts on, and the options given.
// Spelling, messages and the order of the checks are ipvsadm's.
package command

import "goipvsadm/ipvs"

// A Command is a command line that was read.
type Command struct {
	Verb    Verb
	Options Options // those given

	// Service is what the commands for services and servers act on, and what
	// -L, -Z and --doctor may name. Of -A and -E it is the whole configuration, with
	// defaults filled in; of the others only the key counts.
	Service ipvs.Service

	// Destination is the server of -a, -e and -d, for -a and -e with its
	// whole configuration.
	Destination ipvs.Destination

	Daemon   ipvs.Daemon   // of --start-daemon and --stop-daemon
	Timeouts ipvs.Timeouts // of --set

	NetNS    string // of --netns: a name or a path
	Drain    uint32 // of --drain, in seconds; 0 for no limit
	Interval uint32 // of --watch, in seconds
	Top      uint32 // of --top: how many services at most

	OpenMetrics bool // of --metrics: that format, not Prometheus' own
}

// A Verb is what a command line says to do.
type Verb uint8

// The verbs.
const (
	AddService Verb = iota + 1
	EditService
	DeleteService
	Flush
	List
	Zero
	AddServer
	EditServer
	DeleteServer
	Restore
	Save
	SetTimeouts
	StartDaemon
	StopDaemon
	Help
	Version

	// ipvsadm has none of these.
	Check
	Apply
	Diff
	Doctor
)

// verbs describes each command: its name in messages, its short or only option,
// its column in the option matrix, and the operation on the table that it stands
// for, if it stands for one.
var verbs = [...]struct {
	name   string
	flag   string
	column int
	op     ipvs.Operation
}{
	AddService:    {"add-service", "-A", 0, ipvs.OpAddService},
	EditService:   {"edit-service", "-E", 0, ipvs.OpUpdateService},
	DeleteService: {"delete-service", "-D", 1, ipvs.OpRemoveService},
	List:          {"list", "-L", 2, 0},
	AddServer:     {"add-server", "-a", 3, ipvs.OpAddDestination},
	EditServer:    {"edit-server", "-e", 3, ipvs.OpUpdateDestination},
	DeleteServer:  {"delete-server", "-d", 4, ipvs.OpRemoveDestination},
	StartDaemon:   {"start-daemon", "--start-daemon", 5, ipvs.OpStartDaemon},
	StopDaemon:    {"stop-daemon", "--stop-daemon", 6, ipvs.OpStopDaemon},
	Save:          {"save", "-S", 7, 0},
	Zero:          {"zero", "-Z", 8, ipvs.OpZero},
	Flush:         {"flush", "-C", 9, ipvs.OpRemoveAllServices},
	SetTimeouts:   {"set", "--set", 9, ipvs.OpSetTimeouts},
	Restore:       {"restore", "-R", 9, 0},
	Help:          {"help", "-h", 9, 0},
	Version:       {"version", "-v", 9, 0},
	Check:         {"check", "--check", 10, 0},
	Apply:         {"apply", "--apply", 11, 0},
	Diff:          {"diff", "--diff", 12, 0},
	Doctor:        {"doctor", "--doctor", 13, 0},
}

// String returns the command's name in messages.
func (v Verb) String() string { return verbs[v].name }

// Flag returns the option that selects the command: its short name, if it has
// one.
func (v Verb) Flag() string { return verbs[v].flag }

// IsChange reports whether the command changes the table.
func (v Verb) IsChange() bool { return verbs[v].op != 0 }

// Change returns the change to the table that c stands for. Its Op is 0 if c is
// not a change.
func (c *Command) Change() ipvs.Change {
	op := verbs[c.Verb].op
	if op == ipvs.OpZero && c.Options.Has(ServiceAddress) {
		op = ipvs.OpZeroService
	}
	return ipvs.Change{
		Op:          op,
		Service:     c.Service,
		Destination: c.Destination,
		Timeouts:    c.Timeouts,
		Daemon:      c.Daemon,
	}
}

// FromChange returns the command that makes a change. Its operands are set, its
// Options are not.
func FromChange(c *ipvs.Change) Command {
	cmd := Command{Service: c.Service, Destination: c.Destination, Timeouts: c.Timeouts, Daemon: c.Daemon}
	for v := range verbs {
		if verbs[v].op == c.Op {
			cmd.Verb = Verb(v)
			break
		}
	}
	return cmd
}

// Options is a set of options.
type Options uint64

// Has reports whether o is in the set.
func (s Options) Has(o Option) bool { return s&(1<<o) != 0 }

// HasAny reports whether one of options is in the set.
func (s Options) HasAny(options ...Option) bool {
	for _, o := range options {
		if s.Has(o) {
			return true
		}
	}
	return false
}

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

// verbs are the commands' names in messages, and their columns in uses.
var verbs = [...]struct {
	name   string
	column int
}{
	AddService:    {"add-service", 0},
	EditService:   {"edit-service", 0},
	DeleteService: {"delete-service", 1},
	List:          {"list", 2},
	AddServer:     {"add-server", 3},
	EditServer:    {"edit-server", 3},
	DeleteServer:  {"delete-server", 4},
	StartDaemon:   {"start-daemon", 5},
	StopDaemon:    {"stop-daemon", 6},
	Save:          {"save", 7},
	Zero:          {"zero", 8},
	Flush:         {"flush", 9},
	SetTimeouts:   {"set", 9},
	Restore:       {"restore", 9},
	Help:          {"help", 9},
	Version:       {"version", 9},
	Check:         {"check", 10},
	Apply:         {"apply", 11},
	Diff:          {"diff", 12},
	Doctor:        {"doctor", 13},
}

// String returns the command's name as messages have it.
func (v Verb) String() string { return verbs[v].name }

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

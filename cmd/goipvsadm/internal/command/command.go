// Package command parses command lines, both the program's own and the rules
// that -R reads, into a Command, which holds the operation, its service or
// server and the options. Option syntax, error messages and the order in which
// errors are detected are the same as in ipvsadm.
package command

import "goipvsadm/ipvs"

// A Command is a parsed command line.
type Command struct {
	Verb    Verb
	Options Options // the options given

	// Service is the virtual service that the command acts on. -A and -E
	// set all of it, with defaults filled in. Other commands set only its
	// key, which is optional for -L, -Z and --doctor.
	Service ipvs.Service

	// Destination is the real server that the command acts on. -a and -e
	// set all of it, -d only its address and port.
	Destination ipvs.Destination

	// IgnoredPort is the port given with -r if it has no effect, because the
	// forwarding method does not change ports.
	IgnoredPort uint16

	Daemon   ipvs.Daemon   // set by --start-daemon and --stop-daemon
	Timeouts ipvs.Timeouts // set by --set

	File     string // file of rules for --check, --apply, --diff and --doctor --rules; "" is standard input
	ForApply bool   // --check validates the rules for --apply instead of -R
	NetNS    string // network namespace given with --netns: a name, a process ID or a path
	Drain    uint32 // time limit of --drain in seconds; 0 means no limit
	Interval uint32 // seconds between the listings of --watch
	Top      uint32 // maximum number of services that --top lists

	OpenMetrics bool // --metrics prints OpenMetrics instead of Prometheus text

	HelpTopic string // value of --help, or the word after it
}

// A Verb is the operation of a command. The zero Verb means that no command was
// given.
type Verb uint8

// The commands of ipvsadm.
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

	// The commands that ipvsadm lacks.
	Check
	Apply
	Diff
	Doctor
)

// commands describes each command: its name in messages, the change that it
// makes to the kernel's table (0 for none), and the options that it supports.
// --netns, which every command supports, is omitted. The flags of the commands
// are in the table flags.
var commands = [...]struct {
	name    string
	op      ipvs.Operation
	options optionRules
}{
	AddService: {"add-service", ipvs.OpAddService,
		optionRules{required: 1 << ServiceAddress, allowed: serviceOptions}},
	EditService: {"edit-service", ipvs.OpUpdateService,
		optionRules{required: 1 << ServiceAddress, allowed: serviceOptions}},
	DeleteService: {"delete-service", ipvs.OpRemoveService,
		optionRules{required: 1 << ServiceAddress}},
	Flush: {"flush", ipvs.OpRemoveAllServices, optionRules{}},
	List:  {"list", 0, optionRules{allowed: listOptions, exclusive: listSubjects}},
	Zero:  {"zero", ipvs.OpZero, optionRules{allowed: 1 << ServiceAddress}},
	AddServer: {"add-server", ipvs.OpAddDestination,
		optionRules{required: 1<<ServiceAddress | 1<<RealServer, allowed: serverOptions}},
	EditServer: {"edit-server", ipvs.OpUpdateDestination,
		optionRules{required: 1<<ServiceAddress | 1<<RealServer, allowed: serverOptions}},
	DeleteServer: {"delete-server", ipvs.OpRemoveDestination,
		optionRules{required: 1<<ServiceAddress | 1<<RealServer, allowed: 1 << Drain}},
	Restore:     {"restore", 0, optionRules{}},
	Save:        {"save", 0, optionRules{allowed: 1<<Numeric | 1<<All}},
	SetTimeouts: {"set", ipvs.OpSetTimeouts, optionRules{}},
	StartDaemon: {"start-daemon", ipvs.OpStartDaemon, optionRules{allowed: daemonOptions}},
	StopDaemon:  {"stop-daemon", ipvs.OpStopDaemon, optionRules{allowed: 1 << SyncID}},
	Help:        {"help", 0, optionRules{}},
	Version:     {"version", 0, optionRules{}},
	Check:       {"check", 0, optionRules{}},
	Apply:       {"apply", 0, optionRules{allowed: 1<<KeepWeights | 1<<AllowEmpty | 1<<Verbose}},
	Diff:        {"diff", 0, optionRules{allowed: 1<<KeepWeights | 1<<AllowEmpty}},
	Doctor:      {"doctor", 0, optionRules{allowed: 1<<Numeric | 1<<ServiceAddress | 1<<JSON, exclusive: 1<<Probe | 1<<RulesFile}},
}

// The options of the commands that support many.
const (
	serviceOptions = 1<<Scheduler | 1<<Persistent | 1<<Netmask | 1<<Ops | 1<<PE | 1<<SchedFlags

	serverOptions = 1<<ForwardingMethod | 1<<Weight | 1<<UThreshold | 1<<LThreshold | tunnelOptions

	daemonOptions = 1<<McastInterface | 1<<SyncID | 1<<McastGroup | 1<<McastPort | 1<<McastTTL |
		1<<SyncMaxLen

	listOptions = 1<<Numeric | 1<<Stats | 1<<Rate | 1<<Thresholds | 1<<PersistentConn | 1<<NoSort |
		1<<SyncID | 1<<Exact | 1<<TunInfo | 1<<JSON | 1<<Metrics | 1<<Watch | 1<<Top

	// listSubjects are the options with which -L lists something other than the
	// whole table.
	listSubjects = 1<<Connection | 1<<ServiceAddress | 1<<Timeout | 1<<Daemon
)

// String returns the name of the command in messages.
func (v Verb) String() string { return commands[v].name }

// ReadsFile reports whether the operand of the command is a file of rules.
func (v Verb) ReadsFile() bool { return v == Check || v == Apply || v == Diff }

// combinesWith reports whether the flag of v extends the command c instead of selecting
// a second one: --check and --apply together validate the rules for --apply.
func (c *Command) combinesWith(v Verb) bool {
	return !c.ForApply && (c.Verb == Check && v == Apply || c.Verb == Apply && v == Check)
}

// optionRules returns the rules for the options of the command.
func (c *Command) optionRules() *optionRules {
	if c.ForApply {
		return &commands[Apply].options
	}
	return &commands[c.Verb].options
}

// IsChange reports whether the command changes the kernel's table.
func (v Verb) IsChange() bool { return commands[v].op != 0 }

// Change returns the change to the kernel's table that c makes. Its Op is 0 if
// c makes none.
func (c *Command) Change() ipvs.Change {
	op := commands[c.Verb].op
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

// FromChange returns the command that makes the change. Its Options are empty.
func FromChange(c *ipvs.Change) Command {
	cmd := Command{Service: c.Service, Destination: c.Destination, Timeouts: c.Timeouts, Daemon: c.Daemon}
	for v := range commands {
		if commands[v].op == c.Op {
			cmd.Verb = Verb(v)
			break
		}
	}
	return cmd
}

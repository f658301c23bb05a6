// SPDX-License-Identifier: MIT

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
	// key, which is optional for -L, -Z, --doctor and --monitor. With --keep,
	// the fields whose options are not given have defaults until KeepService
	// replaces them.
	Service ipvs.Service

	// Destination is the real server that the command acts on. -a and -e
	// set all of it, -d only its address and port. With --keep and
	// --all-services, the fields whose options are not given have defaults
	// until KeepServer replaces them.
	Destination ipvs.Destination

	// AnyPort is set if --all-services selects the server with any port.
	AnyPort bool

	// SchedFlags is the value of -b.
	SchedFlags string

	// IgnoredPort is the port given with -r if it has no effect, because the
	// forwarding method does not change ports.
	IgnoredPort uint16

	Daemon   ipvs.Daemon   // set by --start-daemon and --stop-daemon
	Timeouts ipvs.Timeouts // set by --set

	File     string // file of rules for --check, --apply, --diff and --doctor --rules; "" is standard input
	ForApply bool   // --check validates the rules for --apply instead of -R
	NetNS    string // network namespace given with --netns: a name, a process ID or a path
	Drain    uint32 // time limit of --drain in seconds; 0 means no limit
	Interval uint32 // seconds between the readings of --watch or --monitor
	Top      uint32 // maximum number of services that --top lists

	// Filter selects the connections that -L -c lists. Without -c, -L lists the
	// services that have the server Filter.Destination, if it is set.
	Filter ipvs.ConnectionFilter

	Confirm  uint32 // seconds that --confirm waits for the answer
	UndoFile string // file of rules that --save-undo writes

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
	Monitor
)

// commands describes each command: its name in messages, the change that it
// makes to the kernel's table (0 for none), and the options that it supports.
// --netns, which every command supports, is omitted. The flags of the commands
// are in the table flags.
var commands = [...]struct {
	name        string
	op          ipvs.Operation
	options     optionRules
	allServices optionRules // options if --all-services is given; zero if it is not supported
}{
	AddService: {name: "add-service", op: ipvs.OpAddService,
		options: optionRules{required: 1 << ServiceAddress, allowed: serviceOptions}},
	EditService: {name: "edit-service", op: ipvs.OpUpdateService,
		options: optionRules{required: 1 << ServiceAddress, allowed: serviceOptions | 1<<Keep}},
	DeleteService: {name: "delete-service", op: ipvs.OpRemoveService,
		options: optionRules{required: 1 << ServiceAddress}},
	Flush: {name: "flush", op: ipvs.OpRemoveAllServices},
	List:  {name: "list", options: optionRules{allowed: listOptions, exclusive: listSubjects}},
	Zero:  {name: "zero", op: ipvs.OpZero, options: optionRules{allowed: 1 << ServiceAddress}},
	AddServer: {name: "add-server", op: ipvs.OpAddDestination,
		options: optionRules{required: 1<<ServiceAddress | 1<<RealServer, allowed: serverOptions}},
	EditServer: {name: "edit-server", op: ipvs.OpUpdateDestination,
		options:     optionRules{required: 1<<ServiceAddress | 1<<RealServer, allowed: serverOptions | 1<<Keep},
		allServices: optionRules{required: 1 << RealServer, allowed: serverOptions | 1<<Keep | 1<<JSON, exclusive: oneOrAllServices}},
	DeleteServer: {name: "delete-server", op: ipvs.OpRemoveDestination,
		options:     optionRules{required: 1<<ServiceAddress | 1<<RealServer, allowed: 1 << Drain},
		allServices: optionRules{required: 1 << RealServer, allowed: 1<<Drain | 1<<JSON, exclusive: oneOrAllServices}},
	Restore:     {name: "restore"},
	Save:        {name: "save", options: optionRules{allowed: 1<<Numeric | 1<<All}},
	SetTimeouts: {name: "set", op: ipvs.OpSetTimeouts},
	StartDaemon: {name: "start-daemon", op: ipvs.OpStartDaemon, options: optionRules{allowed: daemonOptions}},
	StopDaemon:  {name: "stop-daemon", op: ipvs.OpStopDaemon, options: optionRules{allowed: 1 << SyncID}},
	Help:        {name: "help"},
	Version:     {name: "version"},
	Check:       {name: "check"},
	Apply:       {name: "apply", options: optionRules{allowed: 1<<KeepWeights | 1<<AllowEmpty | 1<<Verbose | 1<<Confirm | 1<<SaveUndo}},
	Diff:        {name: "diff", options: optionRules{allowed: 1<<KeepWeights | 1<<AllowEmpty}},
	Doctor:      {name: "doctor", options: optionRules{allowed: 1<<Numeric | 1<<ServiceAddress | 1<<JSON, exclusive: 1<<Probe | 1<<RulesFile}},
	Monitor:     {name: "monitor", options: optionRules{allowed: 1<<Numeric | 1<<ServiceAddress | 1<<JSON | 1<<Initial}},
}

// Sets of options for the table commands.
const (
	serviceOptions = 1<<Scheduler | 1<<Persistent | 1<<Netmask | 1<<Ops | 1<<PE | 1<<SchedFlags

	serverOptions = 1<<ForwardingMethod | 1<<Weight | 1<<UThreshold | 1<<LThreshold | tunnelOptions

	// oneOrAllServices are the options that select the services of a server.
	oneOrAllServices = 1<<ServiceAddress | 1<<AllServices

	daemonOptions = 1<<McastInterface | 1<<SyncID | 1<<McastGroup | 1<<McastPort | 1<<McastTTL |
		1<<SyncMaxLen

	listOptions = 1<<Numeric | 1<<Stats | 1<<Rate | 1<<Thresholds | 1<<PersistentConn | 1<<NoSort |
		1<<SyncID | 1<<Exact | 1<<TunInfo | 1<<JSON | 1<<Metrics | 1<<Watch | 1<<Top |
		1<<Server | connectionOptions

	// connectionOptions are the options that require -c.
	connectionOptions = 1<<VIP | 1<<Client | 1<<State | 1<<Count

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
	switch v := &commands[c.Verb]; {
	case c.ForApply:
		return &commands[Apply].options
	case c.Options.Has(AllServices) && v.allServices != (optionRules{}):
		return &v.allServices
	default:
		return &v.options
	}
}

// IsChange reports whether the command changes the kernel's table.
func (v Verb) IsChange() bool { return commands[v].op != 0 }

// IsSingleChange reports whether the command is one change that does not depend on
// the kernel's table, so that it can be sent in a batch.
func (c *Command) IsSingleChange() bool {
	return c.Verb.IsChange() && !c.Options.HasAny(Drain, Keep, AllServices)
}

// StoreChange stores the change to the kernel's table that c makes. Its Op is 0 if c
// makes none. Returning the change instead would take half a kilobyte of stack; see
// invocation.change in package cli.
func (c *Command) StoreChange(change *ipvs.Change) {
	change.Op = commands[c.Verb].op
	if change.Op == ipvs.OpZero && c.Options.Has(ServiceAddress) {
		change.Op = ipvs.OpZeroService
	}
	change.Service = c.Service
	change.Destination = c.Destination
	change.Timeouts = c.Timeouts
	change.Daemon = c.Daemon
}

// KeepsScheduler reports whether c edits a service and keeps its scheduler, which is
// then not in c.Service.
func (c *Command) KeepsScheduler() bool {
	return c.Verb == EditService && c.Options.Has(Keep) && !c.Options.Has(Scheduler)
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

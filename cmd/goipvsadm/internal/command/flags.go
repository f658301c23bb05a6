package command

import "github.com/spf13/pflag"

// A flag is a spelling on the command line: of a command, or of an option.
type flag struct {
	long, short string
	value       value
	verb        Verb   // 0 for an option
	impliedVerb Verb   // of an option: the command of a line that names none before it
	option      Option // of those that are no command
	read        func(p *Parser, value string) *Error
}

// A value says whether a flag has one.
type value uint8

const (
	none     value = iota
	required       // the rest of the word, or the next word whatever it is
	timeout        // the same, but there may be none where no plain word follows
	attached       // only after an =, or none
)

// defaultTimeout is the value of a timeout that has none, in seconds.
const defaultTimeout = "360"

// defaultInterval is how long --watch waits between listings, in seconds.
const defaultInterval = 2

// The readers are plain functions, so that the compiler lays the table out and
// the program has nothing to do for it when it starts.
var flags = [...]flag{
	{long: "add-service", short: "A", verb: AddService},
	{long: "edit-service", short: "E", verb: EditService},
	{long: "delete-service", short: "D", verb: DeleteService},
	{long: "clear", short: "C", verb: Flush},
	{long: "list", short: "L", verb: List},
	{long: noLongName, short: "l", verb: List},
	{long: "zero", short: "Z", verb: Zero},
	{long: "add-server", short: "a", verb: AddServer},
	{long: "edit-server", short: "e", verb: EditServer},
	{long: "delete-server", short: "d", verb: DeleteServer},
	{long: "restore", short: "R", verb: Restore},
	{long: "save", short: "S", verb: Save},
	{long: "set", verb: SetTimeouts},
	{long: "start-daemon", value: required, verb: StartDaemon, read: (*Parser).startDaemon},
	{long: "stop-daemon", value: required, verb: StopDaemon, read: (*Parser).stopDaemon},
	{long: "help", short: "h", verb: Help},
	{long: "version", short: "v", verb: Version},
	{long: "check", verb: Check},
	{long: "apply", verb: Apply},
	{long: "diff", verb: Diff},
	{long: "doctor", verb: Doctor},

	{long: "tcp-service", short: "t", value: required, option: ServiceAddress, read: (*Parser).tcpService},
	{long: "udp-service", short: "u", value: required, option: ServiceAddress, read: (*Parser).udpService},
	{long: "sctp-service", value: required, option: ServiceAddress, read: (*Parser).sctpService},
	{long: "fwmark-service", short: "f", value: required, option: ServiceAddress, read: (*Parser).mark},
	{long: "ipv6", short: "6", option: repeatable, read: (*Parser).ipv6},
	{long: "scheduler", short: "s", value: required, option: Scheduler, read: (*Parser).scheduler},
	{long: "persistent", short: "p", value: timeout, option: Persistent, read: (*Parser).persistent},
	{long: "netmask", short: "M", value: required, option: Netmask, read: (*Parser).netmask},
	{long: "ops", short: "o", option: Ops, read: (*Parser).onePacket},
	{long: "pe", value: required, option: PE, read: (*Parser).engine},
	{long: "sched-flags", short: "b", value: required, option: SchedFlags, read: (*Parser).schedFlags},

	{long: "real-server", short: "r", value: required, option: RealServer, read: (*Parser).realServer},
	{long: "gatewaying", short: "g", option: ForwardingMethod, read: (*Parser).directRouting},
	{long: "ipip", short: "i", option: ForwardingMethod, read: (*Parser).tunneling},
	{long: "masquerading", short: "m", option: ForwardingMethod, read: (*Parser).masquerading},
	{long: "weight", short: "w", value: required, option: Weight, read: (*Parser).weight},
	{long: "u-threshold", short: "x", value: required, option: UThreshold, read: (*Parser).upperThreshold},
	{long: "l-threshold", short: "y", value: required, option: LThreshold, read: (*Parser).lowerThreshold},
	{long: "tun-type", value: required, option: TunType, read: (*Parser).tunnelType},
	{long: "tun-port", value: required, option: TunPort, read: (*Parser).tunnelPort},
	{long: "tun-nocsum", option: TunNoCsum},
	{long: "tun-csum", option: TunCsum, read: (*Parser).tunnelChecksum},
	{long: "tun-remcsum", option: TunRemCsum, read: (*Parser).tunnelRemoteChecksum},

	{long: "mcast-interface", value: required, option: McastInterface, read: (*Parser).mcastInterface},
	{long: "syncid", value: required, option: SyncID, read: (*Parser).syncID},
	{long: "sync-maxlen", value: required, option: SyncMaxLen, read: (*Parser).syncMaxLen},
	{long: "mcast-group", value: required, option: McastGroup, read: (*Parser).mcastGroup},
	{long: "mcast-port", value: required, option: McastPort, read: (*Parser).mcastPort},
	{long: "mcast-ttl", value: required, option: McastTTL, read: (*Parser).mcastTTL},

	{long: "numeric", short: "n", option: Numeric},
	{long: "connection", short: "c", option: Connection},
	{long: "timeout", option: Timeout},
	{long: "daemon", option: Daemon},
	{long: "stats", option: Stats},
	{long: "rate", option: Rate},
	{long: "thresholds", option: Thresholds},
	{long: "persistent-conn", option: PersistentConn},
	{long: "tun-info", option: TunInfo},
	{long: "exact", short: "X", option: Exact},
	{long: "nosort", option: NoSort},
	{long: "sort", option: repeatable},

	{long: "netns", short: "N", value: required, option: NetNS, read: (*Parser).netns},
	{long: "json", short: "j", option: JSON, impliedVerb: List},
	{long: "metrics", value: attached, option: Metrics, impliedVerb: List, read: (*Parser).metrics},
	{long: "watch", value: attached, option: Watch, impliedVerb: List, read: (*Parser).interval},
	{long: "top", value: required, option: Top, impliedVerb: List, read: (*Parser).top},
	{long: "all", option: All},
	{long: "drain", value: attached, option: Drain, read: (*Parser).drain},
	{long: "keep-weights", option: KeepWeights},
	{long: "allow-empty", option: AllowEmpty},
	{long: "verbose", option: Verbose},
	{long: "probe", option: Probe},
}

// shortOnly is the long name of a flag that has none: no word can spell it,
// since a value begins at the =.
const noLongName = "="

// noValue is what pflag gives for a flag without a value, and no argument of
// a program can be.
const noValue = "\x00"

// meet makes pflag know a flag that a word names, and returns it. Most commands
// have few; to make it know all of them takes as long as to read a hundred
// rules. A nil flag is for a word that names none.
func (p *Parser) register(f *flag) *flag {
	if f != nil && p.flags.Lookup(f.long) == nil {
		pf := &pflag.Flag{Name: f.long, Shorthand: f.short, Value: f}
		if f.value == none || f.value == attached {
			pf.NoOptDefVal = noValue
		}
		p.flags.AddFlag(pf)
	}
	return f
}

// long returns the flag with a long name, or nil if there is none.
func lookupLong(name string) *flag {
	for i := range flags {
		if flags[i].long == name {
			return &flags[i]
		}
	}
	return nil
}

// A flag is a pflag.Value, so that a pflag.Flag leads to it. The values
// themselves go into a Command.

// String returns the empty string.
func (*flag) String() string { return "" }

// Type returns the empty string.
func (*flag) Type() string { return "" }

// Set does nothing.
func (*flag) Set(string) error { return nil }

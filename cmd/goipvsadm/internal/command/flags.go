// SPDX-License-Identifier: MIT

package command

import "github.com/spf13/pflag"

// A flag selects a command or sets an option. It implements pflag.Value, so that
// the Value of a pflag.Flag is its flag.
type flag struct {
	long, short string
	value       valueMode
	verb        Verb   // the command that the flag selects; 0 if it sets an option
	option      Option // the option that the flag sets, if it selects no command
	impliedVerb Verb   // the command that the option implies on a line without one

	// set stores the value of the flag in the command. It is nil if the flag
	// only selects its command or sets its option.
	set func(p *Parser, value string) *Error
}

// A valueMode determines whether a flag has a value, and the syntax of the value.
type valueMode uint8

const (
	valueNone     valueMode = iota
	valueRequired           // -tX, -t=X, -t X, --tcp-service=X or --tcp-service X
	valueOptional           // as valueRequired, or no value before another flag or at the end of the line
	valueAttached           // --drain=X, or no value
)

// defaultPersistence is the persistence timeout of -p without a value, in seconds.
const defaultPersistence = "360"

// Values of --watch, --monitor and --confirm if they are given without one, in seconds.
const (
	defaultWatchInterval   = 2
	defaultMonitorInterval = 1
	defaultConfirm         = 60
)

// flags lists all flags. The setters are method expressions, not closures, so
// that the table needs no initialization when the program starts.
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
	{long: "start-daemon", value: valueRequired, verb: StartDaemon, set: (*Parser).setStartDaemon},
	{long: "stop-daemon", value: valueRequired, verb: StopDaemon, set: (*Parser).setStopDaemon},
	{long: "help", short: "h", verb: Help},
	{long: "version", short: "v", verb: Version},
	{long: "check", verb: Check},
	{long: "apply", verb: Apply},
	{long: "diff", verb: Diff},
	{long: "doctor", verb: Doctor},
	{long: "monitor", value: valueAttached, verb: Monitor, set: (*Parser).setMonitorInterval},

	{long: "tcp-service", short: "t", value: valueRequired, option: ServiceAddress, set: (*Parser).setTCPService},
	{long: "udp-service", short: "u", value: valueRequired, option: ServiceAddress, set: (*Parser).setUDPService},
	{long: "sctp-service", value: valueRequired, option: ServiceAddress, set: (*Parser).setSCTPService},
	{long: "fwmark-service", short: "f", value: valueRequired, option: ServiceAddress, set: (*Parser).setMark},
	{long: "ipv6", short: "6", option: repeatable, set: (*Parser).setIPv6},
	{long: "scheduler", short: "s", value: valueRequired, option: Scheduler, set: (*Parser).setScheduler},
	{long: "persistent", short: "p", value: valueOptional, option: Persistent, set: (*Parser).setPersistent},
	{long: "netmask", short: "M", value: valueRequired, option: Netmask, set: (*Parser).setNetmask},
	{long: "ops", short: "o", option: Ops, set: (*Parser).setOnePacket},
	{long: "pe", value: valueRequired, option: PE, set: (*Parser).setEngine},
	{long: "sched-flags", short: "b", value: valueRequired, option: SchedFlags, set: (*Parser).setSchedFlags},

	{long: "real-server", short: "r", value: valueRequired, option: RealServer, set: (*Parser).setRealServer},
	{long: "gatewaying", short: "g", option: ForwardingMethod, set: (*Parser).setDirectRouting},
	{long: "ipip", short: "i", option: ForwardingMethod, set: (*Parser).setTunneling},
	{long: "masquerading", short: "m", option: ForwardingMethod, set: (*Parser).setMasquerading},
	{long: "weight", short: "w", value: valueRequired, option: Weight, set: (*Parser).setWeight},
	{long: "u-threshold", short: "x", value: valueRequired, option: UThreshold, set: (*Parser).setUpperThreshold},
	{long: "l-threshold", short: "y", value: valueRequired, option: LThreshold, set: (*Parser).setLowerThreshold},
	{long: "tun-type", value: valueRequired, option: TunType, set: (*Parser).setTunnelType},
	{long: "tun-port", value: valueRequired, option: TunPort, set: (*Parser).setTunnelPort},
	{long: "tun-nocsum", option: TunNoCsum},
	{long: "tun-csum", option: TunCsum, set: (*Parser).setTunnelChecksum},
	{long: "tun-remcsum", option: TunRemCsum, set: (*Parser).setTunnelRemoteChecksum},

	{long: "mcast-interface", value: valueRequired, option: McastInterface, set: (*Parser).setMcastInterface},
	{long: "syncid", value: valueRequired, option: SyncID, set: (*Parser).setSyncID},
	{long: "sync-maxlen", value: valueRequired, option: SyncMaxLen, set: (*Parser).setSyncMaxLen},
	{long: "mcast-group", value: valueRequired, option: McastGroup, set: (*Parser).setMcastGroup},
	{long: "mcast-port", value: valueRequired, option: McastPort, set: (*Parser).setMcastPort},
	{long: "mcast-ttl", value: valueRequired, option: McastTTL, set: (*Parser).setMcastTTL},

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

	{long: "netns", short: "N", value: valueRequired, option: NetNS, set: (*Parser).setNetNS},
	{long: "json", short: "j", option: JSON, impliedVerb: List},
	{long: "metrics", value: valueAttached, option: Metrics, impliedVerb: List, set: (*Parser).setMetrics},
	{long: "watch", value: valueAttached, option: Watch, impliedVerb: List, set: (*Parser).setWatchInterval},
	{long: "top", value: valueRequired, option: Top, impliedVerb: List, set: (*Parser).setTop},
	{long: "server", value: valueRequired, option: Server, set: (*Parser).setServerFilter},
	{long: "vip", value: valueRequired, option: VIP, set: (*Parser).setVIPFilter},
	{long: "client", value: valueRequired, option: Client, set: (*Parser).setClientFilter},
	{long: "state", value: valueRequired, option: State, set: (*Parser).setStateFilter},
	{long: "count", option: Count},
	{long: "all", option: All},
	{long: "drain", value: valueAttached, option: Drain, set: (*Parser).setDrain},
	{long: "keep", option: Keep},
	{long: "all-services", option: AllServices},
	{long: "keep-weights", option: KeepWeights},
	{long: "allow-empty", option: AllowEmpty},
	{long: "verbose", option: Verbose},
	{long: "probe", option: Probe},
	{long: "rules", value: valueRequired, option: RulesFile, set: (*Parser).setRulesFile},
	{long: "initial", option: Initial},
	{long: "confirm", value: valueAttached, option: Confirm, set: (*Parser).setConfirm},
	{long: "save-undo", value: valueRequired, option: SaveUndo, set: (*Parser).setUndoFile},
}

// noLongName is the long name of a flag that has only a short one. No word selects
// it, because = separates the name of a flag from its value.
const noLongName = "="

// noValue is the value that pflag passes for a flag given without one. No
// argument of a program can contain a NUL.
const noValue = "\x00"

// register adds f, which may be nil, to the pflag.FlagSet on its first use, and
// returns f. Most command lines use few flags, and adding all of them takes as
// long as parsing a hundred rules.
func (p *Parser) register(f *flag) *flag {
	if f != nil && p.flagSet.Lookup(f.long) == nil {
		pf := &pflag.Flag{Name: f.long, Shorthand: f.short, Value: f}
		if f.value == valueNone || f.value == valueAttached {
			pf.NoOptDefVal = noValue
		}
		p.flagSet.AddFlag(pf)
	}
	return f
}

// lookupShort returns the flag with the given short name, or nil if there is none.
func (p *Parser) lookupShort(name byte) *flag {
	if i := p.short[name]; i > 0 {
		return &flags[i-1]
	}
	return nil
}

// lookupLong returns the flag with the given long name, or nil if there is none.
func lookupLong(name string) *flag {
	for i := range flags {
		if flags[i].long == name {
			return &flags[i]
		}
	}
	return nil
}

// String returns the empty string: the values are stored in a Command.
func (*flag) String() string { return "" }

// Type returns the empty string.
func (*flag) Type() string { return "" }

// Set does nothing: ParseAll passes each value to Parser.handleFlag instead.
func (*flag) Set(string) error { return nil }

package command

import "math/bits"

// An Option is what one or several flags ask for, under the name that
// messages have for it.
type Option uint8

// The options, in the order in which they are checked.
const (
	Numeric Option = iota
	Connection
	ServiceAddress
	Scheduler
	Persistent
	Netmask
	RealServer
	ForwardingMethod
	Weight
	UThreshold
	LThreshold
	McastInterface
	Timeout
	Daemon
	Stats
	Rate
	Thresholds
	PersistentConn
	NoSort
	SyncID
	Exact
	Ops
	PE
	SchedFlags
	McastGroup
	McastPort
	McastTTL
	SyncMaxLen
	TunInfo
	TunType
	TunPort
	TunNoCsum
	TunCsum
	TunRemCsum

	NetNS
	JSON
	Metrics
	Watch
	Top
	All
	Drain
	KeepWeights
	AllowEmpty
	Verbose
	Probe

	numOptions

	// repeatable stands for flags that may be given more than once, and with
	// any command.
	repeatable Option = 255
)

// A use is a row of a table that says which options go with what. There is a
// mark for each column, and a blank after it:
//
//   - required
//     o  allowed
//     1  allowed, but at most one of those marked so
//     .  illegal
type matrixRow struct{ cells, name string }

// uses says which options go with which command.
var optionMatrix = [numOptions]matrixRow{
	//                  add-service, edit-service
	//                  | delete-service
	//                  | | list
	//                  | | | add-server, edit-server
	//                  | | | | delete-server
	//                  | | | | | start-daemon
	//                  | | | | | | stop-daemon
	//                  | | | | | | | save
	//                  | | | | | | | | zero
	//                  | | | | | | | | | flush, set, restore
	//                  | | | | | | | | | | check
	//                  | | | | | | | | | | | apply
	//                  | | | | | | | | | | | | diff
	//                  | | | | | | | | | | | | | doctor
	Numeric:          {". . o . . . . o . . . . . o", "numeric"},
	Connection:       {". . 1 . . . . . . . . . . .", "connection"},
	ServiceAddress:   {"+ + 1 + + . . . o . . . . o", "service-address"},
	Scheduler:        {"o . . . . . . . . . . . . .", "scheduler"},
	Persistent:       {"o . . . . . . . . . . . . .", "persistent"},
	Netmask:          {"o . . . . . . . . . . . . .", "netmask"},
	RealServer:       {". . . + + . . . . . . . . .", "real-server"},
	ForwardingMethod: {". . . o . . . . . . . . . .", "forwarding-method"},
	Weight:           {". . . o . . . . . . . . . .", "weight"},
	UThreshold:       {". . . o . . . . . . . . . .", "u-threshold"},
	LThreshold:       {". . . o . . . . . . . . . .", "l-threshold"},
	McastInterface:   {". . . . . o . . . . . . . .", "mcast-interface"},
	Timeout:          {". . 1 . . . . . . . . . . .", "timeout"},
	Daemon:           {". . 1 . . . . . . . . . . .", "daemon"},
	Stats:            {". . o . . . . . . . . . . .", "stats"},
	Rate:             {". . o . . . . . . . . . . .", "rate"},
	Thresholds:       {". . o . . . . . . . . . . .", "thresholds"},
	PersistentConn:   {". . o . . . . . . . . . . .", "persistent-conn"},
	NoSort:           {". . o . . . . . . . . . . .", "nosort"},
	SyncID:           {". . o . . o o . . . . . . .", "syncid"},
	Exact:            {". . o . . . . . . . . . . .", "exact"},
	Ops:              {"o . . . . . . . . . . . . .", "ops"},
	PE:               {"o . . . . . . . . . . . . .", "pe"},
	SchedFlags:       {"o . . . . . . . . . . . . .", "sched-flags"},
	McastGroup:       {". . . . . o . . . . . . . .", "mcast-group"},
	McastPort:        {". . . . . o . . . . . . . .", "mcast-port"},
	McastTTL:         {". . . . . o . . . . . . . .", "mcast-ttl"},
	SyncMaxLen:       {". . . . . o . . . . . . . .", "sync-maxlen"},
	TunInfo:          {". . o . . . . . . . . . . .", "tun-info"},
	TunType:          {". . . o . . . . . . . . . .", "tun-type"},
	TunPort:          {". . . o . . . . . . . . . .", "tun-port"},
	TunNoCsum:        {". . . o . . . . . . . . . .", "tun-nocsum"},
	TunCsum:          {". . . o . . . . . . . . . .", "tun-csum"},
	TunRemCsum:       {". . . o . . . . . . . . . .", "tun-remcsum"},

	// ipvsadm has none of these.
	NetNS:       {"o o o o o o o o o o o o o o", "netns"},
	JSON:        {". . o . . . . . . . . . . o", "json"},
	Metrics:     {". . o . . . . . . . . . . .", "metrics"},
	Watch:       {". . o . . . . . . . . . . .", "watch"},
	Top:         {". . o . . . . . . . . . . .", "top"},
	All:         {". . . . . . . o . . . . . .", "all"},
	Drain:       {". . . . o . . . . . . . . .", "drain"},
	KeepWeights: {". . . . . . . . . . . o o .", "keep-weights"},
	AllowEmpty:  {". . . . . . . . . . . o o .", "allow-empty"},
	Verbose:     {". . . . . . . . . . . o . .", "verbose"},
	Probe:       {". . . . . . . . . . . . . o", "probe"},
}

// tunnelUses says which options go with which tunnel type.
var tunnelUses = [numOptions]matrixRow{
	//            ipip
	//            | gue
	//            | | gre
	TunPort:    {". + .", "tun-port"},
	TunNoCsum:  {". 1 1", "tun-nocsum"},
	TunCsum:    {". 1 1", "tun-csum"},
	TunRemCsum: {". 1 .", "tun-remcsum"},
}

// everRequired are the options that some column of either table requires.
const requiredSomewhere Options = 1<<ServiceAddress | 1<<RealServer | 1<<TunPort

// check reports the first fault of the options given, by the column of table
// for a command or a tunnel type: kind says which, and name which of them.
func check(table *[numOptions]matrixRow, column int, given Options, name, kind string) *Error {
	exclusive := ""
	for rest := given | requiredSomewhere; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(uint64(rest))
		row := &table[i]
		if row.cells == "" {
			continue
		}
		has := given.Has(Option(i))
		switch mark := row.cells[2*column]; {
		case !has && mark == '+':
			return errorf("You need to supply the '%s' option for the '%s' %s", row.name, name, kind)
		case has && mark == '.':
			return errorf("Illegal '%s' option with the '%s' %s", row.name, name, kind)
		case has && mark == '1' && exclusive != "":
			return errorf("The option '%s' conflicts with the '%s' option in the '%s' %s", row.name, exclusive, name, kind)
		case has && mark == '1':
			exclusive = row.name
		}
	}
	return nil
}

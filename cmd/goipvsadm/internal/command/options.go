// SPDX-License-Identifier: MIT

package command

import (
	"fmt"
	"math/bits"

	"goipvsadm/ipvs"
)

// An Option modifies a command. One or several flags set it: ServiceAddress is
// set by -t, -u, --sctp-service and -f.
type Option uint8

// The options, in the order in which ipvsadm checks them: if several options are
// illegal, the error message reports the first in this order.
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

	// The options that ipvsadm lacks.
	NetNS
	JSON
	Metrics
	Watch
	Top
	Server
	VIP
	Client
	State
	Count
	All
	Drain
	Keep
	AllServices
	KeepWeights
	AllowEmpty
	Verbose
	Probe
	RulesFile
	Initial
	Confirm
	SaveUndo

	numOptions

	// repeatable is the option of all flags that every command accepts, any
	// number of times. It is never in a set of Options.
	repeatable Option = 255
)

// String returns the name of the option in messages: the long name of its flag,
// or another name if several flags set it.
func (o Option) String() string {
	switch o {
	case ServiceAddress:
		return "service-address"
	case ForwardingMethod:
		return "forwarding-method"
	}
	for i := range flags {
		if f := &flags[i]; f.verb == 0 && f.option == o {
			return f.long
		}
	}
	return fmt.Sprintf("Option(%d)", uint8(o))
}

// Options is a set of options, with bit 1<<o for the option o.
type Options uint64

// Has reports whether o is in the set.
func (s Options) Has(o Option) bool { return s&(1<<o) != 0 }

// HasAny reports whether at least one of options is in the set.
func (s Options) HasAny(options ...Option) bool {
	for _, o := range options {
		if s.Has(o) {
			return true
		}
	}
	return false
}

// optionRules holds the options that a command or a tunnel type supports. Options
// in none of the sets are illegal.
type optionRules struct {
	required  Options
	allowed   Options
	exclusive Options // at most one of these is allowed
}

// all returns the options that may be given.
func (r *optionRules) all() Options { return r.required | r.allowed | r.exclusive }

// tunnelOptions are the options that only the tunneling method supports.
const tunnelOptions Options = 1<<TunType | 1<<TunPort | 1<<TunNoCsum | 1<<TunCsum | 1<<TunRemCsum

// tunnelTypes holds the rules for the tunnelOptions of each tunnel type.
var tunnelTypes = [...]optionRules{
	ipvs.IPIP: {allowed: 1 << TunType},
	ipvs.GUE:  {allowed: 1 << TunType, required: 1 << TunPort, exclusive: 1<<TunNoCsum | 1<<TunCsum | 1<<TunRemCsum},
	ipvs.GRE:  {allowed: 1 << TunType, exclusive: 1<<TunNoCsum | 1<<TunCsum},
}

// check returns an error for the first option that is missing, illegal or in
// conflict with another. The error message contains name, a command or a tunnel type,
// and its kind, "command" or "tunnel type".
func (r *optionRules) check(given Options, name fmt.Stringer, kind string) *Error {
	exclusive := numOptions // the exclusive option given, if any
	for rest := given | r.required; rest != 0; rest &= rest - 1 {
		switch o := Option(bits.TrailingZeros64(uint64(rest))); {
		case !given.Has(o):
			return errorf("You need to supply the '%s' option for the '%s' %s", o, name, kind)
		case r.required.Has(o) || r.allowed.Has(o):
		case !r.exclusive.Has(o):
			return errorf("Illegal '%s' option with the '%s' %s", o, name, kind)
		case exclusive != numOptions:
			return errorf("The option '%s' conflicts with the '%s' option in the '%s' %s", o, exclusive, name, kind)
		default:
			exclusive = o
		}
	}
	return nil
}

// permits reports whether o may be added to the options given.
func (r *optionRules) permits(given Options, o Option) bool {
	if r.exclusive.Has(o) {
		return given&r.exclusive == 0
	}
	return (r.required | r.allowed).Has(o)
}

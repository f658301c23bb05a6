// Package sched knows the schedulers of IPVS: their names, what they do, and
// the flags that belong to each.
package sched

import "strings"

// Default is the scheduler of a service for which none is named.
const Default = "wlc"

// A Scheduler is one of the kernel's algorithms for choosing a destination.
type Scheduler struct {
	Name    string
	Summary string // what it does, in one line
}

// All are the schedulers of the kernel, each a module ip_vs_NAME.
var All = []Scheduler{
	{"rr", "round robin: each server in its turn"},
	{"wrr", "weighted round robin: turns in proportion to the weights"},
	{"lc", "least connections"},
	{"wlc", "least connections for the weight"},
	{"lblc", "by destination address, while that server is not overloaded"},
	{"lblcr", "by destination address over a set of servers that grows and shrinks"},
	{"dh", "hash of the destination address"},
	{"sh", "hash of the source address"},
	{"sed", "shortest expected delay"},
	{"nq", "an idle server first, else the shortest expected delay"},
	{"fo", "failover: the available server with the highest weight"},
	{"ovf", "overflow: the highest weight, until its connections reach the weight"},
	{"mh", "Maglev hash of the source address"},
}

// A Flag is a scheduler flag by one of its names. Its bit is that of the ABI's
// service flags (IP_VS_SVC_F_SCHED1 to 3).
type Flag struct {
	Name      string
	Scheduler string // the scheduler it belongs to; "" for the general name
	Bit       uint32
}

// Flags are all the names of flags. A scheduler's own names come before the
// general ones, so that the first that fits is the one to print.
var Flags = []Flag{
	{"sh-fallback", "sh", 0x08},
	{"sh-port", "sh", 0x10},
	{"mh-fallback", "mh", 0x08},
	{"mh-port", "mh", 0x10},
	{"flag-1", "", 0x08},
	{"flag-2", "", 0x10},
	{"flag-3", "", 0x20},
}

// FlagByName returns the flag called name.
func FlagByName(name string) (f Flag, ok bool) {
	for _, f := range Flags {
		if f.Name == name {
			return f, true
		}
	}
	return Flag{}, false
}

// Belongs reports whether f may be given to the scheduler.
func (f Flag) AppliesTo(scheduler string) bool {
	return f.Scheduler == "" || f.Scheduler == scheduler
}

// FlagNames returns the names of the scheduler flags among bits, joined by
// commas: the scheduler's own names first, and the general name of a bit for
// which it has none. Other bits are passed over.
func FlagNames(scheduler string, bits uint32) string {
	var names []string
	for _, f := range Flags {
		if bits&f.Bit != 0 && f.AppliesTo(scheduler) {
			names = append(names, f.Name)
			bits &^= f.Bit
		}
	}
	return strings.Join(names, ",")
}

// Package sched lists the IPVS schedulers and their flags.
package sched

import "strings"

// Default is the scheduler used by ipvsadm if none is specified.
const Default = "wlc"

// Scheduler is a scheduling algorithm of the kernel, implemented by the module
// ip_vs_NAME.
type Scheduler struct {
	Name    string
	Summary string // description in one line, for help and shell completion
}

// All are the schedulers in the kernel.
var All = []Scheduler{
	{"rr", "round robin"},
	{"wrr", "weighted round robin"},
	{"lc", "least connections"},
	{"wlc", "weighted least connections"},
	{"lblc", "locality-based least connections: one server per destination"},
	{"lblcr", "lblc with replication: a set of servers per destination"},
	{"dh", "hash of the destination address"},
	{"sh", "hash of the source address"},
	{"sed", "shortest expected delay"},
	{"nq", "never queue: an idle server, otherwise as sed"},
	{"fo", "failover: the available server with the highest weight"},
	{"ovf", "overflow: as fo, up to as many active connections as the weight"},
	{"mh", "Maglev hash of the source address"},
}

// Flag is a name of a scheduler flag. A flag has a general name and may have
// another name for a certain scheduler.
type Flag struct {
	Name      string
	Scheduler string // scheduler with this name for the flag; "" for the general name
	Bit       uint32 // IP_VS_SVC_F_SCHED1, SCHED2 or SCHED3
}

// Flags are all names of scheduler flags. The names for a certain scheduler
// precede the general ones.
var Flags = []Flag{
	{"sh-fallback", "sh", 0x08},
	{"sh-port", "sh", 0x10},
	{"mh-fallback", "mh", 0x08},
	{"mh-port", "mh", 0x10},
	{"flag-1", "", 0x08},
	{"flag-2", "", 0x10},
	{"flag-3", "", 0x20},
}

// FlagByName returns the flag with the name.
func FlagByName(name string) (f Flag, ok bool) {
	for _, f := range Flags {
		if f.Name == name {
			return f, true
		}
	}
	return Flag{}, false
}

// AppliesTo reports whether f is a flag of the scheduler.
func (f Flag) AppliesTo(scheduler string) bool {
	return f.Scheduler == "" || f.Scheduler == scheduler
}

// FlagNames returns the names of the flags set in bits, joined by commas. It uses
// the scheduler's names where they exist and lists them first. Bits that are not
// scheduler flags are ignored.
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

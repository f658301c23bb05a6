// SPDX-License-Identifier: MIT

// Package sched lists the IPVS schedulers and their flags.
package sched

import "strings"

// Default is the scheduler of a service for which none is specified, as in
// ipvsadm.
const Default = "wlc"

// Scheduler is a scheduling algorithm of the kernel, implemented by the module
// ip_vs_NAME.
type Scheduler struct {
	Name    string
	Summary string // description in one line, for help and shell completion
}

// All lists the schedulers in the kernel.
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
	{"nq", "never queue: an idle server if there is one, otherwise like sed"},
	{"fo", "failover: the available server with the highest weight"},
	{"ovf", "overflow: like fo; the weight limits the active connections"},
	{"mh", "Maglev hash of the source address"},
}

// Flag is a name of a scheduler flag. Every flag has a general name, and for some
// schedulers also a specific one.
type Flag struct {
	Name      string
	Scheduler string // scheduler to which the name is specific; "" for a general name
	Bit       uint32 // IP_VS_SVC_F_SCHED1, SCHED2 or SCHED3
}

// Flags lists all names of scheduler flags, specific names before general ones.
var Flags = []Flag{
	{"sh-fallback", "sh", 0x08},
	{"sh-port", "sh", 0x10},
	{"mh-fallback", "mh", 0x08},
	{"mh-port", "mh", 0x10},
	{"flag-1", "", 0x08},
	{"flag-2", "", 0x10},
	{"flag-3", "", 0x20},
}

// FlagByName returns the flag with the given name.
func FlagByName(name string) (f Flag, ok bool) {
	for _, f := range Flags {
		if f.Name == name {
			return f, true
		}
	}
	return Flag{}, false
}

// AppliesTo reports whether the name can be used with the scheduler.
func (f Flag) AppliesTo(scheduler string) bool {
	return f.Scheduler == "" || f.Scheduler == scheduler
}

// FlagNames returns the names of the flags set in bits, separated by commas. For
// flags that have one, it uses the name specific to the scheduler; these names
// come first. Bits that are not scheduler flags are ignored.
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

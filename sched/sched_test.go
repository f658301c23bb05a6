// SPDX-License-Identifier: MIT

package sched

import "testing"

func TestFlagNames(t *testing.T) {
	for _, tt := range []struct {
		name      string
		scheduler string
		bits      uint32
		want      string
	}{
		{name: "no flags", scheduler: "rr", bits: 0, want: ""},
		{name: "other service flags", scheduler: "rr", bits: 0x7, want: ""},
		{name: "names specific to sh", scheduler: "sh", bits: 0x18, want: "sh-fallback,sh-port"},
		{name: "name specific to mh", scheduler: "mh", bits: 0x10, want: "mh-port"},
		{name: "general names", scheduler: "rr", bits: 0x38, want: "flag-1,flag-2,flag-3"},
		{name: "general name after one specific to sh", scheduler: "sh", bits: 0x28, want: "sh-fallback,flag-3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := FlagNames(tt.scheduler, tt.bits); got != tt.want {
				t.Errorf("FlagNames(%q, %#x) = %q, want %q", tt.scheduler, tt.bits, got, tt.want)
			}
		})
	}
}

func TestFlagByName(t *testing.T) {
	for _, f := range Flags {
		got, ok := FlagByName(f.Name)
		if !ok || got != f {
			t.Errorf("FlagByName(%q) = %v, %t; want %v, true", f.Name, got, ok, f)
		}
	}
	if f, ok := FlagByName("sh"); ok {
		t.Errorf("FlagByName(%q) = %v, true; want false", "sh", f)
	}
}

func TestFlagAppliesTo(t *testing.T) {
	for _, tt := range []struct {
		flag      string
		scheduler string
		want      bool
	}{
		{flag: "sh-port", scheduler: "sh", want: true},
		{flag: "sh-port", scheduler: "mh", want: false},
		{flag: "flag-3", scheduler: "rr", want: true},
		{flag: "flag-3", scheduler: "sh", want: true},
	} {
		f, ok := FlagByName(tt.flag)
		if !ok {
			t.Fatalf("no flag %q", tt.flag)
		}
		if got := f.AppliesTo(tt.scheduler); got != tt.want {
			t.Errorf("%s.AppliesTo(%q) = %t, want %t", tt.flag, tt.scheduler, got, tt.want)
		}
	}
}

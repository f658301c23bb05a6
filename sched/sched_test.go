package sched

import "testing"

func TestFlagNames(t *testing.T) {
	for _, tt := range []struct {
		name, scheduler string
		bits            uint32
		want            string
	}{
		{"none", "rr", 0, ""},
		{"bits that are not the scheduler's", "rr", 0x7, ""},
		{"the scheduler's own names", "sh", 0x18, "sh-fallback,sh-port"},
		{"each scheduler has its own", "mh", 0x10, "mh-port"},
		{"general names elsewhere", "rr", 0x38, "flag-1,flag-2,flag-3"},
		{"a bit the scheduler does not name comes last", "sh", 0x28, "sh-fallback,flag-3"},
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
			t.Errorf("FlagByName(%q) = %v, %v", f.Name, got, ok)
		}
	}
	if f, ok := FlagByName("sh"); ok {
		t.Errorf("FlagByName of a scheduler's name found %v", f)
	}
}

func TestBelongs(t *testing.T) {
	port, _ := FlagByName("sh-port")
	general, _ := FlagByName("flag-3")
	if !port.AppliesTo("sh") || port.AppliesTo("mh") {
		t.Error("sh-port must belong to sh alone")
	}
	if !general.AppliesTo("rr") || !general.AppliesTo("sh") {
		t.Error("a general flag must belong to every scheduler")
	}
}

// SPDX-License-Identifier: MIT

package sched

import (
	"strings"
	"testing"
)

func TestSimilarSchedulers(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{name: "wrrr", want: "wrr"},
		{name: "wlcc", want: "wlc"},
		{name: "WRR", want: "wrr"},
		{name: "rwr", want: "rr wrr"}, // swapped characters
		{name: "wl", want: "wlc"},
		{name: "w", want: ""},
		{name: "lbcl", want: "lblc"},
		{name: "lblcrr", want: "lblcr"},
		{name: "rrr", want: "rr wrr"},
		{name: "maglev", want: ""},
		{name: "roundrobin", want: ""},
		{name: "", want: ""},
	} {
		if got := strings.Join(SimilarSchedulers(tt.name), " "); got != tt.want {
			t.Errorf("SimilarSchedulers(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
	for _, s := range All {
		if got := SimilarSchedulers(s.Name); len(got) != 1 || got[0] != s.Name {
			t.Errorf("SimilarSchedulers(%q) = %q, want only this name", s.Name, got)
		}
	}
}

func TestSimilarEngines(t *testing.T) {
	for name, want := range map[string]string{"sip": "sip", "sipp": "sip", "SIP": "sip", "http": ""} {
		if got := strings.Join(SimilarEngines(name), " "); got != want {
			t.Errorf("SimilarEngines(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{a: "", b: "", want: 0},
		{a: "", b: "rr", want: 2},
		{a: "rr", b: "", want: 2},
		{a: "wrr", b: "wrr", want: 0},
		{a: "wrr", b: "wlc", want: 2},
		{a: "lc", b: "cl", want: 1},
		{a: "abcd", b: "badc", want: 2},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

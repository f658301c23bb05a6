// SPDX-License-Identifier: MIT

package humanize

import "testing"

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		n    uint64
		noun string
		want string
	}{
		{n: 0, noun: "server", want: "0 servers"},
		{n: 1, noun: "server", want: "1 server"},
		{n: 999, noun: "server", want: "999 servers"},
		{n: 1000, noun: "server", want: "1,000 servers"},
		{n: 1234567, want: "1,234,567"},
	} {
		if got := Count(tt.n, tt.noun); got != tt.want {
			t.Errorf("Count(%d, %q) = %q, want %q", tt.n, tt.noun, got, tt.want)
		}
	}
}

func TestSI(t *testing.T) {
	for f, want := range map[float64]string{
		0:         "0.00",
		1:         "1.00",
		99.96:     "100",
		999.4:     "999",
		999.5:     "1.00K",
		999499:    "999K",
		999500:    "1.00M",
		9994999:   "9.99M",
		9995001:   "10.0M",
		99.96e6:   "100M",
		1.8e19:    "18.0E",
		1<<64 - 1: "18.4E",
	} {
		if got := SI(f); got != want {
			t.Errorf("SI(%v) = %s, want %s", f, got, want)
		}
	}
}

// SPDX-License-Identifier: MIT

package difftest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGeneratorDeterministic(t *testing.T) {
	one, two, other := NewGenerator(7), NewGenerator(7), NewGenerator(8)
	differs := false
	for range 200 {
		a, b, c := one.Case(), two.Case(), other.Case()
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatal(diff)
		}
		differs = differs || !cmp.Equal(a.Commands, c.Commands)
	}
	if !differs {
		t.Error("seeds 7 and 8 generate the same cases")
	}
}

func TestGeneratedCasesRoundTrip(t *testing.T) {
	g := NewGenerator(3)
	for range 500 {
		want := g.Case()
		got, err := ParseCases("", want.String())
		if err != nil || len(got) != 1 {
			t.Fatalf("%d cases, %v, in\n%s", len(got), err, want)
		}
		if diff := cmp.Diff(want.Commands, got[0].Commands); diff != "" {
			t.Fatalf("%s\n%s", want, diff)
		}
	}
}

func TestIsKnownDifference(t *testing.T) {
	for _, line := range [][]string{
		{"-a", "-r", "10.0.0.1", "-t", "10.0.0.2:80"},
		{"-a", "-r", "10.0.0.1:http", "-w", "x"},
		{"-A", "-M", "64", "-t", "fd00::1", "-p"},
		{"-A", "-f", "5", "-M", "64", "-6"},
		{"-A", "-t", "10.0.0.1:80", "-s", "sh", "-b", "flag-3"},
		{"-A", "-t", "10.0.0.1:80", "-b", ","},
	} {
		if !isKnownDifference(line) {
			t.Errorf("isKnownDifference(%q) = false", line)
		}
	}
	if line := []string{"-A", "-f", "5", "-6", "-M", "64", "-s", "rr", "-b", "flag-3"}; isKnownDifference(line) {
		t.Errorf("isKnownDifference(%q) = true", line)
	}
}

// SPDX-License-Identifier: MIT

package netstate

import (
	"slices"
	"testing"
)

func TestReadCounters(t *testing.T) {
	if _, err := ReadCounters(); err != nil {
		t.Error(err)
	}
	if got := (Counters{ResetsSent: 5, FragmentsFailed: 1}).Since(Counters{ResetsSent: 3, FragmentsFailed: 2}); got != (Counters{ResetsSent: 2}) {
		t.Errorf("got %+v, want ResetsSent 2 and, because it was zeroed, FragmentsFailed 0", got)
	}
}

func TestContainsRawSocket(t *testing.T) {
	const table = "  sl  local_address rem_address   st\n  112: 00000000:0070 00000000:0000 07\n"
	if !containsRawSocket(table, "0070") || containsRawSocket(table, "0001") || containsRawSocket("", "0070") {
		t.Error("want a socket of protocol 112 only")
	}
}

func TestAdvertisedDefaults(t *testing.T) {
	const zero = "00000000000000000000000000000000"
	const table = zero + " 00 " + zero + " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0\n" +
		zero + " 00 " + zero + " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1\n" +
		"fd020000000000000000000000000000 40 " + zero + " 00 " + zero + " 00000100 00000001 00000000 00440001     eth2\n"
	if got := advertisedDefaults(table); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("got %q, want eth0", got)
	}
}

// SPDX-License-Identifier: MIT

package netstate

import (
	"slices"
	"testing"
)

// TestAdvertisedDefaults expects only the link whose default route has the flag
// RTF_ADDRCONF (0x40000): the route on eth1 lacks it, and that on eth2 is not a default
// route.
func TestAdvertisedDefaults(t *testing.T) {
	const zero = "00000000000000000000000000000000"
	const table = zero + " 00 " + zero + " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0\n" +
		zero + " 00 " + zero + " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1\n" +
		"fd020000000000000000000000000000 40 " + zero + " 00 " + zero + " 00000100 00000001 00000000 00440001     eth2\n"
	if got := advertisedDefaults(table); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("got %q, want eth0", got)
	}
}

// SPDX-License-Identifier: MIT

package netstate

import "testing"

func TestReadCounters(t *testing.T) {
	if _, err := ReadCounters(); err != nil {
		t.Error(err)
	}
	if got := (Counters{ResetsSent: 5, FragmentsFailed: 1}).Since(Counters{ResetsSent: 3, FragmentsFailed: 2}); got != (Counters{ResetsSent: 2}) {
		t.Errorf("got %+v, want ResetsSent 2 and, because it was zeroed, FragmentsFailed 0", got)
	}
}

func TestGroupCounter(t *testing.T) {
	const text = "TcpExt: SyncookiesSent IPReversePathFilter TW\nTcpExt: 1 23 4\nIpExt: InNoRoutes\nIpExt: 5\n"
	if n, err := groupCounter(text, "TcpExt:", "IPReversePathFilter"); n != 23 || err != nil {
		t.Errorf("IPReversePathFilter: got %d, error %v; want 23", n, err)
	}
	if n, err := groupCounter(text, "IpExt:", "InNoRoutes"); n != 5 || err != nil {
		t.Errorf("InNoRoutes: got %d, error %v; want 5", n, err)
	}
	for _, text := range []string{"", "TcpExt: TW\nTcpExt: 1\n", "TcpExt: IPReversePathFilter\n", "TcpExt: IPReversePathFilter\nTcpExt: x\n"} {
		if n, err := groupCounter(text, "TcpExt:", "IPReversePathFilter"); err == nil {
			t.Errorf("%q: got %d, want an error", text, n)
		}
	}
}

func TestPerCPUCounter(t *testing.T) {
	const text = "entries  found new invalid ignore\n00000000  00000001 00000000 00000010 00000000\n00000000  00000001 00000000 0000000f 00000000\n"
	if n, err := perCPUCounter(text, "invalid"); n != 31 || err != nil {
		t.Errorf("got %d, error %v; want 31, the sum over both CPUs", n, err)
	}
	for _, text := range []string{"", "entries\n00000000\n", "invalid\nx\n"} {
		if n, err := perCPUCounter(text, "invalid"); err == nil {
			t.Errorf("%q: got %d, want an error", text, n)
		}
	}
}

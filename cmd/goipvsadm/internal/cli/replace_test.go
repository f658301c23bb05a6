// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// Two tables that have some entries in common. The rules of newTable also set
// timeouts and start a daemon.
const (
	oldTable = "--set 900 120 300\n" +
		"-A -t 192.0.2.1:80 -s rr\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 3 -x 9 -y 4\n" +
		"-A -u 192.0.2.1:53 -s sh -p 60 -b sh-port\n" +
		"-a -u 192.0.2.1:53 -r 198.51.100.3:53 -i -w 1 --tun-type gue --tun-port 5555 --tun-csum\n" +
		"-A -f 9 -6 -s wlc\n"
	newTable = "--set 100 20 30\n" +
		"-A -t 192.0.2.1:80 -s wlc\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 7\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.4:80 -m -w 1\n" +
		"-A -f 5 -s rr\n" +
		"-a -f 5 -r 198.51.100.3:0 -g -w 1\n" +
		"--start-daemon master --mcast-interface eth0 --syncid 3\n"
)

// saveUnintercepted returns the output of -S --all. It does not call k.Intercept.
func saveUnintercepted(t *testing.T, k *ipvstest.FakeKernel) string {
	t.Helper()
	intercept := k.Intercept
	k.Intercept = nil
	defer func() { k.Intercept = intercept }()
	return saveAll(t, k)
}

// afterFlush returns an Intercept that calls fail with the number of each request
// after the table was cleared, counted from 1.
func afterFlush(fail func(n int, m *netlinkmsg.Message) syscall.Errno) func(*netlinkmsg.Message) syscall.Errno {
	n := -1
	return func(m *netlinkmsg.Message) syscall.Errno {
		if n < 0 && m.Command != netlinkmsg.Flush {
			return 0
		}
		if n++; n == 0 {
			return 0
		}
		return fail(n, m)
	}
}

const restored = "the previous table was restored\n"

// TestReplaceFaults rejects each request after the table was cleared, and checks
// that ipvsadm-restore restores the previous table.
func TestReplaceFaults(t *testing.T) {
	requests := strings.Count(newTable, "\n")
	for _, errno := range []syscall.Errno{syscall.ENOMEM, syscall.EINVAL, syscall.ENOENT, syscall.EPERM, syscall.ESRCH} {
		for fault := 1; fault <= requests; fault++ {
			k := kernelWith(t, oldTable)
			k.Intercept = afterFlush(func(n int, _ *netlinkmsg.Message) syscall.Errno {
				if n == fault {
					return errno
				}
				return 0
			})
			got := run(k, newTable, "ipvsadm-restore")
			if want := fmt.Sprintf("line %d: ", fault); got.status != 255 || !strings.HasPrefix(got.stderr, want) || !strings.HasSuffix(got.stderr, restored) {
				t.Errorf("%v at request %d: %+v", errno, fault, got)
			}
			if table := saveUnintercepted(t, k); table != oldTable {
				t.Errorf("%v at request %d: table:\n%s", errno, fault, table)
			}
		}
	}
	// Without a fault, the new table replaces the old one.
	k := kernelWith(t, oldTable)
	if got := run(k, newTable, "ipvsadm-restore"); got != (result{}) || saveUnintercepted(t, k) != newTable {
		t.Errorf("no fault: %+v, table:\n%s", got, saveUnintercepted(t, k))
	}
}

// TestReplaceTwoFaults checks that ipvsadm-restore restores the previous table if a
// rule and any one later request are rejected.
func TestReplaceTwoFaults(t *testing.T) {
	for _, fault := range []int{2, 5, 7} {
		for second := fault + 1; ; second++ {
			k := kernelWith(t, oldTable)
			last := 0
			k.Intercept = afterFlush(func(n int, _ *netlinkmsg.Message) syscall.Errno {
				if last = n; n == fault || n == second {
					return syscall.ENOMEM
				}
				return 0
			})
			got := run(k, newTable, "ipvsadm-restore")
			if last < second {
				break
			}
			if table := saveUnintercepted(t, k); got.status != 255 || !strings.HasSuffix(got.stderr, restored) || table != oldTable {
				t.Errorf("requests %d and %d: %+v, table:\n%s", fault, second, got, table)
			}
		}
	}
}

// TestReplaceLostReplies loses the replies to each send in turn. The messages must match
// whether the table is then the previous or the new one.
func TestReplaceLostReplies(t *testing.T) {
	for lost := 1; ; lost++ {
		k := kernelWith(t, oldTable)
		sends := 0
		loss := replyLoss{lost: func(n int, _ netlink.Header) bool { sends = n; return n == lost }}
		var stderr strings.Builder
		status := Run([]string{"ipvsadm-restore"}, strings.NewReader(newTable), io.Discard, &stderr, dialLossy(k, loss))
		if sends < lost {
			break
		}
		want := newTable
		if strings.HasSuffix(stderr.String(), restored) || strings.HasSuffix(stderr.String(), "nothing was changed\n") {
			want = oldTable
		}
		if table := saveUnintercepted(t, k); table != want || status == 0 && want == oldTable {
			t.Errorf("send %d: status %d, %stable:\n%s", lost, status, stderr.String(), table)
		}
	}
}

// TestReplaceConnLost checks that ipvsadm-restore reports that it cannot restore the
// previous table if the kernel no longer replies.
func TestReplaceConnLost(t *testing.T) {
	k := kernelWith(t, oldTable)
	flushed := false
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		flushed = flushed || m.Command == netlinkmsg.Flush
		return 0
	}
	wasFlushed := false // before this send
	loss := replyLoss{silent: true, lost: func(int, netlink.Header) bool {
		defer func() { wasFlushed = flushed }()
		return wasFlushed
	}}
	var stderr strings.Builder
	status := Run([]string{"ipvsadm-restore"}, strings.NewReader(newTable), io.Discard, &stderr, dialLossy(k, loss))
	want := "line 1: " + ipvs.ErrTimeout.Error() + ": outcome unknown from this line to line 7; later lines were not executed\n" +
		"the previous table was not restored\n"
	if status != 255 || stderr.String() != want {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}

// TestReplaceNotRestored checks that the rules that cannot be restored are
// reported.
func TestReplaceNotRestored(t *testing.T) {
	k := kernelWith(t, oldTable)
	k.Intercept = afterFlush(func(_ int, m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.NewService && m.Service.Protocol == ipvs.UDP || m.Command == netlinkmsg.NewDaemon {
			return syscall.ENOMEM
		}
		return 0
	})
	want := result{255, "", "line 7: Memory allocation problem\n" +
		"-A -u 192.0.2.1:53 -s sh -p 60 -b sh-port: Memory allocation problem\n" +
		"-a -u 192.0.2.1:53 -r 198.51.100.3:53 -i -w 1 --tun-type gue --tun-port 5555 --tun-csum: Service not defined\n" +
		"the previous table was not restored completely\n"}
	if got := run(k, newTable, "ipvsadm-restore"); got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestReplaceDaemons checks that the sync daemons that ran before a failed
// ipvsadm-restore run again after it.
func TestReplaceDaemons(t *testing.T) {
	const master, backup = "--start-daemon master --mcast-interface eth0 --syncid 1\n", "--start-daemon backup --mcast-interface eth0 --syncid 2\n"
	const rules = "-A -f 1\n--stop-daemon master\n--start-daemon master --syncid 7\n--start-daemon backup --syncid 8\n-A -f 2\n"
	for _, daemons := range []string{"", master, backup, backup + master} {
		k := kernelWith(t, oldTable+daemons)
		k.Intercept = afterFlush(func(_ int, m *netlinkmsg.Message) syscall.Errno {
			if m.Command == netlinkmsg.NewService && m.Service.Mark == 2 {
				return syscall.ENOMEM
			}
			return 0
		})
		before := saveUnintercepted(t, k)
		if got := run(k, rules, "ipvsadm-restore"); got.status != 255 || !strings.HasSuffix(got.stderr, restored) {
			t.Errorf("ipvsadm-restore: %+v", got)
		}
		if after := saveUnintercepted(t, k); len(after) != len(before) || strings.Contains(after, "--syncid 7") || strings.Contains(after, "--syncid 8") {
			t.Errorf("before:\n%safter:\n%s", before, after)
		}
	}
}

// TestReplaceRedundantRules checks that rules which add an existing entry or remove
// a missing one are reported but, as in ipvsadm, do not prevent a restore.
func TestReplaceRedundantRules(t *testing.T) {
	const daemon = "--start-daemon master --mcast-interface eth0 --syncid 1\n"
	k := kernelWith(t, oldTable+daemon)
	const rules = "-D -f 5\n" + newTable + "-A -f 5 -s rr\n-d -f 5 -r 198.51.100.9\n-a -f 5 -r 198.51.100.3\n-A -f 6 -s rr\n"
	want := result{0, "", "line 1: No such service\nline 8: Daemon has already run\nline 9: Service already exists\n" +
		"line 10: No such destination\nline 11: Destination already exists\n"}
	if got := run(k, rules, "ipvsadm-restore"); got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if table, want := saveUnintercepted(t, k), strings.Replace(newTable, "--start", "-A -f 6 -s rr\n--start", 1); table != strings.Replace(want, "--syncid 3", "--syncid 1", 1) {
		t.Errorf("table:\n%s", table)
	}
}

// TestReplaceRejected checks that ipvsadm-restore does not clear the table for
// rules that the kernel will reject, but executes them if the table is empty.
func TestReplaceRejected(t *testing.T) {
	for _, tt := range []struct{ name, rules, stderr string }{
		{name: "unknown scheduler", rules: "-A -f 1 -s rr\n-A -f 2 -s wlcc\n-E -f 1 -s nosuch\n-A -f 3 -s wlcc\n",
			stderr: "line 2: Scheduler or persistence engine not found\nline 3: Scheduler or persistence engine not found\n"},
		{name: "server of an undefined service", rules: "-A -f 1\n-a -f 2 -r 192.0.2.9\n", stderr: "line 2: service not defined\n"},
		{name: "server before its service", rules: "-a -f 2 -r 192.0.2.9\n-A -f 2\n", stderr: "line 1: service not defined\n"},
		{name: "lower threshold", rules: "-A -f 1\n-a -f 1 -r 192.0.2.9 -y 2\n", stderr: "line 2: lower threshold exceeds upper threshold\n"},
		{name: "with an invalid line", rules: "-A -f 2 -s wlcc\n-A --foo\n-e -f 1 -r 192.0.2.9\n",
			stderr: "line 1: Scheduler or persistence engine not found\nline 2: --foo: unknown option\nline 3: service not defined\n"},
	} {
		k := kernelWith(t, oldTable)
		if got := run(k, tt.rules, "ipvsadm-restore"); got != (result{255, "", tt.stderr}) {
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.stderr)
		}
		for _, m := range k.Changes() {
			if m.Command != netlinkmsg.NewService || m.Service.Netmask <= 128 {
				t.Errorf("%s: the program changed the table: %v", tt.name, m.Command)
			}
		}
		if table := saveUnintercepted(t, k); table != oldTable {
			t.Errorf("%s: table:\n%s", tt.name, table)
		}
	}
	k := kernelWith(t, "")
	want := result{0, "", "line 1: Scheduler or persistence engine not found\n"}
	if got := run(k, "-A -f 2 -s wlcc\n-A -f 1 -s rr\n", "ipvsadm-restore"); got != want || savedRules(t, k) != "-A -f 1 -s rr\n" {
		t.Errorf("empty table: %+v, table:\n%s", got, savedRules(t, k))
	}
}

// TestReplaceReadError checks that ipvsadm-restore does not clear a table that it
// cannot read, and thus could not restore.
func TestReplaceReadError(t *testing.T) {
	for _, command := range []netlinkmsg.Command{netlinkmsg.GetService, netlinkmsg.GetDestination, netlinkmsg.GetConfig, netlinkmsg.GetDaemon} {
		k := kernelWith(t, oldTable)
		k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
			if m.Command == command {
				return syscall.ENOMEM
			}
			return 0
		}
		want := result{255, "", "Memory allocation problem\nnothing was changed\n"}
		if got := run(k, newTable, "ipvsadm-restore"); got != want || saveUnintercepted(t, k) != oldTable {
			t.Errorf("%v: %+v, table:\n%s", command, got, saveUnintercepted(t, k))
		}
	}
}

// TestReplaceSignal checks that a signal during a restore ends the program when
// the table is complete.
func TestReplaceSignal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		errno syscall.Errno
		after string
	}{
		{name: "rules are executed", after: newTable},
		{name: "previous table is restored", errno: syscall.ENOMEM, after: oldTable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			delivered := make(chan os.Signal, 1)
			signal.Notify(delivered, syscall.SIGTERM)
			defer signal.Stop(delivered)
			k := kernelWith(t, oldTable)
			k.Intercept = afterFlush(func(n int, _ *netlinkmsg.Message) syscall.Errno {
				if n != 2 {
					return 0
				}
				syscall.Kill(os.Getpid(), syscall.SIGTERM)
				<-delivered
				return tt.errno
			})
			if got := run(k, newTable, "ipvsadm-restore"); got.status != 128+int(syscall.SIGTERM) || saveUnintercepted(t, k) != tt.after {
				t.Errorf("ipvsadm-restore: %+v, table:\n%s", got, saveUnintercepted(t, k))
			}
		})
	}
}

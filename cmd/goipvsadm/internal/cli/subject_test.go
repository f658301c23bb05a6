// SPDX-License-Identifier: MIT

package cli

import (
	"strings"
	"syscall"
	"testing"

	"goipvsadm/netlinkmsg"
)

// TestSubjects checks that the messages for errors of the kernel, of single commands and
// of rules, name the service, server or daemon, but not under the name ipvsadm.
func TestSubjects(t *testing.T) {
	const web = "TCP 192.0.2.1:80"
	for _, tt := range []struct{ line, ipvsadm, ours string }{
		{line: "-A -t 192.0.2.1:80", ipvsadm: "Service already exists", ours: "service " + web + ": Service already exists"},
		{line: "-D -u [2001:db8::1]:53", ipvsadm: "No such service", ours: "service UDP [2001:db8::1]:53: No such service"},
		{line: "-E -f 7 -6", ipvsadm: "No such service", ours: "service FWM 7 IPv6: No such service"},
		{line: "-Z -f 7", ipvsadm: "No such service", ours: "service FWM 7 IPv4: No such service"},
		{line: "-L -f 7", ipvsadm: "No such service", ours: "service FWM 7 IPv4: No such service"},
		{line: "-a -f 7 -r 198.51.100.1", ipvsadm: "Service not defined", ours: "server 198.51.100.1:0 of FWM 7 IPv4: Service not defined"},
		{line: "-a -t 192.0.2.1:80 -r 198.51.100.1 -m", ipvsadm: "Destination already exists",
			ours: "server 198.51.100.1:80 of " + web + ": Destination already exists"},
		{line: "-d -t 192.0.2.1:80 -r 198.51.100.9", ipvsadm: "No such destination",
			ours: "server 198.51.100.9:80 of " + web + ": No such destination"},
		{line: "-d -t 192.0.2.1:80 -r 198.51.100.9 --drain", ipvsadm: "No such destination",
			ours: "server 198.51.100.9:80 of " + web + ": No such destination"},
		{line: "-A -f 1 -s wlcc", ipvsadm: "Scheduler or persistence engine not found",
			ours: "service FWM 1 IPv4: Scheduler or persistence engine not found: wlcc (did you mean wlc?)"},
		{line: "-A -f 1 -s maglev -p --pe sip", ipvsadm: "Scheduler or persistence engine not found",
			ours: "service FWM 1 IPv4: Scheduler or persistence engine not found: maglev, sip"},
		{line: "-a -t 192.0.2.1:80 -r 198.51.100.9 -m -y 2", ipvsadm: "Numerical result out of range",
			ours: "server 198.51.100.9:80 of " + web + ": lower threshold exceeds upper threshold"},
		{line: "--start-daemon backup --mcast-interface eth1", ipvsadm: "Daemon has already run", ours: "backup daemon on eth1: Daemon has already run"},
		{line: "--stop-daemon master", ipvsadm: "No daemon is running", ours: "master daemon: No daemon is running"},
		{line: "--set 1 2 3", ipvsadm: "Memory allocation problem", ours: "Memory allocation problem"},
		{line: "-C", ipvsadm: "Memory allocation problem", ours: "Memory allocation problem"},
	} {
		for name, want := range map[string]string{"ipvsadm": tt.ipvsadm, "goipvsadm": tt.ours} {
			k := kernelWith(t, oneServer+"--start-daemon backup\n")
			k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				if m.Command == netlinkmsg.Flush || m.Command == netlinkmsg.SetConfig {
					return syscall.ENOMEM
				}
				return 0
			}
			if got := run(k, "", words(name+" "+tt.line)...); got.stderr != want+"\n" {
				t.Errorf("%s %s: %s, want %s", name, tt.line, got.stderr, want)
			}
			if got := run(k, tt.line+"\n", name, "-R"); got.stderr != "line 1: "+want+"\n" {
				t.Errorf("%s -R, %s: %s, want %s", name, tt.line, got.stderr, want)
			}
		}
	}
}

// TestApplySubjects checks that --apply names the service or server of a line; a
// removal, which has no line, is named by its rule.
func TestApplySubjects(t *testing.T) {
	k := kernelWith(t, oneServer+"-A -f 9\n")
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		switch {
		case m.Command == netlinkmsg.NewDestination && strings.HasSuffix(m.Destination.AddrPort.Addr().String(), ".8"):
			return syscall.ENOMEM
		case m.Command == netlinkmsg.DelService:
			return syscall.ENOMEM
		}
		return 0
	}
	for rules, want := range map[string]string{
		oneServer + "-a -t 192.0.2.1:80 -r 198.51.100.8 -m\n-A -f 9\n": "line 3: server 198.51.100.8:80 of TCP 192.0.2.1:80: Memory allocation problem\n",
		oneServer: "-D -f 9: Memory allocation problem\n",
	} {
		if got := run(k, rules, "goipvsadm", "--apply"); got.status != 255 || got.stderr != want {
			t.Errorf("--apply: %+v, want %s", got, want)
		}
	}
}

// TestMappedServer checks that the IPv4-mapped address of a server is rejected
// everywhere, and never means the server with the IPv4 address.
func TestMappedServer(t *testing.T) {
	const mapped = "[::ffff:198.51.100.1]:80"
	const service = "-t 192.0.2.1:80"
	rule := "-a " + service + " -r " + mapped + " -i\n"
	const reason = "server address ::ffff:198.51.100.1 is IPv4-mapped (use 198.51.100.1)\n"
	for _, tt := range []struct {
		line, rules string
		status      int
		stderr      string
	}{
		{line: "--check", rules: oneService + rule, status: 2, stderr: "line 2: " + reason},
		{line: "--check --apply", rules: oneService + rule, status: 2, stderr: "line 2: " + reason},
		{line: "--apply", rules: oneService + rule, status: 2, stderr: "line 2: " + reason},
		{line: "--diff", rules: oneService + rule, status: 2, stderr: "line 2: " + reason},
		{line: "-d " + service + " -r " + mapped, status: 255,
			stderr: "server " + mapped + " of TCP 192.0.2.1:80: No such destination\n"},
		{line: "-d " + service + " -r " + mapped + " --drain", status: 255, stderr: reason},
		{line: "-R", rules: "-d " + service + " -r " + mapped + " --drain\n", status: 255, stderr: "line 1: " + reason},
	} {
		k := kernelWith(t, oneServer)
		got := run(k, tt.rules, words("goipvsadm "+tt.line)...)
		if want := (result{tt.status, "", tt.stderr}); got != want {
			t.Errorf("%s: got\n%+v\nwant\n%+v", tt.line, got, want)
		}
		if table := savedRules(t, k); table != oneServer {
			t.Errorf("%s: table:\n%s", tt.line, table)
		}
	}
}

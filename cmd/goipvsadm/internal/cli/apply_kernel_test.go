// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of --apply, --diff, -S --all and --netns.

package cli_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"goipvsadm/cmd/goipvsadm/internal/cli"
	"goipvsadm/ipvs"
	"goipvsadm/netlinkmsg"
	"goipvsadm/scripts/testnet"
)

// A countingSocket counts requests and completed replies by command.
type countingSocket struct {
	ipvs.Socket
	commands map[uint32]netlinkmsg.Command // by sequence number
	requests map[netlinkmsg.Command]int
	replies  map[netlinkmsg.Command]int // acknowledgements, errors and ends of dumps
}

func (s *countingSocket) Send(b []byte) error {
	for rest := b; len(rest) > 0; {
		f, r, err := netlinkmsg.Split(rest)
		if err != nil {
			return err
		}
		rest = r
		command := netlinkmsg.Command(f.Body[0])
		s.commands[f.Header.Sequence] = command
		s.requests[command]++
	}
	return s.Socket.Send(b)
}

func (s *countingSocket) Receive(b []byte) (int, error) {
	n, err := s.Socket.Receive(b)
	for rest := b[:max(n, 0)]; len(rest) > 0; {
		f, r, err := netlinkmsg.Split(rest)
		if err != nil {
			return 0, err
		}
		rest = r
		if f.Header.Type == netlink.Error || f.Header.Type == netlink.Done {
			s.replies[s.commands[f.Header.Sequence]]++
		}
	}
	return n, err
}

// A host is a network namespace with an IPVS table, which the program accesses
// with --netns.
type host struct {
	*testing.T
	ns *testnet.Netns
	countingSocket
}

var hostCount atomic.Int32

func newHost(t *testing.T) *host {
	t.Helper()
	ns, err := testnet.NewNetns(fmt.Sprintf("host%d", hostCount.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	h := &host{T: t, ns: ns}
	if err := ns.IP("link add dummy0 type dummy", "link set dummy0 up",
		"address add 10.7.0.1/16 dev dummy0", "address add fd07::1/64 dev dummy0 nodad"); err != nil {
		t.Fatal(err)
	}
	return h
}

// run runs the program with rules on stdin and checks its exit status. The
// requests are counted.
func (h *host) run(line, rules string, status int) (stdout, stderr string) {
	h.Helper()
	h.countingSocket = countingSocket{
		commands: make(map[uint32]netlinkmsg.Command),
		requests: make(map[netlinkmsg.Command]int),
		replies:  make(map[netlinkmsg.Command]int),
	}
	dial := func(options ...ipvs.Option) (*ipvs.Client, error) {
		return ipvs.Dial(append(options, ipvs.WithSocketWrapper(func(s ipvs.Socket) ipvs.Socket {
			h.Socket = s
			return &h.countingSocket
		}))...)
	}
	var out, errs strings.Builder
	args := append([]string{"ipvsadm"}, strings.Fields(line)...)
	got := cli.Run(append(args, "--netns", h.ns.Name), strings.NewReader(rules), &out, &errs, dial)
	if got != status {
		h.Fatalf("%s: exit status %d, want %d\n%s%s\nrules:\n%s", line, got, status, out.String(), errs.String(), rules)
	}
	return out.String(), errs.String()
}

// runQuiet runs the program, which must succeed without output.
func (h *host) runQuiet(line, rules string) {
	h.Helper()
	if stdout, stderr := h.run(line, rules, 0); stdout+stderr != "" {
		h.Fatalf("%s: %s%s\nrules:\n%s", line, stdout, stderr, rules)
	}
}

// wantReadOnly fails the test if the last run sent a request that changes the
// table.
func (h *host) wantReadOnly(rules string) {
	h.Helper()
	for _, counts := range []map[netlinkmsg.Command]int{h.requests, h.replies} {
		for command, n := range counts {
			switch command {
			case netlinkmsg.GetInfo, netlinkmsg.GetService, netlinkmsg.GetDestination, netlinkmsg.GetConfig, netlinkmsg.GetDaemon:
			default:
				h.Fatalf("%d messages: %s\nrules:\n%s", n, command, rules)
			}
		}
	}
	if h.replies[netlinkmsg.GetService] == 0 {
		h.Fatal("the services were not read")
	}
}

// saved returns the output of -S.
func (h *host) saved(options string) string {
	h.Helper()
	stdout, _ := h.run("-S -n "+options, "", 0)
	return stdout
}

// sortLines sorts the lines of a table. If a service has destinations of two address
// families, their order in -S depends on their order in the kernel.
func sortLines(rules string) string {
	lines := strings.SplitAfter(rules, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// Arguments of allRules.
const (
	mixedFamilies = true
	sameFamilies  = false
)

// allRules returns rules with every kind of service and server; mixed adds servers
// whose address family differs from their service's.
func allRules(mixed bool) string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	add("--set 901 121 301")
	for i, s := range []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"} {
		add("-A -f %d -s %s", 100+i, s)
		add("-A -f %d -6 -s %s -b flag-1,flag-2,flag-3 -p 77 -M 56", 100+i, s)
		add("-a -f %d -r 10.7.1.1 -w %d", 100+i, i)
	}
	for _, flags := range []string{"-s sh -b sh-port", "-s sh -b sh-fallback,sh-port,flag-3", "-s mh -b mh-fallback", "-s rr -b flag-2"} {
		add("-A -t 10.7.2.1:%d %s", b.Len(), flags)
	}
	add("-A -u 10.7.2.2:53 -o")
	add("-A -u 10.7.2.2:5060 --pe sip -p 2678400 -M 255.0.255.0")
	add("-A -u 10.7.2.2:5061 --pe sip -o")
	add("-A -f 4294967295 -o -p 1")
	add("-A -t 10.7.2.2:0 -p -M 0.0.0.24")
	add("-A -t 10.7.2.2:80 -M 255.255.0.0") // no effect without -p
	add("-A -t 0.0.0.0:80")
	add("-A --sctp-service [fd07::2]:7 -p -M 1")
	add("-A -t [fd07::2]:80 -s rr")
	for i, method := range []string{"-g", "-m", "-i", "-i --tun-type gue --tun-port 6080", "-i --tun-type gue --tun-port 1 --tun-csum",
		"-i --tun-type gue --tun-port 65535 --tun-remcsum", "-i --tun-type gre", "-i --tun-type gre --tun-csum", "-i --tun-type ipip"} {
		add("-a -t 10.7.2.2:80 -r 10.7.1.%d:80 %s -x %d -y %d", i, method, 2*i, i)
		add("-a -t [fd07::2]:80 -r [fd07::1:%d]:80 %s -w %d", i, method, i<<27)
		add("-a -f 100 -r 10.7.1.2:%d %s", i+1, method)
		if mixed && strings.HasPrefix(method, "-i") {
			add("-a -t 10.7.2.2:80 -r [fd07::1:%d]:80 %s", i, method)
			add("-a -f 101 -6 -r 10.7.1.2:%d %s", i, method)
		}
	}
	// Servers on the director.
	add("-a -t 10.7.2.2:80 -r 10.7.0.1 -m")
	add("-a -t 10.7.2.2:80 -r 127.0.0.1 -i --tun-type gre")
	add("-a -t [fd07::2]:80 -r [fd07::1]:80 -g")
	add("-a -t 10.7.2.2:0 -r 10.7.1.1:8080 -m -x 2147483647 -w 2147483647")
	add("-a -u 10.7.2.2:53 -r 10.7.1.1:5353 -m -w 0")
	return b.String()
}

// TestApplyTwice checks that a second --apply sends no request that changes the
// table.
func TestApplyTwice(t *testing.T) {
	h, other := newHost(t), newHost(t)
	rules := allRules(mixedFamilies)
	h.runQuiet("--apply", rules)
	other.runQuiet("-R", rules)
	if got, want := sortLines(h.saved("--all")), sortLines(other.saved("--all")); got != want {
		t.Errorf("table:\n%swant:\n%s", got, want)
	}
	for _, again := range []string{rules, h.saved("--all"), h.saved("")} {
		h.runQuiet("--apply", again)
		h.wantReadOnly(again)
		h.runQuiet("--diff", again)
	}
	if stdout, _ := h.run("--apply --verbose", rules, 0); stdout != "# 0 added, 0 edited, 0 removed\n" {
		t.Errorf("second --apply --verbose printed %s", stdout)
	}
	other.run("--apply --allow-empty", "", 0)
	if got := other.saved(""); got != "" {
		t.Errorf("table after --allow-empty:\n%s", got)
	}
}

// someRules returns a random part of allRules with random variations.
func someRules(r *rand.Rand) string {
	var rules strings.Builder
	defined := make(map[string]bool)
	for line := range strings.Lines(allRules(mixedFamilies)) {
		words := strings.Fields(line)
		service := strings.Join(words[1:3], " ")
		if words[len(words)-1] == "-6" || strings.Contains(line, " -6 ") {
			service += " -6"
		}
		if r.IntN(3) == 0 || words[0] == "-a" && !defined[service] {
			continue
		}
		defined[service] = defined[service] || words[0] == "-A"
		switch n := r.IntN(6); {
		case n == 0 && words[0] == "-A" && !strings.Contains(line, " -s "):
			line = strings.TrimSuffix(line, "\n") + " -s wrr\n"
		case n == 1 && words[0] == "-A" && !strings.Contains(line, " -p"):
			line = strings.TrimSuffix(line, "\n") + " -p 5\n"
		case n == 0 && words[0] == "-a" && !strings.Contains(line, " -w "):
			line = strings.TrimSuffix(line, "\n") + " -w 9\n"
		case n == 1 && words[0] == "-a":
			line = strings.NewReplacer(" -g", " -m", " -m", " -g", " --tun-csum", "", "gue --tun-port 1", "gue --tun-port 2").Replace(line)
		}
		rules.WriteString(line)
	}
	return rules.String()
}

// TestApplyRandomTablesKernel checks, for random tables and rules, that --apply,
// the output of --diff and -R on an empty table have the same result.
func TestApplyRandomTablesKernel(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, seed))
	live, diffed, fresh := newHost(t), newHost(t), newHost(t)
	t.Logf("seed %d", seed)
	for range 25 {
		rules := someRules(r)
		status := 1
		if live.saved("") == "" && rules == "" {
			status = 0
		}
		changes, _ := diffed.run("--diff --allow-empty", rules, status)
		diffed.runQuiet("-R", changes)

		stdout, stderr := live.run("--apply --allow-empty --verbose", rules, 0)
		if comment := strings.Index(stdout, "#"); comment < 0 || stdout[:comment] != changes || stderr != "" {
			t.Fatalf("--apply printed\n%s--diff printed\n%s%s", stdout, changes, stderr)
		}
		for command, word := range map[netlinkmsg.Command]string{
			netlinkmsg.NewService: "-A ", netlinkmsg.SetService: "-E ", netlinkmsg.DelService: "-D ",
			netlinkmsg.NewDestination: "-a ", netlinkmsg.SetDestination: "-e ", netlinkmsg.DelDestination: "-d ",
		} {
			if got, want := live.requests[command], strings.Count("\n"+changes, "\n"+word); got != want {
				t.Errorf("%s: %d requests, want %d", command, got, want)
			}
		}
		fresh.run("-C", "", 0)
		fresh.runQuiet("-R", rules)
		want := sortLines(fresh.saved(""))
		for name, h := range map[string]*host{"--apply": live, "--diff | -R": diffed} {
			if got := sortLines(h.saved("")); got != want {
				t.Fatalf("%s: table:\n%swant:\n%schanges:\n%s", name, got, want, changes)
			}
		}
		live.runQuiet("--apply --allow-empty", rules)
		live.wantReadOnly(rules)
	}
}

// TestApplyRequestsKernel checks that --apply reads a table of 10,000 services with one
// dump of the services (two before Linux 5.14), and sends one change for a single
// difference.
func TestApplyRequestsKernel(t *testing.T) {
	const services = 10_000
	dumps := 2
	if hasCookies, err := testnet.HasNetNSCookies(); err != nil {
		t.Fatal(err)
	} else if hasCookies { // a socket option proves that a dump is complete
		dumps = 1
	}
	h := newHost(t)
	var rules strings.Builder
	for i := range services {
		fmt.Fprintf(&rules, "-A -f %d -s rr\n-a -f %d -r 10.7.1.1:0 -g -w 1\n", i+1, i+1)
	}
	h.runQuiet("--apply", rules.String())
	h.runQuiet("--apply", strings.Replace(rules.String(), "-a -f 7777 -r 10.7.1.1:0 -g -w 1", "-a -f 7777 -r 10.7.1.1:0 -g -w 2", 1))
	want := map[netlinkmsg.Command]int{
		netlinkmsg.GetInfo:        1,
		netlinkmsg.GetService:     dumps,
		netlinkmsg.GetDestination: services,
		netlinkmsg.SetDestination: 1,
	}
	if !maps.Equal(h.requests, want) {
		t.Errorf("requests %v, want %v", h.requests, want)
	}
	if !maps.Equal(h.replies, want) {
		t.Errorf("replies %v, want %v", h.replies, want)
	}
	h.run("-C", "", 0)
}

// TestApplyResume checks that a failed change is reported, that other additions
// are made but no removals, and that a later --apply completes the work.
func TestApplyResume(t *testing.T) {
	h := newHost(t)
	// While a sync daemon runs, the kernel rejects servers whose address family
	// differs from their service's.
	h.runQuiet("-R", "-A -f 1 -s rr\n-a -f 1 -r 10.7.1.1\n-A -f 2 -s rr\n--start-daemon master --mcast-interface dummy0\n")
	const rules = "-A -f 1 -s wrr\n-a -f 1 -r 10.7.1.2\n-a -f 1 -r [fd07::9]:80 -i\n-A -f 3\n-a -f 3 -r 10.7.1.3\n"
	stdout, stderr := h.run("--apply --verbose", rules, 255)
	if want := "-a -f 1 -r 10.7.1.2:0 -g -w 1\n-A -f 3 -s wlc\n-a -f 3 -r 10.7.1.3:0 -g -w 1\n-E -f 1 -s wrr\n# 3 added, 1 edited, 0 removed\n"; stdout != want {
		t.Errorf("changes:\n%swant:\n%s", stdout, want)
	}
	if want := "line 3: Invalid operation.  Possibly wrong module version, address not unicast, ...\n" +
		"-f 1: errors occurred; skipped 1 removal\nerrors occurred; skipped 1 removal\n"; stderr != want {
		t.Errorf("stderr:\n%swant:\n%s", stderr, want)
	}

	waitDaemonStarted()
	h.runQuiet("--stop-daemon master", "")
	stdout, stderr = h.run("--apply --verbose", rules, 0)
	if want := "-a -f 1 -r [fd07::9]:80 -i -w 1 --tun-type ipip\n-d -f 1 -r 10.7.1.1:0\n-D -f 2\n# 1 added, 0 edited, 2 removed\n"; stdout != want || stderr != "" {
		t.Errorf("second --apply: changes:\n%swant:\n%s%s", stdout, want, stderr)
	}
	h.runQuiet("--apply", rules)
	h.wantReadOnly(rules)

	// The server is removed before the daemon is started, which fails until its
	// interface exists.
	const without = "-A -f 3\n--start-daemon master --mcast-interface later0\n"
	if _, stderr := h.run("--apply", without, 255); stderr != "line 2: No such device\n" {
		t.Errorf("stderr: %s", stderr)
	}
	if err := h.ns.IP("link add later0 type dummy", "link set later0 up", "address add 10.6.0.1/24 dev later0"); err != nil {
		t.Fatal(err)
	}
	stdout, _ = h.run("--apply --verbose", without, 0)
	if want := "--start-daemon master --mcast-interface later0 --syncid 0\n# 1 added, 0 edited, 0 removed\n"; stdout != want {
		t.Errorf("second --apply: changes:\n%swant:\n%s", stdout, want)
	}

	// Each of several errors from the kernel is reported.
	_, stderr = h.run("--apply", without+"-A -f 9 -s nosuch\n-a -f 3 -r 224.0.0.1\n-a -f 3 -r 10.7.1.4 -x 1 -y 2\n", 255)
	if want := "line 4: Invalid operation.  Possibly wrong module version, address not unicast, ...\n" +
		"line 5: Numerical result out of range\n" +
		"line 3: Scheduler or persistence engine not found\n"; stderr != want {
		t.Errorf("stderr:\n%swant:\n%s", stderr, want)
	}
	waitDaemonStarted()
	h.runQuiet("--stop-daemon master", "")
}

// waitDaemonStarted works around a hang of the User-Mode Linux kernel if a sync
// daemon is stopped right after it was started.
func waitDaemonStarted() { time.Sleep(300 * time.Millisecond) }

// TestApplyDaemons checks that sync daemons are restarted only if their settings
// differ, and stopped only if the rules start other daemons.
func TestApplyDaemons(t *testing.T) {
	h := newHost(t)
	defer func() {
		waitDaemonStarted()
		h.run("-R", "--stop-daemon master\n--stop-daemon backup\n", 0)
	}()
	for _, tt := range []struct{ rules, changes string }{
		{
			rules:   "--start-daemon master --mcast-interface dummy0\n",
			changes: "--start-daemon master --mcast-interface dummy0 --syncid 0\n",
		},
		{
			rules: "--start-daemon master --mcast-interface dummy0 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n",
		},
		{rules: "--set 0 0 0\n"},
		{
			rules: "--start-daemon master --mcast-interface dummy0 --syncid 5\n--start-daemon backup --mcast-interface dummy0 --sync-maxlen 1\n",
			changes: "--stop-daemon master\n--start-daemon master --mcast-interface dummy0 --syncid 5\n" +
				"--start-daemon backup --mcast-interface dummy0 --syncid 0 --sync-maxlen 1\n",
		},
		{rules: "--start-daemon backup --mcast-interface dummy0\n", changes: "--stop-daemon master\n"},
		{
			rules:   "--start-daemon backup --mcast-interface dummy0 --mcast-group ff02::77 --sync-maxlen 65507\n",
			changes: "--stop-daemon backup\n--start-daemon backup --mcast-interface dummy0 --syncid 0 --sync-maxlen 65507 --mcast-group ff02::77\n",
		},
	} {
		waitDaemonStarted()
		stdout, _ := h.run("--apply --verbose", tt.rules, 0)
		if got, _, _ := strings.Cut(stdout, "#"); got != tt.changes {
			t.Fatalf("--apply of\n%schanges:\n%swant:\n%s", tt.rules, got, tt.changes)
		}
		for _, again := range []string{tt.rules, h.saved("--all")} {
			h.runQuiet("--apply", again)
			h.wantReadOnly(again)
		}
	}
}

// TestSaveAllRoundTrip checks that the output of -S --all restores the same table on
// other hosts.
func TestSaveAllRoundTrip(t *testing.T) {
	h := newHost(t)
	h.runQuiet("-R", allRules(sameFamilies)+"--start-daemon backup --mcast-interface dummy0 --syncid 9 --sync-maxlen 2000 --mcast-ttl 3\n")
	saved := h.saved("--all")
	if !strings.HasPrefix(saved, "--set 901 121 301\n-A") || !strings.HasSuffix(saved,
		"\n--start-daemon backup --mcast-interface dummy0 --syncid 9 --sync-maxlen 2000 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 3\n") {
		t.Fatalf("saved\n%s", saved)
	}
	h.run("--check", saved, 0) // warns of unusual rules
	hosts := []*host{h}
	for _, command := range []string{"-R", "--apply"} {
		restored := newHost(t)
		restored.runQuiet(command, saved)
		if got := restored.saved("--all"); got != saved {
			t.Errorf("%s: table:\n%swant:\n%s", command, got, saved)
		}
		hosts = append(hosts, restored)
	}
	waitDaemonStarted()
	for _, h := range hosts {
		h.runQuiet("--stop-daemon backup", "")
	}
}

// TestNamespaces checks that --netns accepts a name, a path and a process ID.
func TestNamespaces(t *testing.T) {
	h := newHost(t)
	h.runQuiet("-A -f 7 -s rr", "")
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	inside := exec.Command("sleep", "1000")
	if err := h.ns.Do(inside.Start); err != nil {
		t.Fatal(err)
	}
	defer inside.Wait()
	defer inside.Process.Kill()
	caller, err := testnet.NewNetns("elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	const docker = "/run/docker/netns/ingress_sbox"
	if out, err := exec.Command("sh", "-c", "mkdir -p /run/docker/netns && touch "+docker+" && mount --bind "+h.ns.Path()+" "+docker).CombinedOutput(); err != nil {
		t.Fatalf("mount the namespace of Docker: %v: %s", err, out)
	}
	defer exec.Command("sh", "-c", "umount "+docker+" && rm "+docker).Run()
	const listed = "-A -f 7 -s rr\n"
	notFound := func(name, process string) string {
		return fmt.Sprintf("cannot open network namespace %q: No such file or directory (tried /run/netns/%[1]s, /var/run/netns/%[1]s, "+
			"/run/docker/netns/%[1]s, /var/run/docker/netns/%[1]s%[2]s)\n", name, process)
	}
	for _, tt := range []struct {
		line           string
		status         int
		stdout, stderr string
	}{
		{line: "ipvsadm -S -n"},
		{line: "ipvsadm -S -n -N " + h.ns.Name, stdout: listed},
		{line: "ipvsadm -N " + h.ns.Name + " -S -n", stdout: listed},
		{line: "ipvsadm -S -n --netns=" + h.ns.Path(), stdout: listed},
		{line: fmt.Sprintf("ipvsadm -S -nN/proc/%d/ns/net", inside.Process.Pid), stdout: listed},
		{line: fmt.Sprintf("ipvsadm -S -n -N %d", inside.Process.Pid), stdout: listed},
		{line: "ipvsadm -S -n -N ingress_sbox", stdout: listed},
		{line: "ipvsadm --complete -S -N ingress_s", stdout: "ingress_sbox\n"},
		{line: "ipvsadm-save -N " + h.ns.Name, stdout: listed},
		{line: "echo -A -f 8 -s rr | ipvsadm-restore -N " + h.ns.Name},
		{
			line:   "echo -A -f 9 -s rr | ipvsadm --apply --verbose -N " + h.ns.Name,
			stdout: "-A -f 9 -s rr\n-D -f 8\n# 1 added, 0 edited, 1 removed\n",
		},
		{
			line:   "ipvsadm -L -nc -N " + h.ns.Name,
			stdout: "IPVS connection entries\npro expire state       source             virtual            destination\n",
		},
		{line: "ipvsadm -S -n"},
		{
			line:   "ipvsadm -C -N foo",
			status: 2,
			stderr: notFound("foo", ""),
		},
		{
			line:   "ipvsadm -L -c -N foo",
			status: 2,
			stderr: notFound("foo", ""),
		},
		{
			line:   "ipvsadm -S -N 4000000000",
			status: 2,
			stderr: notFound("4000000000", ", /proc/4000000000/ns/net"),
		},
		{
			line:   "ipvsadm -S -N /proc/1/ns/nosuch",
			status: 2,
			stderr: "cannot open network namespace \"/proc/1/ns/nosuch\": No such file or directory\n",
		},
		{
			line:   "ipvsadm -S -N /dev/null",
			status: 2,
			stderr: "cannot open network namespace \"/dev/null\": Invalid argument\n",
		},
		{
			line:   "ipvsadm -S -N /proc/1/ns/mnt",
			status: 2,
			stderr: "cannot open network namespace \"/proc/1/ns/mnt\": Invalid argument\n",
		},
		{line: "ipvsadm -S -N ''", status: 2, stderr: "illegal network namespace specified\n"},
	} {
		got, err := tool.Shell(caller, tt.line)
		if err != nil {
			t.Fatal(err)
		}
		if got != (testnet.Result{Stdout: tt.stdout, Stderr: tt.stderr, Status: tt.status}) {
			t.Errorf("%s: %+v", tt.line, got)
		}
	}
}

// TestCheckUnprivileged checks that --check needs no privilege.
func TestCheckUnprivileged(t *testing.T) {
	program, err := os.Open(os.Getenv("GOIPVSADM"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	copyPath := "/run/tmp/goipvsadm-check"
	to, err := os.OpenFile(copyPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, program); err != nil {
		t.Fatal(err)
	}
	to.Close()
	defer os.Remove(copyPath)
	for rules, want := range map[string]string{"-A -f 1 -s rr\n": "", "-A\n-A -f 0\n": "" +
		"line 1: You need to supply the 'service-address' option for the 'add-service' command\nline 2: invalid fwmark value `0' specified\n"} {
		cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copyPath, "--check")
		cmd.Stdin = strings.NewReader(rules)
		out, _ := cmd.CombinedOutput()
		status := 0
		if want != "" {
			status = 2
		}
		if string(out) != want || cmd.ProcessState.ExitCode() != status {
			t.Errorf("status %d, %q; want %d, %q", cmd.ProcessState.ExitCode(), out, status, want)
		}
	}
}

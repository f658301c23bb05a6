// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// kernelWith returns a kernel with the table that rules describe.
func kernelWith(t *testing.T, rules string) *ipvstest.FakeKernel {
	t.Helper()
	k := &ipvstest.FakeKernel{Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}}
	if r := run(k, rules, "ipvsadm", "-R"); r != (result{}) {
		t.Fatalf("-R with\n%s: %+v", rules, r)
	}
	k.Requests = nil
	return k
}

// saveAll returns the output of -S --all.
func saveAll(t *testing.T, k *ipvstest.FakeKernel) string {
	t.Helper()
	r := run(k, "", "ipvsadm", "-S", "-n", "--all")
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("save: %+v", r)
	}
	return r.stdout
}

// changeCommands returns the commands of the requests that changed k.
func changeCommands(k *ipvstest.FakeKernel) (commands []netlinkmsg.Command) {
	for _, m := range k.Changes() {
		commands = append(commands, m.Command)
	}
	return commands
}

func TestApply(t *testing.T) {
	const before = "-A -t 192.0.2.1:80 -s rr\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 1\n" +
		"-A -u 192.0.2.1:53 -s rr\n"
	const after = "-A -t 192.0.2.1:80 -s wlc -p 60\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.3:80 -m -w 1\n" +
		"-A -f 7 -s sh\n" +
		"-a -f 7 -r 198.51.100.1:0 -g -w 3\n"
	const diff = "-a -t 192.0.2.1:80 -r 198.51.100.3:80 -m -w 1\n" +
		"-A -f 7 -s sh\n" +
		"-a -f 7 -r 198.51.100.1:0 -g -w 3\n" +
		"-E -t 192.0.2.1:80 -s wlc -p 60\n" +
		"-d -t 192.0.2.1:80 -r 198.51.100.2:80\n" +
		"-D -u 192.0.2.1:53\n"
	k := kernelWith(t, before)
	if got := run(k, after, "ipvsadm", "--diff"); got != (result{1, diff, ""}) {
		t.Errorf("--diff: %+v", got)
	}
	if n := len(k.Changes()); n != 0 || savedRules(t, k) != before {
		t.Errorf("--diff changed the table: %v", changeCommands(k))
	}
	if got := run(k, after, "ipvsadm", "--apply", "--verbose"); got != (result{0, diff + "# 3 added, 1 edited, 2 removed\n", ""}) {
		t.Errorf("--apply: %+v", got)
	}
	want := []netlinkmsg.Command{
		netlinkmsg.NewDestination, netlinkmsg.NewService, netlinkmsg.NewDestination, netlinkmsg.SetService,
		netlinkmsg.DelDestination, netlinkmsg.DelService,
	}
	if d := cmp.Diff(want, changeCommands(k)); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
	if got := savedRules(t, k); got != after {
		t.Errorf("table:\n%s", got)
	}

	// A second run changes nothing.
	k.Requests = nil
	if got := run(k, after, "ipvsadm", "--apply"); got != (result{}) || len(k.Changes()) != 0 {
		t.Errorf("second --apply: %+v, %v", got, changeCommands(k))
	}
	if got := run(k, after, "ipvsadm", "--apply", "--verbose"); got != (result{0, "# 0 added, 0 edited, 0 removed\n", ""}) {
		t.Errorf("second --apply --verbose: %+v", got)
	}
	if got := run(k, after, "ipvsadm", "--diff"); got != (result{}) {
		t.Errorf("--diff after --apply: %+v", got)
	}

	// The output of --diff is input for -R.
	k = kernelWith(t, before)
	if got := run(k, diff, "ipvsadm", "-R"); got != (result{}) || savedRules(t, k) != after {
		t.Errorf("-R: %+v, table:\n%s", got, savedRules(t, k))
	}
}

func TestApplyInvalidRules(t *testing.T) {
	for _, tt := range []struct {
		name, rules, stderr string
	}{
		{
			name:  "commands that do not describe a table",
			rules: "-C\n" + oneService + "-e -t 192.0.2.1:80 -r 198.51.100.1\n-L\n-S\n--stop-daemon master\n-h\n",
			stderr: "" +
				"line 1: command 'flush' does not describe a table (use only -A, -a, --set and --start-daemon)\n" +
				"line 3: command 'edit-server' does not describe a table (use only -A, -a, --set and --start-daemon)\n" +
				"line 4: command 'list' does not describe a table (use only -A, -a, --set and --start-daemon)\n" +
				"line 5: command 'save' does not describe a table (use only -A, -a, --set and --start-daemon)\n" +
				"line 6: command 'stop-daemon' does not describe a table (use only -A, -a, --set and --start-daemon)\n" +
				"line 7: command 'help' does not describe a table (use only -A, -a, --set and --start-daemon)\n",
		},
		{
			name:  "duplicate service and server",
			rules: oneServer + oneServer,
			stderr: "" +
				"line 3: service already defined on line 1\n" +
				"line 4: server already defined on line 2\n",
		},
		{
			name:  "errors are sorted by line",
			rules: "-a -f 5 -r 192.0.2.9\n-A -q\n-R\n-a -f 6 -r 192.0.2.9\n--set 1 2\n",
			stderr: "" +
				"line 1: service not defined\n" +
				"line 2: -q: unknown option\n" +
				"line 3: command 'restore' is not allowed in a rule\n" +
				"line 4: service not defined\n" +
				"line 5: --set option requires 3 timeout values\n",
		},
		{
			name:   "no rules, only a comment",
			rules:  "# nothing\n\n",
			stderr: "no services in input; refusing to clear the table (use --allow-empty to override)\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, command := range []string{"--apply", "--diff"} {
				want := result{2, "", tt.stderr}
				if got := runWithoutKernel(t, tt.rules, "ipvsadm", command); got != want {
					t.Errorf("%s: got\n%+v\nwant\n%+v", command, got, want)
				}
			}
		})
	}
}

func TestApplyEmpty(t *testing.T) {
	const message = "no services in input; refusing to clear the table (use --allow-empty to override)\n"
	for _, tt := range []struct {
		name, before, rules, line string
		want                      result
		after                     string
	}{
		{name: "empty input", before: oneServer, line: "--apply", want: result{2, "", message}, after: oneServer},
		{name: "empty input, --allow-empty", before: oneServer, line: "--apply --allow-empty"},
		{
			name:   "empty input, --diff --allow-empty",
			before: oneServer,
			line:   "--diff --allow-empty",
			want:   result{1, "-D -t 192.0.2.1:80\n", ""},
			after:  oneServer,
		},
		{
			name:   "timeouts only",
			before: oneServer,
			rules:  "--set 1 2 3\n",
			line:   "--apply",
			want:   result{2, "", message},
			after:  oneServer,
		},
		{name: "timeouts only, --allow-empty", before: oneServer, rules: "--set 1 2 3\n", line: "--apply --allow-empty"},
		{
			name:  "timeouts only, empty table",
			rules: "--set 1 2 3\n",
			line:  "--apply --verbose",
			want:  result{0, "--set 1 2 3\n# 0 added, 1 edited, 0 removed\n", ""},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, tt.before)
			if got := run(k, tt.rules, words("ipvsadm "+tt.line)...); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got := savedRules(t, k); got != tt.after {
				t.Errorf("table:\n%s", got)
			}
		})
	}
}

func TestApplyTimeoutsAndDaemons(t *testing.T) {
	k := kernelWith(t, oneServer+"--start-daemon backup --mcast-interface eth1\n")
	const rules = "--set 0 60 0\n" + oneServer + "--start-daemon master --mcast-interface eth1 --syncid 3\n"
	const changes = "--set 900 60 300\n--start-daemon master --mcast-interface eth1 --syncid 3\n--stop-daemon backup\n"
	if got := run(k, rules, "ipvsadm", "--apply", "--verbose"); got != (result{0, changes + "# 1 added, 1 edited, 1 removed\n", ""}) {
		t.Errorf("--apply: %+v", got)
	}
	// Without rules for them, timeouts and daemons are neither read nor changed.
	k.Requests = nil
	if got := run(k, oneServer, "ipvsadm", "--apply"); got != (result{}) {
		t.Errorf("--apply without timeouts and daemons: %+v", got)
	}
	for _, m := range k.Requests {
		if m.Command == netlinkmsg.GetConfig || m.Command == netlinkmsg.GetDaemon {
			t.Errorf("unneeded request: %v", m.Command)
		}
	}
	if want := "--set 900 60 300\n" + oneServer + "--start-daemon master --mcast-interface eth1 --syncid 3\n"; saveAll(t, k) != want {
		t.Errorf("table:\n%s", saveAll(t, k))
	}
}

func TestApplyKeepWeights(t *testing.T) {
	k := kernelWith(t, oneService+"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 0\n")
	const rules = oneServer + "-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 5\n"
	const changes = "-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 5\n"
	if got := run(k, rules, "ipvsadm", "--diff", "--keep-weights"); got != (result{1, changes, ""}) {
		t.Errorf("--diff: %+v", got)
	}
	if got := run(k, rules, "ipvsadm", "--apply", "--keep-weights", "--verbose"); got != (result{0, changes + "# 1 added, 0 edited, 0 removed\n", ""}) {
		t.Errorf("--apply: %+v", got)
	}
	if got := run(k, rules, "ipvsadm", "--diff"); got != (result{1, "-e -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n", ""}) {
		t.Errorf("--diff without --keep-weights: %+v", got)
	}
}

// TestApplyKernelError checks that a failed change is reported, that other
// additions are made but no removals, and that a second run completes the work.
func TestApplyKernelError(t *testing.T) {
	const before = "-A -f 1 -s rr\n-a -f 1 -r 192.0.2.9:0 -g -w 1\n-A -f 2 -s rr\n"
	const rules = "-A -f 3 -s rr\n-A -f 1 -s rr\n-a -f 1 -r 192.0.2.8:0\n-a -f 1 -r 192.0.2.7:0\n-A -f 4 -s rr\n"
	k := kernelWith(t, before)
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.NewDestination && m.Destination.AddrPort.Addr().String() == "192.0.2.8" {
			return syscall.ENOMEM
		}
		return 0
	}
	want := result{255,
		"-A -f 3 -s rr\n-a -f 1 -r 192.0.2.7:0 -g -w 1\n-A -f 4 -s rr\n# 3 added, 0 edited, 0 removed\n",
		"line 3: Memory allocation problem\n-f 1: errors occurred; skipped 1 removal\nerrors occurred; skipped 1 removal\n"}
	if got := run(k, rules, "ipvsadm", "--apply", "--verbose"); got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	k.Intercept = nil
	k.Requests = nil
	want = result{0, "-a -f 1 -r 192.0.2.8:0 -g -w 1\n-d -f 1 -r 192.0.2.9:0\n-D -f 2\n# 1 added, 0 edited, 2 removed\n", ""}
	if got := run(k, rules, "ipvsadm", "--apply", "--verbose"); got != want {
		t.Errorf("second --apply: got\n%+v\nwant\n%+v", got, want)
	}
	if n := len(k.Changes()); n != 3 {
		t.Errorf("second --apply: %d changes, want 3", n)
	}
	if got := run(k, rules, "ipvsadm", "--diff"); got != (result{}) {
		t.Errorf("--diff: %+v", got)
	}
}

// TestApplyFailedReplacement checks that a server keeps its weight if its
// replacement fails, and that the message names the service.
func TestApplyFailedReplacement(t *testing.T) {
	const before = oneServer + "-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 1\n"
	const rules = oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 0\n-a -t 192.0.2.1:80 -r 198.51.100.3:80 -m -w 1\n"
	const changes = "-a -t 192.0.2.1:80 -r 198.51.100.3:80 -m -w 1\n" +
		"-e -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 0\n" +
		"-d -t 192.0.2.1:80 -r 198.51.100.2:80\n"
	k := kernelWith(t, before)
	if got := run(k, rules, "ipvsadm", "--diff"); got != (result{1, changes, ""}) {
		t.Errorf("--diff: %+v", got)
	}
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.NewDestination {
			return syscall.ENOMEM
		}
		return 0
	}
	want := result{255, "", "line 3: Memory allocation problem\n" +
		"-t 192.0.2.1:80: errors occurred; skipped 1 change to weight 0 and 1 removal\n"}
	if got := run(k, rules, "ipvsadm", "--apply"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := savedRules(t, k); got != before {
		t.Errorf("table:\n%s", got)
	}
}

// TestApplyRejectedDaemon checks the message if a sync daemon can be started
// neither with its new settings nor with its previous ones.
func TestApplyRejectedDaemon(t *testing.T) {
	const daemon = "--start-daemon master --mcast-interface eth0 --syncid 0\n"
	for _, tt := range []struct {
		name   string
		errnos map[string]syscall.Errno // by interface, for a start while no daemon is running
		stderr string
		after  string // rules
	}{
		{
			name:   "previous settings accepted",
			errnos: map[string]syscall.Errno{"eth1": syscall.ENODEV},
			stderr: "line 3: No such device\n",
			after:  daemon,
		},
		{
			name:   "previous settings rejected",
			errnos: map[string]syscall.Errno{"eth1": syscall.ENODEV, "eth0": syscall.ENOMEM},
			stderr: "line 3: No such device; cannot start the daemon with its previous settings: Memory allocation problem\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, oneServer+daemon)
			k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				if m.Command == netlinkmsg.NewDaemon && len(k.Daemons) == 0 {
					return tt.errnos[m.Daemon.Interface]
				}
				return 0
			}
			rules := oneServer + "--start-daemon master --mcast-interface eth1\n"
			if got := run(k, rules, "ipvsadm", "--apply"); got != (result{255, "", tt.stderr}) {
				t.Errorf("--apply: %+v, want stderr %q", got, tt.stderr)
			}
			if got, want := saveAll(t, k), "--set 900 120 300\n"+oneServer+tt.after; got != want {
				t.Errorf("table:\n%swant:\n%s", got, want)
			}
		})
	}
}

// TestApplyRemovalError checks that a message about a removal, which has no line,
// begins with a rule.
func TestApplyRemovalError(t *testing.T) {
	k := kernelWith(t, "-A -f 1 -s rr\n-A -f 2 -s rr\n-A -f 3 -s rr\n")
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.DelService && m.Service.Mark == 2 {
			return syscall.ENOMEM
		}
		return 0
	}
	want := result{255, "", "-D -f 2: Memory allocation problem\n"}
	if got := run(k, "-A -f 1 -s rr\n", "ipvsadm", "--apply"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := savedRules(t, k); got != "-A -f 1 -s rr\n-A -f 2 -s rr\n" {
		t.Errorf("table:\n%s", got)
	}
}

func TestApplyReadError(t *testing.T) {
	k := &ipvstest.FakeKernel{Intercept: func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetService {
			return syscall.ENOMEM
		}
		return 0
	}}
	for command, status := range map[string]int{"--apply": 255, "--diff": 2} {
		if got := run(k, oneServer, "ipvsadm", command); got != (result{status, "", "Memory allocation problem\n"}) {
			t.Errorf("%s: %+v", command, got)
		}
	}
	var stderr strings.Builder
	dial := func(...ipvs.Option) (*ipvs.Client, error) { return nil, errors.New("dial error") }
	if status := Run([]string{"ipvsadm", "--diff"}, strings.NewReader(oneServer), &strings.Builder{}, &stderr, dial); status != 2 ||
		!strings.HasPrefix(stderr.String(), "Can't initialize ipvs: dial error\n") {
		t.Errorf("status %d, %s", status, stderr.String())
	}
}

func TestDiffWriteError(t *testing.T) {
	k := kernelWith(t, oneService)
	var stderr strings.Builder
	status := Run([]string{"ipvsadm", "--diff"}, strings.NewReader(oneServer), failingWriter(syscall.ENOSPC), &stderr, k.Dial)
	if want := "no space left on device\n"; status != 2 || stderr.String() != want {
		t.Errorf("status %d, %q, want %q", status, stderr.String(), want)
	}
}

// TestApplyRequests checks the number of requests: one for a single difference, two
// dumps of the services, because a dump of several datagrams is not atomic and is
// repeated, and one dump of the destinations of each service.
func TestApplyRequests(t *testing.T) {
	const services = 300
	var rules strings.Builder
	for i := range services {
		fmt.Fprintf(&rules, "-A -f %d -s rr\n-a -f %d -r 192.0.2.9:0 -g -w 1\n", i+1, i+1)
	}
	k := kernelWith(t, rules.String())
	changed := strings.Replace(rules.String(), "-a -f 77 -r 192.0.2.9:0 -g -w 1", "-a -f 77 -r 192.0.2.9:0 -g -w 2", 1)
	if got := run(k, changed, "ipvsadm", "--apply"); got != (result{}) {
		t.Fatalf("--apply: %+v", got)
	}
	count := make(map[netlinkmsg.Command]int)
	for _, m := range k.Requests {
		count[m.Command]++
	}
	want := map[netlinkmsg.Command]int{netlinkmsg.GetInfo: 1, netlinkmsg.GetService: 2, netlinkmsg.GetDestination: services, netlinkmsg.SetDestination: 1}
	if d := cmp.Diff(want, count); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
	// Destinations of removed services are not read.
	k.Requests = nil
	run(k, "-A -f 77 -s rr\n", "ipvsadm", "--diff")
	if n := len(k.Requests); n != 4 {
		t.Errorf("--diff of the rules with one service: %d requests, want 4", n)
	}
}

// randomRules returns rules from a small set of services and servers, so that the
// results of two calls have entries in common.
func randomRules(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var b strings.Builder
	if r.IntN(2) == 0 {
		fmt.Fprintf(&b, "--set %s %s %s\n", pick("0", "5", "900"), pick("0", "120"), pick("300", "7"))
	}
	for _, service := range []string{"-t 192.0.2.1:80", "-u 192.0.2.1:80", "--sctp-service [2001:db8::1]:80", "-f 1", "-f 1 -6", "-t 192.0.2.1:0"} {
		if r.IntN(3) == 0 {
			continue
		}
		options := pick("", " -s rr", " -s sh -b sh-port", " -s mh -b mh-fallback,flag-3", " --pe sip")
		if strings.HasSuffix(service, ":0") || r.IntN(2) == 0 {
			options += pick(" -p", " -p 60", " -p 60 -M 64")
		}
		if !strings.Contains(service, "-t") && !strings.Contains(service, "sctp") {
			options += pick("", " -o")
		}
		fmt.Fprintf(&b, "-A %s%s\n", service, options)
		for i := range 4 {
			if r.IntN(2) == 0 {
				continue
			}
			address := fmt.Sprintf("198.51.100.%d", i)
			if strings.Contains(service, "[") || strings.Contains(service, "-6") {
				address = fmt.Sprintf("[2001:db8::%d]:80", i)
			}
			fmt.Fprintf(&b, "-a %s -r %s%s%s%s\n", service, address,
				pick("", " -g", " -m", " -i", " -i --tun-type gre", " -i --tun-type gue --tun-port 1", " -i --tun-type gue --tun-port 2 --tun-csum"),
				pick("", " -w 0", " -w 7"), pick("", " -x 9", " -x 9 -y 3"))
		}
	}
	for _, state := range []string{"master", "backup"} {
		if r.IntN(3) == 0 {
			fmt.Fprintf(&b, "--start-daemon %s%s%s\n", state, pick("", " --mcast-interface eth1"), pick("", " --syncid 3"))
		}
	}
	return b.String()
}

// TestApplyRandomTables checks, for random tables and rules, that --apply, the
// output of --diff and -R on an empty table have the same result, and that
// there is no difference afterwards.
func TestApplyRandomTables(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, seed))
	for i := range 150 {
		from, to := randomRules(r), randomRules(r)
		k, other := kernelWith(t, from), kernelWith(t, from)
		if got := run(k, to, "ipvsadm", "--apply", "--allow-empty"); got != (result{}) {
			t.Fatalf("seed %d, case %d: %+v\nfrom\n%sto\n%s", seed, i, got, from, to)
		}
		if got, want := savedRules(t, k), savedRules(t, kernelWith(t, to)); got != want {
			t.Fatalf("seed %d, case %d: table:\n%swant\n%sfrom\n%sto\n%s", seed, i, got, want, from, to)
		}
		diff := run(other, to, "ipvsadm", "--diff", "--allow-empty")
		if got := run(other, diff.stdout, "ipvsadm", "-R"); got != (result{}) {
			t.Fatalf("seed %d, case %d: -R with the output of --diff: %+v\n%s", seed, i, got, diff.stdout)
		}
		if got, want := saveAll(t, other), saveAll(t, k); got != want {
			t.Fatalf("seed %d, case %d: table after -R with the output of --diff:\n%swant\n%s", seed, i, got, want)
		}
		saved := saveAll(t, k)
		for _, rules := range []string{to, saved} {
			k.Requests = nil
			if got := run(k, rules, "ipvsadm", "--apply", "--allow-empty"); got != (result{}) || len(k.Changes()) != 0 {
				t.Fatalf("seed %d, case %d: second --apply: %+v, %v\n%s", seed, i, got, changeCommands(k), rules)
			}
		}
		fresh := &ipvstest.FakeKernel{}
		if got := run(fresh, saved, "ipvsadm", "-R"); got != (result{}) || saveAll(t, fresh) != saved {
			t.Fatalf("seed %d, case %d: -R with the output of -S --all: %+v\n%s", seed, i, got, saved)
		}
	}
}

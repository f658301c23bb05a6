// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of --monitor.

package cli_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
)

// A monitorProcess is a running --monitor whose output is read line by line.
type monitorProcess struct {
	*exec.Cmd
	out   io.ReadCloser
	lines *bufio.Scanner
}

// startMonitor starts --monitor --initial for the table of h.
func startMonitor(h *host, options ...string) *monitorProcess {
	h.Helper()
	args := append([]string{"--monitor", "-N", h.ns.Name, "--initial"}, options...)
	m := &monitorProcess{Cmd: exec.Command(os.Getenv("GOIPVSADM"), args...)}
	m.Stderr = os.Stderr
	var err error
	if m.out, err = m.StdoutPipe(); err != nil {
		h.Fatal(err)
	}
	if err := m.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { m.Process.Kill() })
	m.lines = bufio.NewScanner(m.out)
	return m
}

// next returns the next line.
func (m *monitorProcess) next(t *testing.T) string {
	t.Helper()
	if !m.lines.Scan() {
		t.Fatalf("no more lines: %v", m.lines.Err())
	}
	return m.lines.Text()
}

// TestMonitorKernel makes changes of all kinds and replays the output on another host.
func TestMonitorKernel(t *testing.T) {
	h, other := newHost(t), newHost(t)
	h.runQuiet("-R", allRules(sameFamilies))
	table := h.saved("--all")
	m := startMonitor(h, "-n")
	timestamp := regexp.MustCompile(`^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\] `)
	// rules returns the rules of the next lines, up to and including one that begins with
	// last.
	rules := func(last string) string {
		t.Helper()
		var b strings.Builder
		for {
			line := m.next(t)
			rule := timestamp.ReplaceAllString(line, "")
			if rule == line {
				t.Fatalf("no time: %s", line)
			}
			b.WriteString(rule + "\n")
			if strings.HasPrefix(rule, last) {
				return b.String()
			}
		}
	}
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	initial := rules(lines[len(lines)-1])
	if initial != table {
		t.Errorf("initial table:\n%swant:\n%s", initial, table)
	}
	other.runQuiet("-R", initial)

	// The last rule edits a service that the other rules do not change.
	const end = "-E -f 4294967295 -s lc"
	h.runQuiet("-R", "--set 0 0 77\n-D -t 0.0.0.0:80\n-e -f 100 -r 10.7.1.1 -w 9 -x 7\n-d -f 102 -r 10.7.1.1\n"+
		"-E -u 10.7.2.2:53 -s sh -p 9\n--start-daemon master --mcast-interface dummy0 --syncid 5\n-A -f 999\n-a -f 999 -r 10.7.1.1\n"+end+"\n")
	// If one reading finds all changes, it prints --start-daemon after end.
	changes := rules("--start-daemon")
	if !strings.Contains(changes, end) {
		changes += rules(end)
	}
	other.runQuiet("-R", changes)
	if got, want := sortLines(other.saved("--all")), sortLines(h.saved("--all")); got != want {
		t.Errorf("the changes\n%slead to\n%swant\n%s", changes, got, want)
	}

	h.runQuiet("--stop-daemon master", "")
	if got := rules("--stop-daemon"); got != "--stop-daemon master\n" {
		t.Errorf("stop of the daemon:\n%s", got)
	}

	// Without -n, the names are those of -S.
	h.runQuiet("-C", "")
	h.runQuiet("-A -t 10.7.0.1:80", "")
	named := startMonitor(h, "-t", "10.7.0.1:80")
	if got := named.next(t); !strings.HasSuffix(got, " -A -t 10.7.0.1:http -s wlc") {
		t.Errorf("with names: %s", got)
	}
	document := startMonitor(h, "-j")
	var v struct{ Rule string }
	jsonouttest.Decode(t, []byte(document.next(t)), &v) // --set
	jsonouttest.Decode(t, []byte(document.next(t)), &v)
	if v.Rule != "-A -t 10.7.0.1:80 -s wlc" {
		t.Errorf("JSON: %+v", v)
	}
}

// TestMonitorSignals ends --monitor by signals, also while its output is blocked, and
// by closing the pipe.
func TestMonitorSignals(t *testing.T) {
	h := newHost(t)
	h.runQuiet("-A -f 1", "")
	exit := func(m *monitorProcess) int {
		m.Wait()
		return m.ProcessState.ExitCode()
	}
	for _, tt := range []struct {
		signal syscall.Signal
		status int
	}{{signal: syscall.SIGINT, status: 0}, {signal: syscall.SIGTERM, status: 143}, {signal: syscall.SIGHUP, status: 129}} {
		m := startMonitor(h)
		m.next(t)
		m.Process.Signal(tt.signal)
		if status := exit(m); status != tt.status {
			t.Errorf("%v: status %d, want %d", tt.signal, status, tt.status)
		}
	}

	m := startMonitor(h)
	m.next(t)
	m.out.Close()
	if status := exit(m); status != 0 {
		t.Errorf("closed pipe: status %d", status)
	}

	// More than a pipe holds.
	h.runQuiet("-R", services(2500, "rr"))
	m = startMonitor(h)
	m.next(t)
	m.Process.Signal(syscall.SIGINT)
	if status := exit(m); status != 0 {
		t.Errorf("blocked output: status %d", status)
	}
}

// TestTwoDirectors runs the recipes of the section TWO DIRECTORS of the manual.
func TestTwoDirectors(t *testing.T) {
	manual, err := os.ReadFile("../../../../docs/goipvsadm.8")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n.Sh TWO DIRECTORS\n")
	section, _, _ = strings.Cut(section, "\n.Sh ")
	var recipes []string
	for i, block := range strings.Split(section, ".Bd -literal -offset indent\n") {
		if recipe, _, ok := strings.Cut(block, ".Ed\n"); ok && i > 0 {
			recipes = append(recipes, recipe)
		}
	}

	lb1, lb2 := newHost(t), newHost(t)
	directory := t.TempDir()
	remote := filepath.Join(directory, "lb2")
	// ssh runs the command in the other network namespace, in another directory.
	script := "#!/bin/sh\n[ \"$1\" != -t ] || shift\nshift\ncd " + remote + " && exec nsenter --net=" + lb2.ns.Path() + " sh -c \"$*\"\n"
	if err := os.Mkdir(remote, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(directory+"/ssh", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.Getenv("GOIPVSADM"), directory+"/goipvsadm"); err != nil {
		t.Fatal(err)
	}
	const (
		service  = "-A -t 10.7.0.9:80 -s rr\n"
		timeouts = "--set 900 120 300\n"
		daemon   = " --mcast-interface dummy0 --syncid 0 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n"
		master   = "--start-daemon master" + daemon
		backup   = "--start-daemon backup" + daemon
	)
	server := func(end string) string { return service + "-a -t 10.7.0.9:80 -r 10.7.1.1:80 -m " + end + "\n" }
	busy, idle := server("-w 5 -x 20 -y 10"), server("-w 1 -x 9")
	tests := []struct {
		name, lb1, lb2 string // tables before, without the daemons (master on lb1, backup on lb2)
		answer         string // to the question of --confirm
		status         int
		output         string
		after          string // table of lb2, without its daemon
	}{
		{name: "compare", lb1: timeouts + busy, lb2: timeouts + idle,
			status: 1, output: "-e -t 10.7.0.9:80 -r 10.7.1.1:80 -m -w 5 -x 20 -y 10\n", after: timeouts + idle},
		{name: "copy", lb1: timeouts + busy, lb2: timeouts + idle, after: timeouts + busy},
		{name: "copy without confirmation", lb1: timeouts + busy, lb2: timeouts + idle,
			answer: "n\r", status: 1, output: "n\nnot confirmed: the changes were undone\n", after: timeouts + idle},
		{name: "keep the weights", lb1: timeouts + busy, lb2: timeouts + idle,
			output: "-e -t 10.7.0.9:80 -r 10.7.1.1:80 -m -w 1 -x 20 -y 10\n", after: timeouts + server("-w 1 -x 20 -y 10")},
		{name: "timeouts", lb1: "--set 900 120 33\n" + busy, lb2: timeouts + busy,
			output: "--set 900 120 33\n", after: "--set 900 120 33\n" + busy},
		{name: "compare without thresholds", lb1: timeouts + busy, lb2: timeouts + server("-w 5"), after: timeouts + server("-w 5")},
	}
	if len(recipes) != len(tests) {
		t.Fatalf("%d recipes in the manual, want %d", len(recipes), len(tests))
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lb1.runQuiet("--apply", tt.lb1+master)
			lb2.runQuiet("--apply", tt.lb2+backup)
			cmd := exec.Command("bash", "-c", recipes[i])
			cmd.Dir = directory
			cmd.Env = append(os.Environ(), "PATH="+directory+":"+os.Getenv("PATH"))
			terminal, err := lb1.ns.Terminal(200, 50, cmd)
			if err != nil {
				t.Fatal(err)
			}
			if tt.answer != "" {
				if _, err := terminal.ReadUntil("without an answer) "); err != nil {
					t.Fatal(err)
				}
				if err := terminal.Type(tt.answer); err != nil {
					t.Fatal(err)
				}
			}
			output, status, err := terminal.Wait()
			output = strings.ReplaceAll(output, "\r", "")
			if err != nil || status != tt.status || output != tt.output {
				t.Errorf("%s\nstatus %d, %v, output:\n%swant %d:\n%s", recipes[i], status, err, output, tt.status, tt.output)
			}
			if got, want := lb2.saved("--all"), tt.after+backup; got != want {
				t.Errorf("lb2:\n%swant:\n%s", got, want)
			}
		})
	}
}

// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// monitorSteps runs --monitor with the options of a line on k. It calls each step one
// second after the previous one and returns the output until a second after the last.
func monitorSteps(t *testing.T, k *ipvstest.FakeKernel, line string, steps ...func()) (output string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		inv := new(invocation)
		var stdout bytes.Buffer
		inv.files.stdout = &stdout
		inv.client, _ = k.Dial()
		var cmd command.Command
		if err := command.NewParser("goipvsadm", resolve.System()).Parse(words("--monitor "+line), &cmd); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		result := make(chan error)
		go func() { result <- newMonitor(inv, &cmd).run(ctx) }()
		for _, step := range steps {
			synctest.Wait()
			step()
			time.Sleep(time.Duration(cmd.Interval) * time.Second)
		}
		synctest.Wait()
		stop()
		if err := <-result; err != nil {
			t.Error(err)
		}
		output = stdout.String()
	})
	return output
}

// at returns the time that lines have after a number of steps of one second.
func at(seconds int) string {
	// The fake clock of a bubble starts at this time.
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).In(time.Local)
	return start.Add(time.Duration(seconds) * time.Second).Format(monitorTime)
}

const monitorTable = "--set 900 120 300\n" +
	"-A -t 192.0.2.1:80 -s rr\n" +
	"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n" +
	"-A -f 7 -s wlc\n"

func TestMonitor(t *testing.T) {
	k := kernelWith(t, monitorTable)
	change := func(rules string) func() {
		return func() {
			if r := run(k, rules, "ipvsadm", "-R"); r != (result{}) {
				t.Errorf("%s: %+v", rules, r)
			}
		}
	}
	got := monitorSteps(t, k, "-n",
		func() { k.Modify(func() { k.Table[0].Destinations[0].ActiveConns = 5 }) },
		change("-e -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 0\n"),
		change("-e -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 3 -x 9\n--set 0 0 60\n--start-daemon master --syncid 3\n"),
		func() {},
		change("-C\n--stop-daemon master\n-A -f 7 -s rr\n-a -f 7 -r 198.51.100.9 -i\n"),
	)
	want := at(2) + "-e -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 0\n" +
		at(3) + "--set 900 120 60\n" +
		at(3) + "-e -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 3 -x 9\n" +
		at(3) + "--start-daemon master --mcast-interface eth0 --syncid 3\n" +
		at(5) + "-a -f 7 -r 198.51.100.9:0 -i -w 1 --tun-type ipip\n" +
		at(5) + "-E -f 7 -s rr\n" +
		at(5) + "-D -t 192.0.2.1:80\n" +
		at(5) + "--stop-daemon master\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMonitorInitial(t *testing.T) {
	k := kernelWith(t, monitorTable)
	var want string
	for _, rule := range strings.SplitAfter(strings.TrimSuffix(saveAll(t, k), "\n"), "\n") {
		want += at(0) + rule
	}
	if got := monitorSteps(t, k, "--initial -n"); got != want+"\n" {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestMonitorService monitors one service, which another program removes and adds.
func TestMonitorService(t *testing.T) {
	k := kernelWith(t, monitorTable)
	table := k.Entries()
	got := monitorSteps(t, k, "-n --initial -t 192.0.2.1:80",
		func() { k.Modify(func() { k.Table, k.Timeouts.UDP = table[1:], 1 }) },
		func() { k.Modify(func() { k.Table = append(k.Table, table[0]) }) },
		func() { k.Modify(func() { k.Table[0].Service.Scheduler = "lc" }) },
	)
	add := "-A -t 192.0.2.1:80 -s rr\n"
	server := "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n"
	want := at(0) + add + at(0) + server + at(1) + "-D -t 192.0.2.1:80\n" + at(2) + add + at(2) + server
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMonitorJSON(t *testing.T) {
	k := kernelWith(t, monitorTable)
	table := k.Entries()
	got := monitorSteps(t, k, "-j --initial", func() { k.Modify(func() { k.Table = table[1:] }) })
	type document struct {
		Time         time.Time
		Initial      bool
		Change, Rule string
	}
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	want := []document{
		{start, true, "set", "--set 900 120 300"},
		{start, true, "add-service", "-A -t 192.0.2.1:80 -s rr"},
		{start, true, "add-server", "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1"},
		{start, true, "add-service", "-A -f 7 -s wlc"},
		{start.Add(time.Second), false, "delete-service", "-D -t 192.0.2.1:80"},
	}
	i := 0
	for line := range strings.Lines(got) {
		var d document
		jsonouttest.Decode(t, []byte(line), &d)
		d.Time = d.Time.UTC()
		if i >= len(want) || d != want[i] {
			t.Errorf("line %d: %s", i+1, line)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d lines, want %d", i, len(want))
	}
}

// TestMonitorWhileChanging clears the table when a reading has listed the services,
// but not their servers, and restores it before the next reading.
func TestMonitorWhileChanging(t *testing.T) {
	k := kernelWith(t, monitorTable)
	table := k.Entries()
	var armed atomic.Bool
	cleared := false
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		switch {
		case m.Command == netlinkmsg.GetDestination && armed.Load() && !cleared:
			cleared = true
			k.Modify(func() { k.Table = nil })
		case m.Command == netlinkmsg.GetService && cleared:
			k.Modify(func() { k.Table = table })
		}
		return 0
	}
	got := monitorSteps(t, k, "-n", func() { armed.Store(true) }, func() {})
	if got != "" || !cleared {
		t.Errorf("table cleared: %t, got\n%s", cleared, got)
	}
}

// TestMonitorClosedPipe closes the output: the monitor must exit, also without any
// change to print, and must not be killed by SIGPIPE.
func TestMonitorClosedPipe(t *testing.T) {
	for _, tt := range []struct{ name, line string }{
		{name: "without output", line: "--monitor"},
		{name: "with output", line: "--monitor --initial"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, monitorTable)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			r.Close()
			var stderr strings.Builder
			args := words("goipvsadm " + tt.line)
			if status := Run(args, nil, w, &stderr, k.Dial); status != 0 || stderr.Len() > 0 {
				t.Errorf("status %d, %s", status, stderr.String())
			}
		})
	}
}

func TestMonitorError(t *testing.T) {
	k := kernelWith(t, monitorTable)
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination {
			return syscall.EPERM
		}
		return 0
	}
	if got := run(k, "", "goipvsadm", "--monitor"); got != (result{1, "", "Permission denied (you must be root)\n"}) {
		t.Errorf("%+v", got)
	}
}

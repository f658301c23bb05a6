// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of draining with real connections through a director that uses NAT.

package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvsadm/scripts/testnet"
)

const (
	virtual = "10.8.1.1:80"
	first   = "10.8.2.11:80"
	second  = "10.8.2.12:80"

	addService = "-A -t " + virtual + " -s wrr\n"
	addFirst   = "-a -t " + virtual + " -r " + first + " -m -w 3 -x 500 -y 400\n"
	addSecond  = "-a -t " + virtual + " -r " + second + " -m -w 1\n"
	drainFirst = "-d -t " + virtual + " -r " + first + " --drain"
)

// A drainLab is a network of a client, a director and two servers.
type drainLab struct{ *lab }

func newDrainLab(t *testing.T) *drainLab {
	t.Helper()
	return &drainLab{newLab(t, testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "outside", Addresses: []string{"10.8.1.2/24"}}}},
		{Name: "director", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []testnet.Link{
			{To: "outside", Addresses: []string{"10.8.1.1/24"}},
			{To: "inside", Addresses: []string{"10.8.2.1/24"}},
		}},
		{Name: "first", Gateway: "10.8.2.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.8.2.11/24"}}}},
		{Name: "second", Gateway: "10.8.2.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.8.2.12/24"}}}},
	}, "first", "second")}
}

// run runs the program on the director and checks its exit status.
func (l *drainLab) run(line string, status int) testnet.Result {
	l.t.Helper()
	return l.shell("ipvsadm "+line, status)
}

// restore replaces the table and waits until no server has active connections.
func (l *drainLab) restore(rules string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.tool.Work, "rules"), []byte(rules), 0o644); err != nil {
		l.t.Fatal(err)
	}
	l.run("-C", 0)
	l.run("-R <rules", 0)
	// A server that is added again gets its old connections back, and closed ones
	// count as active until the final packets arrive.
	err := testnet.Eventually(func() error {
		listing := l.run("-L -n", 0).Stdout
		for line := range strings.Lines(listing) {
			if fields := strings.Fields(line); len(fields) == 6 && fields[0] == "->" && fields[4] != "0" && fields[4] != "ActiveConn" {
				return fmt.Errorf("servers have active connections:\n%s", listing)
			}
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *drainLab) table() string {
	l.t.Helper()
	return l.run("-S -n", 0).Stdout
}

func (l *drainLab) wantTable(want string) {
	l.t.Helper()
	if got := l.table(); got != want {
		l.t.Fatalf("table:\n%s\nwant:\n%s", got, want)
	}
}

// waitTable waits until the table is want.
func (l *drainLab) waitTable(want string) {
	l.t.Helper()
	err := testnet.Eventually(func() error {
		if got := l.table(); got != want {
			return fmt.Errorf("table:\n%s\nwant:\n%s", got, want)
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// connectFirst opens a connection to the first server.
func (l *drainLab) connectFirst() *testnet.KeepAliveConn {
	l.t.Helper()
	return l.openToFirst(virtual, 4)
}

// openToFirst opens connections to an address until one is to the first server.
func (l *drainLab) openToFirst(address string, attempts int) *testnet.KeepAliveConn {
	l.t.Helper()
	for range attempts {
		conn, server, err := l.client.OpenKeepAlive("http://" + address + "/")
		if err != nil {
			l.t.Fatal(err)
		}
		if server == "first" {
			l.t.Cleanup(conn.Close)
			return conn
		}
		conn.Close()
	}
	l.t.Fatal("no connection to the first server")
	return nil
}

// command returns a command that runs the program, with a terminal type.
func (l *drainLab) command(line string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(l.tool.Bin, "ipvsadm"), strings.Fields(line)...)
	cmd.Env = append(os.Environ(), "TERM=linux")
	return cmd
}

// A runningProgram is a program that was started, with its output.
type runningProgram struct {
	*exec.Cmd
	output strings.Builder
}

func (l *drainLab) start(line string) *runningProgram {
	l.t.Helper()
	p := &runningProgram{Cmd: l.command(line)}
	p.Stdout, p.Stderr = &p.output, &p.output
	if err := l.director.Do(p.Start); err != nil {
		l.t.Fatal(err)
	}
	return p
}

// wantExit waits for the program and checks its exit status and output.
func (p *runningProgram) wantExit(t *testing.T, status int, output string) {
	t.Helper()
	p.Wait()
	if got := p.ProcessState.ExitCode(); got != status || p.output.String() != output {
		t.Errorf("exit status %d, want %d; output %q, want %q", got, status, p.output.String(), output)
	}
}

// withWeight0 returns rule with weight 0 instead of 3, the weight of addFirst.
func withWeight0(rule string) string { return strings.Replace(rule, "-w 3", "-w 0", 1) }

func TestDrainWithTraffic(t *testing.T) {
	l := newDrainLab(t)

	t.Run("active connection", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		conn := l.connectFirst()
		drain := l.start(drainFirst)
		l.waitTable(addService + withWeight0(addFirst) + addSecond)
		tally, err := l.client.CountResponses("http://"+virtual+"/", 12)
		if err != nil || tally["second"] != 12 {
			t.Errorf("new connections: %v, %v; want all to the second server", tally, err)
		}
		for range 3 { // polls
			if server, err := conn.Get(); err != nil || server != "first" {
				t.Fatalf("open connection: %q, %v", server, err)
			}
			time.Sleep(time.Second)
		}
		l.wantTable(addService + withWeight0(addFirst) + addSecond)
		conn.Close()
		drain.wantExit(t, 0, "")
		l.wantTable(addService + addSecond)
	})

	t.Run("timeout", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.connectFirst()
		l.connectFirst()
		l.start(drainFirst+"=2").wantExit(t, 0, first+": removed after 2 s; connections cut: 2 active\n")
		l.wantTable(addService + addSecond)
	})

	t.Run("idle server", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.start(drainFirst).wantExit(t, 0, "")
		l.wantTable(addService + addSecond)
		l.start(drainFirst).wantExit(t, 255, "No such destination\n")
		l.run("-C", 0)
		l.start(drainFirst).wantExit(t, 255, "Service not defined\n")
	})

	for _, tt := range []struct {
		signal syscall.Signal
		status int
	}{{signal: syscall.SIGINT, status: 130}, {signal: syscall.SIGTERM, status: 143}, {signal: syscall.SIGHUP, status: 129}, {signal: syscall.SIGQUIT, status: 131}} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			l.t = t
			l.restore(addService + addFirst + addSecond)
			conn := l.connectFirst()
			drain := l.start(drainFirst)
			l.waitTable(addService + withWeight0(addFirst) + addSecond)
			// Repeated signals must not change the result.
			exited := make(chan struct{})
			go func() {
				for drain.Process.Signal(tt.signal) == nil {
					select {
					case <-exited:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}()
			drain.wantExit(t, tt.status, "")
			close(exited)
			l.wantTable(addService + addFirst + addSecond)
			if server, err := conn.Get(); err != nil || server != "first" {
				t.Errorf("open connection: %q, %v", server, err)
			}
		})
	}

	t.Run("ignored signal", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.connectFirst()
		result, err := l.tool.Shell(l.director, "trap '' HUP; ipvsadm "+drainFirst+"=3 & sleep 1; kill -HUP $!; wait $!")
		want := testnet.Result{Stderr: first + ": removed after 3 s; connections cut: 1 active\n"}
		if err != nil || result != want {
			t.Errorf("drain that ignores SIGHUP: %+v, %v; want %+v", result, err, want)
		}
	})

	t.Run("weight changed by another program", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.connectFirst()
		drain := l.start(drainFirst)
		l.waitTable(addService + withWeight0(addFirst) + addSecond)
		l.run("-e -t "+virtual+" -r "+first+" -m -w 9", 0)
		drain.wantExit(t, 255, first+": weight changed to 9 while draining; not removed\n")
	})

	t.Run("service removed by another program", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.connectFirst()
		drain := l.start(drainFirst)
		l.waitTable(addService + withWeight0(addFirst) + addSecond)
		l.run("-D -t "+virtual, 0)
		drain.wantExit(t, 0, first+": removed by another program; connections cut: 1 active\n")
	})
}

// TestDrainTerminal checks the progress line and Ctrl-C.
func TestDrainTerminal(t *testing.T) {
	l := newDrainLab(t)
	l.restore(addService + addFirst + addSecond)
	conn := l.connectFirst()
	terminal, err := l.director.Terminal(120, 24, l.command(drainFirst+"=600"))
	if err != nil {
		t.Fatal(err)
	}
	line := "\rdraining " + first + "; connections left: 1 active; timeout in 600 s\x1b[K"
	if got, err := terminal.ReadUntil(line); err != nil || got != line {
		t.Fatalf("progress line %q, %v", got, err)
	}
	l.wantTable(addService + withWeight0(addFirst) + addSecond)
	l.wantSecondServer(t)
	if err := terminal.Type("\x03"); err != nil {
		t.Fatal(err)
	}
	rest, status, err := terminal.Wait()
	if err != nil || status != 130 || !strings.HasSuffix(rest, "^C\r\x1b[K") {
		t.Errorf("after Ctrl-C: output %q, exit status %d, %v; want an erased line and 130", rest, status, err)
	}
	l.wantTable(addService + addFirst + addSecond)

	terminal, err = l.director.Terminal(30, 24, l.command(drainFirst))
	if err != nil {
		t.Fatal(err)
	}
	narrow := "\rdraining " + first + "; connec\x1b[K"
	if got, err := terminal.ReadUntil(narrow); err != nil || got != narrow {
		t.Fatalf("progress line on a narrow terminal %q, %v", got, err)
	}
	conn.Close()
	rest, status, err = terminal.Wait()
	if err != nil || status != 0 || strings.Trim(strings.ReplaceAll(rest, narrow, ""), "\r") != "\x1b[K" {
		t.Errorf("after the drain: output %q, exit status %d, %v; want an erased line and 0", rest, status, err)
	}
	l.wantTable(addService + addSecond)
}

// TestDrainStoppedTerminal checks that a terminal stopped by Ctrl-S does not block
// the drain or the exit.
func TestDrainStoppedTerminal(t *testing.T) {
	l := newDrainLab(t)
	for _, tt := range []struct {
		name   string
		drains bool // the drain completes before the signal
		status int  // -1 if the signal kills the program
		table  string
	}{
		{name: "aborted", status: 128 + int(syscall.SIGTERM), table: addService + addFirst + addSecond},
		{name: "completed", drains: true, status: -1, table: addService + addSecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l.restore(addService + addFirst + addSecond)
			conn := l.connectFirst()
			defer conn.Close()
			cmd := l.command(drainFirst)
			terminal, err := l.director.Terminal(120, 24, cmd)
			if err != nil {
				t.Fatal(err)
			}
			if err := terminal.Type("\x13"); err != nil {
				t.Fatal(err)
			}
			l.waitTable(addService + withWeight0(addFirst) + addSecond)
			if tt.drains {
				conn.Close()
				l.waitTable(tt.table)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			if _, status, err := terminal.Wait(); err != nil || status != tt.status {
				t.Errorf("exit status %d, %v, want %d", status, err, tt.status)
			}
			l.wantTable(tt.table)
		})
	}
}

// TestSignalAfterDrain checks that a signal kills -R when it waits for rules after a
// drain.
func TestSignalAfterDrain(t *testing.T) {
	l := newDrainLab(t)
	l.restore(addService + addFirst + addSecond)
	cmd := l.command("-R")
	rules, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.director.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	const next = "-A -t 10.8.1.1:81 -s rr\n"
	fmt.Fprint(rules, drainFirst+"\n"+next)
	l.waitTable(addService + addSecond + next)
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-exited:
		if want := "signal: terminated"; err == nil || err.Error() != want {
			t.Errorf("-R after SIGTERM: %v, want %s", err, want)
		}
	case <-time.After(testnet.TestTimeout):
		cmd.Process.Kill()
		t.Errorf("-R does not exit (%s)", testnet.TimeoutHint)
	}
}

// TestSignalShortDrains checks that a signal ends -R while it executes many drains that
// do not wait.
func TestSignalShortDrains(t *testing.T) {
	l := newDrainLab(t)
	const n = 500
	var servers, drains strings.Builder
	for i := range n {
		server := fmt.Sprintf("10.8.3.%d:%d", i%250+1, 1000+i)
		fmt.Fprintf(&servers, "-a -t %s -r %s -m -w 1\n", virtual, server)
		fmt.Fprintf(&drains, "-d -t %s -r %s --drain\n-d -t %[1]s -r %[2]s --drain\n", virtual, server)
	}
	for range 5 {
		l.restore(addService + servers.String())
		cmd := l.command("-R")
		cmd.Stdin = strings.NewReader(drains.String())
		if err := l.director.Do(cmd.Start); err != nil {
			t.Fatal(err)
		}
		left := func() int { return strings.Count(l.table(), "\n-a ") }
		if err := testnet.Eventually(func() error {
			if left() == n {
				return errors.New("no server was removed")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		// Between two drains, the signal kills the program.
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if got := left(); got == 0 || status.ExitStatus() != 143 && status.Signal() != syscall.SIGTERM {
			t.Errorf("%d of %d servers left, %v", got, n, cmd.ProcessState)
		}
	}
}

// wantSecondServer checks that a new connection goes to the second server.
func (l *drainLab) wantSecondServer(t *testing.T) {
	t.Helper()
	conn, server, err := l.client.OpenKeepAlive("http://" + virtual + "/")
	if err != nil || server != "second" {
		t.Fatalf("new connection: server %q, %v; want the second server", server, err)
	}
	conn.Close()
}

// TestDrainPersistentService checks that a drain waits for persistence templates.
func TestDrainPersistentService(t *testing.T) {
	l := newDrainLab(t)
	const (
		service = "-A -u 10.8.1.1:53 -s rr -p 1\n"
		server  = "-a -u 10.8.1.1:53 -r 10.8.2.11:53 -m -w 3\n"
		drain   = "-d -u 10.8.1.1:53 -r 10.8.2.11 --drain"
	)
	l.restore("--set 0 0 1\n" + service + server)
	l.sendDatagram("10.8.1.1:53", "hello")
	l.start(drain).wantExit(t, 0, "") // after the template has expired
	l.wantTable(service)

	l.restore("--set 0 0 300\n-A -u 10.8.1.1:53 -s rr -p 600\n" + server)
	l.sendDatagram("10.8.1.1:53", "hello")
	l.start(drain+"=1").wantExit(t, 0, "10.8.2.11:53: removed after 1 s; connections cut: 0 active, 1 persistent\n")
}

// TestDrainLocalServer aborts the drain of a server on the director and checks that
// its configuration is restored.
func TestDrainLocalServer(t *testing.T) {
	l := newDrainLab(t)
	server, err := l.director.Serve("first", ":8080")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	rules := "-A -t 10.8.1.1:8080 -s rr\n-a -t 10.8.1.1:8080 -r 10.8.2.1:8080 -g -w 3\n"
	l.restore(rules)
	conn, _, err := l.client.OpenKeepAlive("http://10.8.1.1:8080/")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	before := l.run("-L -n", 0).Stdout
	if !strings.Contains(before, "Local") {
		t.Fatalf("forwarding method is not Local:\n%s", before)
	}
	drain := l.start("-d -t 10.8.1.1:8080 -r 10.8.2.1 --drain")
	l.waitTable(withWeight0(rules))
	drain.Process.Signal(syscall.SIGINT)
	drain.wantExit(t, 130, "")
	if after := l.run("-L -n", 0).Stdout; after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// TestDrainSysctls checks the manual's statements about sysctls.
func TestDrainSysctls(t *testing.T) {
	l := newDrainLab(t)
	set := func(name, value string) {
		t.Helper()
		if err := l.director.Sysctl("net/ipv4/vs/"+name, value); err != nil {
			t.Fatal(err)
		}
	}
	drainWithTimeout := func() *testnet.KeepAliveConn {
		t.Helper()
		l.restore(addService + addFirst + addSecond)
		conn := l.connectFirst()
		l.start(drainFirst+"=1").wantExit(t, 0, first+": removed after 1 s; connections cut: 1 active\n")
		return conn
	}

	// A server that is soon added again gets its connections back.
	conn := drainWithTimeout()
	l.run(strings.TrimSpace(addFirst), 0)
	if server, err := conn.Get(); err != nil || server != "first" {
		t.Errorf("after the server was added again: %q, %v", server, err)
	}
	conn.Close()

	set("expire_nodest_conn", "1")
	if server, err := drainWithTimeout().Get(); err == nil || os.IsTimeout(err) {
		t.Errorf("expire_nodest_conn: %q, %v; want a reset connection", server, err)
	}

	// A persistent client returns to a server that is being drained.
	const persistent = "-A -t " + virtual + " -s wrr -p 600\n"
	l.restore(persistent + addFirst)
	l.connectFirst()
	l.run(strings.TrimSpace(addSecond), 0)
	drain := l.start(drainFirst)
	l.waitTable(persistent + withWeight0(addFirst) + addSecond)
	if server, err := l.client.Get("http://" + virtual + "/"); err != nil || server != "first" {
		t.Errorf("persistent client: %q, %v; want the first server", server, err)
	}
	set("expire_quiescent_template", "1")
	if server, err := l.client.Get("http://" + virtual + "/"); err != nil || server != "second" {
		t.Errorf("expire_quiescent_template: %q, %v; want the second server", server, err)
	}
	drain.Process.Signal(syscall.SIGINT)
	drain.wantExit(t, 130, "")
}

// TestDrainHashScheduler checks that the clients that sh assigns to a server are
// served by another one while it is being drained.
func TestDrainHashScheduler(t *testing.T) {
	const service = "-A -t " + virtual + " -s sh\n"
	const fallback = "-A -t " + virtual + " -s sh -b sh-fallback\n"
	l := newDrainLab(t)
	l.restore(service + addFirst + addSecond)
	conn, assigned, err := l.client.OpenKeepAlive("http://" + virtual + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	kept, name := addSecond, "second"
	drain := drainFirst
	during := fallback + withWeight0(addFirst) + addSecond
	if assigned == "second" {
		kept, name = addFirst, "first"
		drain = "-d -t " + virtual + " -r " + second + " --drain"
		during = fallback + addFirst + strings.Replace(addSecond, "-w 1", "-w 0", 1)
	}
	p := l.start(drain)
	l.waitTable(during)
	tally, err := l.client.CountResponses("http://"+virtual+"/", 8)
	if err != nil || tally[name] != 8 {
		t.Errorf("responses by server: %v, %v; want all from the %s server", tally, err, name)
	}
	if server, err := conn.Get(); err != nil || server != assigned {
		t.Errorf("open connection: %q, %v", server, err)
	}
	conn.Close()
	p.wantExit(t, 0, "")
	l.wantTable(service + kept)
}

// TestDrainHalfOpen checks that the drain of a server that does not answer ends before
// its half-open connections have expired.
func TestDrainHalfOpen(t *testing.T) {
	const down = "10.8.2.99:80"
	l := newDrainLab(t)
	l.restore(addService + "-a -t " + virtual + " -r " + down + " -m -w 1\n")
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if conn, err := l.client.Netns.Dial(ctx, "tcp", l.client.Source, virtual); err == nil {
			conn.Close()
			t.Fatal("a server that does not exist accepted a connection")
		}
		cancel()
	}
	halfOpen := func() int { return strings.Count(l.run("-L -n -c", 0).Stdout, "SYN_RECV") }
	if n := halfOpen(); n == 0 {
		t.Fatal("no half-open connections")
	}
	l.start("-d -t "+virtual+" -r "+down+" --drain").wantExit(t, 0, "")
	l.wantTable(addService)
	if halfOpen() == 0 {
		t.Error("the drain waited until the half-open connections expired")
	}
}

// removeAndAdd removes and adds 1,500 servers of the service until the test ends.
func (l *drainLab) removeAndAdd() {
	var add, remove strings.Builder
	for i := range 1500 {
		server := fmt.Sprintf("10.9.%d.%d:80", i/250, i%250+1)
		fmt.Fprintf(&add, "-a -t %s -r %s -m -w 0\n", virtual, server)
		fmt.Fprintf(&remove, "-d -t %s -r %s\n", virtual, server)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			cmd := l.command("-R")
			cmd.Stdin = strings.NewReader(add.String())
			if n%2 == 1 {
				cmd.Stdin = strings.NewReader(remove.String())
			}
			if err := l.director.Do(cmd.Start); err != nil {
				l.t.Error(err)
				return
			}
			cmd.Wait()
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	l.t.Cleanup(func() {
		close(stop)
		<-stopped
	})
}

// TestDrainWhileServersAreRemoved checks that a drain does not regard a server as
// removed because a dump skips it while others are removed.
func TestDrainWhileServersAreRemoved(t *testing.T) {
	l := newDrainLab(t)
	l.restore(addService + addFirst)
	conn := l.connectFirst()
	l.removeAndAdd()
	for range 5 {
		drain := l.start(drainFirst)
		time.Sleep(1500 * time.Millisecond) // several polls
		drain.Process.Signal(syscall.SIGTERM)
		drain.wantExit(t, 128+int(syscall.SIGTERM), "")
		if table := l.table(); !strings.Contains(table, addFirst) {
			t.Fatalf("no rule %s", addFirst)
		}
		if server, err := conn.Get(); err != nil || server != "first" {
			t.Fatalf("open connection: %q, %v", server, err)
		}
	}
}

// TestSaveWhileServersAreRemoved checks that no server that remains is missing from
// -S or -j, and that none is duplicated, while others are removed.
func TestSaveWhileServersAreRemoved(t *testing.T) {
	l := newDrainLab(t)
	l.restore(addService + addFirst)
	l.removeAndAdd()
	for range 8 {
		seen := make(map[string]bool)
		for line := range strings.Lines(l.table()) {
			if seen[line] {
				t.Errorf("duplicate: %s", line)
			}
			seen[line] = true
		}
		if !seen[addFirst] {
			t.Errorf("no rule %s", addFirst)
		}
		if json := l.run("-L -n -j", 0).Stdout; !strings.Contains(json, `"10.8.2.11"`) {
			t.Errorf("-j does not list %s", first)
		}
	}
}

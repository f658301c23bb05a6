//go:build kernel

// Draining, with real connections through a director that rewrites addresses.

package cli_test

import (
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

// drainLab is a client, a director and two servers.
type drainLab struct {
	t        *testing.T
	tool     *testnet.Tool
	director *testnet.Netns
	client   testnet.Client
}

func newDrainLab(t *testing.T) *drainLab {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	network, err := testnet.Build(testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "outside", Addresses: []string{"10.8.1.2/24"}}}},
		{Name: "director", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []testnet.Link{
			{To: "outside", Addresses: []string{"10.8.1.1/24"}},
			{To: "inside", Addresses: []string{"10.8.2.1/24"}},
		}},
		{Name: "first", Gateway: "10.8.2.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.8.2.11/24"}}}},
		{Name: "second", Gateway: "10.8.2.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.8.2.12/24"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	l := &drainLab{t, tool, network.Host("director"), testnet.Client{Netns: network.Host("client")}}
	for _, name := range []string{"first", "second"} {
		server, err := network.Host(name).Serve(name, ":80")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
	}
	return l
}

// run runs the program on the director; it must end with the status.
func (l *drainLab) run(line string, status int) testnet.Result {
	l.t.Helper()
	result, err := l.tool.Shell(l.director, "ipvsadm "+line)
	if err != nil {
		l.t.Fatal(err)
	}
	if result.Status != status {
		l.t.Fatalf("%s: exit status %d, want %d\n%s%s", line, result.Status, status, result.Stdout, result.Stderr)
	}
	return result
}

// restore makes the table what rules say.
func (l *drainLab) restore(rules string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.tool.Work, "rules"), []byte(rules), 0o644); err != nil {
		l.t.Fatal(err)
	}
	l.run("-C", 0)
	l.run("-R <rules", 0)
	// The kernel remembers servers that were removed, and a connection to one that has just
	// been closed counts until its end has come through.
	err := testnet.Eventually(func() error {
		listing := l.run("-L -n", 0).Stdout
		for line := range strings.Lines(listing) {
			if fields := strings.Fields(line); len(fields) == 6 && fields[0] == "->" && fields[4] != "0" && fields[4] != "ActiveConn" {
				return fmt.Errorf("connections are left over:\n%s", listing)
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
		l.t.Fatalf("the table is\n%s\nand should be\n%s", got, want)
	}
}

// untilTable waits until the table is what it should be.
func (l *drainLab) untilTable(want string) {
	l.t.Helper()
	err := testnet.Eventually(func() error {
		if got := l.table(); got != want {
			return fmt.Errorf("the table stays\n%s\nand should become\n%s", got, want)
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// hold opens a connection that the first server answers.
func (l *drainLab) hold() *testnet.KeepAliveConn {
	l.t.Helper()
	for range 4 {
		held, server, err := l.client.Hold("http://" + virtual + "/")
		if err != nil {
			l.t.Fatal(err)
		}
		if server == "first" {
			l.t.Cleanup(held.Close)
			return held
		}
		held.Close()
	}
	l.t.Fatal("no connection to the first server")
	return nil
}

func (l *drainLab) command(line string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(l.tool.Bin, "ipvsadm"), strings.Fields(line)...)
	cmd.Env = append(os.Environ(), "TERM=linux")
	return cmd
}

// A started program, and what it says.
type started struct {
	*exec.Cmd
	output strings.Builder
}

func (l *drainLab) start(line string) *started {
	l.t.Helper()
	s := &started{Cmd: l.command(line)}
	s.Stdout, s.Stderr = &s.output, &s.output
	if err := l.director.Do(s.Start); err != nil {
		l.t.Fatal(err)
	}
	return s
}

// wantEnd waits for the program to end.
func (s *started) wantEnd(t *testing.T, status int, output string) {
	t.Helper()
	s.Wait()
	if got := s.ProcessState.ExitCode(); got != status || s.output.String() != output {
		t.Errorf("exit status %d, want %d; output %q, want %q", got, status, s.output.String(), output)
	}
}

func weightless(rule string) string { return strings.Replace(rule, "-w 3", "-w 0", 1) }

func TestDrainWithTraffic(t *testing.T) {
	l := newDrainLab(t)

	t.Run("a connection is waited for", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		held := l.hold()
		drain := l.start(drainFirst)
		l.untilTable(addService + weightless(addFirst) + addSecond)
		tally, err := l.client.Ask("http://"+virtual+"/", 12)
		if err != nil || tally["second"] != 12 {
			t.Errorf("new connections: %v, %v; all should go to the second server", tally, err)
		}
		for range 3 { // looks
			if server, err := held.Get(); err != nil || server != "first" {
				t.Fatalf("the old connection: %q, %v", server, err)
			}
			time.Sleep(time.Second)
		}
		l.wantTable(addService + weightless(addFirst) + addSecond)
		held.Close()
		drain.wantEnd(t, 0, "")
		l.wantTable(addService + addSecond)
	})

	t.Run("the limit cuts it", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.hold()
		l.hold()
		l.start(drainFirst+"=2").wantEnd(t, 0, first+": removed after 2 s; connections cut: 2 active\n")
		l.wantTable(addService + addSecond)
	})

	t.Run("an idle server goes at once", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.start(drainFirst).wantEnd(t, 0, "")
		l.wantTable(addService + addSecond)
		l.start(drainFirst).wantEnd(t, 255, "No such destination\n")
		l.run("-C", 0)
		l.start(drainFirst).wantEnd(t, 255, "Service not defined\n")
	})

	for _, tt := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}, {syscall.SIGHUP, 129}, {syscall.SIGQUIT, 131}} {
		t.Run(tt.signal.String()+" puts the weight back", func(t *testing.T) {
			l.t = t
			l.restore(addService + addFirst + addSecond)
			held := l.hold()
			drain := l.start(drainFirst)
			l.untilTable(addService + weightless(addFirst) + addSecond)
			// More than one neither makes it hurry nor decides how it ends.
			ended := make(chan struct{})
			go func() {
				for drain.Process.Signal(tt.signal) == nil {
					select {
					case <-ended:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}()
			drain.wantEnd(t, tt.status, "")
			close(ended)
			l.wantTable(addService + addFirst + addSecond)
			if server, err := held.Get(); err != nil || server != "first" {
				t.Errorf("the connection: %q, %v", server, err)
			}
		})
	}

	t.Run("a signal that the caller ignores", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.hold()
		result, err := l.tool.Shell(l.director, "trap '' HUP; ipvsadm "+drainFirst+"=3 & sleep 1; kill -HUP $!; wait $!")
		want := testnet.Result{Stderr: first + ": removed after 3 s; connections cut: 1 active\n"}
		if err != nil || result != want {
			t.Errorf("%+v, %v; want %+v", result, err, want)
		}
	})

	t.Run("somebody else puts it to work again", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.hold()
		drain := l.start(drainFirst)
		l.untilTable(addService + weightless(addFirst) + addSecond)
		l.run("-e -t "+virtual+" -r "+first+" -m -w 9", 0)
		drain.wantEnd(t, 255, first+": weight changed to 9 while draining; not removed\n")
	})

	t.Run("somebody else removes it", func(t *testing.T) {
		l.t = t
		l.restore(addService + addFirst + addSecond)
		l.hold()
		drain := l.start(drainFirst)
		l.untilTable(addService + weightless(addFirst) + addSecond)
		l.run("-D -t "+virtual, 0)
		drain.wantEnd(t, 0, first+": removed by another program; connections cut: 1 active\n")
	})
}

// On a terminal a line shows what is left, and Ctrl-C is a key.
func TestDrainOnATerminal(t *testing.T) {
	l := newDrainLab(t)
	l.restore(addService + addFirst + addSecond)
	held := l.hold()
	terminal, err := l.director.Terminal(120, 24, l.command(drainFirst+"=600"))
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("\rdraining %s; connections left: 1 active; timeout in %d s\x1b[K", first, 600)
	if got, err := terminal.Until(line); err != nil || got != line {
		t.Fatalf("%q, %v", got, err)
	}
	l.wantTable(addService + weightless(addFirst) + addSecond)
	l.wantSecond(t)
	if err := terminal.Type("\x03"); err != nil {
		t.Fatal(err)
	}
	rest, status, err := terminal.Wait()
	if err != nil || status != 130 || !strings.HasSuffix(rest, "^C\r\x1b[K") {
		t.Errorf("%q, exit status %d, %v; want an empty line and 130", rest, status, err)
	}
	l.wantTable(addService + addFirst + addSecond)

	terminal, err = l.director.Terminal(30, 24, l.command(drainFirst))
	if err != nil {
		t.Fatal(err)
	}
	narrow := "\rdraining " + first + "; connec\x1b[K"
	if got, err := terminal.Until(narrow); err != nil || got != narrow {
		t.Fatalf("%q, %v", got, err)
	}
	held.Close()
	rest, status, err = terminal.Wait()
	if err != nil || status != 0 || strings.Trim(strings.ReplaceAll(rest, narrow, ""), "\r") != "\x1b[K" {
		t.Errorf("%q, exit status %d, %v; want an empty line and 0", rest, status, err)
	}
	l.wantTable(addService + addSecond)
}

// An output that nobody reads keeps a drain neither from its work nor from ending.
func TestDrainOnAStoppedTerminal(t *testing.T) {
	l := newDrainLab(t)
	for _, tt := range []struct {
		name   string
		served bool // the drain comes to its end, and the signal after it
		status int
		table  string
	}{
		{"ended by a signal", false, 128 + int(syscall.SIGTERM), addService + addFirst + addSecond},
		{"done", true, -1, addService + addSecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l.restore(addService + addFirst + addSecond)
			held := l.hold()
			defer held.Close()
			cmd := l.command(drainFirst)
			terminal, err := l.director.Terminal(120, 24, cmd)
			if err != nil {
				t.Fatal(err)
			}
			if err := terminal.Type("\x13"); err != nil {
				t.Fatal(err)
			}
			l.untilTable(addService + weightless(addFirst) + addSecond)
			if tt.served {
				held.Close()
				l.untilTable(tt.table)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			if _, status, err := terminal.Wait(); err != nil || status != tt.status {
				t.Errorf("exit status %d, %v, want %d", status, err, tt.status)
			}
			l.wantTable(tt.table)
		})
	}
}

// A signal ends the waiting for more rules after a drain as it does before one.
func TestDrainAmongRules(t *testing.T) {
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
	l.untilTable(addService + addSecond + next)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if want := "signal: terminated"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	case <-time.After(testnet.TestTimeout):
		cmd.Process.Kill()
		t.Errorf("it goes on (%s)", testnet.MorePatience)
	}
}

// A signal ends the rules also where drains are over so soon that it comes to one
// that does not wait for anything.
func TestSignalAmongShortDrains(t *testing.T) {
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
				return errors.New("nothing is drained")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		// Between two drains it is the signal itself that ends the program.
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if got := left(); got == 0 || status.ExitStatus() != 143 && status.Signal() != syscall.SIGTERM {
			t.Errorf("%d of %d servers are left, %v", got, n, cmd.ProcessState)
		}
	}
}

// wantSecond checks that whoever comes while the first server is drained gets the second.
func (l *drainLab) wantSecond(t *testing.T) {
	t.Helper()
	held, server, err := l.client.Hold("http://" + virtual + "/")
	if err != nil || server != "second" {
		t.Fatalf("%q, %v; want the second server", server, err)
	}
	held.Close()
}

// What the director remembers of a client counts for a persistent service: as long as
// it is there, the client would come back to the server.
func TestDrainOfAPersistentService(t *testing.T) {
	l := newDrainLab(t)
	const (
		service = "-A -u 10.8.1.1:53 -s rr -p 1\n"
		server  = "-a -u 10.8.1.1:53 -r 10.8.2.11:53 -m -w 3\n"
		drain   = "-d -u 10.8.1.1:53 -r 10.8.2.11 --drain"
	)
	l.restore("--set 0 0 1\n" + service + server)
	l.datagram("10.8.1.1:53")
	l.start(drain).wantEnd(t, 0, "") // when it is forgotten
	l.wantTable(service)

	l.restore("--set 0 0 300\n-A -u 10.8.1.1:53 -s rr -p 600\n" + server)
	l.datagram("10.8.1.1:53")
	l.start(drain+"=1").wantEnd(t, 0, "10.8.2.11:53: removed after 1 s; connections cut: 0 active, 1 persistent\n")
}

// datagram sends something that nobody answers.
func (l *drainLab) datagram(to string) {
	l.t.Helper()
	conn, err := l.client.Netns.Dial(l.t.Context(), "udp", l.client.Source, to)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		l.t.Fatal(err)
	}
}

// A server on the director itself stays what it was when its weight comes back.
func TestDrainOfALocalServer(t *testing.T) {
	l := newDrainLab(t)
	server, err := l.director.Serve("first", ":8080")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	rules := "-A -t 10.8.1.1:8080 -s rr\n-a -t 10.8.1.1:8080 -r 10.8.2.1:8080 -g -w 3\n"
	l.restore(rules)
	held, _, err := l.client.Hold("http://10.8.1.1:8080/")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	before := l.run("-L -n", 0).Stdout
	if !strings.Contains(before, "Local") {
		t.Fatalf("not a local server:\n%s", before)
	}
	drain := l.start("-d -t 10.8.1.1:8080 -r 10.8.2.1 --drain")
	l.untilTable(weightless(rules))
	drain.Process.Signal(syscall.SIGINT)
	drain.wantEnd(t, 130, "")
	if after := l.run("-L -n", 0).Stdout; after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// What the manual says of the kernel's settings.
func TestDrainAndTheKernelsSettings(t *testing.T) {
	l := newDrainLab(t)
	set := func(name, value string) {
		t.Helper()
		if err := l.director.Sysctl("net/ipv4/vs/"+name, value); err != nil {
			t.Fatal(err)
		}
	}
	cut := func() *testnet.KeepAliveConn {
		t.Helper()
		l.restore(addService + addFirst + addSecond)
		held := l.hold()
		l.start(drainFirst+"=1").wantEnd(t, 0, first+": removed after 1 s; connections cut: 1 active\n")
		return held
	}

	// A server that comes back soon has its connections.
	held := cut()
	l.run(strings.TrimSpace(addFirst), 0)
	if server, err := held.Get(); err != nil || server != "first" {
		t.Errorf("after the server came back: %q, %v", server, err)
	}
	held.Close()

	set("expire_nodest_conn", "1")
	if server, err := cut().Get(); err == nil || os.IsTimeout(err) {
		t.Errorf("a connection without a server: %q, %v; want it to be ended", server, err)
	}

	// A client that is remembered comes back to a server that is drained.
	const persistent = "-A -t " + virtual + " -s wrr -p 600\n"
	l.restore(persistent + addFirst)
	l.hold()
	l.run(strings.TrimSpace(addSecond), 0)
	drain := l.start(drainFirst)
	l.untilTable(persistent + weightless(addFirst) + addSecond)
	if server, err := l.client.Get("http://" + virtual + "/"); err != nil || server != "first" {
		t.Errorf("a persistent client: %q, %v; want the server it had", server, err)
	}
	set("expire_quiescent_template", "1")
	if server, err := l.client.Get("http://" + virtual + "/"); err != nil || server != "second" {
		t.Errorf("with expire_quiescent_template: %q, %v; want another server", server, err)
	}
	drain.Process.Signal(syscall.SIGINT)
	drain.wantEnd(t, 130, "")
}

// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of --all-services and --keep with real connections.

package cli_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvsadm/scripts/testnet"
)

const (
	firstHost = "10.8.2.11"
	drainAll  = "-d -r " + firstHost + " --all-services --drain"
)

// threeServiceRules returns the rules of three services with the given scheduler. With
// weight -1, they lack the first server.
func threeServiceRules(scheduler string, weight int) string {
	var rules strings.Builder
	for port := 80; port <= 82; port++ {
		fmt.Fprintf(&rules, "-A -t 10.8.1.1:%d -s %s\n", port, scheduler)
		if weight >= 0 {
			fmt.Fprintf(&rules, "-a -t 10.8.1.1:%d -r %s -m -w %d\n", port, first, weight)
		}
		fmt.Fprintf(&rules, "-a -t 10.8.1.1:%d -r %s -m -w 1\n", port, second)
	}
	return rules.String()
}

// threeServiceOutput returns the output of --all-services with the text for each service.
func threeServiceOutput(texts [3]string, totals string) string {
	var lines strings.Builder
	for i, text := range texts {
		fmt.Fprintf(&lines, "server %s of TCP 10.8.1.1:%d: %s\n", first, 80+i, text)
	}
	return lines.String() + totals + "\n"
}

func sameText(text string) [3]string { return [3]string{text, text, text} }

// connectFirstBy opens a connection to the first server through the service on a port.
func (l *drainLab) connectFirstBy(port int) *testnet.KeepAliveConn {
	l.t.Helper()
	return l.openToFirst(fmt.Sprintf("10.8.1.1:%d", port), 8)
}

// wantSecondEverywhere checks that all new connections go to the second server.
func (l *drainLab) wantSecondEverywhere() {
	l.t.Helper()
	for port := 80; port <= 82; port++ {
		tally, err := l.client.CountResponses(fmt.Sprintf("http://10.8.1.1:%d/", port), 6)
		if err != nil || tally["second"] != 6 {
			l.t.Errorf("new connections by port %d: %v, %v; want all to the second server", port, tally, err)
		}
	}
}

func TestDrainAllServicesWithTraffic(t *testing.T) {
	l := newDrainLab(t)
	removed := threeServiceRules("wrr", -1)

	t.Run("open connections", func(t *testing.T) {
		l.t = t
		l.restore(threeServiceRules("wrr", 3))
		conn, other := l.connectFirstBy(80), l.connectFirstBy(82)
		drain := l.start(drainAll)
		l.waitTable(threeServiceRules("wrr", 0))
		l.wantSecondEverywhere()
		for range 2 { // polls
			if server, err := conn.Get(); err != nil || server != "first" {
				t.Fatalf("open connection: %q, %v", server, err)
			}
			time.Sleep(time.Second)
		}
		conn.Close()
		time.Sleep(2 * time.Second)
		l.wantTable(threeServiceRules("wrr", 0)) // nothing is removed before all are idle
		if server, err := other.Get(); err != nil || server != "first" {
			t.Fatalf("open connection: %q, %v", server, err)
		}
		other.Close()
		drain.wantExit(t, 0, threeServiceOutput(sameText("removed"), "3 services: 3 removed"))
		l.wantTable(removed)
	})

	t.Run("timeout", func(t *testing.T) {
		l.t = t
		l.restore(threeServiceRules("wrr", 3))
		l.connectFirstBy(81)
		l.connectFirstBy(81)
		want := sameText("removed after 2 s")
		want[1] += "; connections cut: 2 active"
		result := l.run(drainAll+"=2", 0)
		// The server is removed from all services at the same time, but its messages about
		// services without connections lack the time.
		got := strings.ReplaceAll(result.Stdout, ": removed\n", ": removed after 2 s\n")
		if got != threeServiceOutput(want, "3 services: 3 removed") {
			t.Errorf("output:\n%s", result.Stdout)
		}
		l.wantTable(removed)
	})

	for _, tt := range []struct {
		signal syscall.Signal
		status int
	}{{signal: syscall.SIGINT, status: 130}, {signal: syscall.SIGTERM, status: 143}, {signal: syscall.SIGHUP, status: 129}} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			l.t = t
			l.restore(threeServiceRules("wrr", 3))
			conns := []*testnet.KeepAliveConn{l.connectFirstBy(80), l.connectFirstBy(81)}
			drain := l.start(drainAll)
			l.waitTable(threeServiceRules("wrr", 0))
			time.Sleep(1500 * time.Millisecond)
			drain.Process.Signal(tt.signal)
			drain.wantExit(t, tt.status, threeServiceOutput(sameText("not removed; weight restored"), "3 services: 3 not removed"))
			l.wantTable(threeServiceRules("wrr", 3))
			for _, conn := range conns {
				if server, err := conn.Get(); err != nil || server != "first" {
					t.Errorf("open connection: %q, %v", server, err)
				}
			}
		})
	}

	t.Run("weight changed by another program", func(t *testing.T) {
		l.t = t
		l.restore(threeServiceRules("wrr", 3))
		conn := l.connectFirstBy(80)
		drain := l.start(drainAll)
		l.waitTable(threeServiceRules("wrr", 0))
		l.run("-e -t 10.8.1.1:81 -r "+first+" -m -w 9", 0)
		time.Sleep(1500 * time.Millisecond)
		conn.Close()
		drain.Wait()
		want := "server " + first + " of TCP 10.8.1.1:81: weight changed to 9 while draining; not removed\n"
		if got := drain.output.String(); drain.ProcessState.ExitCode() != 255 || !strings.Contains(got, want) || !strings.HasSuffix(got, "3 services: 2 removed, 1 not removed\n") {
			t.Errorf("exit status %d\n%s", drain.ProcessState.ExitCode(), got)
		}
		rule := "-a -t 10.8.1.1:81 -r " + first + " -m -w 9\n"
		l.wantTable(strings.Replace(removed, "-a -t 10.8.1.1:81", rule+"-a -t 10.8.1.1:81", 1))
	})

	t.Run("hash scheduler", func(t *testing.T) {
		l.t = t
		l.restore(threeServiceRules("sh", 3) + "-E -t 10.8.1.1:82 -s wrr\n")
		conn := l.connectFirstBy(82)
		drain := l.start(drainAll)
		during := strings.ReplaceAll(threeServiceRules("sh", 0), "-s sh", "-s sh -b sh-fallback")
		during = strings.Replace(during, "82 -s sh -b sh-fallback", "82 -s wrr", 1)
		l.waitTable(during)
		l.wantSecondEverywhere()
		conn.Close()
		drain.wantExit(t, 0, threeServiceOutput(sameText("removed"), "3 services: 3 removed"))
		l.wantTable(strings.Replace(threeServiceRules("sh", -1), "82 -s sh", "82 -s wrr", 1))
	})
}

// TestDrainAllServicesTerminal checks the progress line and Ctrl-C.
func TestDrainAllServicesTerminal(t *testing.T) {
	l := newDrainLab(t)
	l.restore(threeServiceRules("wrr", 3))
	l.connectFirstBy(80)
	l.connectFirstBy(82)
	terminal, err := l.director.Terminal(120, 24, l.command(drainAll+"=10m"))
	if err != nil {
		t.Fatal(err)
	}
	line := "\rdraining " + firstHost + " in 3 services; connections left: 2 active; timeout in 600 s\x1b[K"
	if got, err := terminal.ReadUntil(line); err != nil || got != line {
		t.Fatalf("%q, %v", got, err)
	}
	l.wantTable(threeServiceRules("wrr", 0))
	if err := terminal.Type("\x03"); err != nil {
		t.Fatal(err)
	}
	want := "^C\r\x1b[K" + strings.ReplaceAll(threeServiceOutput(sameText("not removed; weight restored"), "3 services: 3 not removed"), "\n", "\r\n")
	rest, status, err := terminal.Wait()
	if err != nil || status != 130 || !strings.HasSuffix(rest, want) {
		t.Errorf("%q, exit status %d, %v; want %q and 130", rest, status, err, want)
	}
	l.wantTable(threeServiceRules("wrr", 3))
}

// TestEditAllServicesWithTraffic sets the weight of a server in all services to 0, and
// back.
func TestEditAllServicesWithTraffic(t *testing.T) {
	l := newDrainLab(t)
	l.restore(threeServiceRules("wrr", 3))
	conn := l.connectFirstBy(80)
	want := threeServiceOutput(sameText("weight changed from 3 to 0"), "3 services: 3 changed")
	if got := l.run("-e -r "+firstHost+" --all-services -w 0", 0); got.Stdout != want || got.Stderr != "" {
		t.Errorf("%+v, want %q", got, want)
	}
	l.wantTable(threeServiceRules("wrr", 0))
	l.wantSecondEverywhere()
	if server, err := conn.Get(); err != nil || server != "first" {
		t.Errorf("open connection: %q, %v", server, err)
	}
	l.run("-e -r "+first+" --all-services -w 3", 0)
	l.wantTable(threeServiceRules("wrr", 3))
}

// TestKeepWithTraffic edits the weight of a NAT server and the scheduler of a persistent
// service, with and without --keep.
func TestKeepWithTraffic(t *testing.T) {
	l := newDrainLab(t)
	const service = "-A -t " + virtual + " -s wrr -p 600\n"
	l.restore(service + addFirst)
	conn := l.connectFirst()
	l.run("-e -t "+virtual+" -r "+first+" --keep -w 9", 0)
	l.run("-E -t "+virtual+" --keep -s wlc", 0)
	l.wantTable(strings.Replace(service, "wrr", "wlc", 1) + strings.Replace(addFirst, "-w 3", "-w 9", 1))
	if server, err := conn.Get(); err != nil || server != "first" {
		t.Errorf("open connection: %q, %v", server, err)
	}
	if _, err := l.client.CountResponses("http://"+virtual+"/", 3); err != nil {
		t.Error(err)
	}

	result, err := l.tool.Shell(l.director, "$GOIPVSADM -e -t "+virtual+" -r "+first+" -w 5; $GOIPVSADM -E -t "+virtual+" -s wrr")
	want := testnet.Result{Stderr: "warning: server " + first + " of TCP " + virtual + ": forwarding method changed from Masq to Route (use --keep to keep what is not given)\n" +
		"warning: service TCP " + virtual + ": persistence of 600 s removed (use --keep to keep what is not given)\n"}
	if err != nil || result != want {
		t.Errorf("%+v, %v; want %+v", result, err, want)
	}
	// Some kernels report the method Local for a server on the director.
	l.restore(addService + "-a -t " + virtual + " -r 10.8.1.1:80 -g -w 1\n")
	before := l.run("-L -n", 0).Stdout
	l.run("-e -t "+virtual+" -r 10.8.1.1 --keep -w 5", 0)
	if got, want := l.run("-L -n", 0).Stdout, strings.Replace(before, " 1      0          0", " 5      0          0", 1); got != want || got == before {
		t.Errorf("local server:\n%swant:\n%s", got, want)
	}
}

// TestDrainAllServicesHalfOpen drains a server that does not answer. The drain must end
// before its half-open connections, of several services, have expired.
func TestDrainAllServicesHalfOpen(t *testing.T) {
	l := newDrainLab(t)
	rules := strings.ReplaceAll(threeServiceRules("wrr", -1), "10.8.2.12", "10.8.2.99")
	l.restore(rules)
	for port := 80; port <= 82; port++ {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if conn, err := l.client.Netns.Dial(ctx, "tcp", l.client.Source, fmt.Sprintf("10.8.1.1:%d", port)); err == nil {
			conn.Close()
			t.Fatal("a server that does not exist accepted a connection")
		}
		cancel()
	}
	result := l.run("-d -r 10.8.2.99 --all-services --drain", 0)
	if !strings.HasSuffix(result.Stdout, "3 services: 3 removed\n") {
		t.Errorf("%+v", result)
	}
	if n := strings.Count(l.run("-L -n -c", 0).Stdout, "SYN_RECV"); n != 3 {
		t.Errorf("%d half-open connections after the drain, want 3", n)
	}
}

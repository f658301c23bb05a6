// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of --apply --confirm on a terminal.

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/scripts/testnet"
)

// startShell runs a shell command line on a terminal, in the directory of the file
// "rules".
func (l *drainLab) startShell(line string) (*testnet.Terminal, *exec.Cmd) {
	l.t.Helper()
	cmd := exec.Command("bash", "-c", line)
	cmd.Dir = l.tool.Work
	cmd.Env = append(os.Environ(), "PATH="+l.tool.Bin+":"+os.Getenv("PATH"))
	terminal, err := l.director.Terminal(80, 24, cmd)
	if err != nil {
		l.t.Fatal(err)
	}
	return terminal, cmd
}

// startConfirm runs a shell command line that applies the file "rules" and waits for
// the question on its terminal.
func (l *drainLab) startConfirm(line, rules string) (*testnet.Terminal, *exec.Cmd) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.tool.Work, "rules"), []byte(rules), 0o644); err != nil {
		l.t.Fatal(err)
	}
	terminal, cmd := l.startShell(line)
	if _, err := terminal.ReadUntil("Keep these changes? [Y/n] "); err != nil {
		l.t.Fatal(err)
	}
	return terminal, cmd
}

// TestConfirmTerminal ends the question of --confirm by an answer, the end of input, a
// timeout, a hangup or a signal.
func TestConfirmTerminal(t *testing.T) {
	l := newDrainLab(t)
	const (
		before = addService + addFirst
		rules  = addService + addSecond
		line   = "exec ipvsadm --apply rules --confirm"
		undone = ": the changes were undone\r\n"
	)
	for _, tt := range []struct {
		name, line string
		keys       string
		signal     syscall.Signal
		hangup     bool
		status     int
		screen     string
		kept       bool
	}{
		{name: "Enter", line: line, keys: "\r", screen: "\r\n", kept: true},
		{name: "rules on standard input", line: "cat rules | ipvsadm --apply --confirm", keys: "y\r", screen: "y\r\n", kept: true},
		{name: "no", line: line, keys: "n\r", status: 1, screen: "n\r\nnot confirmed" + undone},
		{name: "Ctrl-D", line: line, keys: "\x04", status: 1, screen: "\r\nend of input" + undone},
		{name: "Ctrl-C", line: line, keys: "\x03", status: 130, screen: "^C\r\ninterrupt" + undone},
		{name: "Ctrl-Z and no answer", line: line + "=3", keys: "\x1a", status: 1, screen: "^Z\r\nno answer within 3 s" + undone},
		{name: "Ctrl-S and no answer", line: line + "=3", keys: "\x13", status: 1},
		{name: "hangup", line: line, hangup: true, status: 129},
		{name: "SIGTERM", line: line, signal: syscall.SIGTERM, status: 143, screen: "\r\nterminated" + undone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l.t = t
			l.restore(before)
			terminal, cmd := l.startConfirm(tt.line, rules)
			l.wantTable(rules)
			var (
				screen string
				status int
				err    error
			)
			if tt.signal != 0 {
				err = cmd.Process.Signal(tt.signal)
			} else if tt.keys != "" {
				err = terminal.Type(tt.keys)
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.hangup {
				status, err = terminal.Hangup()
			} else {
				screen, status, err = terminal.Wait()
			}
			_, screen, _ = strings.Cut(screen, "without an answer) ")
			if err != nil || status != tt.status || screen != tt.screen {
				t.Errorf("status %d, screen %q, %v; want %d, %q", status, screen, err, tt.status, tt.screen)
			}
			if tt.kept {
				l.wantTable(rules)
			} else {
				l.wantTable(before)
			}
		})
	}
}

// TestConfirmUnavailable checks that nothing is changed without a terminal, and in
// the background.
func TestConfirmUnavailable(t *testing.T) {
	l := newDrainLab(t)
	l.restore(addService + addFirst)
	for _, tt := range []struct{ name, line, stderr string }{
		{name: "no terminal", line: "setsid --wait ipvsadm --apply --confirm rules",
			stderr: "--confirm requires a terminal; use --save-undo instead"},
		{name: "background", line: "set -m; ipvsadm --apply --confirm rules & wait $!",
			stderr: "--confirm cannot be used in the background; use --save-undo instead"},
	} {
		terminal, _ := l.startShell(tt.line)
		screen, status, err := terminal.Wait()
		if err != nil || status != 2 || !strings.Contains(screen, tt.stderr) {
			t.Errorf("%s: status %d, screen %q, %v", tt.name, status, screen, err)
		}
		l.wantTable(addService + addFirst)
	}
}

// TestConfirmUnderTraffic replaces a server that has an open connection, answers no, and
// checks that the connection survives.
func TestConfirmUnderTraffic(t *testing.T) {
	l := newDrainLab(t)
	before := addService + addFirst + addSecond
	l.restore(before)
	conn := l.connectFirst()
	terminal, _ := l.startConfirm("exec ipvsadm --apply --confirm --keep-weights rules", addService+addSecond)
	counts, err := l.client.CountResponses("http://"+virtual+"/", 6)
	if err != nil || counts["second"] != 6 {
		t.Errorf("before the answer: %v, %v; want all from the second server", counts, err)
	}
	// A health checker disables the other server.
	l.run(strings.TrimSuffix("-e"+strings.TrimPrefix(addSecond, "-a"), " -w 1\n")+" -w 0", 0)
	if err := terminal.Type("n\r"); err != nil {
		t.Fatal(err)
	}
	if _, status, err := terminal.Wait(); status != 1 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	l.wantTable(strings.Replace(before, "-w 1\n", "-w 0\n", 1))
	if server, err := conn.Get(); server != "first" || err != nil {
		t.Errorf("open connection: %q, %v", server, err)
	}
	if counts, err := l.client.CountResponses("http://"+virtual+"/", 6); err != nil || counts["first"] != 6 {
		t.Errorf("after the undo: %v, %v; want all from the first server", counts, err)
	}
}

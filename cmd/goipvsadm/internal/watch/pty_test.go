// SPDX-License-Identifier: MIT

package watch_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/testnet"
)

// testTimeout limits how long a test waits for a condition.
var testTimeout = testnet.TestTimeout

// A pty is a program that runs on a pseudo-terminal.
type pty struct {
	t            *testing.T
	cmd          *exec.Cmd
	stderr       bytes.Buffer
	master       *os.File
	terminal     *os.File
	savedTermios unix.Termios
	status       chan int // receives the exit status, or 128 plus the signal that killed the program

	mu     sync.Mutex     // guards raw and screen
	raw    bytes.Buffer   // everything that the program wrote
	screen testnet.Screen // contents of the terminal
}

// startPTY types keys and then starts cmd on a pseudo-terminal. Standard error is not
// connected to the terminal.
func startPTY(t *testing.T, cmd *exec.Cmd, width, height int, keys ...string) *pty {
	t.Helper()
	master, terminal, err := testnet.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{t: t, cmd: cmd, master: master, terminal: terminal, status: make(chan int, 1)}
	p.resize(width, height)
	termios, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	p.savedTermios = *termios
	for _, key := range keys {
		p.typeKeys(key)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.terminal, p.terminal, &p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read()
	go func() {
		cmd.Wait()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.Signaled() {
			p.status <- 128 + int(status.Signal())
		} else {
			p.status <- status.ExitStatus()
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		p.master.Close()
		p.terminal.Close()
	})
	return p
}

// read reads the program's output until the terminal is closed.
func (p *pty) read() {
	b := make([]byte, 4096)
	for {
		n, err := p.master.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.raw.Write(b[:n])
		p.screen.Write(b[:n])
		p.mu.Unlock()
	}
}

// resize sets the terminal size; the kernel sends SIGWINCH to the program.
func (p *pty) resize(width, height int) {
	p.t.Helper()
	p.mu.Lock()
	p.screen.Resize(width, height)
	p.mu.Unlock()
	if err := testnet.ResizeTerminal(p.terminal, uint16(width), uint16(height)); err != nil {
		p.t.Fatal(err)
	}
}

// typeKeys sends keys to the program.
func (p *pty) typeKeys(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// waitFor waits until condition holds. want describes the condition.
func (p *pty) waitFor(want string, condition func(*testnet.Screen) bool) {
	p.t.Helper()
	for end := time.Now().Add(testTimeout); ; time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		matched, screen := condition(&p.screen), p.screen.String()
		screenError := p.screen.Err
		p.mu.Unlock()
		switch {
		case screenError != "":
			p.t.Fatalf("%s, screen shows\n%s", screenError, screen)
		case matched:
			return
		case time.Now().After(end):
			p.t.Fatalf("after %s (%s): want %s, screen shows\n%s", testTimeout, testnet.TimeoutHint, want, screen)
		}
	}
}

// waitColors waits until each line that contains a key of want has the corresponding
// highlights, and all other lines have none. Highlights are formatted as "COLOR:TEXT",
// where COLOR are SGR parameters, and separated by blanks.
func (p *pty) waitColors(want map[string]string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("%v", want), func(s *testnet.Screen) bool {
		for row, line := range strings.Split(strings.TrimSuffix(s.String(), "\n"), "\n") {
			expected := ""
			for text, highlights := range want {
				if strings.Contains(line, text) {
					expected = highlights
				}
			}
			var got []string
			for _, run := range s.Colors(row) {
				if run.Colors != "" {
					got = append(got, run.Colors+":"+strings.TrimSpace(run.Text))
				}
			}
			if strings.Join(got, " ") != expected {
				return false
			}
		}
		return true
	})
}

// waitText waits until the screen shows all of texts.
func (p *pty) waitText(texts ...string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("%q", texts), func(s *testnet.Screen) bool {
		for _, text := range texts {
			if !strings.Contains(s.String(), text) {
				return false
			}
		}
		return true
	})
}

// waitExit waits for the program to exit, and checks the exit status, that standard
// error starts with stderr, and that the terminal is restored.
func (p *pty) waitExit(status int, stderr string) {
	p.t.Helper()
	select {
	case got := <-p.status:
		if got != status {
			p.t.Errorf("exit status %d, want %d", got, status)
		}
	case <-time.After(testTimeout):
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("the program has not exited; screen shows\n%s", &p.screen)
	}
	if got := p.stderr.String(); !strings.HasPrefix(got, stderr) || stderr == "" && got != "" {
		p.t.Errorf("standard error %q, want prefix %q", got, stderr)
	}
	p.waitRestored()
}

// waitRestored waits until the program has left the alternate screen and restored the
// cursor and the terminal modes.
func (p *pty) waitRestored() {
	p.t.Helper()
	p.waitFor("the terminal restored", func(s *testnet.Screen) bool {
		termios, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
		if err != nil {
			p.t.Fatal(err)
		}
		return !s.Alternate && !s.CursorHidden && *termios == p.savedTermios
	})
}

// waitStopped waits until the program is stopped.
func (p *pty) waitStopped() {
	p.t.Helper()
	p.waitFor("the program stopped", func(*testnet.Screen) bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			p.t.Fatal(err)
		}
		_, state, _ := bytes.Cut(stat, []byte(") "))
		return bytes.HasPrefix(state, []byte("T"))
	})
}

package watch_test

import (
	"bytes"
	"errors"
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

// patience is how long a test waits for what should come soon.
var patience = testnet.TestTimeout

// A pty is a program on a pseudo-terminal.
type pty struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr bytes.Buffer
	master *os.File
	slave  *os.File
	before unix.Termios
	status chan int

	mu     sync.Mutex
	raw    bytes.Buffer
	screen testnet.Screen
}

// start starts cmd on a terminal of some size, on which keys were typed before.
// The standard error of the program goes elsewhere.
func start(t *testing.T, cmd *exec.Cmd, width, height int, keys ...string) *pty {
	t.Helper()
	p := &pty{t: t, cmd: cmd, status: make(chan int, 1)}
	p.open()
	p.resize(width, height)
	termios, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	p.before = *termios
	for _, key := range keys {
		p.press(key)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, &p.stderr
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
		p.slave.Close()
	})
	return p
}

// open opens both ends of a new pseudo-terminal.
func (p *pty) open() {
	p.t.Helper()
	var err error
	if p.master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		p.t.Fatal(err)
	}
	raw, err := p.master.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	var number uint32
	raw.Control(func(fd uintptr) {
		number, err = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		err = errors.Join(err, unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0))
	})
	if err == nil {
		p.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

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

// resize makes the terminal another size, of which the program gets to know.
func (p *pty) resize(width, height int) {
	p.t.Helper()
	p.mu.Lock()
	p.screen.Resize(width, height)
	p.mu.Unlock()
	size := &unix.Winsize{Col: uint16(width), Row: uint16(height)}
	if err := unix.IoctlSetWinsize(int(p.slave.Fd()), unix.TIOCSWINSZ, size); err != nil {
		p.t.Fatal(err)
	}
}

// press types keys.
func (p *pty) press(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits until the screen is what it should be.
func (p *pty) wait(what string, is func(*testnet.Screen) bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		ok, screen := is(&p.screen), p.screen.String()
		trouble := p.screen.Err
		p.mu.Unlock()
		switch {
		case trouble != "":
			p.t.Fatalf("%s on\n%s", trouble, screen)
		case ok:
			return
		case time.Now().After(end):
			p.t.Fatalf("not seen after %s (%s): %s, but\n%s", patience, testnet.TimeoutHint, what, screen)
		}
	}
}

// colours waits until the line with text has them, all of it, and nothing else has any.
func (p *pty) colours(of map[string]string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%v", of), func(e *testnet.Screen) bool {
		for row, line := range strings.Split(strings.TrimSuffix(e.String(), "\n"), "\n") {
			want := ""
			for text, colours := range of {
				if strings.Contains(line, text) {
					want = colours
				}
			}
			if runs := e.Colors(row); len(runs) != 1 || runs[0].Colors != want {
				return false
			}
		}
		return true
	})
}

// shows waits until the screen shows all of texts.
func (p *pty) shows(texts ...string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%q", texts), func(e *testnet.Screen) bool {
		for _, text := range texts {
			if !strings.Contains(e.String(), text) {
				return false
			}
		}
		return true
	})
}

// ends waits until the program has ended, and checks that the terminal is as
// it was before.
func (p *pty) ends(status int, stderr string) {
	p.t.Helper()
	select {
	case got := <-p.status:
		if got != status {
			p.t.Errorf("status %d, want %d", got, status)
		}
	case <-time.After(patience):
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("does not end:\n%s", &p.screen)
	}
	if got := p.stderr.String(); !strings.HasPrefix(got, stderr) || stderr == "" && got != "" {
		p.t.Errorf("stderr %q, want %q", got, stderr)
	}
	p.restored()
}

// restored waits until the terminal is as it was before: the screen first, and
// then its modes.
func (p *pty) restored() {
	p.t.Helper()
	p.wait("the terminal as it was", func(e *testnet.Screen) bool {
		termios, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
		if err != nil {
			p.t.Fatal(err)
		}
		return !e.Alternate && !e.CursorHidden && *termios == p.before
	})
}

// stopped waits until the program is stopped.
func (p *pty) stopped() {
	p.t.Helper()
	p.wait("a stopped program", func(*testnet.Screen) bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			p.t.Fatal(err)
		}
		_, state, _ := bytes.Cut(stat, []byte(") "))
		return bytes.HasPrefix(state, []byte("T"))
	})
}

// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
	"goipvsadm/scripts/testnet"
)

const (
	confirmBefore = "-A -t 192.0.2.1:80 -s rr\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 1\n"
	confirmRules = "-A -t 192.0.2.1:80 -s rr\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 9\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.3:80 -m -w 1\n"
	confirmQuestion = "1 added, 1 edited, 1 removed. Keep these changes? [Y/n] (undone in "
	confirmUndone   = "the changes were undone\n"
)

// applyAndAnswer applies confirmRules to k. When the question is on the terminal, it
// calls answer. It returns what is on the terminal and the result.
func applyAndAnswer(t *testing.T, k *ipvstest.FakeKernel, options string, answer func(master *os.File)) (screen string, r result) {
	t.Helper()
	master, terminal, err := testnet.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); terminal.Close() })
	var stdout, stderr bytes.Buffer
	inv := &invocation{name: "goipvsadm", isGoipvsadm: true, stdin: strings.NewReader(confirmRules), dial: k.Dial, names: resolve.System()}
	inv.files.stderr = &stderr
	inv.rawStdout, inv.stderr = &output{&inv.outputQueue, &stdout}, &output{&inv.outputQueue, &stderr}
	inv.stdout = bufio.NewWriter(inv.rawStdout)
	inv.parser = command.NewParser(inv.name, inv.names)
	var cmd command.Command
	if err := inv.parser.Parse(words("--apply --confirm"+options), &cmd); err != nil {
		t.Fatal(err)
	}
	p, status := inv.planApply(&cmd)
	if p == nil {
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	inv.startQueueing()
	done := make(chan int)
	go func() { done <- inv.applyConfirmed(p, &confirmer{terminal, time.Duration(cmd.Confirm) * time.Second}) }()
	b := make([]byte, 1000)
	n, err := master.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	answer(master)
	r.status = <-done
	inv.stdout.Flush()
	inv.flushQueue()
	r.stdout, r.stderr = stdout.String(), stderr.String()
	return string(b[:n]), r
}

func TestConfirm(t *testing.T) {
	write := func(text string) func(*os.File) {
		return func(master *os.File) { master.WriteString(text) }
	}
	undone := func(reason string) result { return result{1, "", reason + ": " + confirmUndone} }
	for _, tt := range []struct {
		name    string
		options string
		answer  func(master *os.File)
		want    result
		after   string
	}{
		{name: "Enter", answer: write("\n"), after: confirmRules},
		{name: "y", answer: write("y\n"), after: confirmRules},
		{name: "YES", answer: write(" YES \n"), after: confirmRules},
		{name: "n", answer: write("n\n"), want: undone("not confirmed"), after: confirmBefore},
		{name: "anything else", answer: write("yy\n"), want: undone("not confirmed"), after: confirmBefore},
		{name: "Ctrl-D", answer: write("\x04"), want: undone("end of input"), after: confirmBefore},
		{name: "y and Ctrl-D", answer: write("y\x04\x04"), want: undone("end of input"), after: confirmBefore},
		{
			name:   "terminal closed, without a signal",
			answer: func(master *os.File) { master.Close() },
			want:   result{129, "", "hangup: " + confirmUndone},
			after:  confirmBefore,
		},
		{name: "no answer", options: "=1", answer: func(*os.File) {}, want: undone("no answer within 1 s"), after: confirmBefore},
		{
			name:   "signal",
			answer: func(*os.File) { syscall.Kill(os.Getpid(), syscall.SIGHUP) },
			want:   result{129, "", "hangup: " + confirmUndone},
			after:  confirmBefore,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, confirmBefore)
			screen, got := applyAndAnswer(t, k, tt.options, tt.answer)
			if !strings.HasPrefix(screen, confirmQuestion) || got != tt.want {
				t.Errorf("screen %q, %+v, want %+v", screen, got, tt.want)
			}
			if table := savedRules(t, k); table != tt.after {
				t.Errorf("table:\n%s", table)
			}
		})
	}
}

// TestConfirmChangedMeanwhile changes the table while the question is on the terminal.
func TestConfirmChangedMeanwhile(t *testing.T) {
	k := kernelWith(t, confirmBefore)
	others := "-e -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 0\n-A -f 7 -s rr\n"
	_, got := applyAndAnswer(t, k, "", func(master *os.File) {
		if r := run(k, others, "ipvsadm", "-R"); r != (result{}) {
			t.Errorf("%+v", r)
		}
		master.WriteString("n\n")
	})
	want := result{1, "", "-e -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 9: not undone completely: changed by another program\n" +
		"not confirmed: " + confirmUndone}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	wantTable := strings.Replace(confirmBefore, "198.51.100.1:80 -m -w 1", "198.51.100.1:80 -m -w 0", 1) + "-A -f 7 -s rr\n"
	if table := savedRules(t, k); table != wantTable {
		t.Errorf("table:\n%s", table)
	}
}

// TestConfirmErrors makes the removal of any server fail: one is a change that --apply
// makes, and another is needed to undo an addition.
func TestConfirmErrors(t *testing.T) {
	rejectRemovals := func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.DelDestination {
			return syscall.ENOMEM
		}
		return 0
	}
	k := kernelWith(t, confirmBefore)
	k.Intercept = rejectRemovals
	screen, got := applyAndAnswer(t, k, "", func(master *os.File) { master.WriteString("n\n") })
	const failure = "Memory allocation problem\n"
	want := result{255, "", "-d -t 192.0.2.1:80 -r 198.51.100.2:80: " + failure +
		"-d -t 192.0.2.1:80 -r 198.51.100.3:80: " + failure +
		"not confirmed: the changes were not undone completely\n"}
	if !strings.HasPrefix(screen, "1 added, 1 edited, 0 removed. ") || got != want {
		t.Errorf("screen %q\ngot  %+v\nwant %+v", screen, got, want)
	}
	// The changes are confirmed, but one of them failed.
	k = kernelWith(t, confirmBefore)
	k.Intercept = rejectRemovals
	if _, got := applyAndAnswer(t, k, "", func(master *os.File) { master.WriteString("y\n") }); got.status != 255 {
		t.Errorf("confirmed: %+v", got)
	}
}

package cli

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
	"goipvsadm/scripts/testnet"
)

// A faulty socket loses what the kernel answers.
type lossySocket struct {
	ipvs.Socket
	sends int
	drop  func(sends int) bool // whether the answers to a send are dropped
	noops bool                 // acknowledgements of a rehearsal are dropped
	dead  bool                 // and so is all that comes later
	told  bool
}

func (f *lossySocket) Send(b []byte) error {
	f.sends++
	if err := f.Socket.Send(b); err != nil {
		return err
	}
	frame, _, err := netlinkmsg.Split(b)
	if err != nil {
		return err
	}
	noop := frame.Header.Type == netlink.Noop
	if f.told = f.drop != nil && f.drop(f.sends); f.told || f.noops && noop && len(b) > 16 {
		for err == nil {
			_, err = f.Socket.Receive(make([]byte, 1<<16))
		}
	}
	return nil
}

func (f *lossySocket) Receive(b []byte) (int, error) {
	switch {
	case f.told && f.dead:
		return 0, ipvs.ErrTimeout
	case f.told:
		f.told = false
		return 0, syscall.ENOBUFS
	}
	return f.Socket.Receive(b)
}

// through returns what dials k through f.
func through(k *ipvstest.FakeKernel, f *lossySocket) Dialer {
	return func(...ipvs.Option) (*ipvs.Client, error) {
		f.Socket = k.Socket()
		return ipvs.NewClient(f, ipvstest.Family), nil
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "-A -t 192.0.2.%d:80 -s rr\n", i)
	}
	return b.String()
}

// What came of a rule whose answer was lost is told with its line.
func TestLostAnswers(t *testing.T) {
	const second = 3 // the first send asks for the version
	for _, tt := range []struct {
		name, line, rules string
		f                 lossySocket
		status            int
		want              string
		services          int
	}{
		{"one is lost", "-R", numbered(200), lossySocket{drop: func(n int) bool { return n == second }}, 255,
			"line 129: Service already exists (or done at the first try, whose answer was lost)\n", 200},
		{"what cannot be tried again", "-R", oneService + "-D -t 192.0.2.1:80\n-E -t 192.0.2.2:80\n",
			lossySocket{drop: func(n int) bool { return n == 2 }}, 255,
			"line 1: The kernel's answer was lost: this may have been done or not\n" +
				"line 2: The kernel's answer was lost: this may have been done or not\n" +
				"line 3: No such service\n", 0},
		{"the kernel falls silent", "-R", numbered(200), lossySocket{drop: func(n int) bool { return n >= second }, dead: true}, 255,
			"line 129: the kernel does not answer: from here to line 200 it is not known what was done, and nothing was behind that\n", 200},
		{"the kernel falls silent at once", "--apply", numbered(200), lossySocket{drop: func(n int) bool { return n >= 3 }, dead: true}, 255,
			"line 1: the kernel does not answer: from here to line 128 it is not known what was done, and nothing was behind that\n", 128},
		{"a command by itself", "-A -t 192.0.2.1:80", "", lossySocket{drop: func(n int) bool { return n == 2 }}, 255,
			"Service already exists (or done at the first try, whose answer was lost)\n", 1},
		{"a listing", "-L -n --stats", "", lossySocket{drop: func(n int) bool { return n >= 2 }, dead: true}, 1,
			"ipvs: get service: the kernel does not answer\n", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			var stdout, stderr strings.Builder
			args := append([]string{"ipvsadm"}, words(tt.line)...)
			status := Run(args, strings.NewReader(tt.rules), &stdout, &stderr, through(&k, &tt.f))
			got := stderr.String()
			if tt.name == "one is lost" {
				got, _, _ = strings.Cut(got, "\n")
				got += "\n"
			}
			if status != tt.status || got != tt.want || len(k.Table) != tt.services {
				t.Errorf("status %d, %d services\n%s", status, len(k.Table), stderr.String())
			}
		})
	}
}

// A kernel that does not answer any more ends -R, however many rules a pipe
// holds in store.
func TestRestoreEndsWithTheKernel(t *testing.T) {
	var k ipvstest.FakeKernel
	rules, w := io.Pipe()
	defer rules.Close()
	go func() {
		for {
			if _, err := io.WriteString(w, oneService); err != nil {
				return
			}
		}
	}()
	ended := make(chan int)
	go func() {
		f := &lossySocket{drop: func(n int) bool { return n > 3 }, dead: true}
		ended <- Run([]string{"ipvsadm", "-R"}, rules, io.Discard, io.Discard, through(&k, f))
	}()
	select {
	case status := <-ended:
		if status != 255 {
			t.Errorf("status %d", status)
		}
	case <-time.After(testnet.TestTimeout):
		t.Error("-R goes on")
	}
}

// ipvsadm-restore clears nothing before it knows that rules will get through.
func TestRestoreMakesSure(t *testing.T) {
	k := kernelWith(t, oneServer)
	var stderr strings.Builder
	status := Run([]string{"ipvsadm-restore"}, strings.NewReader(numbered(200)), io.Discard, &stderr, through(k, &lossySocket{noops: true}))
	if want := "ipvs: rehearse a batch: the kernel does not answer\nNothing was changed\n"; status != 255 || stderr.String() != want {
		t.Errorf("status %d: %s", status, stderr.String())
	}
	if got := rules(t, k); got != oneServer {
		t.Errorf("the table is\n%s", got)
	}
}

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
)

// A lossySocket drops replies of the kernel.
type lossySocket struct {
	ipvs.Socket
	sends   int
	drop    func(sends int) bool // reports whether to drop the replies to this send
	noops   bool                 // drop the acknowledgements of Preflight
	dead    bool                 // after the first loss, every Receive times out
	dropped bool                 // replies were dropped; the next Receive fails
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
	if f.dropped = f.drop != nil && f.drop(f.sends); f.dropped || f.noops && noop && len(b) > 16 {
		for err == nil {
			_, err = f.Socket.Receive(make([]byte, 1<<16))
		}
	}
	return nil
}

func (f *lossySocket) Receive(b []byte) (int, error) {
	switch {
	case f.dropped && f.dead:
		return 0, ipvs.ErrTimeout
	case f.dropped:
		f.dropped = false
		return 0, syscall.ENOBUFS
	}
	return f.Socket.Receive(b)
}

// dialThrough returns a Dialer that connects to k through f.
func dialThrough(k *ipvstest.FakeKernel, f *lossySocket) Dialer {
	return func(...ipvs.Option) (*ipvs.Client, error) {
		f.Socket = k.Socket()
		return ipvs.NewClient(f, ipvstest.Family), nil
	}
}

// serviceRules returns rules for n services.
func serviceRules(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "-A -t 192.0.2.%d:80 -s rr\n", i)
	}
	return b.String()
}

func TestLostReplies(t *testing.T) {
	const secondBatch = 3 // the first send requests the version
	for _, tt := range []struct {
		name, line, rules string
		socket            lossySocket
		status            int
		want              string
		services          int
	}{
		{
			name:     "replies to a batch",
			line:     "-R",
			rules:    serviceRules(200),
			socket:   lossySocket{drop: func(n int) bool { return n == secondBatch }},
			status:   255,
			want:     "line 129: Service already exists (after a retry; the first attempt may have succeeded)\n",
			services: 200,
		},
		{
			name:   "changes that cannot be retried",
			line:   "-R",
			rules:  oneService + "-D -t 192.0.2.1:80\n-E -t 192.0.2.2:80\n",
			socket: lossySocket{drop: func(n int) bool { return n == 2 }},
			status: 255,
			want: "line 1: acknowledgement lost; the change may or may not have been applied\n" +
				"line 2: acknowledgement lost; the change may or may not have been applied\n" +
				"line 3: No such service\n",
		},
		{
			name:     "no more replies",
			line:     "-R",
			rules:    serviceRules(200),
			socket:   lossySocket{drop: func(n int) bool { return n >= secondBatch }, dead: true},
			status:   255,
			want:     "line 129: " + ipvs.ErrTimeout.Error() + ": outcome unknown from this line to line 200; later lines were not executed\n",
			services: 200,
		},
		{
			name:     "no replies to the first batch of --apply",
			line:     "--apply",
			rules:    serviceRules(200),
			socket:   lossySocket{drop: func(n int) bool { return n >= 3 }, dead: true},
			status:   255,
			want:     "line 1: " + ipvs.ErrTimeout.Error() + ": outcome unknown from this line to line 128; later lines were not executed\n",
			services: 128,
		},
		{
			name:     "reply to a single change",
			line:     "-A -t 192.0.2.1:80",
			socket:   lossySocket{drop: func(n int) bool { return n == 2 }},
			status:   255,
			want:     "Service already exists (after a retry; the first attempt may have succeeded)\n",
			services: 1,
		},
		{
			name:   "no replies to a listing",
			line:   "-L -n --stats",
			socket: lossySocket{drop: func(n int) bool { return n >= 2 }, dead: true},
			status: 1,
			want:   "ipvs: get service: " + ipvs.ErrTimeout.Error() + "\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			var stdout, stderr strings.Builder
			args := append([]string{"ipvsadm"}, words(tt.line)...)
			status := Run(args, strings.NewReader(tt.rules), &stdout, &stderr, dialThrough(&k, &tt.socket))
			got := stderr.String()
			if tt.name == "replies to a batch" { // only the first line
				got, _, _ = strings.Cut(got, "\n")
				got += "\n"
			}
			if status != tt.status || got != tt.want || len(k.Table) != tt.services {
				t.Errorf("status %d, %d services\n%s", status, len(k.Table), stderr.String())
			}
		})
	}
}

// TestRestoreKernelTimeout checks that -R stops reading rules from a pipe if the
// kernel does not reply.
func TestRestoreKernelTimeout(t *testing.T) {
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
	exited := make(chan int)
	go func() {
		f := &lossySocket{drop: func(n int) bool { return n > 3 }, dead: true}
		exited <- Run([]string{"ipvsadm", "-R"}, rules, io.Discard, io.Discard, dialThrough(&k, f))
	}()
	select {
	case status := <-exited:
		if status != 255 {
			t.Errorf("status %d", status)
		}
	case <-time.After(time.Minute):
		t.Error("-R does not exit")
	}
}

// TestRestorePreflight checks that ipvsadm-restore does not clear the table if the
// preflight of the batch fails.
func TestRestorePreflight(t *testing.T) {
	k := kernelWith(t, oneServer)
	var stderr strings.Builder
	status := Run([]string{"ipvsadm-restore"}, strings.NewReader(serviceRules(200)), io.Discard, &stderr, dialThrough(k, &lossySocket{noops: true}))
	if want := ": " + ipvs.ErrTimeout.Error() + "\nnothing was changed\n"; status != 255 || !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("status %d: %s", status, stderr.String())
	}
	if got := savedRules(t, k); got != oneServer {
		t.Errorf("table:\n%s", got)
	}
}

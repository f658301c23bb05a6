// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/scripts/testnet"
)

// A replyLoss selects the sends, counted from 1, whose replies are lost, and whether
// the next receive reports the loss with ENOBUFS or times out.
type replyLoss struct {
	lost   func(send int, last netlink.Header) bool
	silent bool // the next receive times out
}

// sendAt selects one send.
func sendAt(n int) func(int, netlink.Header) bool {
	return func(send int, _ netlink.Header) bool { return send == n }
}

// sendsFrom selects a send and all later ones.
func sendsFrom(n int) func(int, netlink.Header) bool {
	return func(send int, _ netlink.Header) bool { return send >= n }
}

// preflightNoops selects the no-ops of Preflight, which are longer than a header.
func preflightNoops(_ int, last netlink.Header) bool {
	return last.Type == netlink.Noop && last.Length > 16
}

// dialLossy returns a Dialer for k whose connection loses replies.
func dialLossy(k *ipvstest.FakeKernel, loss replyLoss) Dialer {
	return func(...ipvs.Option) (*ipvs.Client, error) {
		s := &ipvstest.FaultySocket{
			Socket: k.Socket(),
			OnSend: func(s *ipvstest.FaultySocket, b []byte) error {
				err := s.Forward(b)
				if loss.lost(len(s.Sent), s.Sent[len(s.Sent)-1]) {
					s.Queue, s.Overrun = nil, !loss.silent
				}
				return err
			},
		}
		return ipvs.NewClient(s, ipvstest.Family), nil
	}
}

// serviceRules returns rules that add n services.
func serviceRules(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "-A -t 192.0.2.%d:80 -s rr\n", i)
	}
	return b.String()
}

// TestLostReplies checks that a rule whose acknowledgement is lost is reported with
// its line number.
func TestLostReplies(t *testing.T) {
	const secondChunk = 3 // the number of its send; send 1 reads the version
	for _, tt := range []struct {
		name      string
		line      string
		rules     string
		loss      replyLoss
		status    int
		want      string // standard error
		firstLine bool   // want is only the first line
		services  int
	}{
		{
			name: "one chunk", line: "-R", rules: serviceRules(200),
			loss:      replyLoss{lost: sendAt(secondChunk)},
			status:    255,
			want:      "line 129: Service already exists (after a retry; the first attempt may have succeeded)\n",
			firstLine: true,
			services:  200,
		},
		{
			name: "not safe to resend", line: "-R", rules: oneService + "-D -t 192.0.2.1:80\n-E -t 192.0.2.2:80\n",
			loss:   replyLoss{lost: sendAt(2)},
			status: 255,
			want: "line 1: acknowledgement lost; the change may or may not have been applied\n" +
				"line 2: acknowledgement lost; the change may or may not have been applied\n" +
				"line 3: No such service\n",
		},
		{
			name: "no more replies", line: "-R", rules: serviceRules(200),
			loss:     replyLoss{lost: sendsFrom(secondChunk), silent: true},
			status:   255,
			want:     "line 129: no reply from the kernel: outcome unknown from this line to line 200; later lines were not executed\n",
			services: 200,
		},
		{
			name: "no more replies to --apply", line: "--apply", rules: serviceRules(200),
			loss:     replyLoss{lost: sendsFrom(3), silent: true},
			status:   255,
			want:     "line 1: no reply from the kernel: outcome unknown from this line to line 128; later lines were not executed\n",
			services: 128,
		},
		{
			name: "single command", line: "-A -t 192.0.2.1:80",
			loss:     replyLoss{lost: sendAt(2)},
			status:   255,
			want:     "Service already exists (after a retry; the first attempt may have succeeded)\n",
			services: 1,
		},
		{
			name: "listing", line: "-L -n --stats",
			loss:   replyLoss{lost: sendsFrom(2), silent: true},
			status: 1,
			want:   "ipvs: get service: no reply from the kernel\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			var stdout, stderr strings.Builder
			args := words("ipvsadm " + tt.line)
			status := Run(args, strings.NewReader(tt.rules), &stdout, &stderr, dialLossy(&k, tt.loss))
			got := stderr.String()
			if tt.firstLine {
				got, _, _ = strings.Cut(got, "\n")
				got += "\n"
			}
			if status != tt.status || got != tt.want || len(k.Table) != tt.services {
				t.Errorf("status %d, %d services, standard error:\n%s\nwant status %d, %d services:\n%s",
					status, len(k.Table), stderr.String(), tt.status, tt.services, tt.want)
			}
		})
	}
}

// TestRestoreKernelTimeout checks that -R exits when the kernel stops replying, even if
// its input never ends.
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
		dial := dialLossy(&k, replyLoss{lost: sendsFrom(4), silent: true})
		exited <- Run([]string{"ipvsadm", "-R"}, rules, io.Discard, io.Discard, dial)
	}()
	select {
	case status := <-exited:
		if status != 255 {
			t.Errorf("status %d, want 255", status)
		}
	case <-time.After(testnet.TestTimeout):
		t.Error("-R does not exit")
	}
}

// TestRestorePreflight checks that ipvsadm-restore does not clear the table if its
// preflight fails.
func TestRestorePreflight(t *testing.T) {
	k := kernelWith(t, oneServer)
	var stderr strings.Builder
	dial := dialLossy(k, replyLoss{lost: preflightNoops, silent: true})
	status := Run([]string{"ipvsadm-restore"}, strings.NewReader(serviceRules(200)), io.Discard, &stderr, dial)
	const want = "ipvs: preflight: no reply from the kernel\nnothing was changed\n"
	if status != 255 || stderr.String() != want {
		t.Errorf("status %d, standard error %q, want status 255, %q", status, stderr.String(), want)
	}
	if got := savedRules(t, k); got != oneServer {
		t.Errorf("the table is\n%s", got)
	}
}

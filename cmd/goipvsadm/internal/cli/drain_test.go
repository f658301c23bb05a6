// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// A pollState is the state of the server at one poll of a drain. The first poll
// comes before the weight is changed.
type pollState struct {
	active, inactive, persistent uint32

	before func(k *ipvstest.FakeKernel)         // change made by another program just before the poll
	signal syscall.Signal                       // signal that arrives during the poll
	errnos map[netlinkmsg.Command]syscall.Errno // errors of the requests from this poll on
}

// A drainRig drains a server whose state at each poll is given by states. Polls
// after the last state repeat it.
type drainRig struct {
	kernel     ipvstest.FakeKernel
	states     []pollState
	polls      int
	lastUpdate ipvs.Destination // last update request for the server
	cancel     context.CancelCauseFunc

	isGoipvsadm bool      // the program is called goipvsadm, not ipvsadm
	stderr      io.Writer // receives the messages, if set
}

func newDrainRig(t *testing.T, rules string, states []pollState) *drainRig {
	t.Helper()
	r := &drainRig{states: states}
	if got := run(&r.kernel, rules, "ipvsadm", "-R"); got != (result{}) {
		t.Fatalf("setup: %+v", got)
	}
	r.kernel.Requests = nil
	r.kernel.Intercept = r.intercept
	return r
}

// intercept is called before each request to the kernel.
func (r *drainRig) intercept(m *netlinkmsg.Message) syscall.Errno {
	if m.Command == netlinkmsg.GetDestination {
		next := r.state(1)
		if next.before != nil {
			next.before(&r.kernel)
		}
		for i := range r.kernel.Table {
			for j := range r.kernel.Table[i].Destinations {
				d := &r.kernel.Table[i].Destinations[j]
				d.ActiveConns, d.InactiveConns, d.PersistentConns = next.active, next.inactive, next.persistent
				d.Stats = ipvs.Stats{Conns: 99}
			}
		}
		if next.signal != 0 {
			r.cancel(signalError(next.signal))
		}
		r.polls++
	}
	if m.Command == netlinkmsg.SetDestination {
		r.lastUpdate = *m.Destination
	}
	return r.state(0).errnos[m.Command]
}

// state returns the state at the last poll, or ahead polls later.
func (r *drainRig) state(ahead int) pollState {
	return r.states[max(0, min(r.polls+ahead, len(r.states))-1)]
}

// drain drains the server and returns the result and how long it took.
func (r *drainRig) drain(t *testing.T, timeout time.Duration) (result, time.Duration) {
	var ctx context.Context
	ctx, r.cancel = context.WithCancelCause(t.Context())
	defer r.cancel(nil)
	client, err := r.kernel.Dial()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	inv := &invocation{isGoipvsadm: r.isGoipvsadm, stdout: bufio.NewWriter(&stdout), stderr: &stderr, client: client}
	if r.stderr != nil {
		inv.stderr = r.stderr
	}
	server := netip.MustParseAddrPort("198.51.100.1:80")
	service := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
	d := &drainer{invocation: inv, servers: []ipvs.DestinationKey{{Service: service, AddrPort: server}}, timeout: timeout}
	begin := time.Now()
	status := d.run(ctx)
	elapsed := time.Since(begin)
	inv.stdout.Flush()
	return result{status, stdout.String(), stderr.String()}, elapsed
}

func TestDrain(t *testing.T) {
	const (
		service    = "-A -t 192.0.2.1:80 -s rr\n"
		persistent = "-A -t 192.0.2.1:80 -s rr -p 60\n"
		server     = "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i -w 7 -x 20 -y 10 --tun-type gue --tun-port 5555 --tun-csum\n"
		weight0    = "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i -w 0 -x 20 -y 10 --tun-type gue --tun-port 5555 --tun-csum\n"
		weight5    = "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i -w 5 -x 20 -y 10 --tun-type gue --tun-port 5555 --tun-csum\n"
		other      = "-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 1\n"
	)
	setWeight5 := func(k *ipvstest.FakeKernel) { k.Table[0].Destinations[0].Weight = 5 }
	removeServer := func(k *ipvstest.FakeKernel) { k.Table[0].Destinations = nil }
	removeService := func(k *ipvstest.FakeKernel) { k.Table = nil }
	updateFails := map[netlinkmsg.Command]syscall.Errno{netlinkmsg.SetDestination: syscall.EPERM}
	removalFails := map[netlinkmsg.Command]syscall.Errno{netlinkmsg.DelDestination: syscall.ENOMEM}

	for _, tt := range []struct {
		name    string
		before  string // rules
		timeout time.Duration
		states  []pollState
		want    result
		after   string // rules
		elapsed time.Duration
	}{
		{
			name:   "idle server",
			before: service + server,
			states: []pollState{{}},
			after:  service,
		},
		{
			name:   "another server is kept",
			before: service + server + other,
			states: []pollState{{}},
			after:  service + other,
		},
		{
			name:    "active connections",
			before:  service + server,
			states:  []pollState{{active: 2}, {active: 2}, {active: 1}, {}},
			after:   service,
			elapsed: 2 * time.Second,
		},
		{
			name:    "weight 0 before the drain",
			before:  service + weight0,
			states:  []pollState{{active: 1}, {active: 1}, {}},
			after:   service,
			elapsed: time.Second,
		},
		{
			name:    "TCP handshake in progress",
			before:  service + server,
			states:  []pollState{{inactive: 1}, {inactive: 1}, {active: 1}, {}},
			after:   service,
			elapsed: 2 * time.Second,
		},
		{
			name:    "inactive connections",
			before:  service + server,
			states:  []pollState{{inactive: 9}},
			after:   service,
			elapsed: time.Second,
		},
		{
			name:   "persistent connections without persistence",
			before: service + server,
			states: []pollState{{persistent: 1}},
			after:  service,
		},
		{
			name:    "persistent connections",
			before:  persistent + server,
			states:  []pollState{{active: 1, persistent: 1}, {active: 1, persistent: 1}, {persistent: 1}, {persistent: 1}, {}},
			after:   persistent,
			elapsed: 3 * time.Second,
		},
		{
			name:    "drained before the timeout",
			before:  service + server,
			timeout: 2 * time.Second,
			states:  []pollState{{active: 1}, {active: 1}, {}},
			after:   service,
			elapsed: time.Second,
		},
		{
			name:    "drained at the timeout",
			before:  service + server,
			timeout: time.Second,
			states:  []pollState{{active: 1}, {active: 1}, {}},
			after:   service,
			elapsed: time.Second,
		},
		{
			name:    "timeout",
			before:  service + server,
			timeout: 30 * time.Second,
			states:  []pollState{{active: 3}},
			want:    result{stderr: "198.51.100.1:80: removed after 30 s; connections cut: 3 active\n"},
			after:   service,
			elapsed: 30 * time.Second,
		},
		{
			name:    "timeout with persistence",
			before:  persistent + server,
			timeout: time.Second,
			states:  []pollState{{active: 1, persistent: 2}},
			want:    result{stderr: "198.51.100.1:80: removed after 1 s; connections cut: 1 active, 2 persistent\n"},
			after:   persistent,
			elapsed: time.Second,
		},

		{
			name:    "SIGINT",
			before:  service + server,
			states:  []pollState{{active: 1}, {active: 1}, {active: 1, signal: syscall.SIGINT}},
			want:    result{status: 130},
			after:   service + server,
			elapsed: time.Second,
		},
		{
			name:   "SIGINT during the first poll",
			before: service + server,
			states: []pollState{{signal: syscall.SIGINT}},
			want:   result{status: 130},
			after:  service + server,
		},
		{
			name:    "SIGINT during the last poll",
			before:  service + server,
			states:  []pollState{{active: 1}, {active: 1}, {signal: syscall.SIGINT}},
			want:    result{status: 130},
			after:   service + server,
			elapsed: time.Second,
		},
		{
			name:   "second SIGINT",
			before: service + server,
			states: []pollState{{active: 1}, {active: 1, signal: syscall.SIGINT}, {active: 1, signal: syscall.SIGINT}},
			want:   result{status: 130},
			after:  service + server,
		},
		{
			name:   "SIGTERM",
			before: service + server,
			states: []pollState{{active: 1}, {active: 1, signal: syscall.SIGTERM}},
			want:   result{status: 143},
			after:  service + server,
		},
		{
			name:   "SIGHUP",
			before: service + server,
			states: []pollState{{active: 1}, {active: 1, signal: syscall.SIGHUP}},
			want:   result{status: 129},
			after:  service + server,
		},
		{
			name:   "SIGINT with weight 0 before the drain",
			before: service + weight0,
			states: []pollState{{active: 1}, {active: 1, signal: syscall.SIGINT}},
			want:   result{status: 130},
			after:  service + weight0,
		},
		{
			name:   "SIGINT after another program removed the server",
			before: service + server,
			states: []pollState{{active: 1}, {active: 1, signal: syscall.SIGINT}, {before: removeServer}},
			want:   result{status: 130},
			after:  service,
		},
		{
			name:   "SIGINT after another program changed the weight",
			before: service + server,
			states: []pollState{{active: 1}, {active: 1, signal: syscall.SIGINT}, {before: setWeight5}},
			want:   result{status: 130},
			after:  service + weight5,
		},
		{
			name:   "SIGINT and the weight cannot be restored",
			before: service + server,
			states: []pollState{{active: 1}, {active: 1, signal: syscall.SIGINT}, {active: 1, errnos: updateFails}},
			want:   result{status: 255, stderr: "198.51.100.1:80: cannot restore weight 7 (now 0): Permission denied (you must be root)\n"},
			after:  service + weight0,
		},

		{
			name:   "no such service",
			states: []pollState{{}},
			want:   result{status: 255, stderr: "Service not defined\n"},
		},
		{
			name:   "no such server",
			before: service + other,
			states: []pollState{{}},
			want:   result{status: 255, stderr: "No such destination\n"},
			after:  service + other,
		},
		{
			name:    "another program removes the server",
			before:  service + server,
			states:  []pollState{{active: 1}, {active: 2}, {before: removeServer}},
			want:    result{stderr: "198.51.100.1:80: removed by another program; connections cut: 2 active\n"},
			after:   service,
			elapsed: time.Second,
		},
		{
			name:    "another program removes the service",
			before:  service + server,
			states:  []pollState{{active: 1}, {active: 2}, {before: removeService}},
			want:    result{stderr: "198.51.100.1:80: removed by another program; connections cut: 2 active\n"},
			elapsed: time.Second,
		},
		{
			name:    "another program changes the weight",
			before:  service + server,
			states:  []pollState{{active: 1}, {active: 1}, {active: 1, before: setWeight5}},
			want:    result{status: 255, stderr: "198.51.100.1:80: weight changed to 5 while draining; not removed\n"},
			after:   service + weight5,
			elapsed: time.Second,
		},
		{
			name:   "weight cannot be changed",
			before: service + server,
			states: []pollState{{active: 1, errnos: updateFails}},
			want:   result{status: 255, stderr: "Permission denied (you must be root)\n"},
			after:  service + server,
		},
		{
			name:   "server cannot be removed",
			before: service + server,
			states: []pollState{{}, {errnos: removalFails}},
			want:   result{status: 255, stderr: "Memory allocation problem\n"},
			after:  service + server,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rig := newDrainRig(t, tt.before, tt.states)
			synctest.Test(t, func(t *testing.T) {
				got, elapsed := rig.drain(t, tt.timeout)
				if got != tt.want {
					t.Errorf("got  %+v\nwant %+v", got, tt.want)
				}
				if elapsed != tt.elapsed { // on synctest's clock
					t.Errorf("took %v, want %v", elapsed, tt.elapsed)
				}
			})
			rig.kernel.Intercept = nil
			if got := savedRules(t, &rig.kernel); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

// TestDrainFallback checks the messages about schedulers that assign clients to a
// server with weight 0, and that the program prints only errors under the name
// ipvsadm.
func TestDrainFallback(t *testing.T) {
	const (
		server   = "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 7\n"
		disabled = "-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 0\n"
		set      = "198.51.100.1:80: scheduler sh assigns clients to servers with weight 0; sh-fallback is set until the drain ends\n"
		kept     = "198.51.100.1:80: sh-fallback remains set because another server has weight 0\n"
		none     = "198.51.100.1:80: scheduler dh assigns clients to servers with weight 0; their new connections are refused until the drain ends\n"
		failed   = "198.51.100.1:80: cannot clear sh-fallback (still set): Permission denied (you must be root)\n"
	)
	for _, tt := range []struct {
		name, service, other string
		signal               syscall.Signal
		fail                 bool // the flag cannot be cleared
		want                 result
		quiet                string // stderr under the name ipvsadm
		after                string // rules
	}{
		{name: "sh", service: "-A -t 192.0.2.1:80 -s sh\n", want: result{stderr: set}, after: "-A -t 192.0.2.1:80 -s sh\n"},
		{
			name: "SIGINT", service: "-A -t 192.0.2.1:80 -s sh\n", signal: syscall.SIGINT,
			want:  result{status: 130, stderr: set},
			after: "-A -t 192.0.2.1:80 -s sh\n" + server,
		},
		{
			name: "another server with weight 0", service: "-A -t 192.0.2.1:80 -s sh\n", other: disabled,
			want:  result{stderr: set + kept},
			after: "-A -t 192.0.2.1:80 -s sh -b sh-fallback\n" + disabled,
		},
		{
			name: "flag cannot be cleared", service: "-A -t 192.0.2.1:80 -s sh\n", fail: true,
			want: result{status: 255, stderr: set + failed}, quiet: failed,
			after: "-A -t 192.0.2.1:80 -s sh -b sh-fallback\n",
		},
		{name: "dh", service: "-A -t 192.0.2.1:80 -s dh\n", want: result{stderr: none}, after: "-A -t 192.0.2.1:80 -s dh\n"},
	} {
		for _, name := range []string{"ipvsadm", "goipvsadm"} {
			t.Run(tt.name+" as "+name, func(t *testing.T) {
				rig := newDrainRig(t, tt.service+server+tt.other, []pollState{{active: 1}, {active: 1}, {signal: tt.signal}})
				rig.isGoipvsadm = name == "goipvsadm"
				intercept := rig.kernel.Intercept
				rig.kernel.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
					if m.Command == netlinkmsg.SetService && m.Service.Flags&ipvs.Sched1 == 0 && tt.fail {
						return syscall.EPERM
					}
					return intercept(m)
				}
				want := tt.want
				if name == "ipvsadm" {
					want.stderr = tt.quiet
				}
				synctest.Test(t, func(t *testing.T) {
					if got, _ := rig.drain(t, 0); got != want {
						t.Errorf("got  %+v\nwant %+v", got, want)
					}
				})
				rig.kernel.Intercept = nil
				if got := savedRules(t, &rig.kernel); got != tt.after {
					t.Errorf("table:\n%swant:\n%s", got, tt.after)
				}
			})
		}
	}
}

// A weightRecorder records the weight of the server at each write.
type weightRecorder struct {
	kernel  *ipvstest.FakeKernel
	weights []uint32
}

func (r *weightRecorder) Write(b []byte) (int, error) {
	r.weights = append(r.weights, r.kernel.Table[0].Destinations[0].Weight)
	return len(b), nil
}

// TestDrainRestoresWeightFirst checks that the weight is restored before any
// message is written, because a write may block.
func TestDrainRestoresWeightFirst(t *testing.T) {
	for name, failing := range map[string]netlinkmsg.Command{
		"server cannot be read":    netlinkmsg.GetDestination,
		"server cannot be removed": netlinkmsg.DelDestination,
	} {
		t.Run(name, func(t *testing.T) {
			rig := newDrainRig(t, oneServer, []pollState{{}})
			recorder := weightRecorder{kernel: &rig.kernel}
			failed := false
			intercept := rig.kernel.Intercept
			rig.kernel.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				draining := rig.kernel.Table[0].Destinations[0].Weight == 0
				if m.Command == failing && draining && !failed {
					failed = true
					return syscall.ENOMEM
				}
				return intercept(m)
			}
			rig.stderr = &recorder
			synctest.Test(t, func(t *testing.T) { rig.drain(t, 0) })
			if want := []uint32{1}; !slices.Equal(recorder.weights, want) {
				t.Errorf("weight at each write: %v, want %v", recorder.weights, want)
			}
		})
	}
}

// TestDrainRequests checks that a poll is a single request.
func TestDrainRequests(t *testing.T) {
	rig := newDrainRig(t, oneServer, []pollState{{active: 1}, {active: 1}, {active: 1}, {}})
	synctest.Test(t, func(t *testing.T) { rig.drain(t, 0) })
	var got []netlinkmsg.Command
	for _, m := range rig.kernel.Requests {
		got = append(got, m.Command)
	}
	want := []netlinkmsg.Command{
		netlinkmsg.GetService,
		netlinkmsg.GetDestination, netlinkmsg.SetDestination,
		netlinkmsg.GetDestination, netlinkmsg.GetDestination, netlinkmsg.GetDestination,
		netlinkmsg.DelDestination,
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests %v, want %v", got, want)
	}
	if rig.lastUpdate.ActiveConns != 0 || rig.lastUpdate.Stats != (ipvs.Stats{}) {
		t.Errorf("the update has counters: %+v", rig.lastUpdate)
	}
}

func TestDrainCommandLine(t *testing.T) {
	const drain = "-d -t 192.0.2.1:80 -r 198.51.100.1:80 --drain"
	for _, tt := range []struct {
		name, stdin, line string
		want              result
		after             string // rules
	}{
		{name: "no timeout", line: drain, after: oneService},
		{name: "timeout", line: drain + "=30", after: oneService},
		{
			name:  "no such service",
			line:  "-d -f 7 -r 198.51.100.1:80 --drain",
			want:  result{status: 255, stderr: "Service not defined\n"},
			after: oneServer,
		},
		{
			name:  "invalid timeout",
			line:  drain + "=0",
			want:  result{status: 2, stderr: "invalid value `0' for --drain: use a time such as 60, 90s, 5m or 1h\n"},
			after: oneServer,
		},
		{
			name:  "service instead of server",
			line:  "-D -t 192.0.2.1:80 --drain",
			want:  result{status: 2, stderr: "Illegal 'drain' option with the 'delete-service' command\n"},
			after: oneServer,
		},
		{
			name:  "rule",
			line:  "-R",
			stdin: drain + "\n-A -f 7 -s rr\n",
			after: oneService + "-A -f 7 -s rr\n",
		},
		{
			name:  "rule that fails",
			line:  "-R",
			stdin: "-A -f 7 -s rr\n-d -f 7 -r 198.51.100.1 --drain\n-D -f 7\n",
			want:  result{stderr: "line 2: No such destination\n"},
			after: oneServer,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			run(&k, oneServer, "ipvsadm", "-R")
			if got := run(&k, tt.stdin, words("ipvsadm "+tt.line)...); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got := savedRules(t, &k); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

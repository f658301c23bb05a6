package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// A moment is what a drain meets when it looks at the server. The first look
// is the one before the weight is changed.
type moment struct {
	active, inactive, persistent uint32

	do     func(k *ipvstest.FakeKernel)         // somebody else does it just before
	signal syscall.Signal                       // comes during the look
	fail   map[netlinkmsg.Command]syscall.Errno // from then on
}

// drainRig plays moments to a drain of the one server of a table. The last
// moment goes on for ever.
type drainRig struct {
	kernel  ipvstest.FakeKernel
	moments []moment
	looks   int
	edit    ipvs.Destination // as it was asked for last
	end     context.CancelCauseFunc

	complain io.Writer // standard error, unless it is nil
}

func newDrainRig(t *testing.T, rules string, moments []moment) *drainRig {
	t.Helper()
	r := &drainRig{moments: moments}
	if got := run(&r.kernel, rules, "ipvsadm", "-R"); got != (result{}) {
		t.Fatalf("set up: %+v", got)
	}
	r.kernel.Requests = nil
	r.kernel.Intercept = r.request
	return r
}

// request comes before each request to the kernel.
func (r *drainRig) request(m *netlinkmsg.Message) syscall.Errno {
	if m.Command == netlinkmsg.GetDestination {
		now := r.now(1)
		if now.do != nil {
			now.do(&r.kernel)
		}
		for i := range r.kernel.Table {
			for j := range r.kernel.Table[i].Destinations {
				d := &r.kernel.Table[i].Destinations[j]
				d.ActiveConns, d.InactiveConns, d.PersistentConns = now.active, now.inactive, now.persistent
				d.Stats = ipvs.Stats{Conns: 99}
			}
		}
		if now.signal != 0 {
			r.end(signalError(now.signal))
		}
		r.looks++
	}
	if m.Command == netlinkmsg.SetDestination {
		r.edit = *m.Destination
	}
	return r.now(0).fail[m.Command]
}

// now is the moment of the last look, or of the next.
func (r *drainRig) now(ahead int) moment {
	return r.moments[max(0, min(r.looks+ahead, len(r.moments))-1)]
}

// drain drains the server of the rig, and returns how it ended and how long it
// took.
func (r *drainRig) drain(t *testing.T, limit time.Duration) (result, time.Duration) {
	var ctx context.Context
	ctx, r.end = context.WithCancelCause(t.Context())
	defer r.end(nil)
	client, err := r.kernel.Dial()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	p := &invocation{name: "ipvsadm", stdout: bufio.NewWriter(&stdout), stderr: &stderr, client: client}
	if r.complain != nil {
		p.stderr = r.complain
	}
	server := netip.MustParseAddrPort("198.51.100.1:80")
	service := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
	d := &drainer{invocation: p, service: service, server: server, limit: limit}
	begin := time.Now()
	status := d.run(ctx)
	took := time.Since(begin)
	p.stdout.Flush()
	return result{status, stdout.String(), stderr.String()}, took
}

func TestDrain(t *testing.T) {
	const (
		plain      = "-A -t 192.0.2.1:80 -s rr\n"
		persistent = "-A -t 192.0.2.1:80 -s rr -p 60\n"
		server     = "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i -w 7 -x 20 -y 10 --tun-type gue --tun-port 5555 --tun-csum\n"
		quiet      = "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i -w 0 -x 20 -y 10 --tun-type gue --tun-port 5555 --tun-csum\n"
		other      = "-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 1\n"
	)
	weigh := func(w uint32) func(k *ipvstest.FakeKernel) {
		return func(k *ipvstest.FakeKernel) { k.Table[0].Destinations[0].Weight = w }
	}
	removeServer := func(k *ipvstest.FakeKernel) { k.Table[0].Destinations = nil }
	removeService := func(k *ipvstest.FakeKernel) { k.Table = nil }

	for _, tt := range []struct {
		name    string
		before  string
		limit   time.Duration
		moments []moment
		want    result
		after   string
		took    time.Duration
	}{
		{"an idle server goes at once", plain + server, 0,
			[]moment{{}}, result{}, plain, 0},
		{"other servers stay", plain + server + other, 0,
			[]moment{{}}, result{}, plain + other, 0},
		{"open connections are waited for", plain + server, 0,
			[]moment{{active: 2}, {active: 2}, {active: 1}, {}}, result{}, plain, 2 * time.Second},
		{"the weight may have been 0 before", plain + quiet, 0,
			[]moment{{active: 1}, {active: 1}, {}}, result{}, plain, time.Second},
		{"a handshake under way becomes a connection", plain + server, 0,
			[]moment{{inactive: 1}, {inactive: 1}, {active: 1}, {}}, result{}, plain, 2 * time.Second},
		{"closed connections are not waited for", plain + server, 0,
			[]moment{{inactive: 9}}, result{}, plain, time.Second},
		{"without persistence, persistent connections are not waited for", plain + server, 0,
			[]moment{{persistent: 1}}, result{}, plain, 0},
		{"with it they are", persistent + server, 0,
			[]moment{{active: 1, persistent: 1}, {active: 1, persistent: 1}, {persistent: 1}, {persistent: 1}, {}},
			result{}, persistent, 3 * time.Second},
		{"done before the limit", plain + server, 2 * time.Second,
			[]moment{{active: 1}, {active: 1}, {}}, result{}, plain, time.Second},
		{"done at the limit", plain + server, time.Second,
			[]moment{{active: 1}, {active: 1}, {}}, result{}, plain, time.Second},
		{"not done at the limit", plain + server, 30 * time.Second,
			[]moment{{active: 3}}, result{0, "", "198.51.100.1:80: removed after 30 s; connections cut: 3 active\n"}, plain, 30 * time.Second},
		{"not done at the limit, with persistence", persistent + server, time.Second,
			[]moment{{active: 1, persistent: 2}}, result{0, "", "198.51.100.1:80: removed after 1 s; connections cut: 1 active, 2 persistent\n"}, persistent, time.Second},

		{"interrupted", plain + server, 0,
			[]moment{{active: 1}, {active: 1}, {active: 1, signal: syscall.SIGINT}}, result{status: 130}, plain + server, time.Second},
		{"interrupted before it began", plain + server, 0,
			[]moment{{signal: syscall.SIGINT}}, result{status: 130}, plain + server, 0},
		{"interrupted as the last connection closes", plain + server, 0,
			[]moment{{active: 1}, {active: 1}, {signal: syscall.SIGINT}}, result{status: 130}, plain + server, time.Second},
		{"interrupted twice", plain + server, 0,
			[]moment{{active: 1}, {active: 1, signal: syscall.SIGINT}, {active: 1, signal: syscall.SIGINT}}, result{status: 130}, plain + server, 0},
		{"terminated", plain + server, 0,
			[]moment{{active: 1}, {active: 1, signal: syscall.SIGTERM}}, result{status: 143}, plain + server, 0},
		{"hung up", plain + server, 0,
			[]moment{{active: 1}, {active: 1, signal: syscall.SIGHUP}}, result{status: 129}, plain + server, 0},
		{"interrupted with a weight of 0 before", plain + quiet, 0,
			[]moment{{active: 1}, {active: 1, signal: syscall.SIGINT}}, result{status: 130}, plain + quiet, 0},
		{"interrupted after somebody removed the server", plain + server, 0,
			[]moment{{active: 1}, {active: 1, signal: syscall.SIGINT}, {do: removeServer}}, result{status: 130}, plain, 0},
		{"interrupted after somebody changed the weight", plain + server, 0,
			[]moment{{active: 1}, {active: 1, signal: syscall.SIGINT}, {do: weigh(5)}},
			result{status: 130}, plain + strings.Replace(server, "-w 7", "-w 5", 1), 0},
		{"interrupted, and the weight cannot be put back", plain + server, 0,
			[]moment{{active: 1}, {active: 1, signal: syscall.SIGINT},
				{active: 1, fail: map[netlinkmsg.Command]syscall.Errno{netlinkmsg.SetDestination: syscall.EPERM}}},
			result{255, "", "198.51.100.1:80: its weight, now 0, could not be set to 7: Permission denied (you must be root)\n"}, plain + quiet, 0},

		{"no such service", "", 0,
			[]moment{{}}, result{255, "", "Service not defined\n"}, "", 0},
		{"no such server", plain + other, 0,
			[]moment{{}}, result{255, "", "No such destination\n"}, plain + other, 0},
		{"somebody removes the server", plain + server, 0,
			[]moment{{active: 1}, {active: 2}, {do: removeServer}},
			result{0, "", "198.51.100.1:80: was removed meanwhile; connections cut: 2 active\n"}, plain, time.Second},
		{"somebody removes the service", plain + server, 0,
			[]moment{{active: 1}, {active: 2}, {do: removeService}},
			result{0, "", "198.51.100.1:80: was removed meanwhile; connections cut: 2 active\n"}, "", time.Second},
		{"somebody gives it another weight", plain + server, 0,
			[]moment{{active: 1}, {active: 1}, {active: 1, do: weigh(5)}},
			result{255, "", "198.51.100.1:80: not removed: its weight was set to 5 meanwhile\n"},
			plain + strings.Replace(server, "-w 7", "-w 5", 1), time.Second},
		{"the weight cannot be changed", plain + server, 0,
			[]moment{{active: 1, fail: map[netlinkmsg.Command]syscall.Errno{netlinkmsg.SetDestination: syscall.EPERM}}},
			result{255, "", "Permission denied (you must be root)\n"}, plain + server, 0},
		{"it cannot be removed", plain + server, 0,
			[]moment{{}, {fail: map[netlinkmsg.Command]syscall.Errno{netlinkmsg.DelDestination: syscall.ENOMEM}}},
			result{255, "", "Memory allocation problem\n"}, plain + server, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rig := newDrainRig(t, tt.before, tt.moments)
			synctest.Test(t, func(t *testing.T) {
				got, took := rig.drain(t, tt.limit)
				if got != tt.want {
					t.Errorf("got  %+v\nwant %+v", got, tt.want)
				}
				if took != tt.took { // by the clock of synctest
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
			rig.kernel.Intercept = nil
			if got := rules(t, &rig.kernel); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

// A complainer notes the weight of the server at each write.
type complainer struct {
	kernel  *ipvstest.FakeKernel
	weights []uint32
}

func (c *complainer) Write(b []byte) (int, error) {
	c.weights = append(c.weights, uint32(c.kernel.Table[0].Destinations[0].Weight))
	return len(b), nil
}

// The weight is put back before a word is said: whoever should read it may not.
func TestDrainPutsBackFirst(t *testing.T) {
	for name, failing := range map[string]netlinkmsg.Command{
		"the server cannot be looked at": netlinkmsg.GetDestination,
		"it cannot be removed":           netlinkmsg.DelDestination,
	} {
		t.Run(name, func(t *testing.T) {
			rig := newDrainRig(t, oneServer, []moment{{}})
			c := complainer{kernel: &rig.kernel}
			failed := false
			request := rig.kernel.Intercept
			rig.kernel.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				draining := rig.kernel.Table[0].Destinations[0].Weight == 0
				if m.Command == failing && draining && !failed {
					failed = true
					return syscall.ENOMEM
				}
				return request(m)
			}
			rig.complain = &c
			synctest.Test(t, func(t *testing.T) { rig.drain(t, 0) })
			if !slices.Equal(c.weights, []uint32{1}) {
				t.Errorf("weights when something was said: %v, want 1", c.weights)
			}
		})
	}
}

// A look is one message, whatever the time it takes.
func TestDrainInFewMessages(t *testing.T) {
	rig := newDrainRig(t, oneServer, []moment{{active: 1}, {active: 1}, {active: 1}, {}})
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
		t.Errorf("messages %v, want %v", got, want)
	}
	// What the kernel counted is not configuration.
	if rig.edit.ActiveConns != 0 || rig.edit.Stats != (ipvs.Stats{}) {
		t.Errorf("the edit carries counters: %+v", rig.edit)
	}
}

// Through the command line, in a rule as well.
func TestDrainCommand(t *testing.T) {
	for _, tt := range []struct {
		name, stdin, line string
		want              result
		after             string
	}{
		{"done", "", "-d -t 192.0.2.1:80 -r 198.51.100.1:80 --drain", result{}, oneService},
		{"with a limit", "", "-d -t 192.0.2.1:80 -r 198.51.100.1:80 --drain=30", result{}, oneService},
		{"of nothing", "", "-d -f 7 -r 198.51.100.1:80 --drain", result{255, "", "Service not defined\n"}, oneServer},
		{"with a bad limit", "", "-d -t 192.0.2.1:80 -r 198.51.100.1:80 --drain=0", result{2, "", "invalid timeout value `0' specified\n"}, oneServer},
		{"of a service", "", "-D -t 192.0.2.1:80 --drain", result{2, "", "Illegal 'drain' option with the 'delete-service' command\n"}, oneServer},
		{"in a rule", "-d -t 192.0.2.1:80 -r 198.51.100.1 --drain\n-A -f 7 -s rr\n", "-R", result{}, oneService + "-A -f 7 -s rr\n"},
		{"refused in a rule", "-A -f 7 -s rr\n-d -f 7 -r 198.51.100.1 --drain\n-D -f 7\n", "-R",
			result{255, "", "line 2: No such destination\n"}, oneServer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			run(&k, oneServer, "ipvsadm", "-R")
			if got := run(&k, tt.stdin, append([]string{"ipvsadm"}, words(tt.line)...)...); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got := rules(t, &k); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

func TestStatusLine(t *testing.T) {
	var screen strings.Builder
	columns := 80
	line := statusLine{w: &screen, width: func() int { return columns }}
	line.clear() // nothing to clear
	line.show("one")
	line.show("two")
	columns = 3
	line.show("three")
	line.clear()
	line.clear()
	if want := "\rone\x1b[K\rtwo\x1b[K\rth\x1b[K\r\x1b[K"; screen.String() != want {
		t.Errorf("%q, want %q", screen.String(), want)
	}

	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, w := range []io.Writer{file, &screen} {
		line := newStatusLine(w, w)
		line.show("text")
		line.clear()
	}
	if text, err := os.ReadFile(file.Name()); err != nil || len(text) != 0 {
		t.Errorf("%v, %q in a file", err, text)
	}
}

//go:build kernel

package doctor_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/scripts/testnet"
	"goipvsadm/scripts/testnet/scenarios"
)

// Most of the time the doctor waits, and a single processor can wait for many.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

// A bench is a network with a director under examination.
type bench struct {
	t       *testing.T
	tool    *testnet.Tool
	network *testnet.Network
	servers map[string]*testnet.Server
}

// newBench builds a network with a web server on web1 and on web2.
func newBench(t *testing.T, name string, plan testnet.Plan) *bench {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	network, err := testnet.BuildWithPrefix(name, plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	b := &bench{t, tool, network, make(map[string]*testnet.Server)}
	for _, host := range plan {
		if strings.HasPrefix(host.Name, "web") {
			b.serve(host.Name, ":80", ":8080")
		}
	}
	return b
}

func (b *bench) serve(host string, ports ...string) {
	b.t.Helper()
	server, err := b.network.Host(host).Serve(host, ports...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.servers[host] = server
	b.t.Cleanup(func() { server.Close() })
}

// classicPlan is the network of a classic set-up.
func classicPlan(name string) testnet.Plan {
	for _, s := range scenarios.All() {
		if s.Name == name {
			return s.Plan
		}
	}
	panic("no set-up " + name)
}

// run runs lines of the form HOST: COMMAND.
func (b *bench) run(lines ...string) {
	b.t.Helper()
	for _, line := range lines {
		host, command, _ := strings.Cut(line, ": ")
		b.shell(b.network.Host(host), command)
	}
}

func (b *bench) shell(n *testnet.Netns, command string) {
	b.t.Helper()
	result, err := b.tool.Shell(n, command)
	if err != nil || result.Status != 0 {
		b.t.Fatalf("%s# %s: %v, %+v", n.Name, command, err, result)
	}
}

// traffic connects to addresses again and again until the test ends, and reads
// a page where it gets through.
func (b *bench) traffic(addresses ...string) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			for _, address := range addresses {
				go func() {
					ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
					defer cancel()
					conn, err := b.network.Host("client").Dial(ctx, "tcp", netip.Addr{}, address)
					if err == nil {
						conn.SetDeadline(time.Now().Add(3 * time.Second))
						fmt.Fprintf(conn, "GET / HTTP/1.0\r\n\r\n")
						io.Copy(io.Discard, conn)
						conn.Close()
					}
				}()
			}
			select {
			case <-ctx.Done():
			case <-time.After(150 * time.Millisecond):
			}
		}
	}()
	b.t.Cleanup(func() {
		cancel()
		<-done
	})
	time.Sleep(time.Second) // so that there is something to be seen
}

// A diagnosis is what --doctor -j prints.
type diagnosis struct {
	NotLookedAt []struct{ What, Reason string } `json:"not_looked_at"`
	Probes      []struct {
		Address netip.Addr
		Outcome string
	}
	Findings []finding
	text     string
	status   int
}

type finding struct {
	ID, Severity string
	Service      *struct {
		Protocol string
		Address  netip.Addr
		Port     uint16
		Mark     uint32
	}
	Server *struct {
		Address netip.Addr
		Port    uint16
	}
	Seen string
	Do   []struct{ On, Command string }
}

// String is the identifier, the service and the server, as the tests want to
// have them.
func (f *finding) String() string {
	text := f.ID
	if s := f.Service; s != nil {
		if s.Mark != 0 {
			text += fmt.Sprintf(" %d", s.Mark)
		} else {
			text += " " + netip.AddrPortFrom(s.Address, s.Port).String()
		}
	}
	if s := f.Server; s != nil {
		text += " " + netip.AddrPortFrom(s.Address, s.Port).String()
	}
	return text
}

// examine calls the doctor for a host.
func (b *bench) examine(host string, args ...string) *diagnosis {
	b.t.Helper()
	return examine(b.t, b.tool, b.network.Host(host), args...)
}

func examine(t *testing.T, tool *testnet.Tool, n *testnet.Netns, args ...string) *diagnosis {
	t.Helper()
	home, err := testnet.Home()
	if err != nil {
		t.Fatal(err)
	}
	result, err := tool.Shell(home, "ipvsadm --doctor -n -j -N "+n.Name+" "+strings.Join(args, " "))
	if err != nil {
		t.Fatal(err)
	}
	if result.Stderr != "" {
		t.Errorf("--doctor complains: %s", result.Stderr)
	}
	d := &diagnosis{text: result.Stdout, status: result.Status}
	jsonouttest.Decode(t, []byte(result.Stdout), d)
	if len(d.NotLookedAt) > 0 {
		t.Errorf("not looked at: %v", d.NotLookedAt)
	}
	return d
}

// finds compares what was found with what is wanted.
func (d *diagnosis) finds(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for i := range d.Findings {
		got = append(got, d.Findings[i].String())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("found %q, want %q:\n%s", got, want, d.text)
	}
}

// healthy has no findings.
func (d *diagnosis) healthy(t *testing.T) {
	t.Helper()
	d.finds(t)
	if d.status != 0 {
		t.Errorf("exit status %d without findings", d.status)
	}
}

//go:build kernel

// What is well: a doctor who finds something wrong with it is not asked again.

package doctor_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvsadm/scripts/testnet"
	"goipvsadm/scripts/testnet/scenarios"
)

// Nothing is found in any of the classic set-ups after their traffic, with or
// without asking the network.
func TestClassicSetupsAreHealthy(t *testing.T) {
	for _, setup := range scenarios.All() {
		t.Run(setup.Name, func(t *testing.T) {
			t.Parallel()
			tool, err := testnet.NewTool() // some keep files where it works
			if err != nil {
				t.Fatal(err)
			}
			defer tool.Close()
			examined := 0
			err = setup.RunWithCheck(t.Output(), tool, func(director *testnet.Netns) error {
				examined++
				d := examine(t, tool, director, "--probe")
				d.healthy(t)
				if t.Failed() {
					return fmt.Errorf("found %s", d.text)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if examined == 0 {
				t.Error("nothing was examined")
			}
		})
	}
}

// A table that keepalived built is well; that keepalived is at work is a hint.
func TestKeepalived(t *testing.T) {
	b := newBench(t, "", drPlan)
	dir := t.TempDir()
	config := filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(config, []byte(`
virtual_server 172.16.100.10 80 {
    delay_loop 1
    lb_algo wrr
    lb_kind DR
    protocol TCP
    real_server 172.16.100.21 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 172.16.100.22 80 {
        weight 2
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("keepalived")
	if err != nil {
		program = "/usr/sbin/keepalived"
	}
	cmd := exec.Command(program, "--dont-fork", "--log-console", "--check", "--use-file", config,
		"--pid", filepath.Join(dir, "pid"), "--checkers_pid", filepath.Join(dir, "checkers.pid"))
	output := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = output, output
	if err := b.network.Host("director").Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			t.Log(output)
		}
	})
	b.shell(b.network.Host("director"), "for i in $(seq 100); do [ $(ipvsadm -S -n | grep -c -- '^-a') = 2 ] && exit; sleep .1; done; exit 1")
	b.traffic(drTraffic...)
	d := b.examine("director")
	d.finds(t, "other-program")
	if d.status != 0 {
		t.Errorf("exit status %d with a hint alone", d.status)
	}
	if t.Failed() {
		return
	}
	// As the hint says, for those who want to drive the table by hand.
	home, err := testnet.Home()
	if err != nil {
		t.Fatal(err)
	}
	b.shell(home, d.Findings[0].Do[1].Command)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("keepalived goes on")
	}
	// It takes its table with it.
	b.shell(b.network.Host("director"), "ipvsadm -R <<-END\n"+drRules+"\nEND\n")
	b.examine("director").healthy(t)
}

// A director that waits to take over has no virtual address yet, and its
// programs see to it that it gets it.
func TestStandby(t *testing.T) {
	b := newBench(t, "", drPlan)
	b.run("director: ip address del 172.16.100.10/32 dev eth0", "director: ipvsadm --start-daemon backup --mcast-interface eth0")
	b.shell(b.network.Host("director"), "ipvsadm -R <<-END\n"+drRules+"\nEND\n")
	b.examine("director").healthy(t)
}

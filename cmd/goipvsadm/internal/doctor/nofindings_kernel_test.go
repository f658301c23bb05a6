// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/scripts/testnet"
	"goipvsadm/scripts/testnet/scenarios"
)

// TestScenariosHealthy expects no findings in any scenario after its traffic.
func TestScenariosHealthy(t *testing.T) {
	for _, scenario := range scenarios.All() {
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			tool, err := testnet.NewTool() // not shared: some scenarios write files to its directory
			if err != nil {
				t.Fatal(err)
			}
			defer tool.Close()
			examined := 0
			err = scenario.RunWithCheck(t.Output(), tool, func(director *testnet.Netns) error {
				examined++
				d := examine(t, tool, director, "--probe")
				d.expectHealthy(t)
				if t.Failed() {
					return errors.New(d.text)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if examined == 0 {
				t.Error("no director was examined")
			}
		})
	}
}

const keepalivedConf = `
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
`

// TestKeepalived expects only a hint for a table that keepalived manages, and
// runs its remedy, which reloads the configuration.
func TestKeepalived(t *testing.T) {
	tb := newTestbed(t, "", drPlan)
	director := tb.network.Host("director")
	config, exited := startKeepalived(t, director)
	tb.shell(director, "for i in $(seq $((300 * ${GOIPVSADM_PATIENCE:-1}))); do [ $(ipvsadm -S -n | grep -c -- '^-a') = 2 ] && exit; sleep .1; done; exit 1")
	tb.startTraffic(drTraffic...)
	d := tb.examine("director")
	d.expect(t, "other-program")
	if d.status != 0 {
		t.Errorf("exit status %d with only a hint, want 0", d.status)
	}
	if t.Failed() {
		return
	}
	remedy := d.Findings[0].Do[0]
	if want := "the director, after changing " + config; remedy.On != want {
		t.Errorf("remedy on %q, want %q", remedy.On, want)
	}
	tb.shell(home(t), remedy.Command)
	tb.examine("director").expect(t, "other-program")
	select {
	case <-exited:
		t.Error("keepalived has exited")
	default:
	}
}

// startKeepalived starts keepalived on a host and stops it when the test ends.
// It returns the path of the configuration file, and a channel that is closed when
// keepalived exits.
func startKeepalived(t *testing.T, host *testnet.Netns) (config string, exited <-chan struct{}) {
	t.Helper()
	dir := t.TempDir()
	config = filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(config, []byte(keepalivedConf), 0o600); err != nil {
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
	if err := host.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-done
		if t.Failed() {
			t.Log(output)
		}
	})
	return config, done
}

// TestBackupDirector expects no findings on a backup director, which has no VIP
// until it takes over.
func TestBackupDirector(t *testing.T) {
	tb := newTestbed(t, "", drPlan)
	tb.run("director: ip address del 172.16.100.10/32 dev eth0", "director: ipvsadm --start-daemon backup --mcast-interface eth0")
	tb.restore(drRules)
	tb.examine("director").expectHealthy(t)
}

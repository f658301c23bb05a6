//go:build kernel

// What cannot be looked at is said, and the rest is done.

package doctor_test

import (
	"os"
	"strings"
	"testing"

	"goipvsadm/scripts/testnet"
)

// report calls the doctor in a way of its own, and compares the exit status
// and what could not be looked at.
func (b *bench) report(line string, status int, missing, finding string) {
	b.t.Helper()
	result, err := b.tool.Shell(b.network.Host("director"), line)
	if err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(result.Stdout) {
		if strings.HasPrefix(line, "Not looked at: ") {
			lines = append(lines, line)
		}
	}
	if result.Status != status || strings.Join(lines, "") != missing || !strings.Contains(result.Stdout, finding) ||
		!strings.HasPrefix(result.Stdout, "Looked at ") {
		b.t.Errorf("%s: %+v; want status %d, %q and %q", line, result, status, missing, finding)
	}
}

func TestWithoutSomething(t *testing.T) {
	b := newBench(t, "", drPlan)
	b.shell(b.network.Host("director"), "ipvsadm -R <<-END\n"+drRules+"\nEND\n")
	const noTable = "Not looked at: the table: Permission denied (you must be root)\n"
	// Privilege: the table is not told, and with it there is nothing to look at.
	b.report("setpriv --reuid 65534 --clear-groups ipvsadm --doctor -n", 2, noTable, "Nothing found\n")
	b.run("director: sysctl -w net.ipv4.vs.drop_packet=3")
	b.report("setpriv --reuid 65534 --clear-groups ipvsadm --doctor -n", 1, noTable, "[drop-packet]\n")
	b.run("director: sysctl -w net.ipv4.vs.drop_packet=0")

	// Kernel variables.
	const noVariables = "Not looked at: the kernel variable net.ipv4.ip_forward and 10 more: no such file or directory\n"
	without := "unshare -m sh -c 'mount -t tmpfs none /proc/sys && ipvsadm --doctor -n'"
	b.report(without, 2, noVariables, "Nothing found\n")
	b.run("director: ip address del 172.16.100.10/32 dev eth0")
	b.report(without, 1, noVariables, "[vip-not-local]\n")

	// The privilege to ask the network.
	b.report("setpriv --bounding-set -net_raw --inh-caps -net_raw ipvsadm --doctor -n --probe -t 172.16.100.10:80", 1,
		"", "[vip-not-local]\n")
	b.run("director: ip address add 172.16.100.10/32 dev eth0")
	b.report("setpriv --bounding-set -net_raw --inh-caps -net_raw ipvsadm --doctor -n --probe -t 172.16.100.10:80", 2,
		"Not looked at: the network: ARP on eth0: operation not permitted\n", "Asked 2 servers: 2 answered")
}

// Without IPVS.
func TestWithoutIPVS(t *testing.T) {
	const loader = "/proc/sys/kernel/modprobe"
	before, err := os.ReadFile(loader)
	if err != nil {
		t.Fatal(err)
	}
	unload(t)
	t.Cleanup(func() {
		os.WriteFile(loader, before, 0)
		load(t)
	})
	if err := os.WriteFile(loader, []byte("/bin/false"), 0); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t}
	if b.tool, err = testnet.NewTool(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.tool.Close() })
	if b.network, err = testnet.Build(drPlan); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.network.Close() })
	b.report("unshare -m sh -c 'mount -t tmpfs none /run/modules && ipvsadm --doctor -n'", 2,
		"Not looked at: the table: Protocol not available\n", "Looked at 0 services with 0 servers, 0 connections, ")
}

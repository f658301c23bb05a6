// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/testnet"
)

// TestNoCarrier takes the carrier from the interface of a VIP, which no command
// on the director can restore.
func TestNoCarrier(t *testing.T) {
	tb := newTestbed(t, "", twoLinksPlan)
	tb.run("director: ipvsadm -A -t 10.7.0.1:80 && ipvsadm -a -t 10.7.0.1:80 -r 172.16.100.21:80 -g")
	tb.shell(tb.network.Switches(), "ip link set cable2 down")
	tb.examine("director").expect(t, "vip-link-down 10.7.0.1:80")
	tb.shell(tb.network.Switches(), "ip link set cable2 up")
	time.Sleep(time.Second)
	tb.examine("director").expectHealthy(t)
}

// TestConnTableSmall reloads the module with few hash buckets. The remedy writes
// to a tmpfs on /etc/modprobe.d.
func TestConnTableSmall(t *testing.T) {
	if err := unix.Mount("tmpfs", "/etc/modprobe.d", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Unmount("/etc/modprobe.d", unix.MNT_DETACH)
		reload(t)
	})
	reload(t, "conn_tab_bits=8")
	d := examineCrowdedTable(t)
	if buckets := connTableSize(t); crowdedConns <= 32*buckets {
		t.Logf("the kernel has resized the table to %d buckets", buckets)
		d.expectHealthy(t)
		return
	}
	d.expect(t, "conn-table-small")
	if t.Failed() {
		return
	}
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	if r, err := tool.Shell(home(t), d.Findings[0].Do[0].Command); err != nil || r.Status != 0 {
		t.Fatalf("result %+v, error %v", r, err)
	}
	reload(t)
	examineCrowdedTable(t).expectHealthy(t)
}

// crowdedConns is more than 32 connections for each of 256 buckets.
const crowdedConns = 8300

// examineCrowdedTable examines a director with crowdedConns connections.
func examineCrowdedTable(t *testing.T) *diagnosis {
	t.Helper()
	tb := newTestbed(t, "", drPlan)
	tb.run("director: ipvsadm -A -u 172.16.100.10:53 -s rr && ipvsadm -a -u 172.16.100.10:53 -r 172.16.100.21 -g")
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("172.16.100.10:53"))
	err := tb.network.Host("client").Do(func() error {
		for i := range crowdedConns {
			conn, err := net.DialUDP("udp", &net.UDPAddr{Port: 2000 + i}, to)
			if err != nil {
				return err
			}
			conn.Write([]byte("?"))
			conn.Close()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	d := tb.examine("director")
	tb.run("director: ipvsadm -C")
	tb.network.Close()
	return d
}

// connTableSize returns the number of buckets of the connection table.
func connTableSize(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/net/ip_vs")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "(size=")
	text, _, _ = strings.Cut(text, ")")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reload reloads the IPVS module with parameters.
func reload(t *testing.T, parameters ...string) {
	t.Helper()
	unload(t)
	if out, err := exec.Command("modprobe", append([]string{"ip_vs"}, parameters...)...).CombinedOutput(); err != nil {
		t.Fatalf("load ip_vs: %v: %s", err, out)
	}
}

// unload removes the IPVS modules. It retries, because network namespaces and
// their tables are freed asynchronously.
func unload(t *testing.T) {
	t.Helper()
	err := testnet.Eventually(func() error {
		out, err := exec.Command("sh", "-c", "for m in $(lsmod | sed -n 's/^\\(ip_vs_[a-z]*\\) .*/\\1/p'); do modprobe -r $m; done; modprobe -r ip_vs").CombinedOutput()
		if err != nil {
			return fmt.Errorf("unload ip_vs: %w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestConntrackFull lowers nf_conntrack_max, which applies to the whole kernel.
func TestConntrackFull(t *testing.T) {
	if !testnet.HasIPTables() {
		t.Log("missing: iptables, which enables connection tracking")
		return
	}
	tb := newTestbed(t, "", drPlan)
	tb.restore(drRules)
	tb.serve("director", ":8081")
	tb.run("director: iptables-legacy -A INPUT -m state --state ESTABLISHED -j ACCEPT")
	tb.keepOpen("http://172.16.100.2:8081/", 10)
	const limit = "/proc/sys/net/netfilter/nf_conntrack_max"
	before, err := os.ReadFile(limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile(limit, before, 0) })
	if err := os.WriteFile(limit, []byte("11"), 0); err != nil {
		t.Fatal(err)
	}
	d := tb.examine("director")
	d.expect(t, "conntrack-full")
	if t.Failed() {
		return
	}
	tb.shell(home(t), d.Findings[0].Do[0].Command)
	tb.examine("director").expectHealthy(t)
}

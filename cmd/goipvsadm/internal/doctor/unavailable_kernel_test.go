// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"os"
	"strings"
	"testing"
)

// expectReport runs a shell command on the director, which must print a report.
// It compares the exit status and the "Not examined" lines, and expects the
// report to contain a text. If there are such lines, the verdict must not be
// that there are no problems.
func (tb *testbed) expectReport(command string, status int, notExamined, text string) {
	tb.t.Helper()
	result, err := tb.tool.Shell(tb.network.Host("director"), command)
	if err != nil {
		tb.t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(result.Stdout) {
		if strings.HasPrefix(line, "Not examined: ") {
			lines = append(lines, line)
		}
	}
	if result.Status != status || strings.Join(lines, "") != notExamined || !strings.Contains(result.Stdout, text) ||
		!strings.Contains(result.Stdout, "\nExamined ") || notExamined != "" && strings.Contains(result.Stdout, "no problems found") {
		tb.t.Errorf("%s: got %+v; want status %d, %q and %q", command, result, status, notExamined, text)
	}
}

func TestReportUnavailable(t *testing.T) {
	tb := newTestbed(t, "", drPlan)
	tb.restore(drRules)

	const noTable = "Not examined: the table: Permission denied (you must be root)\n"
	const unprivileged = "setpriv --reuid 65534 --clear-groups ipvsadm --doctor -n"
	tb.expectReport(unprivileged, 2, noTable, "not everything could be examined\n")
	tb.run("director: sysctl -w net.ipv4.vs.drop_packet=3")
	tb.expectReport(unprivileged, 1, noTable, "[drop-packet]\n")
	tb.run("director: sysctl -w net.ipv4.vs.drop_packet=0")

	// Root of a user namespace is not root for IPVS.
	tb.expectReport("unshare -Ur ipvsadm --doctor -n", 2,
		"Not examined: the table: Permission denied: this is a user namespace, and IPVS requires root of the initial one\n", "not everything could be examined\n")

	// No sysctls.
	const noSysctls = "Not examined: sysctl net.ipv4.ip_forward and 11 more: no such file or directory\n"
	const withoutSysctls = "unshare -m sh -c 'mount -t tmpfs none /proc/sys && ipvsadm --doctor -n'"
	tb.expectReport(withoutSysctls, 2, noSysctls, "not everything could be examined\n")
	tb.run("director: ip address del 172.16.100.10/32 dev eth0")
	tb.expectReport(withoutSysctls, 2, noSysctls, "[vip-not-local]\n")

	// ARP probes require CAP_NET_RAW; TCP probes do not.
	const withoutNetRaw = "setpriv --bounding-set -net_raw --inh-caps -net_raw ipvsadm --doctor -n --probe"
	const noCapture = "Not examined: arriving packets: open packet socket: operation not permitted\n"
	const noARP = "Not examined: network probes: ARP on eth0: operation not permitted; open packet socket: operation not permitted\n"
	tb.expectReport(withoutNetRaw+" -t 172.16.100.10:80", 2, noCapture+noARP, "[vip-not-local]\n")
	tb.run("director: ip address add 172.16.100.10/32 dev eth0")
	tb.expectReport(withoutNetRaw+" -t 172.16.100.10:80", 2, noCapture+noARP, "Probed 2 servers: 2 replied")
}

func TestReportWithoutIPVS(t *testing.T) {
	const modprobePath = "/proc/sys/kernel/modprobe"
	before, err := os.ReadFile(modprobePath)
	if err != nil {
		t.Fatal(err)
	}
	unload(t)
	t.Cleanup(func() {
		os.WriteFile(modprobePath, before, 0)
		reload(t)
	})
	if err := os.WriteFile(modprobePath, []byte("/bin/false"), 0); err != nil {
		t.Fatal(err)
	}
	tb := newTestbed(t, "", drPlan)
	tb.expectReport("unshare -m sh -c 'mount -t tmpfs none /run/modules && ipvsadm --doctor -n'", 2,
		"Not examined: the table: IPVS is not loaded: run modprobe ip_vs\n", "Examined 0 services with 0 servers, 0 connections, ")
	if _, err := os.Stat("/sys/module/ip_vs"); err == nil {
		t.Error("the doctor has loaded ip_vs")
	}
}

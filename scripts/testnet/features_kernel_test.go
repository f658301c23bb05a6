// SPDX-License-Identifier: MIT

//go:build kernel

package testnet

import (
	"os/exec"
	"testing"
)

// features are kernel features that some of the tested kernels lack, with shell commands that
// succeed if the feature is present. scripts/kernel-tests lists every "missing:" line in its
// summary. A test that depends on a missing feature works around it or is skipped with the reason.
var features = []struct{ name, probe string }{
	{"iptables (tests mark packets with tc instead)", "modprobe iptable_mangle"},
	{"scheduler rr", "modprobe ip_vs_rr"},
	{"scheduler wrr", "modprobe ip_vs_wrr"},
	{"scheduler lc", "modprobe ip_vs_lc"},
	{"scheduler wlc", "modprobe ip_vs_wlc"},
	{"scheduler fo", "modprobe ip_vs_fo"},
	{"scheduler ovf", "modprobe ip_vs_ovf"},
	{"scheduler lblc", "modprobe ip_vs_lblc"},
	{"scheduler lblcr", "modprobe ip_vs_lblcr"},
	{"scheduler dh", "modprobe ip_vs_dh"},
	{"scheduler sh", "modprobe ip_vs_sh"},
	{"scheduler sed", "modprobe ip_vs_sed"},
	{"scheduler nq", "modprobe ip_vs_nq"},
	{"scheduler twos", "modprobe ip_vs_twos"},
	{"scheduler mh", "modprobe ip_vs_mh"},
	{"persistence engine sip", "modprobe ip_vs_pe_sip"},
	{"FTP helper", "modprobe ip_vs_ftp"},
	{"SCTP", "modprobe sctp"},
	{"IP-in-IP tunnels", "modprobe ipip"},
	{"GUE tunnels", "modprobe fou"},
	{"GRE tunnels", "modprobe ip_gre"},
	{"estimator switch (sysctl run_estimation)", "test -e /proc/sys/net/ipv4/vs/run_estimation"},
	{"connection limit (sysctl conn_max)", "test -e /proc/sys/net/ipv4/vs/conn_max"},
	{"estimator CPU list (sysctl est_cpulist)", "test -e /proc/sys/net/ipv4/vs/est_cpulist"},
	{"hash table report (/proc/net/ip_vs_status)", "test -e /proc/net/ip_vs_status"},
}

func TestKernelFeatures(t *testing.T) {
	present := 0
	for _, f := range features {
		if exec.Command("sh", "-c", f.probe).Run() == nil {
			present++
		} else {
			t.Logf("missing: %s", f.name)
		}
	}
	// All tested kernels have most of the features. If fewer are found, the probes are broken.
	if present < len(features)/2 {
		t.Errorf("only %d of %d features found", present, len(features))
	}
}

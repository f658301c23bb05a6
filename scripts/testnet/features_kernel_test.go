//go:build kernel

package testnet

import (
	"os/exec"
	"testing"
)

// What some kernels have not. The outcome of the kernel tests lists what is logged here as
// "not there"; a test that needs it does without, or says why it cannot run.
var features = []struct{ name, probe string }{
	{"iptables (packets are marked by tc)", "modprobe iptable_mangle"},
	{"the scheduler rr", "modprobe ip_vs_rr"},
	{"the scheduler wrr", "modprobe ip_vs_wrr"},
	{"the scheduler lc", "modprobe ip_vs_lc"},
	{"the scheduler wlc", "modprobe ip_vs_wlc"},
	{"the scheduler fo", "modprobe ip_vs_fo"},
	{"the scheduler ovf", "modprobe ip_vs_ovf"},
	{"the scheduler lblc", "modprobe ip_vs_lblc"},
	{"the scheduler lblcr", "modprobe ip_vs_lblcr"},
	{"the scheduler dh", "modprobe ip_vs_dh"},
	{"the scheduler sh", "modprobe ip_vs_sh"},
	{"the scheduler sed", "modprobe ip_vs_sed"},
	{"the scheduler nq", "modprobe ip_vs_nq"},
	{"the scheduler twos", "modprobe ip_vs_twos"},
	{"the scheduler mh", "modprobe ip_vs_mh"},
	{"the persistence engine sip", "modprobe ip_vs_pe_sip"},
	{"the FTP helper", "modprobe ip_vs_ftp"},
	{"SCTP", "modprobe sctp"},
	{"IP-in-IP tunnels", "modprobe ipip"},
	{"GUE tunnels", "modprobe fou"},
	{"GRE tunnels", "modprobe ip_gre"},
	{"a limit on connections (conn_max)", "test -e /proc/sys/net/ipv4/vs/conn_max"},
	{"a choice of the estimators' processors (est_cpulist)", "test -e /proc/sys/net/ipv4/vs/est_cpulist"},
	{"the report on the hash tables (/proc/net/ip_vs_status)", "test -e /proc/net/ip_vs_status"},
}

func TestKernelFeatures(t *testing.T) {
	there := 0
	for _, part := range features {
		if exec.Command("sh", "-c", part.probe).Run() == nil {
			there++
		} else {
			t.Logf("not there: %s", part.name)
		}
	}
	// A kernel with none of them would mean that the probes are wrong.
	if there < len(features)/2 {
		t.Errorf("only %d of %d parts are there", there, len(features))
	}
}

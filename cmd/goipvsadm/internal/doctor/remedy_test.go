package doctor

import "testing"

func TestRemedyNetNS(t *testing.T) {
	f := healthyFacts()
	s, d := f.firstServer()
	for _, tt := range []struct{ netns, want string }{
		{netns: "", want: "ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
		{netns: "lb", want: "ip netns exec lb ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
		{netns: "/proc/7/ns/net", want: "nsenter --net=/proc/7/ns/net ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
	} {
		f.Program, f.NetNS = "ipvsadm", tt.netns
		if got := f.drain(s, d).Command; got != tt.want {
			t.Errorf("network namespace %q: got %q, want %q", tt.netns, got, tt.want)
		}
	}
}

func TestSysctlCommand(t *testing.T) {
	const want = "sysctl -w net.ipv4.conf.eth0/100.rp_filter=1"
	if got := sysctlCommand(1, "net/ipv4/conf/eth0.100/rp_filter"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

package ruleset

import (
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func address(p ipvs.Protocol, ap string) ipvs.ServiceKey {
	return ipvs.AddrKey(p, addrPort(ap))
}

func TestServices(t *testing.T) {
	const full = 0xffffffff
	for _, test := range []struct {
		service ipvs.Service
		want    string
	}{
		{
			ipvs.Service{ServiceKey: address(ipvs.TCP, "10.0.0.1:80"), Scheduler: "wlc", Netmask: full, Flags: ipvs.Hashed},
			"-A -t 10.0.0.1:80 -s wlc\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.UDP, "10.0.0.1:53"), Scheduler: "rr", Netmask: full, Flags: ipvs.OnePacket},
			"-A -u 10.0.0.1:53 -s rr -o\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.SCTP, "[fd00::1]:7"), Scheduler: "rr", Netmask: 128},
			"-A --sctp-service [fd00::1]:7 -s rr\n",
		}, {
			ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4), Scheduler: "rr", Netmask: full},
			"-A -f 7 -s rr\n",
		}, {
			ipvs.Service{ServiceKey: ipvs.MarkKey(4294967295, ipvs.IPv6), Scheduler: "rr", Netmask: 128},
			"-A -f 4294967295 -6 -s rr\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.TCP, "10.0.0.1:0"), Scheduler: "rr", Netmask: full, Flags: ipvs.Persistent, Timeout: 360},
			"-A -t 10.0.0.1:0 -s rr -p 360\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.TCP, "10.0.0.1:0"), Scheduler: "rr", Netmask: 0xffffff00, Flags: ipvs.Persistent, Timeout: 360},
			"-A -t 10.0.0.1:0 -s rr -p 360 -M 255.255.255.0\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.TCP, "10.0.0.1:80"), Scheduler: "rr", Netmask: 0xffffff00},
			"-A -t 10.0.0.1:80 -s rr\n", // a mask means nothing without persistence
		}, {
			ipvs.Service{ServiceKey: address(ipvs.TCP, "[fd00::1]:0"), Scheduler: "rr", Netmask: 64, Flags: ipvs.Persistent, Timeout: 1},
			"-A -t [fd00::1]:0 -s rr -p 1 -M 64\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.UDP, "10.0.0.1:5060"), Scheduler: "sh", Netmask: 0xff000000, Engine: "sip", Timeout: 5,
				Flags: ipvs.Persistent | ipvs.OnePacket | ipvs.Sched1 | ipvs.Sched2},
			"-A -u 10.0.0.1:5060 -s sh -p 5 -M 255.0.0.0 --pe sip -o -b sh-fallback,sh-port\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.UDP, "10.0.0.1:5060"), Scheduler: "rr", Netmask: full, Engine: "sip"},
			"-A -u 10.0.0.1:5060 -s rr --pe sip\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.TCP, "10.0.0.1:80"), Scheduler: "mh", Netmask: full, Flags: ipvs.Sched1 | ipvs.Sched3},
			"-A -t 10.0.0.1:80 -s mh -b mh-fallback,flag-3\n",
		}, {
			ipvs.Service{ServiceKey: address(ipvs.TCP, "10.0.0.1:80"), Scheduler: "rr", Netmask: full, Flags: ipvs.SchedFlags},
			"-A -t 10.0.0.1:80 -s rr -b flag-1,flag-2,flag-3\n",
		},
	} {
		if got := string(AppendService(nil, &test.service, resolve.Numeric{})); got != test.want {
			t.Errorf("got  %qwant %q", got, test.want)
		}
	}
}

func TestDestinations(t *testing.T) {
	service := ipvs.Service{ServiceKey: address(ipvs.UDP, "10.0.0.1:53")}
	mark := ipvs.Service{ServiceKey: ipvs.MarkKey(5, ipvs.IPv6)}
	sctp := ipvs.Service{ServiceKey: address(ipvs.SCTP, "[fd00::1]:7")}
	gue := func(port uint16, f ipvs.TunnelFlags) ipvs.Destination {
		return ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: port, Flags: f}}
	}
	gre := func(f ipvs.TunnelFlags) ipvs.Destination {
		return ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GRE, Flags: f}}
	}
	for _, test := range []struct {
		service     *ipvs.Service
		destination ipvs.Destination
		want        string
	}{
		{&service, ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Masquerading, Weight: 1},
			"-a -u 10.0.0.1:53 -r 10.1.1.1:53 -m -w 1\n"},
		{&service, ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.DirectRouting, Weight: 0},
			"-a -u 10.0.0.1:53 -r 10.1.1.1:53 -g -w 0\n"},
		{&service, ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Local, Weight: 2147483647},
			"-a -u 10.0.0.1:53 -r 10.1.1.1:53 -g -w 2147483647\n"},
		{&service, ipvs.Destination{AddrPort: addrPort("[fd00::2]:53"), Method: ipvs.Tunneling, Weight: 1},
			"-a -u 10.0.0.1:53 -r [fd00::2]:53 -i -w 1 --tun-type ipip\n"},
		{&mark, ipvs.Destination{AddrPort: addrPort("[fd00::2]:0"), Method: ipvs.Masquerading, Weight: 1},
			"-a -f 5 -6 -r [fd00::2]:0 -m -w 1\n"},
		{&sctp, ipvs.Destination{AddrPort: addrPort("[fd00::2]:0"), Method: ipvs.Masquerading, Weight: 1},
			"-a --sctp-service [fd00::1]:7 -r [fd00::2]:0 -m -w 1\n"},
		{&service, gue(6080, 0), "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n"},
		{&service, gue(1, ipvs.TunnelChecksum), "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gue --tun-port 1 --tun-csum\n"},
		{&service, gue(1, ipvs.TunnelRemoteChecksum), "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gue --tun-port 1 --tun-remcsum\n"},
		{&service, gre(0), "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gre --tun-nocsum\n"},
		{&service, gre(ipvs.TunnelChecksum), "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gre --tun-csum\n"},
		// Unlike ipvsadm, which drops them, thresholds are saved.
		{&service, ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Tunneling, Weight: 1, UpperThreshold: 20, LowerThreshold: 10},
			"-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 -x 20 -y 10 --tun-type ipip\n"},
		{&service, ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Masquerading, Weight: 1, UpperThreshold: 2147483647},
			"-a -u 10.0.0.1:53 -r 10.1.1.1:53 -m -w 1 -x 2147483647\n"},
	} {
		if got := string(AppendDestination(nil, test.service, &test.destination, resolve.Numeric{})); got != test.want {
			t.Errorf("got  %qwant %q", got, test.want)
		}
	}
}

// protocols is a Namer that shows by which protocol it was asked.
type protocols struct{}

func (protocols) Append(b []byte, _ netip.AddrPort, p ipvs.Protocol) []byte {
	return append(b, "name/"+p.String()...)
}

func TestPortsAreNamedByTheServicesProtocol(t *testing.T) {
	service := ipvs.Service{ServiceKey: address(ipvs.UDP, "10.0.0.1:53")}
	mark := ipvs.Service{ServiceKey: ipvs.MarkKey(5, ipvs.IPv4)}
	d := ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Weight: 1}
	for _, test := range []struct {
		service *ipvs.Service
		want    string
	}{
		{&service, "-a -u name/UDP -r name/UDP -m -w 1\n"},
		{&mark, "-a -f 5 -r name/Protocol(0) -m -w 1\n"},
	} {
		if got := string(AppendDestination(nil, test.service, &d, protocols{})); got != test.want {
			t.Errorf("got  %qwant %q", got, test.want)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct{ name, got, want string }{
		{
			"time-outs",
			string(AppendTimeouts(nil, &ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300})),
			"--set 900 120 300\n",
		}, {
			"daemon",
			string(AppendDaemon(nil, &ipvs.Daemon{State: ipvs.Master, Interface: "lo", SyncID: 3, MaxLen: 1472, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1})),
			"--start-daemon master --mcast-interface lo --syncid 3 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n",
		}, {
			"daemon with an IPv6 group",
			string(AppendDaemon(nil, &ipvs.Daemon{State: ipvs.Backup, Interface: "eth0", Group: netip.MustParseAddr("ff02::5")})),
			"--start-daemon backup --mcast-interface eth0 --syncid 0 --mcast-group ff02::5\n",
		}, {
			"daemon of an old kernel",
			string(AppendDaemon(nil, &ipvs.Daemon{State: ipvs.Backup, Interface: "eth0", SyncID: 9})),
			"--start-daemon backup --mcast-interface eth0 --syncid 9\n",
		},
	} {
		if test.got != test.want {
			t.Errorf("%s:\ngot  %q\nwant %q", test.name, test.got, test.want)
		}
	}
}

func TestLinesAllocateNothing(t *testing.T) {
	s := &ipvs.Service{ServiceKey: address(ipvs.TCP, "1.2.3.4:80"), Scheduler: "rr", Netmask: 0xffffff00, Flags: ipvs.Persistent}
	d := &ipvs.Destination{AddrPort: addrPort("[fd00::1]:80"), Method: ipvs.Tunneling}
	b := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { AppendDestination(AppendService(b, s, resolve.Numeric{}), s, d, resolve.Numeric{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Names of interfaces that a reader of rules, or a terminal, would take for
// something else.
func TestInterfaces(t *testing.T) {
	for name, want := range map[string]string{
		"eth1":      " --mcast-interface eth1 ",
		"#c":        " --mcast-interface=#c ",
		"ipvsadm":   " --mcast-interface=ipvsadm ",
		"ipvsadm0":  " --mcast-interface ipvsadm0 ",
		"-m":        " --mcast-interface -m ",
		"e\x1b[31m": ` --mcast-interface $'e\x1b[31m' `,
	} {
		line := string(AppendDaemon(nil, &ipvs.Daemon{State: ipvs.Master, Interface: name}))
		if !strings.Contains(line, want) {
			t.Errorf("%q is saved as %s", name, line)
		}
		words, _, err := NewReader(strings.NewReader(line)).Next()
		var cmd command.Command
		if err == nil {
			err = command.NewParser("ipvsadm", nil).ParseRule(words, &cmd)
		}
		if err != nil || cmd.Daemon.Interface != name {
			t.Errorf("%s is read as %q, %v", line, cmd.Daemon.Interface, err)
		}
	}
}

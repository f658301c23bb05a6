// SPDX-License-Identifier: MIT

package ruleset

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func serviceKey(p ipvs.Protocol, ap string) ipvs.ServiceKey {
	return ipvs.AddrKey(p, addrPort(ap))
}

func TestAppendService(t *testing.T) {
	const full = 0xffffffff
	for _, tt := range []struct {
		service ipvs.Service
		want    string
	}{
		{
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "10.0.0.1:80"), Scheduler: "wlc", Netmask: full, Flags: ipvs.Hashed},
			want:    "-A -t 10.0.0.1:80 -s wlc\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.UDP, "10.0.0.1:53"), Scheduler: "rr", Netmask: full, Flags: ipvs.OnePacketScheduling},
			want:    "-A -u 10.0.0.1:53 -s rr -o\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.SCTP, "[fd00::1]:7"), Scheduler: "rr", Netmask: 128},
			want:    "-A --sctp-service [fd00::1]:7 -s rr\n",
		}, {
			service: ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4), Scheduler: "rr", Netmask: full},
			want:    "-A -f 7 -s rr\n",
		}, {
			service: ipvs.Service{ServiceKey: ipvs.MarkKey(4294967295, ipvs.IPv6), Scheduler: "rr", Netmask: 128},
			want:    "-A -f 4294967295 -6 -s rr\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "10.0.0.1:0"), Scheduler: "rr", Netmask: full, Flags: ipvs.Persistent, Timeout: 360},
			want:    "-A -t 10.0.0.1:0 -s rr -p 360\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "10.0.0.1:0"), Scheduler: "rr", Netmask: 0xffffff00, Flags: ipvs.Persistent, Timeout: 360},
			want:    "-A -t 10.0.0.1:0 -s rr -p 360 -M 255.255.255.0\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "10.0.0.1:80"), Scheduler: "rr", Netmask: 0xffffff00},
			want:    "-A -t 10.0.0.1:80 -s rr\n", // without persistence, the netmask has no effect
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "[fd00::1]:0"), Scheduler: "rr", Netmask: 64, Flags: ipvs.Persistent, Timeout: 1},
			want:    "-A -t [fd00::1]:0 -s rr -p 1 -M 64\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.UDP, "10.0.0.1:5060"), Scheduler: "sh", Netmask: 0xff000000, PEName: "sip", Timeout: 5,
				Flags: ipvs.Persistent | ipvs.OnePacketScheduling | ipvs.Sched1 | ipvs.Sched2},
			want: "-A -u 10.0.0.1:5060 -s sh -p 5 -M 255.0.0.0 --pe sip -o -b sh-fallback,sh-port\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.UDP, "10.0.0.1:5060"), Scheduler: "rr", Netmask: full, PEName: "sip"},
			want:    "-A -u 10.0.0.1:5060 -s rr --pe sip\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "10.0.0.1:80"), Scheduler: "mh", Netmask: full, Flags: ipvs.Sched1 | ipvs.Sched3},
			want:    "-A -t 10.0.0.1:80 -s mh -b mh-fallback,flag-3\n",
		}, {
			service: ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "10.0.0.1:80"), Scheduler: "rr", Netmask: full, Flags: ipvs.SchedFlags},
			want:    "-A -t 10.0.0.1:80 -s rr -b flag-1,flag-2,flag-3\n",
		},
	} {
		if got := string(AppendService(nil, &tt.service, resolve.Numeric{})); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

// addRule returns the rule that adds d to s.
func addRule(s *ipvs.Service, d *ipvs.Destination, n tablefmt.Namer) string {
	return string(AppendDestination(nil, AppendServiceKey(nil, &s.ServiceKey, n), s.Protocol, d, n))
}

func TestAppendDestination(t *testing.T) {
	service := ipvs.Service{ServiceKey: serviceKey(ipvs.UDP, "10.0.0.1:53")}
	mark := ipvs.Service{ServiceKey: ipvs.MarkKey(5, ipvs.IPv6)}
	sctp := ipvs.Service{ServiceKey: serviceKey(ipvs.SCTP, "[fd00::1]:7")}
	gue := func(port uint16, f ipvs.TunnelFlags) ipvs.Destination {
		return ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: port, Flags: f}}
	}
	gre := func(f ipvs.TunnelFlags) ipvs.Destination {
		return ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GRE, Flags: f}}
	}
	for _, tt := range []struct {
		service     *ipvs.Service
		destination ipvs.Destination
		want        string
	}{
		{service: &service, destination: ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Masquerading, Weight: 1},
			want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -m -w 1\n"},
		{service: &service, destination: ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.DirectRouting, Weight: 0},
			want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -g -w 0\n"},
		{service: &service, destination: ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Local, Weight: 2147483647},
			want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -g -w 2147483647\n"},
		{service: &service, destination: ipvs.Destination{AddrPort: addrPort("[fd00::2]:53"), Method: ipvs.Tunneling, Weight: 1},
			want: "-a -u 10.0.0.1:53 -r [fd00::2]:53 -i -w 1 --tun-type ipip\n"},
		{service: &mark, destination: ipvs.Destination{AddrPort: addrPort("[fd00::2]:0"), Method: ipvs.Masquerading, Weight: 1},
			want: "-a -f 5 -6 -r [fd00::2]:0 -m -w 1\n"},
		{service: &sctp, destination: ipvs.Destination{AddrPort: addrPort("[fd00::2]:0"), Method: ipvs.Masquerading, Weight: 1},
			want: "-a --sctp-service [fd00::1]:7 -r [fd00::2]:0 -m -w 1\n"},
		{service: &service, destination: gue(6080, 0), want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n"},
		{service: &service, destination: gue(1, ipvs.TunnelChecksum), want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gue --tun-port 1 --tun-csum\n"},
		{service: &service, destination: gue(1, ipvs.TunnelRemoteChecksum), want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gue --tun-port 1 --tun-remcsum\n"},
		{service: &service, destination: gre(0), want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gre --tun-nocsum\n"},
		{service: &service, destination: gre(ipvs.TunnelChecksum), want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 --tun-type gre --tun-csum\n"},
		// ipvsadm does not save thresholds.
		{service: &service, destination: ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Tunneling, Weight: 1, UpperThreshold: 20, LowerThreshold: 10},
			want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -i -w 1 -x 20 -y 10 --tun-type ipip\n"},
		{service: &service, destination: ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Method: ipvs.Masquerading, Weight: 1, UpperThreshold: 2147483647},
			want: "-a -u 10.0.0.1:53 -r 10.1.1.1:53 -m -w 1 -x 2147483647\n"},
	} {
		if got := addRule(tt.service, &tt.destination, resolve.Numeric{}); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

// protocolNamer is a Namer that appends the protocol instead of a name.
type protocolNamer struct{}

func (protocolNamer) Append(b []byte, _ netip.AddrPort, p ipvs.Protocol) []byte {
	return append(b, "name/"+p.String()...)
}

func TestAppendDestinationPortNames(t *testing.T) {
	service := ipvs.Service{ServiceKey: serviceKey(ipvs.UDP, "10.0.0.1:53")}
	mark := ipvs.Service{ServiceKey: ipvs.MarkKey(5, ipvs.IPv4)}
	d := ipvs.Destination{AddrPort: addrPort("10.1.1.1:53"), Weight: 1}
	for _, tt := range []struct {
		service *ipvs.Service
		want    string
	}{
		{service: &service, want: "-a -u name/UDP -r name/UDP -m -w 1\n"},
		{service: &mark, want: "-a -f 5 -r name/Protocol(0) -m -w 1\n"},
	} {
		if got := addRule(tt.service, &d, protocolNamer{}); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

func TestAppendSettings(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{
			name: "timeouts",
			got:  string(AppendTimeouts(nil, &ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300})),
			want: "--set 900 120 300\n",
		}, {
			name: "daemon",
			got:  string(AppendDaemon(nil, &ipvs.Daemon{State: ipvs.Master, Interface: "lo", SyncID: 3, MaxLen: 1472, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1})),
			want: "--start-daemon master --mcast-interface lo --syncid 3 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n",
		}, {
			name: "daemon with an IPv6 group",
			got:  string(AppendDaemon(nil, &ipvs.Daemon{State: ipvs.Backup, Interface: "eth0", Group: netip.MustParseAddr("ff02::5")})),
			want: "--start-daemon backup --mcast-interface eth0 --syncid 0 --mcast-group ff02::5\n",
		}, {
			name: "daemon as reported by an old kernel",
			got:  string(AppendDaemon(nil, &ipvs.Daemon{State: ipvs.Backup, Interface: "eth0", SyncID: 9})),
			want: "--start-daemon backup --mcast-interface eth0 --syncid 9\n",
		},
	} {
		if tt.got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestAppendAllocations(t *testing.T) {
	s := &ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "1.2.3.4:80"), Scheduler: "rr", Netmask: 0xffffff00, Flags: ipvs.Persistent}
	d := &ipvs.Destination{AddrPort: addrPort("[fd00::1]:80"), Method: ipvs.Tunneling}
	b := make([]byte, 0, 256)
	key := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		key = AppendServiceKey(key[:0], &s.ServiceKey, resolve.Numeric{})
		AppendDestination(AppendService(b, s, resolve.Numeric{}), key, s.Protocol, d, resolve.Numeric{})
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestAppendDaemonInterface checks that an interface name that a Reader would skip,
// or that contains control characters, reads back as the same name.
func TestAppendDaemonInterface(t *testing.T) {
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
			t.Errorf("interface %q: got %q, want %q in it", name, line, want)
		}
		words, _, err := NewReader(strings.NewReader(line)).Next()
		var cmd command.Command
		if err == nil {
			err = command.NewParser("ipvsadm", nil).ParseRule(words, &cmd)
		}
		if err != nil || cmd.Daemon.Interface != name {
			t.Errorf("interface %q: read back as %q, error %v", name, cmd.Daemon.Interface, err)
		}
	}
}

// TestAppendRoundTrip checks that a command written as a rule reads back as the same
// command.
func TestAppendRoundTrip(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{line: "-A -t 10.0.0.1:80", want: "-A -t 10.0.0.1:80 -s wlc"},
		{line: "-E -t 10.0.0.1:80 -p", want: "-E -t 10.0.0.1:80 -s wlc -p 360"},
		{line: "-E -o -f 5 -6 --pe sip -p 7 -M 64 -s mh -b mh-port,flag-3", want: "-E -f 5 -6 -s mh -p 7 -M 64 --pe sip -o -b mh-port,flag-3"},
		{line: "-D --sctp-service [fd00::1]:9", want: "-D --sctp-service [fd00::1]:9"},
		{line: "-D -f 7", want: "-D -f 7"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2", want: "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1"},
		{line: "-e -t 10.0.0.1:80 -r 10.0.0.2:81 -m -w 0 -y 3 -x 9", want: "-e -t 10.0.0.1:80 -r 10.0.0.2:81 -m -w 0 -x 9 -y 3"},
		{line: "-e -u 10.0.0.1:80 -r 10.0.0.2 -i", want: "-e -u 10.0.0.1:80 -r 10.0.0.2:80 -i -w 1 --tun-type ipip"},
		{line: "-e -u 10.0.0.1:80 -r [fd00::2]:80 -i --tun-type gue --tun-port 6080 --tun-remcsum",
			want: "-e -u 10.0.0.1:80 -r [fd00::2]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum"},
		{line: "-d -t 10.0.0.1:80 -r 10.0.0.2", want: "-d -t 10.0.0.1:80 -r 10.0.0.2:80"},
		{line: "-d -f 7 -6 -r [fd00::2]:0", want: "-d -f 7 -6 -r [fd00::2]:0"},
		{line: "--set 1 0 3", want: "--set 1 0 3"},
		{line: "--start-daemon master", want: "--start-daemon master --mcast-interface eth0 --syncid 0"},
		{line: "--stop-daemon backup", want: "--stop-daemon backup"},
	} {
		p := command.NewParser("ipvsadm", resolve.System())
		var first, second command.Command
		if err := p.Parse(strings.Fields(tt.line), &first); err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		got := string(Append(nil, &first, resolve.Numeric{}))
		if got != tt.want+"\n" {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want+"\n")
		}
		if err := p.Parse(strings.Fields(got), &second); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		// The rule has more options: those that the line left at their defaults.
		options := cmpopts.IgnoreFields(command.Command{}, "Options")
		addresses := cmpopts.EquateComparable(first.Service.AddrPort, first.Daemon.Group, first.Filter.Client)
		if diff := cmp.Diff(first, second, options, addresses); diff != "" {
			t.Errorf("%s (-command +read back):\n%s", tt.line, diff)
		}
	}
}

func TestAppendPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Append of a list command did not panic")
		}
	}()
	Append(nil, &command.Command{Verb: command.List}, resolve.Numeric{})
}

// SPDX-License-Identifier: MIT

// Valid and invalid values for random cases.

package difftest

import "strings"

// Values of options. ipvsadm sorts addresses by signed 32-bit subtraction, which does not overflow for
// orderedAddresses. It may overflow for unorderedAddresses, whose order in a listing then depends on the
// order in the kernel. Neither list contains 127.0.0.1: the C library sends DNS queries to it by
// default, and a service on its port 53 would count them.
var (
	orderedAddresses   = []string{"10.0.0.1", "10.0.0.2", "10.9.8.7", "127.0.0.2", "16.0.0.9"}
	unorderedAddresses = []string{"10.0.0.1", "127.0.0.2", "128.0.0.1", "172.16.0.1", "192.168.0.1", "192.168.0.2", "200.1.1.1", "64.0.0.5", "1.1.1.1"}
	ipv6Addresses      = []string{"fd00::1", "fd00::2", "2001:db8::9", "::1", "1::1", "8000::1", "2001:db8:1111:2222:3333:4444:5555:6666"}
	ports              = []string{"80", "443", "53", "5060", "8080", "65535", "http", "domain", "40000"}
	schedulers         = []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"}
	invalidHosts       = []string{"", "1.2.3", "10.1", "0x0a000001", "012.0.0.1", "256.1.1.1", "10.0.0.1 ", " 10.0.0.1", "web1", "WEB1", "nosuchhost", "six-only", "both", "localhost6", "80", "[10.0.0.1]", "[fd00::1", "fd00::1]", "fe80::1%lo", "::ffff:10.0.0.1", "::10.0.0.1", "-1", "1..2", "08.1.1.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "ff02::1", "4294967296"}
	invalidPorts       = []string{"", "0", "00", "+80", " 80", "80 ", "080", "-1", "65536", "0x50", "80a", "HTTP", "nosuch", "tftp", "ssh", "4294967376", "80:80"}
	numbers            = []string{"0", "1", "3", "+5", " 7", "010", "100", "255"}
	invalidNumbers     = []string{"", "-1", "1 ", "0x10", "a", "1.5", "256", "65507", "65508", "65535", "65536", "2678400", "2678401", "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "99999999999999999999"}
	schedFlags         = []string{"flag-1", "flag-2", "flag-1,flag-2", "sh-fallback", "sh-port", "sh-fallback,sh-port", "mh-fallback", "mh-port", "mh-port,mh-fallback", "", "flag-1,", ",flag-2", "flag-3", "foo", "FLAG-1", "flag-1,foo", "sh-port,mh-port", " flag-1"}
	listFlags          = []string{"-n", "--numeric", "--stats", "--rate", "--thresholds", "--persistent-conn", "--nosort", "--sort", "--tun-info", "--exact", "-X"}
	extraWords         = []string{"foo", "--", "-", "-- foo", "-- -n", "-q", "--foo", "--foo=1", "-n", "-nq", "--numeric=1", "-n=1", "-h", "-v", "-L", "-A", "--sort", "-c", "-w", "--pe", "--num", "-6", "-p", "-b flag-1", "-w 1", "--timeout", "-=", "---"}
)

// oneIn returns true with probability 1/n.
func (g *Generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func (g *Generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g *Generator) host() string {
	switch {
	case g.oneIn(12):
		return g.pick(invalidHosts...)
	case g.oneIn(4):
		return "[" + g.pick(ipv6Addresses...) + "]"
	case g.oneIn(12):
		return g.pick("web1", "localhost", "both")
	}
	return g.pick(g.addresses...)
}

func (g *Generator) address() string {
	host := g.host()
	switch {
	case g.oneIn(12):
		return host + ":" + g.pick(invalidPorts...)
	case g.oneIn(8):
		if g.oneIn(2) {
			return strings.Trim(host, "[]")
		}
		return host
	}
	return host + ":" + g.pick(ports...)
}

func (g *Generator) mark() string {
	if g.oneIn(8) {
		return g.pick("0", "-1", "", "0x10", "a", "1 ", "4294967296", "2147483647", "18446744073709551617")
	}
	return g.pick("1", "2", "5", "+7", " 9", "010", "1000000")
}

func (g *Generator) scheduler() string {
	if g.oneIn(15) {
		return g.pick("", "RR", "nosuch", "rr ", "ip_vs_rr", "abcdefghijklmnopqrst", "-n")
	}
	return g.pick(schedulers...)
}

func (g *Generator) number() string {
	if g.oneIn(6) {
		return g.pick(invalidNumbers...)
	}
	return g.pick(numbers...)
}

func (g *Generator) netmask() string {
	return g.pick("255.255.255.0", "255.255.0.0", "255.255.255.255", "24", "64", "128", "0", "129", "-1", "", "a", "255.0.255.0", " 24", "255.255.0.0 x", "ffff::", "web1", "1")
}

func (g *Generator) engine() string { return g.pick("sip", "sip", "", "foo", "sipsipsipsipsipsip") }

// flags returns scheduler flags, mostly those that every scheduler accepts.
func (g *Generator) flags() string {
	if !g.oneIn(3) {
		return g.pick("flag-1", "flag-2", "flag-1,flag-2", "flag-2,,flag-1", "")
	}
	return g.pick(schedFlags...)
}

func (g *Generator) iface() string {
	return g.pick("lo", "lo", "eth0", "nosuch0", "", "abcdefghijklmnopqrstuvwxyz")
}

func (g *Generator) group() string {
	return g.pick("224.0.0.81", "239.1.2.3", "ff02::5", "10.0.0.1", "foo", "", "224.0.0", "::1", "ff02::1%lo")
}

func (g *Generator) tunnel() string {
	return g.pick("ipip", "gue", "gre", "gue", "gre", "", "GUE", "foo")
}

// isKnownDifference reports whether the result of a command line may intentionally differ (see
// docs/COMPATIBILITY.md). The generator avoids such lines.
func isKnownDifference(words []string) bool {
	line := " " + strings.Join(words, " ") + " "
	mark := max(strings.LastIndex(line, " -f"), strings.LastIndex(line, " --fwmark-service"))
	service := -1
	for _, name := range []string{" -t", " -u", " -f", " --tcp-service", " --udp-service", " --sctp-service", " --fwmark-service"} {
		service = max(service, strings.LastIndex(line, name))
	}
	first := func(names ...string) int {
		at := len(line)
		for _, name := range names {
			if i := strings.Index(line, name); i >= 0 {
				at = min(at, i)
			}
		}
		return at
	}
	six := max(strings.LastIndex(line, " -6"), strings.LastIndex(line, " --ipv6"))
	// In ipvsadm, the meaning of -r and -M depends on the service options before them.
	dependent := min(first(" -r", " --real-server"), first(" -M", " --netmask"))
	if service < 0 && first(" -r", " --real-server") < len(line) {
		// Without a service option, ipvsadm has no protocol for the lookup of a port name.
		return true
	}
	genericFlag := strings.Contains(line, "flag-3") && (strings.Contains(line, "sh ") || strings.Contains(line, "mh "))
	return dependent < service || mark >= 0 && dependent < six || genericFlag ||
		strings.Contains(line, " -b , ") || strings.Contains(line, " -b, ")
}

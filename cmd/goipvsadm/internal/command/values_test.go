// SPDX-License-Identifier: MIT

package command

import (
	"testing"

	"goipvsadm/sched"
)

func TestParseService(t *testing.T) {
	add := "add-service "
	runLineTests(t, []lineTest{
		{line: "-A -t 10.0.0.1:80", want: add + "TCP 10.0.0.1:80" + defaults},
		{line: "-E -u 10.0.0.1:80", want: "edit-service UDP 10.0.0.1:80" + defaults},
		{line: "-A --sctp-service 10.0.0.1:80", want: add + "SCTP 10.0.0.1:80" + defaults},
		{line: "-A -t [fd00::1]:80", want: add + "TCP [fd00::1]:80 wlc flags 0x00 timeout 0 mask 0x80"},
		{line: "-A -t web1:www", want: add + "TCP 10.1.1.1:80" + defaults},
		{line: "-A -u web1:www", want: badService, note: "port names depend on the protocol"},
		{line: "-A -u web1:tftp", want: add + "UDP 10.1.1.1:69" + defaults},
		{line: "-A --sctp-service web1:domain", want: badService},
		{line: "-A -t six-only:80", want: badService},
		{line: "-A -t nosuch:80", want: badService},
		{line: "-A -t 80", want: badService},
		{line: "-A -t bad -t 10.0.0.1:80", want: badService},
		{line: "-A -t bad -q", want: badService, note: "the first invalid word is reported"},
		{line: "-A -q -t bad", want: "255 -q: unknown option"},

		{line: "-A -f 1", want: add + "mark 1 IPv4" + defaults},
		{line: "-A -f 5 -6", want: add + "mark 5 IPv6 wlc flags 0x00 timeout 0 mask 0x80"},
		{line: "-Af5 -6s rr", want: add + "mark 5 IPv6 rr flags 0x00 timeout 0 mask 0x80"},
		{line: "-A -f 4294967295", want: add + "mark 4294967295 IPv4" + defaults},
		{line: "-A -f ' +010'", want: add + "mark 10 IPv4" + defaults},
		{line: "-A -f 4294967296", want: "2 invalid fwmark value `4294967296' specified"},
		{line: "-A -f 0", want: "2 invalid fwmark value `0' specified"},
		{line: "-A -f -1", want: "2 invalid fwmark value `-1' specified"},
		{line: "-A -f '1 '", want: "2 invalid fwmark value `1 ' specified"},
		{line: "-A -f ''", want: "2 invalid fwmark value `' specified"},
		{line: "-A -f 0x10", want: "2 invalid fwmark value `0x10' specified"},
		{line: "-A -6 -f 5", want: ipv6BeforeMark},
		{line: "-A6f 5", want: ipv6BeforeMark},
		{line: "-A -t 10.0.0.1:80 -6", want: ipv6BeforeMark},
		{line: "-L -6", want: ipv6BeforeMark},
		{line: "-S --ipv6", want: ipv6BeforeMark},
		{line: "-A -6q", want: ipv6BeforeMark},
		{line: "-A -f 5 -6n", want: "2 Illegal 'numeric' option with the 'add-service' command"},
		{line: "-A -f 5 -6 -f 6", want: "2 multiple 'service-address' options specified"},

		{line: "-A -f 5 -s ''", want: add + "mark 5 IPv4" + defaults},
		{line: "-A -f 5 -s=", want: add + "mark 5 IPv4" + defaults},
		{line: "-A -f 5 -s abcdefghijklmnopq", want: add + "mark 5 IPv4 abcdefghijklmno flags 0x00 timeout 0 mask 0xffffffff"},
		{line: "-A -f 5 --pe sip", want: add + "mark 5 IPv4" + defaults + " engine sip"},
		{line: "-A -f 5 --pe abcdefghijklmnopqr", want: add + "mark 5 IPv4" + defaults + " engine abcdefghijklmnop"},
		{line: "-A -f 5 --pe ''", want: add + "mark 5 IPv4" + defaults},

		{line: "-A -f 5 -p 1", want: add + "mark 5 IPv4 wlc flags 0x01 timeout 1 mask 0xffffffff"},
		{line: "-A -f 5 -p 2678400", want: add + "mark 5 IPv4 wlc flags 0x01 timeout 2678400 mask 0xffffffff"},
		{line: "-A -f 5 -p 2678401", want: "2 invalid timeout value `2678401' specified"},
		{line: "-A -f 5 -p 0", want: "2 invalid timeout value `0' specified"},
		{line: "-A -f 5 -p=-1", want: "2 invalid timeout value `-1' specified"},

		{line: "-A -t 10.0.0.1", want: "2 Zero port specified for non-persistent service"},
		{line: "-A -t 10.0.0.1:0", want: "2 Zero port specified for non-persistent service"},
		{line: "-E -t fd00::1", want: "2 Zero port specified for non-persistent service"},
		{line: "-A -o -t 10.0.0.1", want: "2 Zero port specified for non-persistent service", note: "the port is checked before -o"},
		{line: "-A -t 10.0.0.1 -p", want: add + "TCP 10.0.0.1:0 wlc flags 0x01 timeout 360 mask 0xffffffff"},
		{line: "-D -t 10.0.0.1", want: "delete-service TCP 10.0.0.1:0", note: "port 0 is checked only for -A and -E"},
		{line: "-A -u 10.0.0.1:80 -o", want: add + "UDP 10.0.0.1:80 wlc flags 0x04 timeout 0 mask 0xffffffff"},
		{line: "-A -f 5 -o", want: add + "mark 5 IPv4 wlc flags 0x04 timeout 0 mask 0xffffffff"},
		{line: "-A -t 10.0.0.1:80 -o", want: "2 One-Packet Scheduling is only for UDP virtual services"},
		{line: "-A --sctp-service 10.0.0.1:80 -o", want: "2 One-Packet Scheduling is only for UDP virtual services"},

		{line: "-L -t 10.0.0.1:80", want: "list TCP 10.0.0.1:80"},
		{line: "-Z", want: "zero"},
		{line: "-Z -f 5 -6", want: "zero mark 5 IPv6"},
	})
}

func TestParseNetmask(t *testing.T) {
	masked := func(service, mask string) string {
		return "add-service " + service + " wlc flags 0x01 timeout 360 mask " + mask
	}
	runLineTests(t, []lineTest{
		{line: "-A -t 10.0.0.1:80 -p -M 255.255.255.0", want: masked("TCP 10.0.0.1:80", "0xffffff00")},
		{line: "-A -t 10.0.0.1:80 -p -M 255.255.255", want: masked("TCP 10.0.0.1:80", "0xffff00ff")},
		{line: "-A -t 10.0.0.1:80 -p -M 24", want: masked("TCP 10.0.0.1:80", "0x18"), note: "an address, not a prefix length"},
		{line: "-A -t 10.0.0.1:80 -p -M 0", want: masked("TCP 10.0.0.1:80", "0x100000000"), note: "mask 0.0.0.0"},
		{line: "-A -t 10.0.0.1:80 -p -M localhost", want: masked("TCP 10.0.0.1:80", "0x7f000001"), note: "host name"},
		{line: "-A -t 10.0.0.1:80 -p -M ' 24'", want: badNetmask},
		{line: "-A -t 10.0.0.1:80 -p -M +24", want: badNetmask},
		{line: "-A -t 10.0.0.1:80 -p -M ''", want: badNetmask},
		{line: "-A -t 10.0.0.1:80 -p -M -1", want: badNetmask},
		{line: "-A -t 10.0.0.1:80 -p -M ::", want: badNetmask},
		{line: "-A -t 10.0.0.1:80 -p -M 255.255.255.0/24", want: badNetmask},
		{line: "-A -f 5 -p -M 255.255.0.0", want: masked("mark 5 IPv4", "0xffff0000")},
		{line: "-A -t [fd00::1]:80 -p -M 1", want: masked("TCP [fd00::1]:80", "0x1")},
		{line: "-A -t [fd00::1]:80 -p -M ' +64'", want: masked("TCP [fd00::1]:80", "0x40")},
		{line: "-A -t [fd00::1]:80 -p -M 64/x", want: masked("TCP [fd00::1]:80", "0x40"), note: "text after the prefix length is ignored"},
		{line: "-A -t [fd00::1]:80 -p -M 128", want: masked("TCP [fd00::1]:80", "0x80")},
		{line: "-A -t [fd00::1]:80 -p -M 129", want: badPrefixLen},
		{line: "-A -t [fd00::1]:80 -p -M 0", want: badPrefixLen},
		{line: "-A -t [fd00::1]:80 -p -M x24", want: badPrefixLen},
		{line: "-A -t [fd00::1]:80 -p -M ffff::", want: badPrefixLen},
		{line: "-A -t [fd00::1]:80 -p -M 255.255.255.0", want: badPrefixLen},
		{line: "-A -f 5 -6 -p -M 64", want: masked("mark 5 IPv6", "0x40")},

		{line: "-A -M 255.255.0.0 -t 10.0.0.1:80 -p", want: masked("TCP 10.0.0.1:80", "0xffff0000"), note: "-M before the service"},
		{line: "-A -M 64 -t [fd00::1]:80 -p", want: masked("TCP [fd00::1]:80", "0x40")},
		{line: "-A -M 64 -p -f 5 -6", want: masked("mark 5 IPv6", "0x40")},
		{line: "-A -f 5 -M 64 -6 -p", want: masked("mark 5 IPv6", "0x40"), note: "-M before -6"},
		{line: "-A -M 300 -f 5 -6 -p", want: badPrefixLen},
		{line: "-A -M foo -t bad", want: badNetmask, note: "the first invalid word is reported"},
		{line: "-A -M ' 24' -t [fd00::1]:80", want: badNetmask},
		{line: "-A -M foo -q", want: badNetmask},
		{line: "-L -M foo", want: badNetmask, note: "values are checked before the option rules"},
	})
}

func TestParseSchedFlags(t *testing.T) {
	flagged := func(s string) string { return "add-service mark 5 IPv4 " + s + " timeout 0 mask 0xffffffff" }
	tests := []lineTest{
		{line: "-A -f 5 -s rr -b flag-1", want: flagged("rr flags 0x08")},
		{line: "-A -f 5 -s rr -b flag-2", want: flagged("rr flags 0x10")},
		{line: "-A -f 5 -s rr -b flag-3", want: flagged("rr flags 0x20")},
		{line: "-A -f 5 -s rr -b flag-1,flag-2,flag-3", want: flagged("rr flags 0x38")},
		{line: "-A -f 5 -s sh -b sh-fallback", want: flagged("sh flags 0x08")},
		{line: "-A -f 5 -s sh -b sh-port", want: flagged("sh flags 0x10")},
		{line: "-A -f 5 -s mh -b mh-fallback", want: flagged("mh flags 0x08")},
		{line: "-A -f 5 -s mh -b mh-port,mh-port", want: flagged("mh flags 0x10")},
		{line: "-A -f 5 -b sh-port -s sh", want: flagged("sh flags 0x10"), note: "-b before -s"},
		{line: "-A -f 5 -s sh -b ',sh-port,,flag-3,'", want: flagged("sh flags 0x30"), note: "empty elements"},
		{line: "-A -f 5 -b ''", want: flagged("wlc flags 0x00")},
		{line: "-A -f 5 -b=", want: flagged("wlc flags 0x00")},
		{line: "-A -f 5 -b ,", want: "2 invalid scheduler flag `'"},
		{line: "-A -f 5 -b ,,", want: "2 invalid scheduler flag `'"},
		{line: "-A -f 5 -b foo", want: "2 invalid scheduler flag `foo'"},
		{line: "-A -f 5 -s sh -b SH-PORT", want: "2 invalid scheduler flag `SH-PORT'"},
		{line: "-A -f 5 -s sh -b 'sh-port, sh-fallback'", want: "2 invalid scheduler flag ` sh-fallback'"},
		{line: "-A -f 5 -b 8", want: "2 invalid scheduler flag `8'"},
		{line: "-A -f 5 -b sh-port", want: "2 incompatible scheduler flag `sh-port'", note: "the default scheduler is wlc"},
		{line: "-A -f 5 -s mh -b sh-port", want: "2 incompatible scheduler flag `sh-port'"},
		{line: "-A -f 5 -s shx -b sh-port", want: "2 incompatible scheduler flag `sh-port'"},
		{line: "-A -f 5 -b sh-port,foo", want: "2 incompatible scheduler flag `sh-port'", note: "the first invalid flag is reported"},
		{line: "-A -f 5 -b foo,sh-port", want: "2 invalid scheduler flag `foo'"},
		{line: "-A -f 5 -b foo bar", want: "2 unexpected argument bar", note: "operands are checked before -b"},
		{line: "-A -f 5 -b foo -q", want: "255 -q: unknown option"},
		{line: "-A -b foo", want: "2 invalid scheduler flag `foo'", note: "values are checked before the option rules"},
		{line: "-A -t 10.0.0.1 -b foo", want: "2 invalid scheduler flag `foo'"},
		{line: "-L -b foo", want: "2 invalid scheduler flag `foo'"},
		{line: "-L -b flag-1", want: "2 Illegal 'sched-flags' option with the 'list' command"},
	}
	for _, s := range sched.All {
		tests = append(tests, lineTest{line: "-A -f 5 -b flag-1 -s " + s.Name, want: flagged(s.Name + " flags 0x08")})
	}
	runLineTests(t, tests)
}

func TestParseServer(t *testing.T) {
	server := func(s string) string { return "add-server TCP 10.0.0.1:80 > " + s }
	runLineTests(t, []lineTest{
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2", want: server("10.0.0.2:80 Route weight 1"), note: "defaults"},
		{line: "-e -t 10.0.0.1:80 -r 10.0.0.2", want: "edit-server TCP 10.0.0.1:80 > 10.0.0.2:80 Route weight 1"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2:90 -m", want: server("10.0.0.2:90 Masq weight 1")},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -m", want: server("10.0.0.2:80 Masq weight 1")},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2:0 -m", want: server("10.0.0.2:0 Masq weight 1"), note: "explicit port 0"},
		{line: "-a -t 10.0.0.1:80 -r [10.0.0.2]:90 -m", want: server("10.0.0.2:80 Masq weight 1")},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2:90 -g", want: server("10.0.0.2:80 Route weight 1"), note: "port replaced by that of the service"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2:90", want: server("10.0.0.2:80 Route weight 1")},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2:90 -i", want: server("10.0.0.2:80 Tunnel weight 1")},
		{line: "-a -f 5 -r 10.0.0.2:90 -g", want: "add-server mark 5 IPv4 > 10.0.0.2:90 Route weight 1", note: "port kept with a firewall mark"},
		{line: "-a -f 5 -r 10.0.0.2:90 -i", want: "add-server mark 5 IPv4 > 10.0.0.2:90 Tunnel weight 1"},
		{line: "-a -f 5 -r 10.0.0.2", want: "add-server mark 5 IPv4 > 10.0.0.2:0 Route weight 1"},
		{line: "-d -t 10.0.0.1:80 -r 10.0.0.2:90", want: "delete-server TCP 10.0.0.1:80 > 10.0.0.2:90"},
		{line: "-d -t 10.0.0.1:80 -r 10.0.0.2", want: "delete-server TCP 10.0.0.1:80 > 10.0.0.2:80"},
		{line: "-d -t 10.0.0.1:80 -r fd00::2", want: "delete-server TCP 10.0.0.1:80 > [fd00::2]:80"},
		{line: "-a -t 10.0.0.1:80 -r 80", want: badServer},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2:http -m", want: server("10.0.0.2:80 Masq weight 1")},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2:tftp", want: badServer, note: "port names depend on the protocol"},
		{line: "-a -u 10.0.0.1:80 -r 10.0.0.2:tftp -m", want: "add-server UDP 10.0.0.1:80 > 10.0.0.2:69 Masq weight 1"},
		{line: "-a -f 5 -r 10.0.0.2:tftp", want: badServer, note: "with a firewall mark, only TCP port names are valid"},
		{line: "-a -f 5 -r 10.0.0.2:http", want: "add-server mark 5 IPv4 > 10.0.0.2:80 Route weight 1"},

		{line: "-a -r 10.0.0.2 -t 10.0.0.1:80 -m", want: server("10.0.0.2:80 Masq weight 1"), note: "-r before the service"},
		{line: "-a -r 10.0.0.2:90 -t 10.0.0.1:80 -m", want: server("10.0.0.2:90 Masq weight 1")},
		{line: "-a -r 10.0.0.2:http -t 10.0.0.1:80 -m", want: server("10.0.0.2:80 Masq weight 1")},
		{line: "-a -r 10.0.0.2:tftp -u 10.0.0.1:80 -m", want: "add-server UDP 10.0.0.1:80 > 10.0.0.2:69 Masq weight 1"},
		{line: "-a -r 10.0.0.2:tftp -t 10.0.0.1:80 -m", want: badServer},
		{line: "-a -r 10.0.0.2:tftp -f 5", want: badServer},
		{line: "-a -r 10.0.0.2:http -f 5", want: "add-server mark 5 IPv4 > 10.0.0.2:80 Route weight 1"},
		{line: "-d -r 10.0.0.2 -t 10.0.0.1:80", want: "delete-server TCP 10.0.0.1:80 > 10.0.0.2:80"},
		{line: "-a -r 10.0.0.2:http", want: badServer, note: "no port names without a service"},
		{line: "-a -r 10.0.0.2:80", want: "2 You need to supply the 'service-address' option for the 'add-server' command"},
		{line: "-a -r bad -t bad", want: badServer, note: "the first invalid word is reported"},
		{line: "-a -t bad -r bad", want: badService},
		{line: "-a -r 10.0.0.2:nosuch -q", want: badServer},

		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 0 -x 2147483647 -y ' +010'", want: server("10.0.0.2:80 Route weight 0 thresholds 2147483647 10")},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 2147483647", want: server("10.0.0.2:80 Route weight 2147483647")},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 2147483648", want: "2 illegal weight specified"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -w '1 '", want: "2 illegal weight specified"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -w ''", want: "2 illegal weight specified"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 0x1", want: "2 illegal weight specified"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -x -1", want: "2 illegal u_threshold specified"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -x 2147483648", want: "2 illegal u_threshold specified"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -y a", want: "2 illegal l_threshold specified"},

		{line: "-a -t 10.0.0.1:80 -r [fd00::2]:80 -i", want: server("[fd00::2]:80 Tunnel weight 1"), note: "different address family"},
		{line: "-a -t 10.0.0.1:80 -r [fd00::2]:80", want: "2 Different address family is allowed only for tunneling servers"},
		{line: "-e -f 5 -6 -r 10.0.0.2 -m", want: "2 Different address family is allowed only for tunneling servers"},
		{line: "-a -t 10.0.0.1:80 -r [::ffff:10.0.0.2]:80", want: "2 Different address family is allowed only for tunneling servers"},
		{line: "-a -f 5 -r fd00::2 -6 -m", want: "add-server mark 5 IPv6 > [fd00::2]:0 Masq weight 1", note: "-6 after -r"},
		{line: "-a -t 10.0.0.1:80 -r [fd00::2]:80 -m --tun-csum", want: "2 Different address family is allowed only for tunneling servers", note: "the family is checked before the tunnel options"},
	})
}

func TestParseTunnel(t *testing.T) {
	const addServer = "-a -t 10.0.0.1:80 -r 10.0.0.2 "
	tunnel := func(s string) string { return "add-server TCP 10.0.0.1:80 > 10.0.0.2:80 Tunnel weight 1" + s }
	runLineTests(t, []lineTest{
		{line: addServer + "-i --tun-type ipip", want: tunnel("")},
		{line: addServer + "-i --tun-type gue --tun-port 6080", want: tunnel(" gue port 6080 flags 0")},
		{line: addServer + "-i --tun-type gue --tun-port ' 1' --tun-nocsum", want: tunnel(" gue port 1 flags 0")},
		{line: addServer + "--tun-csum --tun-type gue --tun-port 65535 -i", want: tunnel(" gue port 65535 flags 1")},
		{line: addServer + "-i --tun-type gue --tun-port 6080 --tun-remcsum", want: tunnel(" gue port 6080 flags 2")},
		{line: addServer + "-i --tun-type gre", want: tunnel(" gre port 0 flags 0")},
		{line: addServer + "-i --tun-type gre --tun-csum", want: tunnel(" gre port 0 flags 1")},
		{line: addServer + "-i --tun-type gre --tun-nocsum", want: tunnel(" gre port 0 flags 0")},

		{line: addServer + "-i --tun-type GUE", want: "2 illegal tunnel type specified"},
		{line: addServer + "-i --tun-type ''", want: "2 illegal tunnel type specified"},
		{line: addServer + "-i --tun-type gue --tun-port 0", want: "2 illegal tunnel port specified"},
		{line: addServer + "-i --tun-type gue --tun-port 65536", want: "2 illegal tunnel port specified"},

		{line: addServer + "-m --tun-type gue", want: "2 Tunnel options conflict with forward method"},
		{line: addServer + "-g --tun-port 5", want: "2 Tunnel options conflict with forward method"},
		{line: addServer + "--tun-nocsum", want: "2 Tunnel options conflict with forward method"},
		{line: addServer + "--tun-csum", want: "2 Tunnel options conflict with forward method"},
		{line: addServer + "--tun-remcsum", want: "2 Tunnel options conflict with forward method"},

		{line: addServer + "-i --tun-port 5", want: "2 Illegal 'tun-port' option with the 'ipip' tunnel type"},
		{line: addServer + "-i --tun-nocsum", want: "2 Illegal 'tun-nocsum' option with the 'ipip' tunnel type"},
		{line: addServer + "-i --tun-csum", want: "2 Illegal 'tun-csum' option with the 'ipip' tunnel type"},
		{line: addServer + "-i --tun-remcsum", want: "2 Illegal 'tun-remcsum' option with the 'ipip' tunnel type"},
		{line: addServer + "-i --tun-type gue --tun-csum", want: "2 You need to supply the 'tun-port' option for the 'gue' tunnel type"},
		{line: addServer + "-i --tun-type gue --tun-port 5 --tun-csum --tun-nocsum", want: "2 The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gue' tunnel type"},
		{line: addServer + "-i --tun-type gue --tun-port 5 --tun-remcsum --tun-nocsum", want: "2 The option 'tun-remcsum' conflicts with the 'tun-nocsum' option in the 'gue' tunnel type"},
		{line: addServer + "-i --tun-type gue --tun-port 5 --tun-remcsum --tun-csum", want: "2 The option 'tun-remcsum' conflicts with the 'tun-csum' option in the 'gue' tunnel type"},
		{line: addServer + "-i --tun-type gre --tun-port 5", want: "2 Illegal 'tun-port' option with the 'gre' tunnel type"},
		{line: addServer + "-i --tun-type gre --tun-remcsum", want: "2 Illegal 'tun-remcsum' option with the 'gre' tunnel type"},
		{line: addServer + "-i --tun-type gre --tun-csum --tun-nocsum", want: "2 The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gre' tunnel type"},
	})
}

func TestParseDaemon(t *testing.T) {
	runLineTests(t, []lineTest{
		{line: "--start-daemon master", want: "start-daemon master eth0 id 0", note: "defaults"},
		{line: "--start-daemon=backup", want: "start-daemon backup eth0 id 0"},
		{line: "--stop-daemon backup --syncid 5", want: "stop-daemon backup eth0 id 5"},
		{line: "--start-daemon master --mcast-interface lo --syncid 255", want: "start-daemon master lo id 255"},
		{line: "--start-daemon master --mcast-interface abcdefghijklmnopqr", want: "start-daemon master abcdefghijklmno id 0"},
		{line: "--start-daemon master --mcast-interface ''", want: "start-daemon master eth0 id 0"},
		{line: "--start-daemon master --mcast-group 239.255.255.255", want: "start-daemon master eth0 id 0 group 239.255.255.255"},
		{line: "--start-daemon master --mcast-group ff02::1", want: "start-daemon master eth0 id 0 group ff02::1"},
		{line: "--start-daemon master --mcast-port +80 --mcast-ttl 010 --sync-maxlen ' 100'", want: "start-daemon master eth0 id 0 maxlen 100 port 80 ttl 10"},
		{line: "--start-daemon master --mcast-port 65535 --mcast-ttl 255 --sync-maxlen 65507", want: "start-daemon master eth0 id 0 maxlen 65507 port 65535 ttl 255"},

		{line: "--start-daemon foo", want: "2 illegal start-daemon parameter specified"},
		{line: "--start-daemon ''", want: "2 illegal start-daemon parameter specified"},
		{line: "--start-daemon=", want: "2 illegal start-daemon parameter specified"},
		{line: "--start-daemon Master", want: "2 illegal start-daemon parameter specified"},
		{line: "--start-daemon -h", want: "2 illegal start-daemon parameter specified"},
		{line: "--start-daemon foo -q", want: "2 illegal start-daemon parameter specified", note: "the first invalid word is reported"},
		{line: "--stop-daemon foo", want: "2 illegal start_daemon specified"},
		{line: "--start-daemon master --syncid 256", want: "2 illegal syncid specified"},
		{line: "--start-daemon master --syncid -1", want: "2 illegal syncid specified"},
		{line: "--start-daemon master --syncid ''", want: "2 illegal syncid specified"},
		{line: "--start-daemon master --mcast-port 0", want: "2 illegal mcast-port specified"},
		{line: "--start-daemon master --mcast-port 65536", want: "2 illegal mcast-port specified"},
		{line: "--start-daemon master --mcast-ttl 0", want: "2 illegal mcast-ttl specified"},
		{line: "--start-daemon master --mcast-ttl 256", want: "2 illegal mcast-ttl specified"},
		{line: "--start-daemon master --sync-maxlen 0", want: "2 illegal sync-maxlen specified"},
		{line: "--start-daemon master --sync-maxlen 65508", want: "2 illegal sync-maxlen specified"},
		{line: "--start-daemon master --mcast-group 1.2.3.4", want: "2 invalid IPv4 mcast-group `1.2.3.4'"},
		{line: "--start-daemon master --mcast-group 240.0.0.0", want: "2 invalid IPv4 mcast-group `240.0.0.0'"},
		{line: "--start-daemon master --mcast-group 224.1", want: "2 invalid IPv4 mcast-group `224.1'"},
		{line: "--start-daemon master --mcast-group ''", want: "2 invalid IPv4 mcast-group `'"},
		{line: "--start-daemon master --mcast-group localhost", want: "2 invalid IPv4 mcast-group `localhost'"},
		{line: "--start-daemon master --mcast-group fe80::1", want: "2 invalid IPv6 mcast-group `fe80::1'"},
		{line: "--start-daemon master --mcast-group [ff02::1]", want: "2 invalid IPv6 mcast-group `[ff02::1]'"},
		{line: "--start-daemon master --mcast-group ff02::1%lo", want: "2 invalid IPv6 mcast-group `ff02::1%lo'"},
		{line: "--start-daemon master --mcast-group ::ffff:224.0.0.1", want: "2 invalid IPv6 mcast-group `::ffff:224.0.0.1'"},
		{line: "--stop-daemon master --mcast-group x", want: "2 invalid IPv4 mcast-group `x'", note: "values are checked before the option rules"},
	})
}

func TestParseListConflict(t *testing.T) {
	const conflict = "2 options conflicts in the list command"
	runLineTests(t, []lineTest{
		{line: "-L -c --stats", want: conflict},
		{line: "-L -c --rate", want: conflict},
		{line: "-L -c --thresholds", want: conflict},
		{line: "-L --timeout --stats", want: conflict},
		{line: "-L --daemon --rate", want: conflict},
		{line: "-L --daemon --thresholds", want: conflict},
		{line: "-L --timeout --persistent-conn", want: conflict},
		{line: "-L --daemon --persistent-conn", want: conflict},
		{line: "-L -c --top 3", want: conflict},
		{line: "-L --timeout --watch=5", want: conflict},
		{line: "-L --daemon --top 3", want: conflict},
		{line: "-L --timeout --server 10.0.0.2", want: conflict},
		{line: "-L --vip 10.0.0.1", want: "2 --vip requires -c"},
		{line: "-L --client 10.0.0.3 --stats", want: "2 --client requires -c"},
		{line: "-L --state CLOSE", want: "2 --state requires -c"},
		{line: "-L --timeout --count", want: "2 --count requires -c"},
		{line: "-L -c --json", want: "list"},
		{line: "-L -c --watch --count -j", want: "list"},
		{line: "-L -c --client 10.0.0.3 --state CLOSE --vip 10.0.0.1 --server 10.0.0.2 --count", want: "list"},
		{line: "-L --server 10.0.0.2 --watch --top 3 --stats", want: "list"},
		{line: "-L --server 10.0.0.2 --metrics -t 10.0.0.1:80", want: "list TCP 10.0.0.1:80"},
		{line: "-L --watch --top 3 --stats -j", want: "list"},
		{line: "-L -c --persistent-conn", want: "list"},
		{line: "-L -c --nosort --exact -n --tun-info", want: "list"},
		{line: "-L --timeout --tun-info", want: "list"},
		{line: "-L --stats --rate --thresholds --persistent-conn --tun-info --syncid 1", want: "list"},
		{line: "-L --stats -t 10.0.0.1:80", want: "list TCP 10.0.0.1:80"},
		{line: "-L -c --timeout --stats", want: "2 The option 'timeout' conflicts with the 'connection' option in the 'list' command", note: "the option rules are checked before list conflicts"},
		{line: "-L --timeout -t 10.0.0.1:80 -c", want: "2 The option 'service-address' conflicts with the 'connection' option in the 'list' command", note: "the first two conflicting options in the order of the Option constants"},
	})
}

func TestParseMonitor(t *testing.T) {
	const interval = " for --monitor: use a number of seconds from 1 to 2678400"
	for _, tt := range []struct {
		line     string
		interval uint32
		err      string
	}{
		{line: "--monitor", interval: 1},
		{line: "--monitor=30 -n", interval: 30},
		{line: "--monitor=2678400", interval: 2678400},
		{line: "--monitor=0", err: "invalid value `0'" + interval},
		{line: "--monitor=", err: "invalid value `'" + interval},
		{line: "--monitor=0.5", err: "invalid value `0.5'" + interval},
		{line: "--monitor=2678401", err: "invalid value `2678401'" + interval},
		{line: "--monitor 5", err: "unexpected argument 5 (did you mean --monitor=5?)"},
		{line: "--monitor --stats", err: "Illegal 'stats' option with the 'monitor' command"},
		{line: "--monitor -L", err: "invalid option `-L'"},
	} {
		var cmd Command
		if err := testParser(t).Parse(splitWords(tt.line), &cmd); errorText(err) != tt.err || err == nil && cmd.Interval != tt.interval {
			t.Errorf("%s: interval %d, error %q; want %d, %q", tt.line, cmd.Interval, errorText(err), tt.interval, tt.err)
		}
	}
}

func TestParseDrain(t *testing.T) {
	const server = "-d -t 10.0.0.1:80 -r 10.0.0.2 "
	p := testParser(t)
	for _, tt := range []struct {
		line string
		want uint32
		err  string
	}{
		{line: "--drain"},
		{line: "--drain=90", want: 90},
		{line: "--drain=90s", want: 90},
		{line: "--drain=5m", want: 300},
		{line: "--drain=1h", want: 3600},
		{line: "--drain=744h", want: 2678400},
		{line: "--drain=745h", err: "invalid value `745h' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=0m", err: "invalid value `0m' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=m", err: "invalid value `m' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=", err: "invalid value `' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=1d", err: "invalid value `1d' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=1m30s", err: "invalid value `1m30s' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain 5m", err: "unexpected argument 5m (did you mean --drain=5m?)"},
		{line: "5 --drain", err: "unexpected argument 5"},
		{line: "--drain -g 5", err: "unexpected argument 5"},
	} {
		var c Command
		if err := p.Parse(splitWords(server+tt.line), &c); errorText(err) != tt.err || err == nil && c.Drain != tt.want {
			t.Errorf("%s: %d, error %v; want %d, error %q", tt.line, c.Drain, err, tt.want, tt.err)
		}
	}
}

func TestParseConfirm(t *testing.T) {
	const time = " for --confirm: use a time such as 60, 90s, 5m or 1h"
	for _, tt := range []struct {
		line, undoFile string
		confirm        uint32
		err            string
	}{
		{line: "--apply --confirm", confirm: 60},
		{line: "--apply --confirm=90", confirm: 90},
		{line: "--apply --confirm=5m --save-undo undo rules", confirm: 300, undoFile: "undo"},
		{line: "--apply --save-undo=undo", undoFile: "undo"},
		{line: "--apply --confirm=", err: "invalid value `'" + time},
		{line: "--apply --confirm=0", err: "invalid value `0'" + time},
		{line: "--apply --confirm=1d", err: "invalid value `1d'" + time},
		{line: "--apply --save-undo ''", err: "invalid value `' for --save-undo: use the name of a file"},
		{line: "--apply --save-undo -", err: "invalid value `-' for --save-undo: use the name of a file"},
		{line: "--diff --confirm", err: "Illegal 'confirm' option with the 'diff' command"},
	} {
		var cmd Command
		err := testParser(t).Parse(splitWords(tt.line), &cmd)
		if errorText(err) != tt.err || err == nil && (cmd.Confirm != tt.confirm || cmd.UndoFile != tt.undoFile) {
			t.Errorf("%s: %d, %q, error %q; want %d, %q, %q", tt.line, cmd.Confirm, cmd.UndoFile, errorText(err), tt.confirm, tt.undoFile, tt.err)
		}
	}
}

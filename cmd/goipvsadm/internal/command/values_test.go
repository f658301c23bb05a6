package command

import (
	"testing"

	"goipvsadm/sched"
)

func TestServices(t *testing.T) {
	add := "add-service "
	run(t, []lineTest{
		{"-A -t 10.0.0.1:80", add + "TCP 10.0.0.1:80" + plain, ""},
		{"-E -u 10.0.0.1:80", "edit-service UDP 10.0.0.1:80" + plain, ""},
		{"-A --sctp-service 10.0.0.1:80", add + "SCTP 10.0.0.1:80" + plain, ""},
		{"-A -t [fd00::1]:80", add + "TCP [fd00::1]:80 wlc flags 0x00 timeout 0 mask 0x80", ""},
		{"-A -t web1:www", add + "TCP 10.1.1.1:80" + plain, ""},
		{"-A -u web1:www", badAddr, "names of ports by protocol"},
		{"-A -u web1:tftp", add + "UDP 10.1.1.1:69" + plain, ""},
		{"-A --sctp-service web1:domain", badAddr, ""},
		{"-A -t six-only:80", badAddr, ""},
		{"-A -t nosuch:80", badAddr, ""},
		{"-A -t 80", badAddr, ""},
		{"-A -t bad -t 10.0.0.1:80", badAddr, ""},
		{"-A -t bad -q", badAddr, "in the order of words"},
		{"-A -q -t bad", "255 -q: unknown option", ""},

		{"-A -f 1", add + "mark 1 IPv4" + plain, ""},
		{"-A -f 5 -6", add + "mark 5 IPv6 wlc flags 0x00 timeout 0 mask 0x80", ""},
		{"-Af5 -6s rr", add + "mark 5 IPv6 rr flags 0x00 timeout 0 mask 0x80", ""},
		{"-A -f 4294967295", add + "mark 4294967295 IPv4" + plain, ""},
		{"-A -f ' +010'", add + "mark 10 IPv4" + plain, ""},
		{"-A -f 4294967296", "2 invalid fwmark value `4294967296' specified", ""},
		{"-A -f 0", "2 invalid fwmark value `0' specified", ""},
		{"-A -f -1", "2 invalid fwmark value `-1' specified", ""},
		{"-A -f '1 '", "2 invalid fwmark value `1 ' specified", ""},
		{"-A -f ''", "2 invalid fwmark value `' specified", ""},
		{"-A -f 0x10", "2 invalid fwmark value `0x10' specified", ""},
		{"-A -6 -f 5", no6, ""},
		{"-A6f 5", no6, ""},
		{"-A -t 10.0.0.1:80 -6", no6, ""},
		{"-L -6", no6, ""},
		{"-S --ipv6", no6, ""},
		{"-A -6q", no6, ""},
		{"-A -f 5 -6n", "2 Illegal 'numeric' option with the 'add-service' command", ""},
		{"-A -f 5 -6 -f 6", "2 multiple 'service-address' options specified", ""},

		{"-A -f 5 -s ''", add + "mark 5 IPv4" + plain, ""},
		{"-A -f 5 -s=", add + "mark 5 IPv4" + plain, ""},
		{"-A -f 5 -s abcdefghijklmnopq", add + "mark 5 IPv4 abcdefghijklmno flags 0x00 timeout 0 mask 0xffffffff", ""},
		{"-A -f 5 --pe sip", add + "mark 5 IPv4" + plain + " engine sip", ""},
		{"-A -f 5 --pe abcdefghijklmnopqr", add + "mark 5 IPv4" + plain + " engine abcdefghijklmnop", ""},
		{"-A -f 5 --pe ''", add + "mark 5 IPv4" + plain, ""},

		{"-A -f 5 -p 1", add + "mark 5 IPv4 wlc flags 0x01 timeout 1 mask 0xffffffff", ""},
		{"-A -f 5 -p 2678400", add + "mark 5 IPv4 wlc flags 0x01 timeout 2678400 mask 0xffffffff", ""},
		{"-A -f 5 -p 2678401", "2 invalid timeout value `2678401' specified", ""},
		{"-A -f 5 -p 0", "2 invalid timeout value `0' specified", ""},
		{"-A -f 5 -p=-1", "2 invalid timeout value `-1' specified", ""},

		{"-A -t 10.0.0.1", "2 Zero port specified for non-persistent service", ""},
		{"-A -t 10.0.0.1:0", "2 Zero port specified for non-persistent service", ""},
		{"-E -t fd00::1", "2 Zero port specified for non-persistent service", ""},
		{"-A -o -t 10.0.0.1", "2 Zero port specified for non-persistent service", "before -o"},
		{"-A -t 10.0.0.1 -p", add + "TCP 10.0.0.1:0 wlc flags 0x01 timeout 360 mask 0xffffffff", ""},
		{"-D -t 10.0.0.1", "delete-service TCP 10.0.0.1:0", "only where a service is configured"},
		{"-A -u 10.0.0.1:80 -o", add + "UDP 10.0.0.1:80 wlc flags 0x04 timeout 0 mask 0xffffffff", ""},
		{"-A -f 5 -o", add + "mark 5 IPv4 wlc flags 0x04 timeout 0 mask 0xffffffff", ""},
		{"-A -t 10.0.0.1:80 -o", "2 One-Packet Scheduling is only for UDP virtual services", ""},
		{"-A --sctp-service 10.0.0.1:80 -o", "2 One-Packet Scheduling is only for UDP virtual services", ""},

		{"-L -t 10.0.0.1:80", "list TCP 10.0.0.1:80", ""},
		{"-Z", "zero", ""},
		{"-Z -f 5 -6", "zero mark 5 IPv6", ""},
	})
}

func TestNetmasks(t *testing.T) {
	masked := func(service, mask string) string {
		return "add-service " + service + " wlc flags 0x01 timeout 360 mask " + mask
	}
	run(t, []lineTest{
		{"-A -t 10.0.0.1:80 -p -M 255.255.255.0", masked("TCP 10.0.0.1:80", "0xffffff00"), ""},
		{"-A -t 10.0.0.1:80 -p -M 255.255.255", masked("TCP 10.0.0.1:80", "0xffff00ff"), ""},
		{"-A -t 10.0.0.1:80 -p -M 24", masked("TCP 10.0.0.1:80", "0x18"), "no prefix for IPv4"},
		{"-A -t 10.0.0.1:80 -p -M 0", masked("TCP 10.0.0.1:80", "0x100000000"), "the mask 0.0.0.0"},
		{"-A -t 10.0.0.1:80 -p -M localhost", masked("TCP 10.0.0.1:80", "0x7f000001"), "a host"},
		{"-A -t 10.0.0.1:80 -p -M ' 24'", badMask, ""},
		{"-A -t 10.0.0.1:80 -p -M +24", badMask, ""},
		{"-A -t 10.0.0.1:80 -p -M ''", badMask, ""},
		{"-A -t 10.0.0.1:80 -p -M -1", badMask, ""},
		{"-A -t 10.0.0.1:80 -p -M ::", badMask, ""},
		{"-A -t 10.0.0.1:80 -p -M 255.255.255.0/24", badMask, ""},
		{"-A -f 5 -p -M 255.255.0.0", masked("mark 5 IPv4", "0xffff0000"), ""},
		{"-A -t [fd00::1]:80 -p -M 1", masked("TCP [fd00::1]:80", "0x1"), ""},
		{"-A -t [fd00::1]:80 -p -M ' +64'", masked("TCP [fd00::1]:80", "0x40"), ""},
		{"-A -t [fd00::1]:80 -p -M 64/x", masked("TCP [fd00::1]:80", "0x40"), "what follows the number is not looked at"},
		{"-A -t [fd00::1]:80 -p -M 128", masked("TCP [fd00::1]:80", "0x80"), ""},
		{"-A -t [fd00::1]:80 -p -M 129", badM6, ""},
		{"-A -t [fd00::1]:80 -p -M 0", badM6, ""},
		{"-A -t [fd00::1]:80 -p -M x24", badM6, ""},
		{"-A -t [fd00::1]:80 -p -M ffff::", badM6, ""},
		{"-A -t [fd00::1]:80 -p -M 255.255.255.0", badM6, ""},
		{"-A -f 5 -6 -p -M 64", masked("mark 5 IPv6", "0x40"), ""},

		{"-A -M 255.255.0.0 -t 10.0.0.1:80 -p", masked("TCP 10.0.0.1:80", "0xffff0000"), "before its service"},
		{"-A -M 64 -t [fd00::1]:80 -p", masked("TCP [fd00::1]:80", "0x40"), ""},
		{"-A -M 64 -p -f 5 -6", masked("mark 5 IPv6", "0x40"), ""},
		{"-A -f 5 -M 64 -6 -p", masked("mark 5 IPv6", "0x40"), "before its family"},
		{"-A -M 300 -f 5 -6 -p", badM6, ""},
		{"-A -M foo -t bad", badMask, "in the order of words"},
		{"-A -M ' 24' -t [fd00::1]:80", badMask, ""},
		{"-A -M foo -q", badMask, ""},
		{"-L -M foo", badMask, "before illegal options"},
	})
}

func TestSchedulerFlags(t *testing.T) {
	flagged := func(s string) string { return "add-service mark 5 IPv4 " + s + " timeout 0 mask 0xffffffff" }
	tests := []lineTest{
		{"-A -f 5 -s rr -b flag-1", flagged("rr flags 0x08"), ""},
		{"-A -f 5 -s rr -b flag-2", flagged("rr flags 0x10"), ""},
		{"-A -f 5 -s rr -b flag-3", flagged("rr flags 0x20"), ""},
		{"-A -f 5 -s rr -b flag-1,flag-2,flag-3", flagged("rr flags 0x38"), ""},
		{"-A -f 5 -s sh -b sh-fallback", flagged("sh flags 0x08"), ""},
		{"-A -f 5 -s sh -b sh-port", flagged("sh flags 0x10"), ""},
		{"-A -f 5 -s mh -b mh-fallback", flagged("mh flags 0x08"), ""},
		{"-A -f 5 -s mh -b mh-port,mh-port", flagged("mh flags 0x10"), ""},
		{"-A -f 5 -b sh-port -s sh", flagged("sh flags 0x10"), "before its scheduler"},
		{"-A -f 5 -s sh -b ',sh-port,,flag-3,'", flagged("sh flags 0x30"), "empty parts"},
		{"-A -f 5 -b ''", flagged("wlc flags 0x00"), ""},
		{"-A -f 5 -b=", flagged("wlc flags 0x00"), ""},
		{"-A -f 5 -b ,", "2 invalid scheduler flag `'", ""},
		{"-A -f 5 -b ,,", "2 invalid scheduler flag `'", ""},
		{"-A -f 5 -b foo", "2 invalid scheduler flag `foo'", ""},
		{"-A -f 5 -s sh -b SH-PORT", "2 invalid scheduler flag `SH-PORT'", ""},
		{"-A -f 5 -s sh -b 'sh-port, sh-fallback'", "2 invalid scheduler flag ` sh-fallback'", ""},
		{"-A -f 5 -b 8", "2 invalid scheduler flag `8'", ""},
		{"-A -f 5 -b sh-port", "2 incompatible scheduler flag `sh-port'", "with the default"},
		{"-A -f 5 -s mh -b sh-port", "2 incompatible scheduler flag `sh-port'", ""},
		{"-A -f 5 -s shx -b sh-port", "2 incompatible scheduler flag `sh-port'", ""},
		{"-A -f 5 -b sh-port,foo", "2 incompatible scheduler flag `sh-port'", "the first fault"},
		{"-A -f 5 -b foo,sh-port", "2 invalid scheduler flag `foo'", ""},
		{"-A -f 5 -b foo bar", "2 unexpected argument bar", "after operands"},
		{"-A -f 5 -b foo -q", "255 -q: unknown option", ""},
		{"-A -b foo", "2 invalid scheduler flag `foo'", "before the other checks"},
		{"-A -t 10.0.0.1 -b foo", "2 invalid scheduler flag `foo'", ""},
		{"-L -b foo", "2 invalid scheduler flag `foo'", ""},
		{"-L -b flag-1", "2 Illegal 'sched-flags' option with the 'list' command", ""},
	}
	for _, s := range sched.All {
		tests = append(tests, lineTest{"-A -f 5 -b flag-1 -s " + s.Name, flagged(s.Name + " flags 0x08"), ""})
	}
	run(t, tests)
}

func TestServers(t *testing.T) {
	server := func(s string) string { return "add-server TCP 10.0.0.1:80 > " + s }
	run(t, []lineTest{
		{"-a -t 10.0.0.1:80 -r 10.0.0.2", server("10.0.0.2:80 Route weight 1"), "defaults"},
		{"-e -t 10.0.0.1:80 -r 10.0.0.2", "edit-server TCP 10.0.0.1:80 > 10.0.0.2:80 Route weight 1", ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2:90 -m", server("10.0.0.2:90 Masq weight 1"), ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -m", server("10.0.0.2:80 Masq weight 1"), ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2:0 -m", server("10.0.0.2:0 Masq weight 1"), "port 0 is a port"},
		{"-a -t 10.0.0.1:80 -r [10.0.0.2]:90 -m", server("10.0.0.2:80 Masq weight 1"), ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2:90 -g", server("10.0.0.2:80 Route weight 1"), "the service's port"},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2:90", server("10.0.0.2:80 Route weight 1"), ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2:90 -i", server("10.0.0.2:80 Tunnel weight 1"), ""},
		{"-a -f 5 -r 10.0.0.2:90 -g", "add-server mark 5 IPv4 > 10.0.0.2:90 Route weight 1", "but not a mark's"},
		{"-a -f 5 -r 10.0.0.2:90 -i", "add-server mark 5 IPv4 > 10.0.0.2:90 Tunnel weight 1", ""},
		{"-a -f 5 -r 10.0.0.2", "add-server mark 5 IPv4 > 10.0.0.2:0 Route weight 1", ""},
		{"-d -t 10.0.0.1:80 -r 10.0.0.2:90", "delete-server TCP 10.0.0.1:80 > 10.0.0.2:90", ""},
		{"-d -t 10.0.0.1:80 -r 10.0.0.2", "delete-server TCP 10.0.0.1:80 > 10.0.0.2:80", ""},
		{"-d -t 10.0.0.1:80 -r fd00::2", "delete-server TCP 10.0.0.1:80 > [fd00::2]:80", ""},
		{"-a -t 10.0.0.1:80 -r 80", badReal, ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2:http -m", server("10.0.0.2:80 Masq weight 1"), ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2:tftp", badReal, "names of ports by protocol"},
		{"-a -u 10.0.0.1:80 -r 10.0.0.2:tftp -m", "add-server UDP 10.0.0.1:80 > 10.0.0.2:69 Masq weight 1", ""},
		{"-a -f 5 -r 10.0.0.2:tftp", badReal, "a mark's are TCP's"},
		{"-a -f 5 -r 10.0.0.2:http", "add-server mark 5 IPv4 > 10.0.0.2:80 Route weight 1", ""},

		{"-a -r 10.0.0.2 -t 10.0.0.1:80 -m", server("10.0.0.2:80 Masq weight 1"), "before its service"},
		{"-a -r 10.0.0.2:90 -t 10.0.0.1:80 -m", server("10.0.0.2:90 Masq weight 1"), ""},
		{"-a -r 10.0.0.2:http -t 10.0.0.1:80 -m", server("10.0.0.2:80 Masq weight 1"), ""},
		{"-a -r 10.0.0.2:tftp -u 10.0.0.1:80 -m", "add-server UDP 10.0.0.1:80 > 10.0.0.2:69 Masq weight 1", ""},
		{"-a -r 10.0.0.2:tftp -t 10.0.0.1:80 -m", badReal, ""},
		{"-a -r 10.0.0.2:tftp -f 5", badReal, ""},
		{"-a -r 10.0.0.2:http -f 5", "add-server mark 5 IPv4 > 10.0.0.2:80 Route weight 1", ""},
		{"-d -r 10.0.0.2 -t 10.0.0.1:80", "delete-server TCP 10.0.0.1:80 > 10.0.0.2:80", ""},
		{"-a -r 10.0.0.2:http", badReal, "no service, no names"},
		{"-a -r 10.0.0.2:80", "2 You need to supply the 'service-address' option for the 'add-server' command", ""},
		{"-a -r bad -t bad", badReal, "in the order of words"},
		{"-a -t bad -r bad", badAddr, ""},
		{"-a -r 10.0.0.2:nosuch -q", badReal, ""},

		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -w 0 -x 2147483647 -y ' +010'", server("10.0.0.2:80 Route weight 0 thresholds 2147483647 10"), ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -w 2147483647", server("10.0.0.2:80 Route weight 2147483647"), ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -w 2147483648", "2 illegal weight specified", ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -w '1 '", "2 illegal weight specified", ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -w ''", "2 illegal weight specified", ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -w 0x1", "2 illegal weight specified", ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -x -1", "2 illegal u_threshold specified", ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -x 2147483648", "2 illegal u_threshold specified", ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -y a", "2 illegal l_threshold specified", ""},

		{"-a -t 10.0.0.1:80 -r [fd00::2]:80 -i", server("[fd00::2]:80 Tunnel weight 1"), "another family"},
		{"-a -t 10.0.0.1:80 -r [fd00::2]:80", "2 Different address family is allowed only for tunneling servers", ""},
		{"-e -f 5 -6 -r 10.0.0.2 -m", "2 Different address family is allowed only for tunneling servers", ""},
		{"-a -t 10.0.0.1:80 -r [::ffff:10.0.0.2]:80", "2 Different address family is allowed only for tunneling servers", ""},
		{"-a -f 5 -r fd00::2 -6 -m", "add-server mark 5 IPv6 > [fd00::2]:0 Masq weight 1", "-6 may come later"},
		{"-a -t 10.0.0.1:80 -r [fd00::2]:80 -m --tun-csum", "2 Different address family is allowed only for tunneling servers", "before tunnel options"},
	})
}

func TestTunnels(t *testing.T) {
	const server = "-a -t 10.0.0.1:80 -r 10.0.0.2 "
	tunnel := func(s string) string { return "add-server TCP 10.0.0.1:80 > 10.0.0.2:80 Tunnel weight 1" + s }
	run(t, []lineTest{
		{server + "-i --tun-type ipip", tunnel(""), ""},
		{server + "-i --tun-type gue --tun-port 6080", tunnel(" gue port 6080 flags 0"), ""},
		{server + "-i --tun-type gue --tun-port ' 1' --tun-nocsum", tunnel(" gue port 1 flags 0"), ""},
		{server + "--tun-csum --tun-type gue --tun-port 65535 -i", tunnel(" gue port 65535 flags 1"), ""},
		{server + "-i --tun-type gue --tun-port 6080 --tun-remcsum", tunnel(" gue port 6080 flags 2"), ""},
		{server + "-i --tun-type gre", tunnel(" gre port 0 flags 0"), ""},
		{server + "-i --tun-type gre --tun-csum", tunnel(" gre port 0 flags 1"), ""},
		{server + "-i --tun-type gre --tun-nocsum", tunnel(" gre port 0 flags 0"), ""},

		{server + "-i --tun-type GUE", "2 illegal tunnel type specified", ""},
		{server + "-i --tun-type ''", "2 illegal tunnel type specified", ""},
		{server + "-i --tun-type gue --tun-port 0", "2 illegal tunnel port specified", ""},
		{server + "-i --tun-type gue --tun-port 65536", "2 illegal tunnel port specified", ""},

		{server + "-m --tun-type gue", "2 Tunnel options conflict with forward method", ""},
		{server + "-g --tun-port 5", "2 Tunnel options conflict with forward method", ""},
		{server + "--tun-nocsum", "2 Tunnel options conflict with forward method", ""},
		{server + "--tun-csum", "2 Tunnel options conflict with forward method", ""},
		{server + "--tun-remcsum", "2 Tunnel options conflict with forward method", ""},

		{server + "-i --tun-port 5", "2 Illegal 'tun-port' option with the 'ipip' tunnel type", ""},
		{server + "-i --tun-nocsum", "2 Illegal 'tun-nocsum' option with the 'ipip' tunnel type", ""},
		{server + "-i --tun-csum", "2 Illegal 'tun-csum' option with the 'ipip' tunnel type", ""},
		{server + "-i --tun-remcsum", "2 Illegal 'tun-remcsum' option with the 'ipip' tunnel type", ""},
		{server + "-i --tun-type gue --tun-csum", "2 You need to supply the 'tun-port' option for the 'gue' tunnel type", ""},
		{server + "-i --tun-type gue --tun-port 5 --tun-csum --tun-nocsum", "2 The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gue' tunnel type", ""},
		{server + "-i --tun-type gue --tun-port 5 --tun-remcsum --tun-nocsum", "2 The option 'tun-remcsum' conflicts with the 'tun-nocsum' option in the 'gue' tunnel type", ""},
		{server + "-i --tun-type gue --tun-port 5 --tun-remcsum --tun-csum", "2 The option 'tun-remcsum' conflicts with the 'tun-csum' option in the 'gue' tunnel type", ""},
		{server + "-i --tun-type gre --tun-port 5", "2 Illegal 'tun-port' option with the 'gre' tunnel type", ""},
		{server + "-i --tun-type gre --tun-remcsum", "2 Illegal 'tun-remcsum' option with the 'gre' tunnel type", ""},
		{server + "-i --tun-type gre --tun-csum --tun-nocsum", "2 The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gre' tunnel type", ""},
	})
}

func TestDaemons(t *testing.T) {
	run(t, []lineTest{
		{"--start-daemon master", "start-daemon master eth0 id 0", "defaults"},
		{"--start-daemon=backup", "start-daemon backup eth0 id 0", ""},
		{"--stop-daemon backup --syncid 5", "stop-daemon backup eth0 id 5", ""},
		{"--start-daemon master --mcast-interface lo --syncid 255", "start-daemon master lo id 255", ""},
		{"--start-daemon master --mcast-interface abcdefghijklmnopqr", "start-daemon master abcdefghijklmno id 0", ""},
		{"--start-daemon master --mcast-interface ''", "start-daemon master eth0 id 0", ""},
		{"--start-daemon master --mcast-group 239.255.255.255", "start-daemon master eth0 id 0 group 239.255.255.255", ""},
		{"--start-daemon master --mcast-group ff02::1", "start-daemon master eth0 id 0 group ff02::1", ""},
		{"--start-daemon master --mcast-port +80 --mcast-ttl 010 --sync-maxlen ' 100'", "start-daemon master eth0 id 0 maxlen 100 port 80 ttl 10", ""},
		{"--start-daemon master --mcast-port 65535 --mcast-ttl 255 --sync-maxlen 65507", "start-daemon master eth0 id 0 maxlen 65507 port 65535 ttl 255", ""},

		{"--start-daemon foo", "2 illegal start-daemon parameter specified", ""},
		{"--start-daemon ''", "2 illegal start-daemon parameter specified", ""},
		{"--start-daemon=", "2 illegal start-daemon parameter specified", ""},
		{"--start-daemon Master", "2 illegal start-daemon parameter specified", ""},
		{"--start-daemon -h", "2 illegal start-daemon parameter specified", ""},
		{"--start-daemon foo -q", "2 illegal start-daemon parameter specified", "in the order of words"},
		{"--stop-daemon foo", "2 illegal start_daemon specified", ""},
		{"--start-daemon master --syncid 256", "2 illegal syncid specified", ""},
		{"--start-daemon master --syncid -1", "2 illegal syncid specified", ""},
		{"--start-daemon master --syncid ''", "2 illegal syncid specified", ""},
		{"--start-daemon master --mcast-port 0", "2 illegal mcast-port specified", ""},
		{"--start-daemon master --mcast-port 65536", "2 illegal mcast-port specified", ""},
		{"--start-daemon master --mcast-ttl 0", "2 illegal mcast-ttl specified", ""},
		{"--start-daemon master --mcast-ttl 256", "2 illegal mcast-ttl specified", ""},
		{"--start-daemon master --sync-maxlen 0", "2 illegal sync-maxlen specified", ""},
		{"--start-daemon master --sync-maxlen 65508", "2 illegal sync-maxlen specified", ""},
		{"--start-daemon master --mcast-group 1.2.3.4", "2 invalid IPv4 mcast-group `1.2.3.4'", ""},
		{"--start-daemon master --mcast-group 240.0.0.0", "2 invalid IPv4 mcast-group `240.0.0.0'", ""},
		{"--start-daemon master --mcast-group 224.1", "2 invalid IPv4 mcast-group `224.1'", ""},
		{"--start-daemon master --mcast-group ''", "2 invalid IPv4 mcast-group `'", ""},
		{"--start-daemon master --mcast-group localhost", "2 invalid IPv4 mcast-group `localhost'", ""},
		{"--start-daemon master --mcast-group fe80::1", "2 invalid IPv6 mcast-group `fe80::1'", ""},
		{"--start-daemon master --mcast-group [ff02::1]", "2 invalid IPv6 mcast-group `[ff02::1]'", ""},
		{"--start-daemon master --mcast-group ff02::1%lo", "2 invalid IPv6 mcast-group `ff02::1%lo'", ""},
		{"--start-daemon master --mcast-group ::ffff:224.0.0.1", "2 invalid IPv6 mcast-group `::ffff:224.0.0.1'", ""},
		{"--stop-daemon master --mcast-group x", "2 invalid IPv4 mcast-group `x'", "before illegal options"},
	})
}

func TestListingConflicts(t *testing.T) {
	const conflict = "2 options conflicts in the list command"
	run(t, []lineTest{
		{"-L -c --stats", conflict, ""},
		{"-L -c --rate", conflict, ""},
		{"-L -c --thresholds", conflict, ""},
		{"-L --timeout --stats", conflict, ""},
		{"-L --daemon --rate", conflict, ""},
		{"-L --daemon --thresholds", conflict, ""},
		{"-L --timeout --persistent-conn", conflict, ""},
		{"-L --daemon --persistent-conn", conflict, ""},
		{"-L -c --watch", conflict, ""},
		{"-L --timeout --watch=5", conflict, ""},
		{"-L --daemon --top 3", conflict, ""},
		{"-L -c --json", "list", ""},
		{"-L --watch --top 3 --stats -j", "list", ""},
		{"-L -c --persistent-conn", "list", ""},
		{"-L -c --nosort --exact -n --tun-info", "list", ""},
		{"-L --timeout --tun-info", "list", ""},
		{"-L --stats --rate --thresholds --persistent-conn --tun-info --syncid 1", "list", ""},
		{"-L --stats -t 10.0.0.1:80", "list TCP 10.0.0.1:80", ""},
		{"-L -c --timeout --stats", "2 The option 'timeout' conflicts with the 'connection' option in the 'list' command", "after the table"},
		{"-L --timeout -t 10.0.0.1:80 -c", "2 The option 'service-address' conflicts with the 'connection' option in the 'list' command", "the first two of the table"},
	})
}

// SPDX-License-Identifier: MIT

package resolve

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/scripts/testnet"
)

func TestNsswitchSources(t *testing.T) {
	// want lists the sources, each with the initials of the statuses after which no
	// further source is queried: success, notFound, unavailable, tryAgain.
	for _, tt := range []struct{ text, database, want string }{
		{database: "hosts", want: "files:s dns:s"},
		{database: "services", want: "files:s"},
		{text: "hosts: dns\n", database: "hosts", want: "dns:s"},
		{text: "hosts:\n", database: "hosts", want: "files:s dns:s"},
		{text: "# hosts: dns\n\tpasswd: x\nhosts:\tfiles dns # hosts: y\nhost: z\nhostsx: z\n", database: "hosts", want: "files:s dns:s"},
		{text: "hosts: files\nhosts: sss dns\nhosts:\n", database: "hosts", want: "sss:s dns:s"},
		{text: "hosts sss\nhostsx dns\n", database: "hosts", want: "sss:s"},
		{text: "hosts :: files\n", database: "hosts", want: "files:s"},
		{text: "hosts: files mdns4_minimal [NOTFOUND=return] dns\n", database: "hosts", want: "files:s mdns4_minimal:sn dns:s"},
		{text: "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns\n", database: "hosts", want: "mymachines:s resolve:snt files:s myhostname:s dns:s"},
		{text: "hosts:files[SUCCESS=continue notfound=RETURN]dns [TRYAGAIN=return UNAVAIL=return]", database: "hosts", want: "files:n dns:sut"},
		{text: "hosts: [NOTFOUND=return] dns [nonsense] [FOO=return", database: "hosts", want: "dns:s"},
		{text: "services:   db files\n", database: "services", want: "db:s files:s"},
	} {
		var got []string
		for _, s := range nsswitchSources(tt.text, tt.database) {
			actions := ""
			for st := range numStatuses {
				if s.returns[st] {
					actions += "snut"[st : st+1]
				}
			}
			got = append(got, s.name+":"+actions)
			if !strings.HasPrefix(s.configTail, s.name) {
				t.Errorf("%q: configTail of %s is %q", tt.text, s.name, s.configTail)
			}
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%q: got sources %s, want %s", tt.text, got, tt.want)
		}
	}
}

// fakeGetent makes db use a getent that resolves only a few names. calls returns the
// arguments of each run since the previous call of calls.
func fakeGetent(t *testing.T, db *Database) (calls func() []string) {
	t.Helper()
	directory := t.TempDir()
	path := filepath.Join(directory, "getent")
	script := `#!/bin/sh
echo "$*" >>` + directory + `/calls
case $* in
*" -- ahostsv4 director") echo "10.5.0.1 STREAM director"; echo "10.5.0.1 DGRAM"; echo "10.5.0.2 STREAM" ;;
*" -- hosts 10.5.0.1") echo "10.5.0.1 director director.example.org" ;;
*" -- hosts fd05::1") echo "fd05::1 director6" ;;
*" -- services vip/tcp" | *" -- services vip") echo "vip 8443/tcp" ;;
*" -- services 8443/tcp") echo "vip 8443/tcp other" ;;
*slow*) exec sleep 60 ;;
*) exit 2 ;;
esac
`
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	db.getent = &getent{path: path, timeout: testnet.TestTimeout, slots: make(chan struct{}, 4)}
	return func() []string {
		text := strings.TrimSuffix(readFile(directory+"/calls"), "\n")
		os.Remove(directory + "/calls")
		return slices.DeleteFunc(strings.Split(text, "\n"), func(s string) bool { return s == "" })
	}
}

// nsswitchDatabase returns a test database with the given nsswitch.conf, whose local
// host is named here.
func nsswitchDatabase(t *testing.T, nsswitch string) *Database {
	t.Helper()
	db, _ := testDatabase(t)
	db.sources = func(database string) sources { return nsswitchSources(nsswitch, database) }
	db.localHost = &localHost{
		hostname: func() (string, error) { return "here", nil },
		interfaceAddrs: func() []netip.Addr {
			return []netip.Addr{netip.MustParseAddr("10.6.0.1"), netip.MustParseAddr("fd06::1")}
		},
		routeFile: filepath.Join(t.TempDir(), "routes"),
	}
	const routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n" +
		"eth0\t%s\t%s\t0003\t0\t0\t0\t00000000\n" +
		"eth0\t0000060A\t00000000\t0001\t0\t0\t0\t0000FFFF\n"
	gateway := netip.MustParseAddr("10.6.0.254").As4()
	text := fmt.Sprintf(routes, "00000000", nativeHex(gateway))
	if err := os.WriteFile(db.localHost.routeFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return db
}

// nativeHex formats an address as in /proc/net/route.
func nativeHex(a [4]byte) string { return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(a[:])) }

func TestMyHostname(t *testing.T) {
	d := nsswitchDatabase(t, "hosts: files myhostname")
	for name, want := range map[string]string{
		"web1": "10.1.1.1", "here": "10.6.0.1", "HERE.": "10.6.0.1", "localhost": "127.0.0.1", "x.localhost": "127.0.0.1",
		"_gateway": "10.6.0.254", "there": "", "gateway": "",
	} {
		addrs, _ := d.lookupHost(name)
		got := ""
		if len(addrs) > 0 {
			got = addrs[0].String()
		}
		if got != want {
			t.Errorf("%s resolves to %q, want %q", name, got, want)
		}
	}
	for addr, want := range map[string]string{
		"10.1.1.1": "web1", "10.6.0.1": "here", "fd06::1": "here", "10.6.0.254": "_gateway", "127.0.0.2": "here",
		"10.6.0.2": "",
	} {
		if got := d.hostName(netip.MustParseAddr(addr)); got != want {
			t.Errorf("name of %s = %q, want %q", addr, got, want)
		}
	}
	d.localHost.interfaceAddrs = func() []netip.Addr { return nil }
	if addrs, _ := d.lookupHost("here"); len(addrs) != 1 || addrs[0] != fallbackAddr() {
		t.Errorf("local host name without an interface address resolves to %v, want %v", addrs, fallbackAddr())
	}
}

// TestGetent verifies that getent queries the first source other than files, dns, resolve
// and myhostname, and all sources after it.
func TestGetent(t *testing.T) {
	for _, tt := range []struct {
		nsswitch        string
		name, wantAddrs string
		addr, wantName  string
		calls           string // arguments of each getent process, separated by |
	}{
		{nsswitch: "hosts: files sss dns", name: "web1", wantAddrs: "10.1.1.1", addr: "10.1.1.1", wantName: "web1"},
		{nsswitch: "hosts: files sss dns", name: "director", wantAddrs: "10.5.0.1 10.5.0.2", addr: "10.5.0.1", wantName: "director",
			calls: "-s sss dns -- ahostsv4 director|-s sss dns -- hosts 10.5.0.1"},
		{nsswitch: "hosts: ldap [NOTFOUND=return] files", name: "web1", addr: "fd05::1", wantName: "director6",
			calls: "-s ldap [NOTFOUND=return] files -- ahostsv4 web1|-s ldap [NOTFOUND=return] files -- hosts fd05::1"},
		{nsswitch: "hosts: files mdns4_minimal [NOTFOUND=return] winbind", name: "director", wantAddrs: "10.5.0.1 10.5.0.2", addr: "10.5.0.1", wantName: "director",
			calls: "-s winbind -- ahostsv4 director|-s winbind -- hosts 10.5.0.1"},
		{nsswitch: "hosts: files mdns4_minimal [NOTFOUND=return]", name: "director", addr: "10.5.0.1"},
		{nsswitch: "hosts: files mdns4_minimal [NOTFOUND=return]", name: "x.local", addr: "169.254.1.1", calls: "-s mdns4_minimal [NOTFOUND=return] -- ahostsv4 x.local|-s mdns4_minimal [NOTFOUND=return] -- hosts 169.254.1.1"},
		{nsswitch: "hosts: files [NOTFOUND=return] sss", name: "director", addr: "10.5.0.1"},
	} {
		d := nsswitchDatabase(t, tt.nsswitch)
		calls := fakeGetent(t, d)
		addrs, _ := d.lookupHost(tt.name)
		if got := strings.Trim(fmt.Sprint(addrs), "[]"); got != tt.wantAddrs {
			t.Errorf("%s: %s resolves to %q, want %q", tt.nsswitch, tt.name, got, tt.wantAddrs)
		}
		if got := d.hostName(netip.MustParseAddr(tt.addr)); got != tt.wantName {
			t.Errorf("%s: name of %s = %q, want %q", tt.nsswitch, tt.addr, got, tt.wantName)
		}
		if got := strings.Join(calls(), "|"); got != tt.calls {
			t.Errorf("%s: getent calls %s, want %s", tt.nsswitch, got, tt.calls)
		}
	}
}

func TestGetentPorts(t *testing.T) {
	d := nsswitchDatabase(t, "services: files sss")
	calls := fakeGetent(t, d)
	for _, tt := range []struct {
		name     string
		protocol ipvs.Protocol
		want     uint16
	}{{name: "http", protocol: ipvs.TCP, want: 80}, {name: "vip", protocol: ipvs.TCP, want: 8443}, {name: "vip", protocol: AnyProtocol, want: 8443}, {name: "vip", protocol: ipvs.UDP}} {
		if got, ok := d.lookupPort(tt.name, tt.protocol); got != tt.want || ok != (tt.want != 0) {
			t.Errorf("lookupPort(%s) = %d, want %d", tt.name, got, tt.want)
		}
	}
	for port, want := range map[uint16]string{80: "http", 8443: "vip", 8444: ""} {
		if got := d.portName(port, ipvs.TCP); got != want {
			t.Errorf("portName(%d) = %q, want %q", port, got, want)
		}
	}
	if got := d.portName(8443, 0); got != "" {
		t.Errorf("name of a port without a protocol = %q, want none", got)
	}
	if n := len(calls()); n != 5 {
		t.Errorf("%d getent calls, want 5", n)
	}
}

// TestGetentUnavailable verifies that the next source is queried if getent cannot be
// executed or times out.
func TestGetentUnavailable(t *testing.T) {
	d := nsswitchDatabase(t, "hosts: sss files\nservices: sss files\n")
	d.getent = &getent{path: "/nonexistent/getent", timeout: testnet.TestTimeout, slots: make(chan struct{}, 1)}
	d.hosts = func() hosts { return readHosts("10.1.1.1 slow\n") }
	for range 2 {
		if addrs, _ := d.lookupHost("slow"); len(addrs) != 1 {
			t.Errorf("slow resolves to %v, want the address of the hosts file", addrs)
		}
		// In the second iteration, getent times out.
		fakeGetent(t, d)
		d.getent.timeout = 100 * time.Millisecond
	}
	d.getent = nil
	if got := d.portName(80, ipvs.TCP); got != "http" {
		t.Errorf("portName(80) = %q, want http", got)
	}
}

// TestGetentConcurrent verifies that several getent processes run concurrently, up to the
// number of slots.
func TestGetentConcurrent(t *testing.T) {
	d := nsswitchDatabase(t, "hosts: sss")
	directory := t.TempDir()
	path := filepath.Join(directory, "getent")
	// Each process waits until a second one runs.
	script := "#!/bin/sh\ncd " + directory + `
mkdir $$
while [ "$(ls -d [0-9]* | wc -l)" -lt 2 ] && [ ! -e both ]; do sleep 0.01; done
>both
[ "$(ls -d [0-9]* | wc -l)" -le 4 ] || >crowd
sleep 0.05
rmdir $$
for last; do :; done
echo "$last host-$last"
`
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	d.getent = &getent{path: path, timeout: testnet.TestTimeout, slots: make(chan struct{}, 4)}
	var endpoints []Endpoint
	for i := range 20 {
		addr := netip.AddrFrom4([4]byte{10, 9, 0, byte(i)})
		endpoints = append(endpoints, Endpoint{netip.AddrPortFrom(addr, 0), 0})
	}
	n := NewNamer(d)
	n.Prefetch(endpoints)
	for _, e := range endpoints {
		if want := "host-" + e.Addr().String(); n.hosts[e.Addr()] != want {
			t.Errorf("name of %s = %q, want %q", e.Addr(), n.hosts[e.Addr()], want)
		}
	}
	if _, err := os.Stat(directory + "/crowd"); err == nil {
		t.Error("more than four processes ran concurrently")
	}
}

// SPDX-License-Identifier: MIT

package resolve

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestDNSNameInHostsFile verifies that the source dns looks up names and addresses with
// getent if they are in the hosts file, which net.Resolver would read.
func TestDNSNameInHostsFile(t *testing.T) {
	const hostsFile = "10.1.1.1 director\n10.1.1.2 onlyhosts dotted.\nfd05::1 six-only\nfd05::2 onlyhosts6\n::ffff:10.5.0.1 mapped\n"
	server := &fakeNameServer{lookup: func(question string) string {
		if question == "1.1.1.10.in-addr.arpa" {
			return "dns-director.example.org"
		}
		return ""
	}}
	for _, tt := range []struct {
		nsswitch   string
		serverDown bool   // the name server does not respond
		word       string // a name or an address
		want       string
		calls      string // arguments of getent, separated by |
	}{
		{nsswitch: "files dns", word: "director", want: "10.1.1.1"},
		{nsswitch: "dns files", word: "director", want: "10.5.0.1 10.5.0.2", calls: "-s dns -- ahostsv4 director"},
		{nsswitch: "dns files", word: "DIRECTOR", want: "10.1.1.1", calls: "-s dns -- ahostsv4 DIRECTOR"},
		{nsswitch: "files dns", word: "director.", calls: "-s dns -- ahostsv4 director."},
		{nsswitch: "files dns", word: "dotted.", want: "10.1.1.2"},
		{nsswitch: "files dns", word: "dotted", calls: "-s dns -- ahostsv4 dotted"},
		{nsswitch: "files dns", word: "six-only", calls: "-s dns -- ahostsv4 six-only"},
		{nsswitch: "dns files", word: "onlyhosts", want: "10.1.1.2", calls: "-s dns -- ahostsv4 onlyhosts"},
		{nsswitch: "dns [NOTFOUND=return] files", word: "onlyhosts", calls: "-s dns -- ahostsv4 onlyhosts"},
		{nsswitch: "dns [!NOTFOUND=return] files", word: "onlyhosts", want: "10.1.1.2", calls: "-s dns -- ahostsv4 onlyhosts"},
		{nsswitch: "dns [!UNAVAIL=return] files", serverDown: true, word: "onlyhosts", want: "10.1.1.2", calls: "-s dns -- ahostsv4 onlyhosts"},
		{nsswitch: "dns [UNAVAIL=return] files", serverDown: true, word: "onlyhosts", calls: "-s dns -- ahostsv4 onlyhosts"},
		{nsswitch: "files [SUCCESS=continue] dns", word: "director", want: "10.5.0.1 10.5.0.2", calls: "-s dns -- ahostsv4 director"},
		{nsswitch: "files [SUCCESS=continue] dns", word: "onlyhosts", calls: "-s dns -- ahostsv4 onlyhosts"},

		{nsswitch: "dns files", word: "10.1.1.1", want: "dns-director.example.org"},
		{nsswitch: "dns files", word: "10.1.1.2", want: "onlyhosts"},
		{nsswitch: "dns [NOTFOUND=return] files", word: "10.1.1.2"},
		{nsswitch: "dns [NOTFOUND=return] files", serverDown: true, word: "10.1.1.2"},
		{nsswitch: "dns [!NOTFOUND=return] files", serverDown: true, word: "10.1.1.2", want: "onlyhosts"},
		{nsswitch: "files [SUCCESS=continue] dns", word: "10.1.1.1", want: "dns-director.example.org"},
		{nsswitch: "dns files", word: "10.5.0.1", want: "director", calls: "-s dns -- hosts 10.5.0.1"},
		{nsswitch: "dns files", word: "fd05::1", want: "director6", calls: "-s dns -- hosts fd05::1"},
		{nsswitch: "dns files", word: "fd05::2", want: "onlyhosts6", calls: "-s dns -- hosts fd05::2"},
		{nsswitch: "dns [NOTFOUND=return] files", word: "fd05::2", calls: "-s dns -- hosts fd05::2"},
	} {
		d := nsswitchDatabase(t, "hosts: "+tt.nsswitch)
		if !tt.serverDown {
			d.resolver = server.database(t).resolver
		}
		d.hosts = func() hosts { return readHosts(hostsFile) }
		calls := fakeGetent(t, d)
		if got := lookUp(d, tt.word); got != tt.want {
			t.Errorf("%s: %s resolves to %q, want %q", tt.nsswitch, tt.word, got, tt.want)
		}
		if got := strings.Join(calls(), "|"); got != tt.calls {
			t.Errorf("%s: %s: getent calls %s, want %s", tt.nsswitch, tt.word, got, tt.calls)
		}
	}
}

// lookUp returns the name of word, if it is an address, or else its addresses.
func lookUp(d *Database, word string) string {
	if addr, err := netip.ParseAddr(word); err == nil {
		return d.hostName(addr)
	}
	addrs, _ := d.lookupHost(word)
	return strings.Trim(fmt.Sprint(addrs), "[]")
}

// TestDNSWithoutGetent verifies that, without getent, the source dns is unavailable for
// names in the hosts file.
func TestDNSWithoutGetent(t *testing.T) {
	server := &fakeNameServer{lookup: func(string) string { return "" }}
	for nsswitch, want := range map[string]bool{"dns files": true, "dns [UNAVAIL=return] files": false} {
		d := nsswitchDatabase(t, "hosts: "+nsswitch)
		d.resolver = server.database(t).resolver
		if _, ok := d.lookupHost("web1"); ok != want {
			t.Errorf("%s: found %v, want %v", nsswitch, ok, want)
		}
	}
}

// TestDNSEnvironment verifies that the DNS is queried with getent if a variable of the C
// library's resolver is set.
func TestDNSEnvironment(t *testing.T) {
	server := &fakeNameServer{lookup: func(question string) string {
		if question == "7.0.0.10.in-addr.arpa" {
			return "seven.example.org"
		}
		return ""
	}}
	for _, tt := range []struct {
		name, variable string
		word           string // a name or an address
		want           string
		calls          string // arguments of getent
	}{
		{name: "search list", variable: "LOCALDOMAIN", word: "director", want: "10.5.0.1 10.5.0.2", calls: "-s dns -- ahostsv4 director"},
		{name: "aliases", variable: "HOSTALIASES", word: "director", want: "10.5.0.1 10.5.0.2", calls: "-s dns -- ahostsv4 director"},
		{name: "options", variable: "RES_OPTIONS", word: "director", want: "10.5.0.1 10.5.0.2", calls: "-s dns -- ahostsv4 director"},
		{name: "unknown name", variable: "LOCALDOMAIN", word: "nosuch", calls: "-s dns -- ahostsv4 nosuch"},
		{name: "another variable", variable: "LOCALDOMAINS", word: "director"},
		{name: "address, options", variable: "RES_OPTIONS", word: "10.5.0.1", want: "director", calls: "-s dns -- hosts 10.5.0.1"},
		{name: "address, search list", variable: "LOCALDOMAIN", word: "10.0.0.7", want: "seven.example.org"},
	} {
		d := nsswitchDatabase(t, "hosts: dns")
		d.resolver = server.database(t).resolver
		d.hosts = func() hosts { return readHosts("") }
		d.lookupEnv = func(name string) (string, bool) { return "", name == tt.variable }
		calls := fakeGetent(t, d)
		if got := lookUp(d, tt.word); got != tt.want {
			t.Errorf("%s: %s resolves to %q, want %q", tt.name, tt.word, got, tt.want)
		}
		if got := strings.Join(calls(), "|"); got != tt.calls {
			t.Errorf("%s: getent calls %q, want %q", tt.name, got, tt.calls)
		}
	}
}

package resolve

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// What is in the hosts file, too, is asked of the DNS alone where that is the
// source.
func TestDNSBesideTheHostsFile(t *testing.T) {
	const hostsFile = "10.1.1.1 director\n10.1.1.2 onlyhosts dotted.\nfd05::1 six-only\nfd05::2 onlyhosts6\n::ffff:10.5.0.1 mapped\n"
	server := &nameServer{answer: func(question string) string {
		if question == "1.1.1.10.in-addr.arpa" {
			return "dns-director.example.org"
		}
		return ""
	}}
	for _, tt := range []struct {
		nsswitch   string
		down       bool // no name server answers
		word, want string
		calls      string
	}{
		{"files dns", false, "director", "10.1.1.1", ""},
		{"dns files", false, "director", "10.5.0.1 10.5.0.2", "-s dns -- ahostsv4 director"},
		{"dns files", false, "DIRECTOR", "10.1.1.1", "-s dns -- ahostsv4 DIRECTOR"},
		{"files dns", false, "director.", "", "-s dns -- ahostsv4 director."},
		{"files dns", false, "dotted.", "10.1.1.2", ""},
		{"files dns", false, "dotted", "", "-s dns -- ahostsv4 dotted"},
		{"files dns", false, "six-only", "", "-s dns -- ahostsv4 six-only"},
		{"dns files", false, "onlyhosts", "10.1.1.2", "-s dns -- ahostsv4 onlyhosts"},
		{"dns [NOTFOUND=return] files", false, "onlyhosts", "", "-s dns -- ahostsv4 onlyhosts"},
		{"dns [!NOTFOUND=return] files", false, "onlyhosts", "10.1.1.2", "-s dns -- ahostsv4 onlyhosts"},
		{"dns [!UNAVAIL=return] files", true, "onlyhosts", "10.1.1.2", "-s dns -- ahostsv4 onlyhosts"},
		{"dns [UNAVAIL=return] files", true, "onlyhosts", "", "-s dns -- ahostsv4 onlyhosts"},
		{"files [SUCCESS=continue] dns", false, "director", "10.5.0.1 10.5.0.2", "-s dns -- ahostsv4 director"},
		{"files [SUCCESS=continue] dns", false, "onlyhosts", "", "-s dns -- ahostsv4 onlyhosts"},

		{"dns files", false, "10.1.1.1", "dns-director.example.org", ""},
		{"dns files", false, "10.1.1.2", "onlyhosts", ""},
		{"dns [NOTFOUND=return] files", false, "10.1.1.2", "", ""},
		{"dns [NOTFOUND=return] files", true, "10.1.1.2", "", ""},
		{"dns [!NOTFOUND=return] files", true, "10.1.1.2", "onlyhosts", ""},
		{"files [SUCCESS=continue] dns", false, "10.1.1.1", "dns-director.example.org", ""},
		{"dns files", false, "10.5.0.1", "director", "-s dns -- hosts 10.5.0.1"},
		{"dns files", false, "fd05::1", "director6", "-s dns -- hosts fd05::1"},
		{"dns files", false, "fd05::2", "onlyhosts6", "-s dns -- hosts fd05::2"},
		{"dns [NOTFOUND=return] files", false, "fd05::2", "", "-s dns -- hosts fd05::2"},
	} {
		d := switched(t, "hosts: "+tt.nsswitch)
		if !tt.down {
			d.resolver = server.database(t).resolver
		}
		d.hosts = func() hosts { return readHosts(hostsFile) }
		calls := librarian(t, d)
		var got string
		if addr, err := netip.ParseAddr(tt.word); err == nil {
			got = d.hostName(addr)
		} else {
			addrs, _ := d.lookupHost(tt.word)
			got = strings.Trim(fmt.Sprint(addrs), "[]")
		}
		if got != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.nsswitch, tt.word, got, tt.want)
		}
		if got := strings.Join(calls(), "|"); got != tt.calls {
			t.Errorf("%s: %s: called as %s, want %s", tt.nsswitch, tt.word, got, tt.calls)
		}
	}
}

// Without getent the DNS has no names for what is in the hosts file.
func TestDNSWithoutGetent(t *testing.T) {
	server := &nameServer{answer: func(string) string { return "" }}
	for nsswitch, want := range map[string]bool{"dns files": true, "dns [UNAVAIL=return] files": false} {
		d := switched(t, "hosts: "+nsswitch)
		d.resolver = server.database(t).resolver
		if _, ok := d.lookupHost("web1"); ok != want {
			t.Errorf("%s: found %v", nsswitch, ok)
		}
	}
}

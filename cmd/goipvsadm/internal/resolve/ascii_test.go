// SPDX-License-Identifier: MIT

package resolve

import (
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/ipvs"
)

// TestHostsFileASCII verifies that, in the hosts file, only ASCII white space separates
// words and only ASCII letters have case.
func TestHostsFileASCII(t *testing.T) {
	d := nsswitchDatabase(t, "hosts: files\n")
	d.hosts = func() hosts {
		return readHosts("10.3.3.1 evil\u00a0good\n10.3.3.2 evil\u0085nel\n10.3.3.3\vvt\falias\r\n10.3.3.4 evil\u2003em\n" +
			"10.3.3.5 \u212aelvin\n10.3.3.6 \u00dcmlaut Mixed\n10.3.3.7 byte\xa0 Case\n\u00a010.3.3.8 lead\n10.3.3.9 trail\u3000\n")
	}
	for word, want := range map[string]string{
		"good": "", "evil": "", "evil\u00a0good": "10.3.3.1", "EVIL\u00a0good": "10.3.3.1",
		"nel": "", "evil\u0085nel": "10.3.3.2",
		"vt": "10.3.3.3", "alias": "10.3.3.3",
		"em":     "",
		"kelvin": "", "\u212aELVIN": "10.3.3.5",
		"\u00fcmlaut": "", "\u00dcMLAUT": "10.3.3.6", "mIXED": "10.3.3.6",
		"byte\xa0": "10.3.3.7", "byte\xa1": "", "BYTE\xa1": "", "byte\ufffd": "",
		"lead": "", "trail": "", "trail\u3000": "10.3.3.9",
	} {
		got := ""
		if addr, ok := d.Host(word); ok {
			got = addr.String()
		}
		if got != want {
			t.Errorf("Host(%q) = %q, want %q", word, got, want)
		}
	}
	if name := d.hosts().names[netip.MustParseAddr("10.3.3.1")]; name != "evil\u00a0good" {
		t.Errorf("name of 10.3.3.1 = %q, want %q", name, "evil\u00a0good")
	}
}

// TestServicesFileASCII is like TestHostsFileASCII, for the services file.
func TestServicesFileASCII(t *testing.T) {
	d := nsswitchDatabase(t, "services: files\n")
	d.services = func() services {
		return readServices("evil\u00a0good 7001/tcp\ntrail\u0085 7002/tcp\nvt\v7003/tcp\falias\r\nproto 7004/tcp\u00a0\n" +
			"number 7005\u00a0/tcp\n\u00a0lead 7006/tcp\nother 7007/tcp x\u3000y\n")
	}
	for word, want := range map[string]uint16{
		"evil": 0, "good": 0, "evil\u00a0good": 7001, "trail": 0, "trail\u0085": 7002, "vt": 7003, "alias": 7003,
		"proto": 0, "number": 0, "lead": 0, "\u00a0lead": 7006, "x": 0, "y": 0, "x\u3000y": 7007,
	} {
		if got, ok := d.lookupPort(word, ipvs.TCP); got != want || ok != (want != 0) {
			t.Errorf("lookupPort(%q) = %d, want %d", word, got, want)
		}
	}
}

// TestNsswitchASCII is like TestHostsFileASCII, for nsswitch.conf and the local host name.
func TestNsswitchASCII(t *testing.T) {
	for text, want := range map[string]string{
		"\vhosts\f:\rdns\vfiles\f[\vNOTFOUND=return\r]sss\r\n": "dns files sss",
		"hosts: sss\u00a0files\n":                              "sss\u00a0files",
		"hosts: sss\u0085\n":                                   "sss\u0085",
		"hosts\u00a0: sss\n":                                   "files dns",
		"\u00a0hosts: sss\n":                                   "files dns",
		"hosts: sss [\u00a0NOTFOUND=return]\n":                 "sss",
	} {
		list := nsswitchSources(text, "hosts")
		var got []string
		for _, s := range list {
			got = append(got, s.name)
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%q: sources %q, want %q", text, got, want)
		}
		if strings.Contains(text, "[\u00a0") && list[0].returns[notFound] {
			t.Errorf("%q: the action after a no-break space must be ignored", text)
		}
	}
	d := nsswitchDatabase(t, "hosts: myhostname\n")
	d.localHost.hostname = func() (string, error) { return "kilo", nil }
	if addrs, _ := d.lookupHost("\u212ailo"); len(addrs) > 0 {
		t.Errorf("\u212ailo resolves to %v, want no address", addrs)
	}
	if addrs, _ := d.lookupHost("KILO"); len(addrs) == 0 {
		t.Error("KILO does not resolve, want the addresses of kilo")
	}
}

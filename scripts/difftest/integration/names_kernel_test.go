// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of name resolution: DNS, hosts and services files, and nsswitch.conf.

package integration

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/difftest"
	"goipvsadm/scripts/testnet"
)

// reverseName returns the DNS name of an address in in-addr.arpa or ip6.arpa.
func reverseName(address string) string {
	var labels []string
	addr := netip.MustParseAddr(address)
	suffix := "in-addr.arpa"
	if addr.Is6() {
		suffix = "ip6.arpa"
	}
	for _, b := range addr.AsSlice() {
		if addr.Is4() {
			labels = append([]string{fmt.Sprint(b)}, labels...)
		} else {
			labels = append([]string{fmt.Sprintf("%x.%x", b&15, b>>4)}, labels...)
		}
	}
	return strings.Join(append(labels, suffix), ".")
}

// replaceEtcFile replaces the contents of a file in /etc until the test ends.
func replaceEtcFile(t *testing.T, name, text string) {
	t.Helper()
	replaceFile(t, filepath.Join("/etc", name), text, 0o644)
}

func replaceFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(file, target, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("mount %s: %v", target, err)
	}
	t.Cleanup(func() { unix.Unmount(target, 0) })
}

// exampleDNS returns a server for example.org and the reverse zones, with unusual records.
func exampleDNS() *dnsServer {
	label63 := strings.Repeat("l", 63)
	return &dnsServer{
		records: map[string][]record{
			reverseName("10.0.0.1"):      {{typePTR, "one.example.org"}},
			reverseName("10.0.0.2"):      {{typePTR, "a-name-longer-than-the-columns-of-any-listing.example.org"}},
			reverseName("10.0.0.3"):      {{typePTR, "first.example.org"}, {typePTR, "second.example.org"}},
			reverseName("10.0.0.4"):      {{typePTR, "under_score.example.org"}},
			reverseName("10.0.0.5"):      {{typePTR, label63 + "." + label63 + ".example.org"}},
			reverseName("10.0.0.6"):      {{typeCNAME, "6.0-25.0.0.10.in-addr.arpa"}},
			"6.0-25.0.0.10.in-addr.arpa": {{typePTR, "delegated.example.org"}},
			reverseName("10.0.0.7"):      {},
			reverseName("10.0.0.9"):      {{typePTR, "UPPER.Example.ORG"}},
			reverseName("10.0.0.11"):     {{typePTR, "single"}},
			reverseName("10.0.0.12"):     {{typePTR, "-dash.example.org"}},
			reverseName("10.1.1.1"):      {{typePTR, "not-asked.example.org"}},
			reverseName("fd00::1"):       {{typePTR, "six.example.org"}},
			reverseName("fd00::2"):       {{typePTR, "an-ipv6-name-longer-than-the-columns-of-any-listing.example.org"}},
			"one.example.org":            {{typeA, "10.0.0.1"}},
			"six.example.org":            {{typeAAAA, "fd00::1"}},
			"dual.example.org":           {{typeAAAA, "fd00::3"}, {typeA, "10.0.0.3"}},
			"many.example.org":           {{typeA, "10.0.0.21"}, {typeA, "10.0.0.22"}, {typeA, "10.0.0.23"}},
			"alias.example.org":          {{typeCNAME, "one.example.org"}},
			"web1.example.org":           {{typeA, "10.0.0.31"}},
			"under_score.example.org":    {{typeA, "10.0.0.4"}},
			"12x.example.org":            {{typeA, "10.0.0.12"}},
			"7.example.org":              {{typeA, "10.0.0.7"}},
			"deep.sub.example.org":       {{typeA, "10.0.0.41"}},
			"only.example.net":           {{typeA, "10.0.0.42"}},
		},
		servfail: map[string]bool{reverseName("10.0.0.8"): true, "broken.example.org": true},
	}
}

var hostsToResolve = []string{"one", "one.example.org", "one.example.org.", "ONE.Example.Org", "six", "six.example.org", "dual", "many", "alias", "web1", "web1.example.org",
	"under_score", "12x", "7", "7.example.org", "deep.sub", "only", "only.example.net", "broken", "nosuch", "nosuch.example.org", "[one]", "one..", ".one", "-one", "o ne", "localhost.",
	"a." + strings.Repeat("l", 64)}

func TestNames(t *testing.T) {
	replaceEtcFile(t, "resolv.conf", "search example.org example.net\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	exampleDNS().serve(t, r.ReferenceNetns)
	exampleDNS().serve(t, r.OursNetns)

	var table []string
	for i := range 12 {
		table = append(table, fmt.Sprintf("-A -t 10.0.0.%d:80", i+1), fmt.Sprintf("-a -t 10.0.0.1:80 -r 10.0.0.%d:443 -m", i+1))
	}
	table = append(table, "-A -u 10.1.1.1:53", "-A -t [fd00::1]:80", "-A -t [fd00::2]:443", "-A -t [fd00::9]:80",
		"-a -t [fd00::1]:80 -r [fd00::2]:8080 -m", "-a -t [fd00::1]:80 -r [fd00::9]:8081 -m", "-A -f 1", "-a -f 1 -r 10.0.0.1:80 -m")
	var cases strings.Builder
	cases.WriteString("$ ipvsadm -R\n< " + strings.Join(table, "\n< ") + "\n")
	for _, listing := range []string{"-L", "-L --stats", "-L --thresholds", "-L --tun-info", "-L -t one:80", "-L -t alias:http"} {
		cases.WriteString("$ ipvsadm " + listing + "\n")
	}
	fmt.Fprint(&cases, "\n$ ipvsadm -A -f 1\n")
	for i, host := range hostsToResolve {
		fmt.Fprintf(&cases, "$ ipvsadm -A -t '%s:%d'\n$ ipvsadm -a -f 1 -r '%s:http'\n", host, 8000+i, host)
	}
	fmt.Fprint(&cases, "\n$ ipvsadm -A -u only -p\n$ ipvsadm -A -t 10.0.0.1:1 -p -M many\n$ ipvsadm -A -t 10.0.0.1:2 -p -M six\n")
	parsed, err := difftest.ParseCases("names", cases.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range parsed {
		if difference := r.Compare(t, c); difference != "" {
			t.Error(difference)
		}
	}
}

// The environment variables of the C library's resolver have the same effect on both programs.
func TestResolverEnvironment(t *testing.T) {
	replaceEtcFile(t, "resolv.conf", "search example.org\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	replaceEtcFile(t, "hosts", "10.1.1.1 local\n")
	replaceEtcFile(t, "nsswitch.conf", "hosts: files dns\nservices: files\n")
	aliases := filepath.Join(t.TempDir(), "aliases")
	if err := os.WriteFile(aliases, []byte("web only.example.net\nlocal only.example.net\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	for _, netns := range []*testnet.Netns{r.ReferenceNetns, r.OursNetns} {
		server := exampleDNS()
		server.records["both"] = []record{{typeA, "10.0.0.51"}}
		server.records["both.example.org"] = []record{{typeA, "10.0.0.52"}}
		server.serve(t, netns)
	}
	var cases strings.Builder
	cases.WriteString("$ ipvsadm -A -f 1\n")
	for i, host := range []string{"one", "only", "both", "web", "local", "deep.sub", "only.example.net", "one.example.org.", "nosuch"} {
		fmt.Fprintf(&cases, "$ ipvsadm -a -f 1 -r %s:%d\n", host, 8000+i)
	}
	cases.WriteString("$ ipvsadm -L\n$ ipvsadm -A -t 10.0.0.1:80\n$ ipvsadm -S\n")
	for _, variable := range []string{"LOCALDOMAIN=example.net", "LOCALDOMAIN=example.net example.org", "LOCALDOMAIN=", "HOSTALIASES=" + aliases, "RES_OPTIONS=ndots:0"} {
		t.Run(variable, func(t *testing.T) {
			name, value, _ := strings.Cut(variable, "=")
			t.Setenv(name, value)
			parsed, err := difftest.ParseCases(variable, cases.String())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range parsed {
				if difference := r.Compare(t, c); difference != "" {
					t.Error(difference)
				}
			}
		})
	}
}

// Both programs ignore the environment variables of the resolver if they have privileges that the
// caller lacks.
func TestResolverEnvironmentIgnored(t *testing.T) {
	replaceEtcFile(t, "resolv.conf", "search example.org\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	replaceEtcFile(t, "nsswitch.conf", "hosts: files dns\nservices: files\n")
	t.Setenv("LOCALDOMAIN", "example.net")
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	exampleDNS().serve(t, r.OursNetns)
	directory, err := os.MkdirTemp("", "public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, program := range []difftest.Program{r.Reference, r.Ours} {
		path := filepath.Join(directory, fmt.Sprint(i))
		copyProgram(t, program.Path, path)
		// A vfs_cap_data of revision 2: effective and permitted CAP_NET_ADMIN and CAP_NET_RAW.
		capabilities := append(binary.LittleEndian.AppendUint32([]byte{1, 0, 0, 2}, 1<<unix.CAP_NET_ADMIN|1<<unix.CAP_NET_RAW), make([]byte, 12)...)
		if err := unix.Setxattr(path, "security.capability", capabilities, 0); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ line, stderr string }{
			{line: "-A -t one:80"},
			{line: "-A -t only:80", stderr: "illegal virtual server address[:port] specified\n"},
			{line: "-C"},
		} {
			var stderr strings.Builder
			cmd := &exec.Cmd{Path: path, Args: append([]string{"ipvsadm"}, strings.Fields(tt.line)...), Stderr: &stderr,
				SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}}
			if err := r.OursNetns.Run(cmd); (err == nil) != (tt.stderr == "") || stderr.String() != tt.stderr {
				t.Errorf("%s %s: %v, %q; want %q", program.Path, tt.line, err, stderr.String(), tt.stderr)
			}
		}
	}
}

// goipvsadm prints an address instead of a name that contains control characters or that would be
// parsed as another address. (The C library itself rejects control characters in DNS names.)
func TestUnsafeNames(t *testing.T) {
	replaceEtcFile(t, "hosts", "10.0.0.1 red\x1b[31m\n10.0.0.2 plain\n10.0.0.5 0x7f.1\n10.0.0.6 turn\u202egro.elpmaxe\n10.0.0.8 1.2.3.4:80\n")
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	server := &dnsServer{records: map[string][]record{
		reverseName("10.0.0.3"): {{typePTR, "bell\x07.example.org"}},
		reverseName("10.0.0.4"): {{typePTR, "10.0.0.2"}},
		reverseName("10.0.0.7"): {{typePTR, "010.0x1"}},
		"plain":                 {{typeA, "10.0.0.2"}},
	}}
	server.serve(t, r.OursNetns)
	ourNames := []string{"10.0.0.1", "plain", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"}
	referenceNames := []string{"red\x1b[31m", "plain", "10.0.0.3", "10.0.0.2", "0x7f.1", "turn\u202egro.elpmaxe", "010.0x1", "1.2.3.4:80"}
	for _, side := range []struct {
		program difftest.Program
		names   []string
	}{{r.Reference, referenceNames}, {r.Ours, ourNames}} {
		rules, saved := "-C\n", ""
		for i, name := range side.names {
			rules += fmt.Sprintf("-A -t 10.0.0.%d:80\n", i+1)
			saved += "-A -t " + name + ":http -s wlc\n"
		}
		got := r.Run(t, side.program, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-R"}, Stdin: rules + "-S\n"})
		if want := (difftest.Result{Stdout: saved}); got != want {
			t.Errorf("%s: %swant %s", side.program.Path, got, want)
		}
		listed := r.Run(t, side.program, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-L"}})
		for _, name := range side.names {
			if !strings.Contains(listed.Stdout, "\nTCP  "+name+":http wlc\n") {
				t.Errorf("%s: listing lacks %s:\n%s", side.program.Path, name, listed.Stdout)
			}
		}
	}
}

// The output of goipvsadm -S without -n restores the same table, because names that do not resolve
// to the same address or port are saved as numbers.
func TestSavedNamesRoundTrip(t *testing.T) {
	long := strings.Repeat("long-name.", 5) + "example.org"
	replaceEtcFile(t, "resolv.conf", "search example.org\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	replaceEtcFile(t, "hosts", "10.0.0.1 good\n10.0.0.2 good\n10.0.0.3 x:80\n10.0.0.4 0x7f.1\n10.0.0.5 "+long+"\nfd00::1 vip6\n10.0.0.11 \u200f\n")
	replaceEtcFile(t, "services", "http 80/tcp www\nhttp 81/tcp\n80 82/tcp\nx:9 83/tcp\n")
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	server := &dnsServer{records: map[string][]record{
		reverseName("10.0.0.6"):  {{typePTR, "web.example.org"}},
		"web.example.org":        {{typeA, "10.0.0.6"}},
		reverseName("10.0.0.7"):  {{typePTR, "farm.example.org"}},
		"farm.example.org":       {{typeA, "10.0.0.7"}, {typeA, "10.0.0.8"}},
		reverseName("10.0.0.8"):  {{typePTR, "unknown.example.org"}},
		reverseName("10.0.0.9"):  {{typePTR, "web.example.org"}},
		reverseName("10.0.0.10"): {{typePTR, "012.1"}},
	}}
	server.serve(t, r.OursNetns)
	want := map[string]string{
		"10.0.0.1": "good", "10.0.0.2": "10.0.0.2", "10.0.0.3": "10.0.0.3", "10.0.0.4": "10.0.0.4", "10.0.0.5": "10.0.0.5",
		"10.0.0.6": "web.example.org", "10.0.0.7": "10.0.0.7", "10.0.0.8": "10.0.0.8", "10.0.0.9": "10.0.0.9",
		"10.0.0.10": "10.0.0.10", "10.0.0.11": "10.0.0.11", "[fd00::1]": "[fd00::1]",
	}
	ports := map[string]string{"80": "http", "81": "81", "82": "82", "83": "83", "84": "84"}
	var rules, names []string
	for host, name := range want {
		for port, service := range ports {
			rules = append(rules, "-A -t "+host+":"+port+" -s rr", "-a -t "+host+":"+port+" -r "+host+":"+port+" -m -w 1")
			names = append(names, "-A -t "+name+":"+service+" -s rr", "-a -t "+name+":"+service+" -r "+name+":"+service+" -m -w 1")
		}
	}
	run := func(args, stdin string) string {
		t.Helper()
		got := r.Run(t, r.Ours, r.OursNetns, difftest.Command{Args: strings.Fields(args), Stdin: stdin})
		if got.Status != 0 || got.Stderr != "" {
			t.Errorf("%s: %swant exit status 0 and no error", args, got)
		}
		return got.Stdout
	}
	run("ipvsadm -R", strings.Join(rules, "\n")+"\n")
	numbers, saved := run("ipvsadm -S -n", ""), run("ipvsadm -S", "")
	got := strings.Split(strings.TrimSpace(saved), "\n")
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("saved\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(names, "\n"))
	}
	run("ipvsadm -R", "-C\n"+saved)
	if restored := run("ipvsadm -S -n", ""); restored != numbers {
		t.Errorf("restored table:\n%swant:\n%s", restored, numbers)
	}
}

// NSS modules other than files and dns: myhostname, which is built in, and others, which are
// queried with getent(1).
func TestNSSModuleNames(t *testing.T) {
	replaceEtcFile(t, "nsswitch.conf", "hosts: files myhostname sss\nservices: files sss\n")
	replaceFile(t, "/usr/bin/getent", `#!/bin/sh
case $* in
"-s sss -- ahostsv4 from-sss") echo "10.5.0.1 STREAM from-sss" ;;
"-s sss -- hosts 10.5.0.1") echo "10.5.0.1 from-sss" ;;
"-s sss -- services port-of-sss/tcp" | "-s sss -- services 8443/tcp") echo "port-of-sss 8443/tcp" ;;
*) exit 2 ;;
esac
`, 0o755)
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	got := r.Run(t, r.Ours, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-R"},
		Stdin: "-A -t " + own + ":8080 -s rr\n-A -t from-sss:port-of-sss -s rr\n-A -t localhost:1 -s rr\n-S\n-C\n-A -t nosuch:1\n"})
	if got.Status != 2 || got.Stderr != "line 6: illegal virtual server address[:port] specified\n" {
		t.Errorf("%swant status 2 and an error in line 6", got)
	}
	for _, want := range []string{"-A -t from-sss:port-of-sss -s rr\n", "-A -t localhost:1 -s rr\n", ":http-alt -s rr\n"} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("output lacks %q: %s", want, got.Stdout)
		}
	}
}

// The order of sources in nsswitch.conf and the actions in brackets determine which source
// resolves a name.
func TestNSSwitchOrder(t *testing.T) {
	replaceEtcFile(t, "resolv.conf", "search test\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	replaceEtcFile(t, "hosts", "10.1.1.1 foo.test short\n10.1.1.2 onlyhosts.test\n10.1.1.3 broken.test\n10.1.1.5 mixed.test\n"+
		"fd00::1 foo6.test\nfd00::2 onlyhosts6.test\nfd00::3 broken6.test\n::ffff:10.1.1.4 mapped.test\n")
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	newServer := func() *dnsServer {
		return &dnsServer{
			records: map[string][]record{
				"foo.test":              {{typeA, "10.5.5.5"}},
				"lie.test":              {{typeA, "10.6.6.6"}},
				"short.test":            {{typeA, "10.5.5.6"}},
				"foo6.test":             {{typeA, "10.5.5.7"}, {typeAAAA, "fd00::57"}},
				"mapped.test":           {{typeA, "10.5.5.8"}},
				"mixed.test":            {{typeAAAA, "fd00::59"}},
				reverseName("10.1.1.1"): {{typePTR, "dns-foo.test"}},
				reverseName("10.1.1.4"): {{typePTR, "dns-mapped.test"}},
				reverseName("10.6.6.6"): {{typePTR, "lie.test"}},
				reverseName("fd00::1"):  {{typePTR, "dns-foo6.test"}},
				reverseName("fd00::6"):  {{typePTR, "lie6.test"}},
			},
			servfail: map[string]bool{"broken.test": true, "broken.test.test": true, reverseName("10.1.1.3"): true, reverseName("fd00::3"): true},
		}
	}
	newServer().serve(t, r.ReferenceNetns)
	newServer().serve(t, r.OursNetns)

	var cases strings.Builder
	cases.WriteString("$ ipvsadm -R\n")
	for _, address := range []string{"10.1.1.1", "10.1.1.2", "10.1.1.3", "10.1.1.4", "10.1.1.9", "10.6.6.6", "[fd00::1]", "[fd00::2]", "[fd00::3]", "[fd00::6]", "[fd00::9]"} {
		fmt.Fprintf(&cases, "< -A -t %s:80\n", address)
	}
	cases.WriteString("$ ipvsadm -L\n\n$ ipvsadm -A -f 1\n")
	for i, host := range []string{"foo.test", "FOO.Test", "foo.test.", "onlyhosts.test", "onlyhosts.test.", "lie.test", "lie", "short", "foo6.test", "onlyhosts6.test",
		"mapped.test", "mixed.test", "broken.test", "nosuch.test"} {
		fmt.Fprintf(&cases, "$ ipvsadm -a -f 1 -r %s:%d -m\n", host, 8000+i)
	}
	for _, order := range []string{
		"files dns", "dns", "dns files",
		"dns [NOTFOUND=return] files", "dns [!UNAVAIL=return] files", "dns [TRYAGAIN=return] files", "dns [UNAVAIL=return] files",
		"files [SUCCESS=continue] dns", "dns [SUCCESS=continue] files",
	} {
		t.Run(order, func(t *testing.T) {
			replaceEtcFile(t, "nsswitch.conf", "hosts: "+order+"\nservices: files\n")
			parsed, err := difftest.ParseCases("hosts: "+order, cases.String())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range parsed {
				if difference := r.Compare(t, c); difference != "" {
					t.Error(difference)
				}
			}
		})
	}
}

// In hosts, services and nsswitch.conf, only ASCII white space separates words, and case is ignored
// for ASCII letters only. If nsswitch.conf has several lines for a database, the last one applies.
func TestNameFileParsing(t *testing.T) {
	replaceEtcFile(t, "hosts", "10.3.3.1 evil\u00a0good.test\n10.3.3.2 evil\u0085nel.test\n10.3.3.3 evil\xa0latin.test\n10.3.3.4\vvt.test\n"+
		"10.3.3.5\fff.test\falias.test\r\n10.3.3.6 evil\u2003em.test\n10.3.3.7 \u212aelvin.test\n10.3.3.8 \u00dcmlaut.test\n"+
		"10.3.3.9 trail.test\u00a0\n\u00a010.3.3.10 lead.test\n10.3.3.11 before.test\rbehind.test\n\v10.3.3.12 afterblank.test\n")
	replaceEtcFile(t, "services", "evil\u00a0good 7001/tcp\ntrail\u0085 7002/tcp\nvt\v7003/tcp\nff 7004/tcp\falias\ncr 7005/tcp\r\n"+
		"number 7006\u00a0/tcp\nproto 7007/tcp\u00a0\nother 7008/tcp x\u3000good2\n\u00a0lead 7009/tcp\n\vafterblank 7010/tcp\n")
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))

	const addresses = "$ ipvsadm -R\n< -A -t 10.3.3.4:7003\n< -A -t 10.3.3.5:7004\n< -A -t 10.3.3.11:7005\n< -A -t 10.3.3.12:7010\n< -A -t 10.3.3.10:7006\n$ ipvsadm -L\n"
	var words strings.Builder
	for i, host := range []string{"good.test", "evil", "evil\u00a0good.test", "nel.test", "evil\u0085nel.test", "latin.test", "evil\xa0latin.test", "evil\xa1latin.test", "EVIL\xa1latin.test", "vt.test", "ff.test", "alias.test", "em.test",
		"kelvin.test", "\u212aelvin.test", "\u212aELVIN.test", "\u00fcmlaut.test", "\u00dcMLAUT.test", "trail.test", "trail.test\u00a0", "lead.test", "before.test", "behind.test",
		"afterblank.test"} {
		fmt.Fprintf(&words, "$ ipvsadm -A -t %q\n", fmt.Sprintf("%s:%d", host, 8000+i))
	}
	for i, port := range []string{"good", "evil", "evil\u00a0good", "trail", "trail\u0085", "vt", "ff", "alias", "cr", "number", "proto", "good2", "x", "x\u3000good2", "lead", "\u00a0lead", "afterblank",
		"\u00a07", "7\u00a0", "\v7"} {
		fmt.Fprintf(&words, "$ ipvsadm -A -t %q\n", fmt.Sprintf("10.4.4.%d:%s", i, port))
	}
	const blank = "$ ipvsadm -A -t vt.test:80\n$ ipvsadm -A -t nosuch.test:80\n$ ipvsadm -A -t 10.4.4.4:vt\n"
	for _, tt := range []struct{ nsswitch, cases string }{
		{"hosts: files\nservices: files\n", addresses + "\n" + words.String()},
		{"\vhosts\f:\rfiles\v[NOTFOUND=return]\fsss\r\nservices:\vfiles\f\n", blank},
		{"hosts: files [\vNOTFOUND=return\f] dns\nservices: files\r\n", blank},
		{"hosts: sss\u00a0files\nservices: sss\u0085files\n", blank},
		{"hosts\u00a0: sss\nservices\u0085: sss\n", blank},
		{"\u00a0hosts: sss\n\u0085services: sss\n", blank},
		{"hosts: files\nhosts: sss\nservices: sss\nservices: files\n", blank},
		{"hosts: sss\nhosts files\nservices : sss\n", blank},
	} {
		t.Run(fmt.Sprintf("%q", tt.nsswitch), func(t *testing.T) {
			replaceEtcFile(t, "nsswitch.conf", tt.nsswitch)
			parsed, err := difftest.ParseCases("names", tt.cases)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range parsed {
				if difference := r.Compare(t, c); difference != "" {
					t.Error(difference)
				}
			}
		})
	}
}

// If a name has several addresses, ipvsadm uses the first in the DNS response, and goipvsadm the
// first reachable one, if any (RFC 6724).
func TestUnreachableAddresses(t *testing.T) {
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	server := &dnsServer{records: map[string][]record{"mixed.example.org": {{typeA, "203.0.113.9"}, {typeA, "192.0.2.7"}, {typeA, "203.0.113.8"}}}}
	server.serve(t, r.OursNetns)
	for _, side := range []struct {
		program difftest.Program
		want    string
	}{{r.Reference, "203.0.113.9"}, {r.Ours, "192.0.2.7"}} {
		got := r.Run(t, side.program, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-R"}, Stdin: "-C\n-A -t mixed.example.org:81\n-S -n\n"})
		if want := (difftest.Result{Stdout: "-A -t " + side.want + ":81 -s wlc\n"}); got != want {
			t.Errorf("%s: %swant %s", side.program.Path, got, want)
		}
	}
}

// goipvsadm looks up each address once, ipvsadm once per occurrence.
func TestReverseLookupsCached(t *testing.T) {
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	server := exampleDNS()
	server.serve(t, r.OursNetns)
	var rules strings.Builder
	for port := range 10 {
		fmt.Fprintf(&rules, "-A -t 10.0.0.1:%d\n-a -t 10.0.0.1:%d -r 10.0.0.2:80 -m\n", 8000+port, 8000+port)
	}
	r.Run(t, r.Reference, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-R"}, Stdin: rules.String()})
	listed := r.Run(t, r.Ours, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-L"}})
	if strings.Count(listed.Stdout, "one.example.org:") != 10 {
		t.Errorf("listing lacks names: %s", listed)
	}
	for name, times := range server.ptrQueries {
		if times != 1 {
			t.Errorf("%d queries for %s, want 1", times, name)
		}
	}
	if len(server.ptrQueries) != 2 {
		t.Errorf("PTR queries for %v, want two names", server.ptrQueries)
	}
}

// Queries come from different source ports, which makes spoofed responses less likely to be
// accepted (RFC 5452).
func TestQuerySourcePorts(t *testing.T) {
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	server := exampleDNS()
	server.serve(t, r.OursNetns)
	const servers = 400
	rules := "-A -f 1\n"
	for i := range servers {
		rules += fmt.Sprintf("-a -f 1 -r 10.2.%d.%d:0 -m\n", i/200, i%200)
	}
	r.Run(t, r.Reference, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-R"}, Stdin: rules})
	r.Run(t, r.Ours, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-L"}})
	// Random ports may repeat.
	if len(server.ptrQueries) != servers || len(server.ptrPorts) < servers*3/4 {
		t.Errorf("%d queries from %d source ports, want %d queries from at least %d ports", len(server.ptrQueries), len(server.ptrPorts), servers, servers*3/4)
	}
}

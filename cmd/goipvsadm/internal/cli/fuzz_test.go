// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"unicode"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// runOffline runs a command line without host and service names.
func runOffline(k *ipvstest.FakeKernel, stdin string, args ...string) result {
	return runWithNames(k, offlineNames(os.DevNull, os.DevNull), stdin, args...)
}

// offlineNames returns a database of the names in two files. DNS queries fail.
func offlineNames(hosts, services string) *resolve.Database {
	return resolve.NewDatabase(hosts, services, &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}})
}

// runWithNames runs a command line with the names of db.
func runWithNames(k *ipvstest.FakeKernel, db *resolve.Database, stdin string, args ...string) result {
	var stdout, stderr strings.Builder
	inv := &invocation{
		stdin: strings.NewReader(stdin), rawStdout: &stdout, stdout: bufio.NewWriter(&stdout), stderr: &stderr, dial: k.Dial,
		names: db, parser: command.NewParser("ipvsadm", db),
	}
	status := inv.run(args)
	inv.stdout.Flush()
	return result{status, stdout.String(), stderr.String()}
}

// FuzzApply checks that --check reports all rules that --apply or the kernel
// rejects, and that there is no difference after a successful --apply.
func FuzzApply(f *testing.F) {
	f.Add("")
	f.Add("# comment\n\n")
	f.Add(oneServer)
	f.Add(oneServer + oneServer)
	f.Add("-a -f 1 -r 192.0.2.1:0\n-A -f 1 -6\n-A --foo\n-R\n--set 1 2\n")
	r := rand.New(rand.NewPCG(1, 1))
	for range 10 {
		f.Add(randomRules(r))
	}
	f.Fuzz(func(t *testing.T, rules string) {
		k := &ipvstest.FakeKernel{Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}}
		check := runOffline(k, rules, "--check", "--apply", "--allow-empty")
		if hasError := hasLineWithout(check.stderr, ": warning: "); hasError != (check.status == 2) || check.status != 0 && !hasError ||
			check.stdout != "" || len(k.Requests) > 0 {
			t.Fatalf("--check: %+v", check)
		}
		apply := runOffline(k, rules, "--apply", "--allow-empty")
		if apply.status == 0 && apply.stderr != "" || apply.status == 2 && len(k.Changes()) > 0 {
			t.Fatalf("--apply: %+v", apply)
		}
		// The fake kernel has all persistence engines; --check may be unable to find
		// out whether a scheduler exists.
		if check.status == 0 && check.stderr == "" && apply.status != 0 || check.status == 2 && apply.status == 0 && !strings.Contains(check.stderr, " not found") {
			t.Fatalf("--check: %+v, and --apply: %+v", check, apply)
		}
		if apply.status != 0 {
			return
		}
		if diff := runOffline(k, rules, "--diff", "--allow-empty"); diff != (result{}) {
			t.Fatalf("--diff after --apply: %+v", diff)
		}
	})
}

// hasLineWithout reports whether text has a line without the substring.
func hasLineWithout(text, substring string) bool {
	for line := range strings.Lines(text) {
		if !strings.Contains(line, substring) {
			return true
		}
	}
	return false
}

// FuzzSaveByName checks that a table saved with names from inconsistent files, and
// with any interface name, reads back as the same table, and that the output
// has no control characters.
func FuzzSaveByName(f *testing.F) {
	f.Add("192.0.2.1 vip\n198.51.100.1 vip\n", "http 80/tcp\nhttp 81/tcp\n", oneServer, "eth0")
	f.Add("192.0.2.1 0x7f.1\n198.51.100.1 x:80\n", "81 80/tcp\n+1 80/udp\nx:9 53/udp\n", oneServer+"-A -u 192.0.2.1:53\n", "#c")
	f.Add("fd00::1 vip6\n192.0.2.1 -A\n", "#a 80/tcp\n", "-A -t [fd00::1]:80\n-a -t [fd00::1]:80 -r [fd00::1]:81 -m\n"+oneServer, "ipvsadm")
	f.Add("192.0.2.1 \u202e\n198.51.100.1 "+strings.Repeat("l", 58)+"\n", "http 80/tcp www 80\n", oneServer, "e\x1b[31m")
	f.Add("192.0.2.1 012.1\n198.51.100.1 ipvsadm\n192.0.2.9 ipvsadm\n", "", "-A -f 1\n-a -f 1 -r 198.51.100.1:80\n"+oneServer, "$'x'")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, hosts, services, rules, iface string) {
		files := [2]string{dir + "/hosts", dir + "/services"}
		for i, text := range []string{hosts, services} {
			if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		db := offlineNames(files[0], files[1])
		k := new(ipvstest.FakeKernel)
		runOffline(k, rules, "-R")
		isValid := iface != "" && len(iface) <= ipvs.MaxNameLen &&
			!strings.ContainsFunc(iface, func(r rune) bool { return r == '/' || r == ':' || r == 0 || unicode.IsSpace(r) })
		if !isValid {
			iface = "eth0"
		}
		k.Daemons = []ipvs.Daemon{{State: ipvs.Master, Interface: iface}}
		saved := runWithNames(k, db, "", "-S", "--all")
		if saved.status != 0 || saved.stderr != "" || termsafe.HasControl(strings.ReplaceAll(saved.stdout, "\n", "")) {
			t.Fatalf("-S --all: %+v", saved)
		}
		restored := new(ipvstest.FakeKernel)
		if read := runWithNames(restored, db, saved.stdout, "-R"); read != (result{}) {
			t.Fatalf("-R with\n%s: %+v", saved.stdout, read)
		}
		if got, want := saveAllOffline(restored), saveAllOffline(k); got != want {
			t.Fatalf("saved:\n%srestored:\n%swant:\n%s", saved.stdout, got, want)
		}
	})
}

// saveAllOffline returns the output of -S --all with numeric addresses.
func saveAllOffline(k *ipvstest.FakeKernel) string {
	return runOffline(k, "", "-S", "-n", "--all").stdout
}

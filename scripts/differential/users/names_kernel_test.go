//go:build kernel

// Names from a name server, for listings and on the command line, and from a hosts file
// that means harm.

package users

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/differential"
)

// reverse is the name that is asked for to learn the name of an address.
func reverse(address string) string {
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

// replace puts text in place of a file of /etc until the test ends.
func replace(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	target, err := filepath.EvalSymlinks(filepath.Join("/etc", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(file, target, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("mount %s: %v", target, err)
	}
	t.Cleanup(func() { unix.Unmount(target, 0) })
}

func nameZone() *zone {
	label63 := strings.Repeat("l", 63)
	return &zone{
		records: map[string][]record{
			reverse("10.0.0.1"):          {{typePTR, "one.example.org"}},
			reverse("10.0.0.2"):          {{typePTR, "a-name-longer-than-the-columns-of-any-listing.example.org"}},
			reverse("10.0.0.3"):          {{typePTR, "first.example.org"}, {typePTR, "second.example.org"}},
			reverse("10.0.0.4"):          {{typePTR, "under_score.example.org"}},
			reverse("10.0.0.5"):          {{typePTR, label63 + "." + label63 + ".example.org"}},
			reverse("10.0.0.6"):          {{typeCNAME, "6.0-25.0.0.10.in-addr.arpa"}},
			"6.0-25.0.0.10.in-addr.arpa": {{typePTR, "delegated.example.org"}},
			reverse("10.0.0.7"):          {},
			reverse("10.0.0.9"):          {{typePTR, "UPPER.Example.ORG"}},
			reverse("10.0.0.11"):         {{typePTR, "single"}},
			reverse("10.0.0.12"):         {{typePTR, "-dash.example.org"}},
			reverse("10.1.1.1"):          {{typePTR, "not-asked.example.org"}},
			reverse("fd00::1"):           {{typePTR, "six.example.org"}},
			reverse("fd00::2"):           {{typePTR, "an-ipv6-name-longer-than-the-columns-of-any-listing.example.org"}},
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
		failing: map[string]bool{reverse("10.0.0.8"): true, "broken.example.org": true},
	}
}

var hostsToResolve = []string{"one", "one.example.org", "one.example.org.", "ONE.Example.Org", "six", "six.example.org", "dual", "many", "alias", "web1", "web1.example.org",
	"under_score", "12x", "7", "7.example.org", "deep.sub", "only", "only.example.net", "broken", "nosuch", "nosuch.example.org", "[one]", "one..", ".one", "-one", "o ne", "localhost.",
	"a." + strings.Repeat("l", 64)}

func TestNames(t *testing.T) {
	replace(t, "resolv.conf", "search example.org example.net\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	nameZone().serve(t, r.ReferenceTable)
	nameZone().serve(t, r.OursTable)

	var table []string
	for i := range 12 {
		table = append(table, fmt.Sprintf("-A -t 10.0.0.%d:80", i+1), fmt.Sprintf("-a -t 10.0.0.1:80 -r 10.0.0.%d:443 -m", i+1))
	}
	table = append(table, "-A -u 10.1.1.1:53", "-A -t [fd00::1]:80", "-A -t [fd00::2]:443", "-A -t [fd00::9]:80",
		"-a -t [fd00::1]:80 -r [fd00::2]:8080 -m", "-a -t [fd00::1]:80 -r [fd00::9]:8081 -m", "-A -f 1", "-a -f 1 -r 10.0.0.1:80 -m")
	var cases strings.Builder
	cases.WriteString("$ ipvsadm -R\n< " + strings.Join(table, "\n< ") + "\n")
	for _, listing := range []string{"-L", "-L --stats", "-L --thresholds", "-L --tun-info", "-S", "-L -t one:80", "-L -t alias:http"} {
		cases.WriteString("$ ipvsadm " + listing + "\n")
	}
	fmt.Fprint(&cases, "\n$ ipvsadm -A -f 1\n")
	for i, host := range hostsToResolve {
		fmt.Fprintf(&cases, "$ ipvsadm -A -t '%s:%d'\n$ ipvsadm -a -f 1 -r '%s:http'\n", host, 8000+i, host)
	}
	fmt.Fprint(&cases, "\n$ ipvsadm -A -u only -p\n$ ipvsadm -A -t 10.0.0.1:1 -p -M many\n$ ipvsadm -A -t 10.0.0.1:2 -p -M six\n")
	parsed, err := differential.ParseCases("names", cases.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range parsed {
		if difference := r.Compare(t, c); difference != "" {
			t.Error(difference)
		}
	}
}

// A name must not speak to the terminal, nor stand for another address: ours prints the
// number instead. The C library lets no control character of a name server's through.
func TestHarmfulNames(t *testing.T) {
	replace(t, "hosts", "10.0.0.1 red\x1b[31m\n10.0.0.2 plain\n")
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	zone := &zone{records: map[string][]record{
		reverse("10.0.0.3"): {{typePTR, "bell\x07.example.org"}},
		reverse("10.0.0.4"): {{typePTR, "10.0.0.2"}},
	}}
	zone.serve(t, r.OursTable)
	for _, side := range []struct {
		program differential.Program
		want    string
	}{
		{r.Reference, "-A -t red\x1b[31m:http -s wlc\n-A -t plain:http -s wlc\n-A -t 10.0.0.3:http -s wlc\n-A -t 10.0.0.2:http -s wlc\n"},
		{r.Ours, "-A -t 10.0.0.1:http -s wlc\n-A -t plain:http -s wlc\n-A -t 10.0.0.3:http -s wlc\n-A -t 10.0.0.4:http -s wlc\n"},
	} {
		got := r.Run(t, side.program, r.OursTable, differential.Command{Args: []string{"ipvsadm", "-R"},
			Stdin: "-C\n-A -t 10.0.0.1:80\n-A -t 10.0.0.2:80\n-A -t 10.0.0.3:80\n-A -t 10.0.0.4:80\n-S\n"})
		if want := (differential.Answer{Stdout: side.want}); got != want {
			t.Errorf("%s: %swant %s", side.program.Path, got, want)
		}
	}
}

// Of several addresses ipvsadm takes the first that the name server gave; ours one that
// can be reached, if there is such.
func TestAddressesOutOfReach(t *testing.T) {
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	zone := &zone{records: map[string][]record{"mixed.example.org": {{typeA, "203.0.113.9"}, {typeA, "192.0.2.7"}, {typeA, "203.0.113.8"}}}}
	zone.serve(t, r.OursTable)
	for _, side := range []struct {
		program differential.Program
		want    string
	}{{r.Reference, "203.0.113.9"}, {r.Ours, "192.0.2.7"}} {
		got := r.Run(t, side.program, r.OursTable, differential.Command{Args: []string{"ipvsadm", "-R"}, Stdin: "-C\n-A -t mixed.example.org:81\n-S -n\n"})
		if want := (differential.Answer{Stdout: "-A -t " + side.want + ":81 -s wlc\n"}); got != want {
			t.Errorf("%s: %swant %s", side.program.Path, got, want)
		}
	}
}

// What ipvsadm asks a name server again and again, ours asks once.
func TestNamesAreAskedForOnce(t *testing.T) {
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	zone := nameZone()
	zone.serve(t, r.OursTable)
	var rules strings.Builder
	for port := range 10 {
		fmt.Fprintf(&rules, "-A -t 10.0.0.1:%d\n-a -t 10.0.0.1:%d -r 10.0.0.2:80 -m\n", 8000+port, 8000+port)
	}
	r.Run(t, r.Reference, r.OursTable, differential.Command{Args: []string{"ipvsadm", "-R"}, Stdin: rules.String()})
	answer := r.Run(t, r.Ours, r.OursTable, differential.Command{Args: []string{"ipvsadm", "-L"}})
	if strings.Count(answer.Stdout, "one.example.org:") != 10 {
		t.Errorf("names are missing: %s", answer)
	}
	for name, times := range zone.asked {
		if times != 1 {
			t.Errorf("%s was asked for %d times", name, times)
		}
	}
	if len(zone.asked) != 2 {
		t.Errorf("asked for %v", zone.asked)
	}
}

// A question from a port that no question before it came from is harder to answer for
// somebody who only pretends to be the name server (RFC 5452).
func TestQuestionsComeFromManyPorts(t *testing.T) {
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	zone := nameZone()
	zone.serve(t, r.OursTable)
	const servers = 400
	rules := "-A -f 1\n"
	for i := range servers {
		rules += fmt.Sprintf("-a -f 1 -r 10.2.%d.%d:0 -m\n", i/200, i%200)
	}
	r.Run(t, r.Reference, r.OursTable, differential.Command{Args: []string{"ipvsadm", "-R"}, Stdin: rules})
	r.Run(t, r.Ours, r.OursTable, differential.Command{Args: []string{"ipvsadm", "-L"}})
	// Chance may give the same port twice.
	if len(zone.asked) != servers || len(zone.ports) < servers*3/4 {
		t.Errorf("%d questions came from %d ports", len(zone.asked), len(zone.ports))
	}
}

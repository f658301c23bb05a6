// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"goipvsadm/ipvs/ipvstest"
)

var lineNumber = regexp.MustCompile(`(?m)^line \d+:`)

// TestCheckPredictsKernel checks, for random rules that begin with an empty table,
// that --check reports the lines that the kernel rejects because of the lines
// before them.
func TestCheckPredictsKernel(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	rejected := 0
	for i := range 500 {
		rules := "-C\n"
		for range 30 {
			service := pick(" -t 192.0.2.1:80", " -u 192.0.2.1:80", " -f 1", " -f 1 -6")
			server := pick(" -r 198.51.100.1:80 -i", " -r [2001:db8::1]:80 -i")
			switch r.IntN(17) {
			case 0, 1, 2:
				rules += "-A" + service + pick("", " -s rr") + "\n"
			case 3:
				rules += "-E" + service + "\n"
			case 4:
				rules += "-D" + service + "\n"
			case 5, 6, 7:
				rules += "-a" + service + server + "\n"
			case 8:
				rules += "-e" + service + server + "\n"
			case 9:
				rules += "-d" + service + strings.TrimSuffix(server, " -i") + "\n"
			case 10:
				rules += fmt.Sprintf("--%s-daemon %s\n", pick("start", "stop"), pick("master", "backup"))
			case 11:
				rules += "-Z" + service + "\n"
			case 12:
				rules += pick("-C", "-Z", "--set 1 2 3") + "\n"
			case 13:
				rules += "-e" + service + strings.TrimSuffix(server, " -i") + " --keep -w 3\n"
			case 14:
				rules += "-E" + service + " --keep -p 60\n"
			case 15:
				rules += "-d" + pick(" -r 198.51.100.1", " -r [2001:db8::1]:80") + " --all-services\n"
			case 16:
				rules += "-e" + pick(" -r 198.51.100.1:80", " -r 2001:db8::1") + " --all-services -w 2\n"
			}
		}
		// --check assumes nothing about daemons that no rule has started.
		rules = "--start-daemon master\n--start-daemon backup\n" + rules
		check := runWithoutKernel(t, rules, "goipvsadm", "--check")
		var k ipvstest.FakeKernel
		restore := run(&k, rules, "goipvsadm", "-R")
		want := lineNumber.FindAllString(restore.stderr, -1)
		if got := slices.Compact(lineNumber.FindAllString(check.stderr, -1)); !slices.Equal(got, want) {
			t.Fatalf("seed %d, case %d: --check:\n%s-R:\n%srules:\n%s", seed, i, check.stderr, restore.stderr, rules)
		}
		rejected += len(want)
	}
	if rejected < 500 {
		t.Errorf("%d rules were rejected, want at least 500", rejected)
	}
}

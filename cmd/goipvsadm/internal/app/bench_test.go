package app

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"goipvsadm/ipvs/ipvstest"
)

// The benchmarks are partly the work of the kernel in memory. What they are
// good for is their profiles, of which scripts/profile makes the one that the
// program is compiled by.

// table is the rules of 1,000 services with 10 servers each.
func table() string {
	var rules strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&rules, "-A -t 10.0.%d.%d:80 -s wrr\n", i/250, i%250+1)
		for j := range 10 {
			fmt.Fprintf(&rules, "-a -t 10.0.%d.%d:80 -r 10.1.%d.%d:80 -m -w %d\n", i/250, i%250+1, i/250, j+1, i+1)
		}
	}
	return rules.String()
}

func benchmarkRun(b *testing.B, k *ipvstest.Kernel, stdin string, args ...string) {
	b.Helper()
	for b.Loop() {
		if status := Run(append([]string{"ipvsadm"}, args...), strings.NewReader(stdin), io.Discard, io.Discard, k.Dial); status != statusOK {
			b.Fatalf("%v: exit status %d", args, status)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	var k ipvstest.Kernel
	if r := run(&k, table(), "ipvsadm", "-R"); r != (result{}) {
		b.Fatalf("restore: %+v", r)
	}
	for _, args := range []string{"-L -n", "-L -n --stats", "-S -n"} {
		b.Run(args, func(b *testing.B) { benchmarkRun(b, &k, "", strings.Fields(args)...) })
	}
	b.Run("-R", func(b *testing.B) { benchmarkRun(b, &k, "-C\n"+table(), "-R") })
}

package app

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"goipvsadm/ipvs/ipvstest"
)

// BenchmarkSave is mostly the work of the kernel in memory; what it is good
// for is its profiles.
func BenchmarkSave(b *testing.B) {
	var rules strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&rules, "-A -t 10.1.%d.%d:80 -s wrr\n", i/256, i%256)
		for j := range 10 {
			fmt.Fprintf(&rules, "-a -t 10.1.%d.%d:80 -r 10.2.0.%d:8080 -m -w 1\n", i/256, i%256, j)
		}
	}
	k := new(ipvstest.Kernel)
	Run([]string{"ipvsadm", "-R"}, strings.NewReader(rules.String()), io.Discard, io.Discard, k.Dial)
	for b.Loop() {
		Run([]string{"ipvsadm", "-S", "-n"}, strings.NewReader(""), io.Discard, io.Discard, k.Dial)
	}
}

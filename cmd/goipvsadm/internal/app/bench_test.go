package app

import (
	"io"
	"strings"
	"testing"

	"goipvsadm/ipvs/ipvstest"
)

// BenchmarkSave is mostly the work of the kernel in memory; what it is good
// for is its profiles.
func BenchmarkSave(b *testing.B) {
	var k ipvstest.Kernel
	manyServices(b, &k, 1000)
	for b.Loop() {
		Run([]string{"ipvsadm", "-S", "-n"}, strings.NewReader(""), io.Discard, io.Discard, k.Dial)
	}
}

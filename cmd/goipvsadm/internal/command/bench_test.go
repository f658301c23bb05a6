// SPDX-License-Identifier: MIT

package command

import (
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
)

func BenchmarkParse(b *testing.B) {
	p := NewParser("ipvsadm", resolve.System())
	words := []string{"-a", "-t", "10.0.0.1:80", "-r", "10.1.0.1:80", "-m", "-w", "1"}
	var cmd Command
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Parse(words, &cmd); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewParser(b *testing.B) {
	db := resolve.System()
	b.ReportAllocs()
	for b.Loop() {
		NewParser("ipvsadm", db)
	}
}

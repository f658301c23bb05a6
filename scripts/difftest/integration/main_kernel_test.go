//go:build kernel

// Package users compares the two programs where they work for a living: with live
// traffic, with name servers, and behind the programs and scripts that drive ipvsadm.
package integration

import (
	"os"
	"testing"

	"goipvsadm/scripts/difftest"
)

func TestMain(m *testing.M) {
	if err := difftest.MountNameFiles("../../../testdata/differential/etc"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

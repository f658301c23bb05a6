// SPDX-License-Identifier: MIT

//go:build kernel

// Package integration compares goipvsadm with the real ipvsadm in realistic environments: with
// live traffic, with DNS servers, and as the ipvsadm that other programs and scripts run.
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

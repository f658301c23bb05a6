// SPDX-License-Identifier: MIT

package testnet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeVersion creates a program that prints a version.
func writeVersion(t *testing.T, path, version string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+version+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// ReferenceProgram never returns goipvsadm, even if it is installed under the name ipvsadm.
func TestReferenceProgram(t *testing.T) {
	dir := t.TempDir()
	ours, real := filepath.Join(dir, "local/ipvsadm"), filepath.Join(dir, "system/ipvsadm")
	writeVersion(t, ours, "ipvsadm v1.31 2019/12/24 (goipvsadm 1.0.0 and IPVS v1.2.1)")
	writeVersion(t, real, "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)")
	path := filepath.Dir(ours) + ":" + filepath.Dir(real)
	for _, tt := range []struct{ name, path, variable, want, wantError string }{
		{name: "first in PATH is goipvsadm", path: path, want: real},
		{name: "variable", path: filepath.Dir(ours), variable: real, want: real},
		{name: "variable names goipvsadm", path: path, variable: ours, wantError: "IPVSADM_REFERENCE: " + ours + " is goipvsadm, not the real ipvsadm"},
		{name: "variable names no program", path: path, variable: dir + "/none", wantError: "IPVSADM_REFERENCE: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", tt.path+":"+os.Getenv("PATH"))
			t.Setenv("IPVSADM_REFERENCE", tt.variable)
			got, err := ReferenceProgram()
			if got != tt.want || (err == nil) != (tt.wantError == "") || err != nil && !strings.HasPrefix(err.Error(), tt.wantError) {
				t.Errorf("got %q, error %v; want %q, error prefix %q", got, err, tt.want, tt.wantError)
			}
		})
	}
}

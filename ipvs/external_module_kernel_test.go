// SPDX-License-Identifier: MIT

//go:build kernel

package ipvs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestExternalModule builds a program in another module that uses the library, as
// docs/LIBRARY.md describes but without network access, and runs it on a kernel.
func TestExternalModule(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	module := t.TempDir()
	for name, text := range map[string][]byte{
		"go.mod":  fmt.Appendf(nil, "module example.org/balance\n\ngo 1.26.0\n\nrequire goipvsadm v0.0.0\n\nreplace goipvsadm => %s\n", root),
		"go.sum":  readFile(t, filepath.Join(root, "go.sum")),
		"main.go": readFile(t, filepath.Join(root, "testdata/outside/main.go")),
	} {
		if err := os.WriteFile(filepath.Join(module, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command(filepath.Join(root, "scripts/go"), "build", "-mod=mod", "-o", "balance", ".")
	build.Dir = module
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off", "GOWORK=off", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}

	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	checkErr(t, c.RemoveAllServices(), nil)
	output, err := exec.Command(filepath.Join(module, "balance")).CombinedOutput()
	const want = `IPVS 1.2.1
TCP 192.0.2.1:80 rr
  198.51.100.1:80 Route 1
would edit destination 198.51.100.1:80 of TCP 192.0.2.1:80
would add destination 198.51.100.2:80 of TCP 192.0.2.1:80
would add service UDP [2001:db8::1]:53
done: edit destination 198.51.100.1:80 of TCP 192.0.2.1:80
done: add destination 198.51.100.2:80 of TCP 192.0.2.1:80
done: add service UDP [2001:db8::1]:53
`
	if diff := gocmp.Diff(want, string(output)); diff != "" || err != nil {
		t.Errorf("%v, output (-want +got):\n%s", err, diff)
	}
	got, err := c.Destinations(web)
	if checkErr(t, err, nil); len(got) != 2 {
		t.Errorf("destinations %+v, want 2", got)
	}
	checkErr(t, c.RemoveAllServices(), nil)
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

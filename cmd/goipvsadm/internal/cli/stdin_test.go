// SPDX-License-Identifier: MIT

package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/scripts/testnet"
)

// TestRulesFile checks that --check, --apply and --diff read the rules from a
// file, and from standard input if the operand is a dash or missing.
func TestRulesFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(file, []byte("\ufeff"+oneServer), 0o600); err != nil {
		t.Fatal(err)
	}
	const invalid = "line 1: -q: unknown option\n"
	for _, tt := range []struct {
		line, stdin string
		want        result
		after       string
	}{
		{line: "--check " + file, stdin: "-q\n"},
		{line: "--check", stdin: "-q\n", want: result{2, "", invalid}},
		{line: "--check -", stdin: "-q\n", want: result{2, "", invalid}},
		{line: "--diff " + file, stdin: "-q\n", want: result{1, oneServer, ""}},
		{line: "--apply --verbose " + file, stdin: "-q\n", want: result{0, oneServer + "# 2 added, 0 edited, 0 removed\n", ""}, after: oneServer},
		{line: "--apply -", stdin: oneService, after: oneService},
	} {
		var k ipvstest.FakeKernel
		if got := run(&k, tt.stdin, words("goipvsadm "+tt.line)...); got != tt.want || savedRules(t, &k) != tt.after {
			t.Errorf("%s: %+v, want %+v, table:\n%s", tt.line, got, tt.want, savedRules(t, &k))
		}
	}
}

// TestAnnounceStdin checks that the program announces that it reads rules from a
// terminal, except under the name ipvsadm.
func TestAnnounceStdin(t *testing.T) {
	const announcement = "reading rules from standard input (end with Ctrl-D)\n"
	for _, tt := range []struct{ line, want string }{
		{line: "goipvsadm -R", want: announcement},
		{line: "goipvsadm --check", want: announcement},
		{line: "goipvsadm --check -", want: announcement},
		{line: "goipvsadm --apply --allow-empty", want: announcement},
		{line: "goipvsadm --check /dev/null"},
		{line: "ipvsadm -R"},
		{line: "ipvsadm --check"},
		{line: "ipvsadm-restore"},
	} {
		master, terminal, err := testnet.OpenPTY()
		if err != nil {
			t.Fatal(err)
		}
		defer master.Close()
		defer terminal.Close()
		if _, err := io.WriteString(master, "\x04"); err != nil {
			t.Fatal(err)
		}
		var k ipvstest.FakeKernel
		var stderr strings.Builder
		if status := Run(words(tt.line), terminal, io.Discard, &stderr, func(...ipvs.Option) (*ipvs.Client, error) { return k.Dial() }); status != 0 || stderr.String() != tt.want {
			t.Errorf("%s: status %d, %q, want %q", tt.line, status, stderr.String(), tt.want)
		}
	}
}

func TestClosedByParent(t *testing.T) {
	for _, tt := range []struct {
		name  string
		file  string
		flags int
		want  bool
	}{
		{name: "closed", file: os.DevNull, flags: os.O_RDWR, want: true},
		{name: "</dev/null", file: os.DevNull, flags: os.O_RDONLY},
		{name: "other device", file: "/dev/zero", flags: os.O_RDWR},
		{name: "regular file", file: t.TempDir() + "/file", flags: os.O_RDWR | os.O_CREATE},
	} {
		file, err := os.OpenFile(tt.file, tt.flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if got := closedByParent(file); got != tt.want {
			t.Errorf("%s: closedByParent = %v, want %v", tt.name, got, tt.want)
		}
	}
}

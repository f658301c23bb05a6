// SPDX-License-Identifier: MIT

package readme

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestBlocks(t *testing.T) {
	got := blocks("# x\n\ntext\n\n    $ a\n    b\n\n    c\n\n## y\n\n    d # e\n    $f\ntext\n")
	want := []block{{"", []string{"$ a", "b", "", "c"}}, {"y", []string{"d # e", "$f"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{})); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	commands := []command{{"a", "b\n\nc\n"}}
	if diff := cmp.Diff(commands, got[0].session(), cmp.AllowUnexported(command{})); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if got[1].session() != nil {
		t.Error("the second block is a session")
	}
	if diff := cmp.Diff([]string{"d", "$f"}, got[1].uncommented()); diff != "" {
		t.Errorf("uncommented (-want +got):\n%s", diff)
	}
}

// packageCommands are commands for a build machine or a director with systemd, and the line of a
// package test that runs the same command. The line is in scripts/packaging/debian-steps unless file
// is set. Commands that begin with make are checked by their target.
var packageCommands = []struct{ command, file, line string }{
	{command: "sudo apt install ./build/packages/goipvsadm_*.deb",
		line: "must apt-get install -y /packages/goipvsadm_*.deb"},
	{command: "sudo apt install ./build/packages/goipvsadm_*.deb ./build/packages/goipvsadm-ipvsadm_*.deb",
		line: "must apt-get install -y --allow-downgrades /packages/goipvsadm_*.deb /packages/goipvsadm-ipvsadm_*.deb"},
	{command: "sudo systemctl mask ipvsadm", line: "must systemctl mask ipvsadm"},
	{command: "sudo apt install ipvsadm",
		line: "must apt-get install -y --no-download /var/cache/apt/archives/ipvsadm_*.deb"},
	{command: "sudo rpm -i build/packages/goipvsadm-[0-9]*.rpm", file: "scripts/packaging/test",
		line: `run_rpm -i --force-debian --noscripts --nodeps "$packages"/goipvsadm-[0-9]*.x86_64.rpm "$packages"/*.noarch.rpm`},
	{command: "sudo apk add --allow-untrusted build/packages/goipvsadm_*.apk", file: "scripts/packaging/test",
		line: `scripts/kernel -m 1000M -t 300 scripts/packaging/openrc "$cache/bookworm-openrc-1.tar" "$packages"/goipvsadm_*_x86_64.apk`},
	{command: "systemctl enable --now goipvsadm", line: "must systemctl enable --now goipvsadm"},
}

// checkTested returns an error unless the command is in packageCommands or has a target in the
// Makefile.
func checkTested(t *testing.T, line string) error {
	t.Helper()
	words := strings.Fields(strings.TrimPrefix(line, "sudo "))
	if len(words) > 1 && words[0] == "make" {
		if !strings.Contains(read(t, "Makefile"), "\n"+words[1]+":") {
			return fmt.Errorf("no target %s", words[1])
		}
		return nil
	}
	for _, e := range packageCommands {
		if e.command != line {
			continue
		}
		file := e.file
		if file == "" {
			file = "scripts/packaging/debian-steps"
		}
		if !strings.Contains(read(t, file), "\n"+e.line+"\n") {
			return fmt.Errorf("%s does not run %s", file, e.line)
		}
		return nil
	}
	return errors.New("no test runs the command")
}

// TestInstallCommands checks the commands that TestCommands does not run.
func TestInstallCommands(t *testing.T) {
	for _, b := range blocks(read(t, "README.md")) {
		if b.section != "Install" && b.section != "Replace ipvsadm, and go back" {
			continue
		}
		for _, line := range b.uncommented() {
			if err := checkTested(t, line); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

// Commands in the text are targets of the Makefile, options or actions of the service.
func TestCommandsInText(t *testing.T) {
	document := read(t, "README.md")
	manual := read(t, "docs/goipvsadm.8")
	for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(document, -1) {
		text := strings.Trim(span, "`")
		words := strings.Fields(strings.TrimPrefix(text, "sudo "))
		switch {
		case len(words) > 1 && words[0] == "make":
			if err := checkTested(t, text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		case strings.HasPrefix(words[0], "--"):
			option, _, _ := strings.Cut(words[0][1:], "=")
			if !strings.Contains(manual, "Fl "+option) {
				t.Errorf("the manual has no %s", text)
			}
		}
	}
}

// The Go code is part of a program that a kernel test runs.
func TestLibraryCode(t *testing.T) {
	program := read(t, "testdata/outside/main.go")
	for _, b := range blocks(read(t, "README.md")) {
		if b.section != "Library" {
			continue
		}
		code := strings.ReplaceAll(strings.Join(b.lines, "\n"), "    ", "\t")
		if !strings.Contains(program, "\t"+strings.ReplaceAll(code, "\n", "\n\t")+"\n") {
			t.Errorf("testdata/outside/main.go does not contain:\n%s", code)
		}
		return
	}
	t.Error("no code in the section Library")
}

// All files that README.md names exist.
func TestFiles(t *testing.T) {
	document := read(t, "README.md")
	var files []string
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(document, -1) {
		files = append(files, link[1])
	}
	for _, b := range blocks(document) {
		if b.section == "Where things are" {
			for _, line := range b.lines {
				files = append(files, strings.Fields(line)[0])
			}
		}
	}
	if len(files) < 15 {
		t.Errorf("only %d files", len(files))
	}
	for _, file := range files {
		if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
			t.Error(err)
		}
	}
}

// README.md stays short: 200 lines of at most 130 columns.
func TestLength(t *testing.T) {
	lines := strings.Split(read(t, "README.md"), "\n")
	if len(lines) > 200 {
		t.Errorf("%d lines, want at most 200", len(lines))
	}
	for _, line := range lines {
		if len(line) > 130 && !strings.HasPrefix(line, "!") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// rows returns the rows of the Markdown tables of a document by their first cell.
func rows(document string) map[string][]string {
	all := make(map[string][]string)
	for line := range strings.Lines(document) {
		if cells := strings.Split(strings.Trim(line, "| \n"), " | "); strings.HasPrefix(line, "| ") && len(cells) > 1 {
			all[cells[0]] = cells
		}
	}
	return all
}

// The figures of the table are those of docs/PERFORMANCE.md.
func TestPerformance(t *testing.T) {
	summary, detailed := rows(read(t, "README.md")), rows(read(t, "docs/PERFORMANCE.md"))
	column := slices.Index(detailed["workload, in million instructions"], "ratio")
	if column < 0 {
		t.Fatal("docs/PERFORMANCE.md has no table with the column ratio")
	}
	for work, row := range map[string]string{
		"restore 11,000 rules (`-R`)":                       "-R, 11,000 rules",
		"list 1,000 services with 10,000 servers (`-L -n`)": "-L -n",
		"save the same table (`-S -n`)":                     "-S -n",
		"list 20,000 connections (`-L -n -c`)":              "-L -n -c, 20000 connections",
		"one command (`-A`)":                                "-A, one of 40",
	} {
		if detailed[row] == nil || summary[work] == nil {
			t.Errorf("no row %q in docs/PERFORMANCE.md, or %q in README.md", row, work)
			continue
		}
		ratio, err := strconv.ParseFloat(detailed[row][column], 64)
		if err != nil {
			t.Errorf("%s: %v", row, err)
			continue
		}
		want := fmt.Sprintf("%.1f times fewer", ratio)
		if ratio < 1 {
			want = fmt.Sprintf("%.1f times more", 1/ratio)
		}
		if got := summary[work][1]; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", work, got, want)
		}
	}
}

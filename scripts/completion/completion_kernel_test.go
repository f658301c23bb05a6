// SPDX-License-Identifier: MIT

//go:build kernel

// Package completion tests the completion scripts by typing into interactive shells on a
// director with a table.
package completion

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/scripts/testnet"
)

const rules = `-A -t 10.8.1.1:80 -s rr
-a -t 10.8.1.1:80 -r 10.8.2.11 -m
-a -t 10.8.1.1:80 -r 10.8.2.12 -m
-A -t 10.8.1.2:80 -s rr
-A -t [fd08::1]:443 -s wlc
-a -t [fd08::1]:443 -r [fd08::11]:443 -m
-A -u 10.8.1.1:53 -s rr
-a -u 10.8.1.1:53 -r 10.8.2.11:53 -m
-A -f 77 -s rr
-a -f 77 -r 10.8.2.13 -g
`

// A testbed is a director and the installed programs.
type testbed struct {
	tool     *testnet.Tool
	director *testnet.Netns
}

func newTestbed(t *testing.T) *testbed {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	copyFile(t, filepath.Join(tool.Bin, "ipvsadm"), filepath.Join(tool.Bin, "goipvsadm"))
	// Make the program accessible to unprivileged users.
	if err := os.Chmod(tool.Work, 0o755); err != nil {
		t.Fatal(err)
	}
	network, err := testnet.Build(testnet.Plan{{Name: "director", Links: []testnet.Link{
		{To: "outside", Addresses: []string{"10.8.1.1/24"}},
		{To: "inside", Addresses: []string{"10.8.2.1/24"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	return &testbed{tool: tool, director: network.Host("director")}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}

// loadRules replaces the table with rules.
func (b *testbed) loadRules(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.tool.Work, "rules"), []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	// A datagram makes the director a client of one of its services.
	result, err := b.tool.Shell(b.director, "ipvsadm -C && ipvsadm -R <rules && bash -c 'echo >/dev/udp/10.8.1.1/53'")
	if err != nil || result != (testnet.Result{}) {
		t.Fatalf("%+v, %v", result, err)
	}
}

// scriptPath returns the absolute path of a completion script.
func scriptPath(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Without IPVS or privileges, --complete prints no candidates from the table and no error
// message, and does not load the module. This test must be the first: after a table was in
// use, the module cannot be unloaded for a while.
func TestCompleteTableUnavailable(t *testing.T) {
	b := newTestbed(t)
	complete := func(credential *syscall.Credential, words ...string) string {
		t.Helper()
		cmd := exec.Command(filepath.Join(b.tool.Bin, "goipvsadm"), append([]string{"--complete"}, words...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		var output strings.Builder
		cmd.Stdout, cmd.Stderr = &output, &output
		if err := b.director.Run(cmd); err != nil {
			t.Errorf("%q: %v", words, err)
		}
		return output.String()
	}
	unprivileged := &syscall.Credential{Uid: 65534, Gid: 65534}

	if result, err := b.tool.Shell(b.director, "rmmod ip_vs"); err != nil || result != (testnet.Result{}) {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := complete(nil, "-E", "-t", ""); got != "" {
		t.Errorf("without IPVS: got %q, want no candidates", got)
	}
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		t.Error("the module was loaded")
	}

	b.loadRules(t)
	if got, want := complete(nil, "-E", "-f", ""), "77\trr, IPv4\n"; got != want {
		t.Errorf("root: got %q, want %q", got, want)
	}
	if got := complete(unprivileged, "-E", "-t", ""); got != "" {
		t.Errorf("unprivileged user: got %q, want no candidates", got)
	}
	if got, want := complete(unprivileged, "-A", "-s", "wr"), "wrr\t"; !strings.HasPrefix(got, want) {
		t.Errorf("unprivileged user: got %q, want prefix %q", got, want)
	}
}

// prompt is the command prompt of all shells.
const prompt = "ready> "

// A shell is an interactive shell with an empty home directory.
type shell struct {
	*testbed
	home string
	cmd  *exec.Cmd
}

func (b *testbed) newShell(t *testing.T, name string, args ...string) *shell {
	t.Helper()
	s := &shell{testbed: b, home: t.TempDir(), cmd: exec.Command(name, args...)}
	s.cmd.Dir = s.home
	s.cmd.Env = []string{
		"PATH=" + b.tool.Bin + ":" + os.Getenv("PATH"), "HOME=" + s.home, "XDG_DATA_HOME=" + s.home, "XDG_CONFIG_HOME=" + s.home,
		"TERM=xterm", "LANG=C.UTF-8",
	}
	return s
}

// writeFile writes a file in the home directory.
func (s *shell) writeFile(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A completionTest is a command line before and after Tab is pressed. BIN stands for the
// directory of the program.
type completionTest struct{ before, after string }

// tests are lines that all shells complete in the same way. A complete word is followed by
// a space.
var tests = []completionTest{
	{before: "goipvsadm --add-serv", after: "goipvsadm --add-serv"}, // ambiguous: -service or -server
	{before: "goipvsadm --edit-servi", after: "goipvsadm --edit-service "},
	{before: "goipvsadm -A -t 10.8.1.9:80 --schedul", after: "goipvsadm -A -t 10.8.1.9:80 --scheduler "},
	{before: "goipvsadm -A -t 10.8.1.9:80 -s wr", after: "goipvsadm -A -t 10.8.1.9:80 -s wrr "},
	{before: "goipvsadm -A -t 10.8.1.9:80 -s mh -b mh-port,mh", after: "goipvsadm -A -t 10.8.1.9:80 -s mh -b mh-port,mh-fallback "},
	{before: "goipvsadm -E -t 10.8.1.1", after: "goipvsadm -E -t 10.8.1.1:80 "},
	{before: "goipvsadm -E -t 10.8.1.1:8", after: "goipvsadm -E -t 10.8.1.1:80 "},
	{before: "goipvsadm -Et 10.8.1.1:8", after: "goipvsadm -Et 10.8.1.1:80 "},
	{before: "goipvsadm -Z -u ", after: "goipvsadm -Z -u 10.8.1.1:53 "},
	{before: "goipvsadm -L -n -f ", after: "goipvsadm -L -n -f 77 "},
	{before: "goipvsadm -D --tcp-service=10.8.1.2:8", after: "goipvsadm -D --tcp-service=10.8.1.2:80 "},
	{before: "goipvsadm -d -t 10.8.1.1:80 -r 10.8.2.12", after: "goipvsadm -d -t 10.8.1.1:80 -r 10.8.2.12:80 "},
	{before: "goipvsadm -d -t 10.8.1.1:80 -r ", after: "goipvsadm -d -t 10.8.1.1:80 -r 10.8.2.1"}, // ambiguous: .11 or .12
	{before: "goipvsadm -e -f 77 -r ", after: "goipvsadm -e -f 77 -r 10.8.2.13:0 "},
	{before: "goipvsadm -L --server 10.8.2.13:", after: "goipvsadm -L --server 10.8.2.13:0 "},
	{before: "goipvsadm -L -c -t 10.8.1.1:80 --server=10.8.2.12", after: "goipvsadm -L -c -t 10.8.1.1:80 --server=10.8.2.12:80 "},
	{before: "goipvsadm -L -c --vip 10.8.1.2", after: "goipvsadm -L -c --vip 10.8.1.2:80 "},
	{before: "goipvsadm -L -c --state est", after: "goipvsadm -L -c --state established "},
	{before: "goipvsadm -L -c --client ", after: "goipvsadm -L -c --client 10.8.1.1 "},
	{before: "goipvsadm -A -t 10.8.1", after: "goipvsadm -A -t 10.8.1"}, // a new service has no candidates
	{before: "goipvsadm --start-daemon m", after: "goipvsadm --start-daemon master "},
	{before: "goipvsadm --start-daemon master --mcast-interface eth1", after: "goipvsadm --start-daemon master --mcast-interface eth1 "},
	{before: "goipvsadm -L -N dire", after: "goipvsadm -L -N director "},
	{before: "goipvsadm -L -N director -t 10.8.1.2", after: "goipvsadm -L -N director -t 10.8.1.2:80 "},
	{before: "goipvsadm -L -N /proc/self/ns/ne", after: "goipvsadm -L -N /proc/self/ns/net "},
	{before: "goipvsadm --apply rul", after: "goipvsadm --apply rules.txt "},
	{before: "goipvsadm --diff --keep-weights rul", after: "goipvsadm --diff --keep-weights rules.txt "},
	{before: "goipvsadm --check --app", after: "goipvsadm --check --apply "},
	{before: "goipvsadm -A rul", after: "goipvsadm -A rul"},
	{before: "ipvsadm -E -t 10.8.1.2", after: "ipvsadm -E -t 10.8.1.2:80 "},
	{before: "BIN/goipvsadm -E -t 10.8.1.2", after: "BIN/goipvsadm -E -t 10.8.1.2:80 "},
}

// run types each line and Tab, and compares the completed line.
func (s *shell) run(t *testing.T, tests []completionTest) {
	t.Helper()
	terminal, err := s.director.Terminal(200, 50, s.cmd)
	if err != nil {
		t.Fatal(err)
	}
	typeKeys := func(text string) {
		if err := terminal.Type(text); err != nil {
			t.Fatal(err)
		}
	}
	waitFor := func(text string) {
		if _, err := terminal.ReadUntil(text); err != nil {
			t.Fatal(err)
		}
	}
	s.writeFile(t, "rules.txt", rules)
	waitFor(prompt)
	for i, tt := range tests {
		before := strings.ReplaceAll(tt.before, "BIN", s.tool.Bin)
		after := strings.ReplaceAll(tt.after, "BIN", s.tool.Bin)
		// Ctrl-A and Ctrl-E move to the ends of the completed line, to make it the
		// arguments of a printf into a file. The @ marks where the line ended.
		file := filepath.Join(s.home, fmt.Sprintf("line%d", i))
		typeKeys(before + "\t@\x01printf '%s ' \x05 >" + file + "\r")
		waitFor(prompt)
		want := after + "@ "
		if got := waitForLine(file); got != want {
			t.Errorf("%q completed to %q, want %q", before, got, want)
		}
	}
	typeKeys("exit\r")
	if output, status, err := terminal.Wait(); err != nil || status != 0 {
		t.Errorf("the shell exits with status %d, error %v, output %q; want status 0", status, err, output)
	}
}

// waitForLine waits until a file contains a complete line, which ends with a space, and
// returns the line or an error.
func waitForLine(file string) string {
	var text []byte
	err := testnet.Eventually(func() error {
		if text, _ = os.ReadFile(file); !strings.HasSuffix(string(text), " ") {
			return fmt.Errorf("%s contains only %q", file, text)
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// hostileNames are names of network namespaces that contain shell syntax.
var hostileNames = []string{
	"A;id", "B$(id)", "C`id`", "D&id", "E|id", "F>g", "G<h", "H*?[a-z]{1,2}", "I'j", `J"k`, `K\l`, "L m", "M!n", "N:o;p", "O=p;q",
	"P@q;r", "Q,r;s", "R#s^t~u%v", `S\\`, "~t",
}

// nameTests creates namespaces and interfaces whose names must be quoted, and returns lines
// that complete to these names.
func (b *testbed) nameTests(t *testing.T) []completionTest {
	t.Helper()
	for _, name := range hostileNames {
		file := filepath.Join("/run/netns", name)
		if err := os.WriteFile(file, nil, 0o444); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(file) })
	}
	for _, name := range []string{"x;id", "y\x1b"} {
		if err := b.director.Run(exec.Command("ip", "link", "add", "name", name, "type", "dummy")); err != nil {
			t.Fatal(err)
		}
	}
	const namespace, iface = "goipvsadm -L -N ", "goipvsadm --start-daemon master --mcast-interface "
	var tests []completionTest
	for _, name := range hostileNames {
		first := strings.Replace(name[:1], "~", `\~`, 1)
		tests = append(tests, completionTest{before: namespace + first, after: namespace + name + " "})
	}
	return append(tests,
		// The typed word is quoted.
		completionTest{before: namespace + `A\;i`, after: namespace + "A;id "},
		completionTest{before: namespace + `B\$\(`, after: namespace + "B$(id) "},
		completionTest{before: namespace + `L\ `, after: namespace + "L m "},
		completionTest{before: namespace + `K\\`, after: namespace + `K\l `},
		// bash completes only the text after : = and @.
		completionTest{before: namespace + `N:o`, after: namespace + "N:o;p "},
		completionTest{before: namespace + `N:o\;`, after: namespace + "N:o;p "},
		completionTest{before: namespace + `P@q`, after: namespace + "P@q;r "},
		completionTest{before: "goipvsadm -L --netns=A", after: "goipvsadm -L --netns=A;id "},
		completionTest{before: "goipvsadm -L --netns=O=p", after: "goipvsadm -L --netns=O=p;q "},
		completionTest{before: iface + "x", after: iface + "x;id "},
		completionTest{before: iface + `\$\'y`, after: iface + `$'y\x1b' `},
	)
}

// bracketTests returns lines with IPv6 addresses that begin with the given bracket, which is
// quoted for shells that expand [...] as a pattern.
func bracketTests(bracket string) []completionTest {
	return []completionTest{
		{before: "goipvsadm -E -t " + bracket + "fd08::1", after: "goipvsadm -E -t [fd08::1]:443 "},
		{before: "goipvsadm -d -t " + bracket + "fd08::1]:443 -r ", after: "goipvsadm -d -t [fd08::1]:443 -r [fd08::11]:443 "},
	}
}

// newBash returns a bash that sources a file at startup.
func (b *testbed) newBash(t *testing.T, file string) *shell {
	t.Helper()
	s := b.newShell(t, "bash", "--rcfile", "rc")
	s.writeFile(t, "rc", ". "+file+"\nPS1='"+prompt+"'\n")
	return s
}

func TestBash(t *testing.T) {
	b := newTestbed(t)
	b.loadRules(t)
	s := b.newBash(t, scriptPath(t, "goipvsadm.bash"))
	s.run(t, slices.Concat(tests, bracketTests("["), bracketTests(`\[`), b.nameTests(t)))
}

// The package bash-completion loads the script of a command on demand, and completes the
// command after others such as nohup.
func TestBashCompletionPackage(t *testing.T) {
	b := newTestbed(t)
	b.loadRules(t)
	s := b.newBash(t, "/usr/share/bash-completion/bash_completion")
	for _, name := range []string{"goipvsadm", "ipvsadm"} {
		s.writeFile(t, "bash-completion/completions/"+name, ". "+scriptPath(t, "goipvsadm.bash")+"\n")
	}
	s.run(t, slices.Concat(tests, bracketTests("["), b.nameTests(t), []completionTest{
		{before: "nohup goipvsadm -E -t 10.8.1.1:8", after: "nohup goipvsadm -E -t 10.8.1.1:80 "},
	}))
}

func TestZsh(t *testing.T) {
	b := newTestbed(t)
	b.loadRules(t)
	s := b.newShell(t, "zsh", "-i")
	s.writeFile(t, "functions/_goipvsadm", readFile(t, "_goipvsadm"))
	s.writeFile(t, ".zshrc", "fpath=(~/functions $fpath)\nautoload -U compinit\ncompinit -u\nbindkey -e\nPS1='"+prompt+"'\n")
	s.run(t, slices.Concat(tests, bracketTests(`\[`), b.nameTests(t), []completionTest{
		{before: "goipvsadm -E -t fd08::1", after: "goipvsadm -E -t [fd08::1]:443 "},
	}))
}

func TestFish(t *testing.T) {
	b := newTestbed(t)
	b.loadRules(t)
	s := b.newShell(t, "fish", "-i")
	for _, name := range []string{"goipvsadm", "ipvsadm"} {
		s.writeFile(t, "fish/completions/"+name+".fish", "source "+scriptPath(t, "goipvsadm.fish")+"\n")
	}
	s.writeFile(t, "fish/config.fish", "function fish_prompt\n  echo -n '"+prompt+"'\nend\nset -g fish_greeting\n")
	s.run(t, slices.Concat(tests, bracketTests(`\[`), b.nameTests(t)))
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fish shows the descriptions of the candidates.
func TestFishDescriptions(t *testing.T) {
	b := newTestbed(t)
	b.loadRules(t)
	s := b.newShell(t, "fish", "-c", "source "+scriptPath(t, "goipvsadm.fish")+`; complete -C "goipvsadm -d -t 10.8.1.1:80 -r "`)
	var output strings.Builder
	s.cmd.Stdout, s.cmd.Stderr = &output, &output
	err := s.director.Run(s.cmd)
	if want := "10.8.2.11:80\tMasq, weight 1\n10.8.2.12:80\tMasq, weight 1\n"; err != nil || output.String() != want {
		t.Errorf("output %q, error %v, want %q", output.String(), err, want)
	}
}

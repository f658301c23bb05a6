//go:build kernel

// Package completion tests the completion scripts in interactive shells, with a live table.
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
-A -f 77 -s rr
-a -f 77 -r 10.8.2.13 -g
`

// testEnv is a director with the program under test.
type testEnv struct {
	tool     *testnet.Tool
	director *testnet.Netns
}

func newTestEnv(t *testing.T) *testEnv {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	// The program must be accessible for unprivileged users.
	copyFile(t, filepath.Join(tool.Bin, "ipvsadm"), filepath.Join(tool.Bin, "goipvsadm"))
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
	return &testEnv{tool, network.Host("director")}
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

func (d *testEnv) loadRules(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.tool.Work, "rules"), []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	result, err := d.tool.Shell(d.director, "ipvsadm -C && ipvsadm -R <rules")
	if err != nil || result != (testnet.Result{}) {
		t.Fatalf("%+v, %v", result, err)
	}
}

// script returns the absolute path of a completion script.
func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Without IPVS or without privileges, --complete prints no services and no error, and loads no
// module. This test must run first, since the modules stay in use for a while after there was a
// table.
func TestCompleteWithoutTable(t *testing.T) {
	d := newTestEnv(t)
	complete := func(credential *syscall.Credential, words ...string) string {
		t.Helper()
		cmd := exec.Command(filepath.Join(d.tool.Bin, "goipvsadm"), append([]string{"--complete"}, words...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		var output strings.Builder
		cmd.Stdout, cmd.Stderr = &output, &output
		if err := d.director.Run(cmd); err != nil {
			t.Errorf("%q: %v", words, err)
		}
		return output.String()
	}
	unprivileged := &syscall.Credential{Uid: 65534, Gid: 65534}

	if result, err := d.tool.Shell(d.director, "rmmod ip_vs"); err != nil || result != (testnet.Result{}) {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := complete(nil, "-E", "-t", ""); got != "" {
		t.Errorf("without IPVS: %q", got)
	}
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		t.Error("--complete loaded the module")
	}

	d.loadRules(t)
	if got, want := complete(nil, "-E", "-f", ""), "77\trr, IPv4\n"; got != want {
		t.Errorf("root: %q, want %q", got, want)
	}
	if got := complete(unprivileged, "-E", "-t", ""); got != "" {
		t.Errorf("unprivileged: %q", got)
	}
	if got, want := complete(unprivileged, "-A", "-s", "wr"), "wrr\t"; !strings.HasPrefix(got, want) {
		t.Errorf("unprivileged: %q, want %q", got, want)
	}
}

// shell is an interactive shell with an empty home directory.
type shell struct {
	*testEnv
	home   string
	prompt string
	cmd    *exec.Cmd
}

func (d *testEnv) shell(t *testing.T, name string, args ...string) *shell {
	t.Helper()
	s := &shell{d, t.TempDir(), "ready> ", exec.Command(name, args...)}
	s.cmd.Dir = s.home
	s.cmd.Env = []string{
		"PATH=" + d.tool.Bin + ":" + os.Getenv("PATH"), "HOME=" + s.home, "XDG_DATA_HOME=" + s.home, "XDG_CONFIG_HOME=" + s.home,
		"TERM=xterm", "LANG=C.UTF-8",
	}
	return s
}

// write creates a file in the shell's home directory.
func (s *shell) write(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(s.home, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// completion is a command line before and after Tab is pressed.
type completion struct{ before, after string }

// completions are the same in all shells. A blank follows a complete word.
var completions = []completion{
	{"goipvsadm --add-serv", "goipvsadm --add-serv"}, // ambiguous: -service or -server
	{"goipvsadm --edit-servi", "goipvsadm --edit-service "},
	{"goipvsadm -A -t 10.8.1.9:80 --schedul", "goipvsadm -A -t 10.8.1.9:80 --scheduler "},
	{"goipvsadm -A -t 10.8.1.9:80 -s wr", "goipvsadm -A -t 10.8.1.9:80 -s wrr "},
	{"goipvsadm -A -t 10.8.1.9:80 -s mh -b mh-port,mh", "goipvsadm -A -t 10.8.1.9:80 -s mh -b mh-port,mh-fallback "},
	{"goipvsadm -E -t 10.8.1.1", "goipvsadm -E -t 10.8.1.1:80 "},
	{"goipvsadm -E -t 10.8.1.1:8", "goipvsadm -E -t 10.8.1.1:80 "},
	{"goipvsadm -Et 10.8.1.1:8", "goipvsadm -Et 10.8.1.1:80 "},
	{"goipvsadm -Z -u ", "goipvsadm -Z -u 10.8.1.1:53 "},
	{"goipvsadm -L -n -f ", "goipvsadm -L -n -f 77 "},
	{"goipvsadm -D --tcp-service=10.8.1.2:8", "goipvsadm -D --tcp-service=10.8.1.2:80 "},
	{"goipvsadm -d -t 10.8.1.1:80 -r 10.8.2.12", "goipvsadm -d -t 10.8.1.1:80 -r 10.8.2.12:80 "},
	{"goipvsadm -d -t 10.8.1.1:80 -r ", "goipvsadm -d -t 10.8.1.1:80 -r 10.8.2.1"}, // ambiguous: .11 or .12
	{"goipvsadm -e -f 77 -r ", "goipvsadm -e -f 77 -r 10.8.2.13:0 "},
	{"goipvsadm -A -t 10.8.1", "goipvsadm -A -t 10.8.1"}, // -A completes no existing services
	{"goipvsadm --start-daemon m", "goipvsadm --start-daemon master "},
	{"goipvsadm --start-daemon master --mcast-interface eth1", "goipvsadm --start-daemon master --mcast-interface eth1 "},
	{"goipvsadm -L -N dire", "goipvsadm -L -N director "},
	{"goipvsadm -L -N director -t 10.8.1.2", "goipvsadm -L -N director -t 10.8.1.2:80 "},
	{"goipvsadm -L -N /proc/self/ns/ne", "goipvsadm -L -N /proc/self/ns/net "},
	{"ipvsadm -E -t 10.8.1.2", "ipvsadm -E -t 10.8.1.2:80 "},
	{"BIN/goipvsadm -E -t 10.8.1.2", "BIN/goipvsadm -E -t 10.8.1.2:80 "},
}

// expectCompletions types each command line and Tab, and compares the completed line.
func (s *shell) expectCompletions(t *testing.T, tests []completion) {
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
	waitFor(s.prompt)
	for i, tt := range tests {
		tt.before = strings.ReplaceAll(tt.before, "BIN", s.tool.Bin)
		tt.after = strings.ReplaceAll(tt.after, "BIN", s.tool.Bin)
		// After the completion, type @ to make a trailing blank visible, and turn the line into
		// the arguments of a printf command that writes it to a file.
		file := filepath.Join(s.home, "line"+string(rune('a'+i)))
		typeKeys(tt.before + "\t@\x01printf '%s ' \x05 >" + file + "\r")
		waitFor(s.prompt)
		want := tt.after + "@ "
		if got := waitForFile(file); got != want {
			t.Errorf("%q: got %q, want %q", tt.before, got, want)
		}
	}
	typeKeys("exit\r")
	if rest, status, err := terminal.Wait(); err != nil || status != 0 {
		t.Errorf("exit status %d, %v: %q", status, err, rest)
	}
}

// waitForFile waits until a file is complete, and returns its contents or an error message.
func waitForFile(name string) string {
	var text []byte
	err := testnet.Eventually(func() error {
		if text, _ = os.ReadFile(name); !strings.HasSuffix(string(text), " ") {
			return fmt.Errorf("incomplete %s: %q", name, text)
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// ipv6Completions returns completions with IPv6 addresses. Some shells quote the bracket, which is
// special in patterns.
func ipv6Completions(bracket string) []completion {
	return []completion{
		{"goipvsadm -E -t " + bracket + "fd08::1", "goipvsadm -E -t [fd08::1]:443 "},
		{"goipvsadm -d -t " + bracket + "fd08::1]:443 -r ", "goipvsadm -d -t [fd08::1]:443 -r [fd08::11]:443 "},
	}
}

// bash returns a bash that sources a file at start.
func (d *testEnv) bash(t *testing.T, file string) *shell {
	t.Helper()
	s := d.shell(t, "bash", "--rcfile", "rc")
	s.write(t, "rc", ". "+file+"\nPS1='"+s.prompt+"'\n")
	return s
}

func TestBash(t *testing.T) {
	d := newTestEnv(t)
	d.loadRules(t)
	s := d.bash(t, script(t, "goipvsadm.bash"))
	s.expectCompletions(t, slices.Concat(completions, ipv6Completions("[")))
}

// With the package bash-completion, the script is loaded on demand, and also works after commands
// such as nohup.
func TestBashCompletion(t *testing.T) {
	d := newTestEnv(t)
	d.loadRules(t)
	s := d.bash(t, "/usr/share/bash-completion/bash_completion")
	for _, name := range []string{"goipvsadm", "ipvsadm"} {
		s.write(t, "bash-completion/completions/"+name, ". "+script(t, "goipvsadm.bash")+"\n")
	}
	s.expectCompletions(t, slices.Concat(completions, ipv6Completions("["), []completion{
		{"nohup goipvsadm -E -t 10.8.1.1:8", "nohup goipvsadm -E -t 10.8.1.1:80 "},
	}))
}

func TestZsh(t *testing.T) {
	d := newTestEnv(t)
	d.loadRules(t)
	s := d.shell(t, "zsh", "-i")
	s.write(t, "functions/_goipvsadm", readFile(t, "_goipvsadm"))
	s.write(t, ".zshrc", "fpath=(~/functions $fpath)\nautoload -U compinit\ncompinit -u\nbindkey -e\nPS1='"+s.prompt+"'\n")
	s.expectCompletions(t, slices.Concat(completions, ipv6Completions(`\[`)))
}

func TestFish(t *testing.T) {
	d := newTestEnv(t)
	d.loadRules(t)
	s := d.shell(t, "fish", "-i")
	for _, name := range []string{"goipvsadm", "ipvsadm"} {
		s.write(t, "fish/completions/"+name+".fish", "source "+script(t, "goipvsadm.fish")+"\n")
	}
	s.write(t, "fish/config.fish", "function fish_prompt\n  echo -n '"+s.prompt+"'\nend\nset -g fish_greeting\n")
	s.expectCompletions(t, slices.Concat(completions, ipv6Completions(`\[`)))
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fish shows a description of each candidate.
func TestFishMenu(t *testing.T) {
	d := newTestEnv(t)
	d.loadRules(t)
	s := d.shell(t, "fish", "-c", "source "+script(t, "goipvsadm.fish")+`; complete -C "goipvsadm -d -t 10.8.1.1:80 -r "`)
	var output strings.Builder
	s.cmd.Stdout, s.cmd.Stderr = &output, &output
	err := s.director.Run(s.cmd)
	if want := "10.8.2.11:80\tMasq, weight 1\n10.8.2.12:80\tMasq, weight 1\n"; err != nil || output.String() != want {
		t.Errorf("%v, %q, want %q", err, output.String(), want)
	}
}

//go:build kernel

// The completion scripts, in the shells themselves: somebody types, presses Tab, and a
// live table answers.
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

// desk is a director with a table, and a place for whoever sits in front of it.
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
	// Unprivileged users look for it too.
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

// Who has no IPVS, or is not root, gets no table, no message, and no module loaded. This
// is the first test: once there was a table, the modules are in use for a while.
func TestCompleteWithoutTable(t *testing.T) {
	d := newTestEnv(t)
	ask := func(credential *syscall.Credential, words ...string) string {
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
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}

	if result, err := d.tool.Shell(d.director, "rmmod ip_vs"); err != nil || result != (testnet.Result{}) {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := ask(nil, "-E", "-t", ""); got != "" {
		t.Errorf("without IPVS: %q", got)
	}
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		t.Error("the module was loaded")
	}

	d.loadRules(t)
	if got, want := ask(nil, "-E", "-f", ""), "77\trr, IPv4\n"; got != want {
		t.Errorf("root: %q, want %q", got, want)
	}
	if got := ask(nobody, "-E", "-t", ""); got != "" {
		t.Errorf("an ordinary user: %q", got)
	}
	if got, want := ask(nobody, "-A", "-s", "wr"), "wrr\t"; !strings.HasPrefix(got, want) {
		t.Errorf("an ordinary user: %q, want %q", got, want)
	}
}

// A shell, with a directory of its own as its home.
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

// write puts a file into the shell's home.
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

// typed is a line before and after Tab was pressed.
type completion struct{ before, after string }

// lines are completed in all shells alike. What is completed ends with a blank.
var completions = []completion{
	{"goipvsadm --add-serv", "goipvsadm --add-serv"}, // -service or -server
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
	{"goipvsadm -d -t 10.8.1.1:80 -r ", "goipvsadm -d -t 10.8.1.1:80 -r 10.8.2.1"}, // .11 or .12
	{"goipvsadm -e -f 77 -r ", "goipvsadm -e -f 77 -r 10.8.2.13:0 "},
	{"goipvsadm -A -t 10.8.1", "goipvsadm -A -t 10.8.1"}, // there is none yet
	{"goipvsadm --start-daemon m", "goipvsadm --start-daemon master "},
	{"goipvsadm --start-daemon master --mcast-interface eth1", "goipvsadm --start-daemon master --mcast-interface eth1 "},
	{"goipvsadm -L -N dire", "goipvsadm -L -N director "},
	{"goipvsadm -L -N director -t 10.8.1.2", "goipvsadm -L -N director -t 10.8.1.2:80 "},
	{"goipvsadm -L -N /proc/self/ns/ne", "goipvsadm -L -N /proc/self/ns/net "},
	{"ipvsadm -E -t 10.8.1.2", "ipvsadm -E -t 10.8.1.2:80 "},
	{"BIN/goipvsadm -E -t 10.8.1.2", "BIN/goipvsadm -E -t 10.8.1.2:80 "},
}

// try types the lines, and lets the shell show what became of each.
func (s *shell) expectCompletions(t *testing.T, lines []completion) {
	t.Helper()
	terminal, err := s.director.Terminal(200, 50, s.cmd)
	if err != nil {
		t.Fatal(err)
	}
	keys := func(text string) {
		if err := terminal.Type(text); err != nil {
			t.Fatal(err)
		}
	}
	screen := func(text string) {
		if _, err := terminal.ReadUntil(text); err != nil {
			t.Fatal(err)
		}
	}
	screen(s.prompt)
	for i, line := range lines {
		line.before = strings.ReplaceAll(line.before, "BIN", s.tool.Bin)
		line.after = strings.ReplaceAll(line.after, "BIN", s.tool.Bin)
		// In front of the line comes a command that keeps it, when all is typed. The @
		// shows whether there is a blank before it.
		keep := filepath.Join(s.home, "kept"+string(rune('a'+i)))
		keys(line.before + "\t@\x01printf '%s ' \x05 >" + keep + "\r")
		screen(s.prompt)
		want := line.after + "@ "
		if got := waitForFile(keep); got != want {
			t.Errorf("%q became %q, want %q", line.before, got, want)
		}
	}
	keys("exit\r")
	if rest, status, err := terminal.Wait(); err != nil || status != 0 {
		t.Errorf("exit status %d, %v: %q", status, err, rest)
	}
}

// contents waits for a file to be there in full.
func waitForFile(name string) string {
	var text []byte
	err := testnet.Eventually(func() error {
		if text, _ = os.ReadFile(name); !strings.HasSuffix(string(text), " ") {
			return fmt.Errorf("%s has only %q", name, text)
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// In brackets, an address looks like a pattern to a shell; some quote it.
func ipv6Completions(quoted string) []completion {
	return []completion{
		{"goipvsadm -E -t " + quoted + "fd08::1", "goipvsadm -E -t [fd08::1]:443 "},
		{"goipvsadm -d -t " + quoted + "fd08::1]:443 -r ", "goipvsadm -d -t [fd08::1]:443 -r [fd08::11]:443 "},
	}
}

// bash is a bash that has read a file.
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

// With the package bash-completion, the script is loaded when it is needed, by the name
// of the command, and commands before ours work.
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

// A menu says what each word is good for.
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

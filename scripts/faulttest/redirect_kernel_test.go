// SPDX-License-Identifier: MIT

//go:build kernel

package faulttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const initialTable = `-A -t 10.4.0.1:80 -s rr
-a -t 10.4.0.1:80 -r 10.5.0.1:80 -m -w 1
-a -t 10.4.0.1:80 -r 10.5.0.2:80 -m -w 1
-A -f 9 -s wlc
`

const otherTable = `-A -t 10.4.0.1:80 -s wrr
-a -t 10.4.0.1:80 -r 10.5.0.2:80 -m -w 3
-A -f 10 -s wlc
`

// commands are command lines of all kinds. want is the resulting table; "" stands for
// initialTable and "\n" for an empty table.
var commands = []struct{ line, rules, want string }{
	{line: "ipvsadm -A -f 5 -s rr", want: "-A -f 5 -s rr\n" + initialTable},
	{line: "ipvsadm -A -f 9"}, // exists
	{line: "ipvsadm -E -f 9 -s rr", want: strings.Replace(initialTable, "wlc", "rr", 1)},
	{line: "ipvsadm -D -f 9", want: strings.Replace(initialTable, "-A -f 9 -s wlc\n", "", 1)},
	{line: "ipvsadm -C", want: "\n"},
	{line: "ipvsadm -a -f 9 -r 10.5.0.1 -g -w 2", want: initialTable + "-a -f 9 -r 10.5.0.1:0 -g -w 2\n"},
	{line: "ipvsadm -e -t 10.4.0.1:80 -r 10.5.0.1:80 -m -w 7", want: strings.Replace(initialTable, "-w 1", "-w 7", 1)},
	{line: "ipvsadm -d -t 10.4.0.1:80 -r 10.5.0.1:80", want: strings.Replace(initialTable, "-a -t 10.4.0.1:80 -r 10.5.0.1:80 -m -w 1\n", "", 1)},
	{line: "ipvsadm -d -t 10.4.0.1:80 -r 10.5.0.1:80 --drain=1", want: strings.Replace(initialTable, "-a -t 10.4.0.1:80 -r 10.5.0.1:80 -m -w 1\n", "", 1)},
	{line: "ipvsadm -Z"},
	{line: "ipvsadm --set 901 121 301"},
	{line: "ipvsadm -R", rules: initialTable + "-D -f 9\n-L -n\n-A -f 10\n", want: strings.Replace(initialTable, "-f 9", "-f 10", 1)},
	{line: "ipvsadm --apply", rules: otherTable, want: otherTable},
	{line: "ipvsadm --apply --verbose", rules: otherTable, want: otherTable},
	{line: "ipvsadm --diff", rules: otherTable},
	{line: "ipvsadm --check", rules: "-A\n-B\n"},
	{line: "ipvsadm-restore", rules: otherTable, want: otherTable},
	{line: "ipvsadm-restore", rules: otherTable + "-A\n"},
	{line: "ipvsadm-save -n"},
	{line: "ipvsadm -S -n"},
	{line: "ipvsadm -S --all"},
	{line: "ipvsadm -L"},
	{line: "ipvsadm -L -n --stats"},
	{line: "ipvsadm -L -j"},
	{line: "ipvsadm -L -c"},
	{line: "ipvsadm -L --timeout"},
	{line: "ipvsadm -L --daemon"},
	{line: "ipvsadm --help"},
	{line: "ipvsadm --version"},
	{line: "ipvsadm --nosuch"},
	{line: "ipvsadm --complete -D -t "},
}

// redirections are shell redirections of standard input, output and error. Descriptor 3 is a pipe
// whose read end is closed.
var redirections = []struct {
	name, setup, redirect string
	noInput               bool // rules cannot be read
}{
	{name: "stdin closed", redirect: "<&-", noInput: true},
	{name: "stdout closed", redirect: ">&-"},
	{name: "stderr closed", redirect: "2>&-"},
	{name: "stdout and stderr closed", redirect: ">&- 2>&-"},
	{name: "all closed", redirect: "<&- >&- 2>&-", noInput: true},
	{name: "stdout to a full disk", redirect: ">/dev/full"},
	{name: "stderr to a full disk", redirect: "2>/dev/full"},
	{name: "stdout to a broken pipe", redirect: ">&3"},
	{name: "stderr to a broken pipe", redirect: "2>&3"},
	{name: "both to a broken pipe", redirect: ">&3 2>&3"},
	{name: "both to a broken pipe, SIGPIPE ignored", setup: "trap '' PIPE", redirect: ">&3 2>&3"},
}

// With any redirection, every command exits and changes the table as usual. If a command cannot read
// its rules, it changes nothing.
func TestDescriptors(t *testing.T) {
	env := newTestEnv(t)
	for i, command := range commands {
		for j, redirection := range redirections {
			if repetitionFactor == 1 && (i+j+int(seed))%6 != 0 {
				continue
			}
			want := command.want
			if want == "" || redirection.noInput && command.rules != "" {
				want = initialTable
			}
			env.runRedirected(command.line, command.rules, redirection.setup, redirection.redirect)
			env.wantTable(strings.TrimPrefix(want, "\n"), fmt.Sprintf("%s, %s", command.line, redirection.name))
		}
	}
}

// runRedirected loads initialTable and runs a command with shell redirections, after the shell
// command setup.
func (env *testEnv) runRedirected(line, rules, setup, redirect string) {
	env.Helper()
	program, args, _ := strings.Cut(line, " ")
	env.rulesFile(rules)
	reader, writer := env.pipe()
	reader.Close()
	defer writer.Close()
	script := fmt.Sprintf(`
		cd %s
		printf '%%b' '-C\n%s' | %s -R || exit 99
		%s
		timeout -s KILL %d %s %s <rules >output 2>errors %s
		[ $? -ne 137 ] || exit 98
	`, env.dir, initialTable, env.real, setup, int(commandTimeout.Seconds()), env.ours[program], args, redirect)
	cmd := exec.Command("sh", "-c", script)
	cmd.ExtraFiles = []*os.File{writer}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil && cmd.ProcessState.ExitCode() == 98:
		env.Errorf("%s %s hangs", line, redirect)
	case err != nil:
		env.Fatalf("%s %s: %v: %s", line, redirect, err, out)
	}
	for _, name := range []string{"output", "errors"} {
		text, err := os.ReadFile(filepath.Join(env.dir, name))
		if err != nil {
			env.Fatal(err)
		}
		if strings.Contains(string(text), "goroutine ") {
			env.Errorf("%s %s: stack trace: %s", line, redirect, text)
		}
	}
}

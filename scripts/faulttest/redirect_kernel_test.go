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

// deeds are command lines of every kind, with what the table is afterwards: before
// unless said otherwise.
var commands = []struct{ line, rules, want string }{
	{line: "ipvsadm -A -f 5 -s rr", want: "-A -f 5 -s rr\n" + initialTable},
	{line: "ipvsadm -A -f 9"}, // refused
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

// troubles are what a caller may do to the descriptors of a command. Descriptor 3 is a
// pipe that nobody reads.
var redirections = []struct {
	name, setup, redirect string
	noInput               bool // the rules
}{
	{"standard input closed", "", "<&-", true},
	{"standard output closed", "", ">&-", false},
	{"standard error closed", "", "2>&-", false},
	{"outputs closed", "", ">&- 2>&-", false},
	{"all closed", "", "<&- >&- 2>&-", true},
	{"standard output on a full disk", "", ">/dev/full", false},
	{"standard error on a full disk", "", "2>/dev/full", false},
	{"nobody reads standard output", "", ">&3", false},
	{"nobody reads standard error", "", "2>&3", false},
	{"nobody reads either", "", ">&3 2>&3", false},
	{"nobody reads either, and SIGPIPE is ignored", "trap '' PIPE", ">&3 2>&3", false},
}

// Whatever the descriptors are, a command ends, and has done to the table what it does
// at other times. Rules that cannot be read change nothing.
func TestDescriptors(t *testing.T) {
	r := newTestEnv(t)
	for i, deed := range commands {
		for j, trouble := range redirections {
			if multiplier == 1 && (i+j+int(seed))%6 != 0 {
				continue
			}
			after := deed.want
			if after == "" || trouble.noInput && deed.rules != "" {
				after = initialTable
			}
			r.runRedirected(deed.line, deed.rules, trouble.setup, trouble.redirect)
			r.wantTable(strings.TrimPrefix(after, "\n"), fmt.Sprintf("%s, %s", deed.line, trouble.name))
		}
	}
}

// under runs a command on the table before, under a shell's redirections.
func (r *testEnv) runRedirected(line, rules, setup, redirect string) {
	r.Helper()
	program, args, _ := strings.Cut(line, " ")
	r.rulesFile(rules)
	from, to := r.pipe()
	from.Close()
	defer to.Close()
	script := fmt.Sprintf(`
		cd %s
		printf '%%b' '-C\n%s' | %s -R || exit 99
		%s
		timeout -s KILL %d %s %s <rules >output 2>errors %s
		[ $? -ne 137 ] || exit 98
	`, r.dir, initialTable, r.real, setup, int(commandTimeout.Seconds()), r.ours[program], args, redirect)
	cmd := exec.Command("sh", "-c", script)
	cmd.ExtraFiles = []*os.File{to}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil && cmd.ProcessState.ExitCode() == 98:
		r.Errorf("%s %s hangs", line, redirect)
	case err != nil:
		r.Fatalf("%s %s: %v: %s", line, redirect, err, out)
	}
	for _, name := range []string{"output", "errors"} {
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			r.Fatal(err)
		}
		if strings.Contains(string(text), "goroutine ") {
			r.Errorf("%s %s: %s", line, redirect, text)
		}
	}
}

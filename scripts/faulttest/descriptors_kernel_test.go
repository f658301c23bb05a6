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

const before = `-A -t 10.4.0.1:80 -s rr
-a -t 10.4.0.1:80 -r 10.5.0.1:80 -m -w 1
-a -t 10.4.0.1:80 -r 10.5.0.2:80 -m -w 1
-A -f 9 -s wlc
`

const other = `-A -t 10.4.0.1:80 -s wrr
-a -t 10.4.0.1:80 -r 10.5.0.2:80 -m -w 3
-A -f 10 -s wlc
`

// deeds are command lines of every kind, with what the table is afterwards: before
// unless said otherwise.
var deeds = []struct{ line, rules, after string }{
	{line: "ipvsadm -A -f 5 -s rr", after: "-A -f 5 -s rr\n" + before},
	{line: "ipvsadm -A -f 9"}, // refused
	{line: "ipvsadm -E -f 9 -s rr", after: strings.Replace(before, "wlc", "rr", 1)},
	{line: "ipvsadm -D -f 9", after: strings.Replace(before, "-A -f 9 -s wlc\n", "", 1)},
	{line: "ipvsadm -C", after: "\n"},
	{line: "ipvsadm -a -f 9 -r 10.5.0.1 -g -w 2", after: before + "-a -f 9 -r 10.5.0.1:0 -g -w 2\n"},
	{line: "ipvsadm -e -t 10.4.0.1:80 -r 10.5.0.1:80 -m -w 7", after: strings.Replace(before, "-w 1", "-w 7", 1)},
	{line: "ipvsadm -d -t 10.4.0.1:80 -r 10.5.0.1:80", after: strings.Replace(before, "-a -t 10.4.0.1:80 -r 10.5.0.1:80 -m -w 1\n", "", 1)},
	{line: "ipvsadm -d -t 10.4.0.1:80 -r 10.5.0.1:80 --drain=1", after: strings.Replace(before, "-a -t 10.4.0.1:80 -r 10.5.0.1:80 -m -w 1\n", "", 1)},
	{line: "ipvsadm -Z"},
	{line: "ipvsadm --set 901 121 301"},
	{line: "ipvsadm -R", rules: before + "-D -f 9\n-L -n\n-A -f 10\n", after: strings.Replace(before, "-f 9", "-f 10", 1)},
	{line: "ipvsadm --apply", rules: other, after: other},
	{line: "ipvsadm --apply --verbose", rules: other, after: other},
	{line: "ipvsadm --diff", rules: other},
	{line: "ipvsadm --check", rules: "-A\n-B\n"},
	{line: "ipvsadm-restore", rules: other, after: other},
	{line: "ipvsadm-restore", rules: other + "-A\n"},
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
var troubles = []struct {
	name, setup, redirect string
	unread                bool // the rules
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
	r := newRig(t)
	for i, deed := range deeds {
		for j, trouble := range troubles {
			if times == 1 && (i+j+int(seed))%6 != 0 {
				continue
			}
			after := deed.after
			if after == "" || trouble.unread && deed.rules != "" {
				after = before
			}
			r.under(deed.line, deed.rules, trouble.setup, trouble.redirect)
			r.wantTable(strings.TrimPrefix(after, "\n"), fmt.Sprintf("%s, %s", deed.line, trouble.name))
		}
	}
}

// under runs a command on the table before, under a shell's redirections.
func (r *rig) under(line, rules, setup, redirect string) {
	r.Helper()
	program, args, _ := strings.Cut(line, " ")
	r.file(rules)
	from, to := r.pipe()
	from.Close()
	defer to.Close()
	script := fmt.Sprintf(`
		cd %s
		printf '%%b' '-C\n%s' | %s -R || exit 99
		%s
		timeout -s KILL %d %s %s <rules >output 2>errors %s
		[ $? -ne 137 ] || exit 98
	`, r.scratch, before, r.real, setup, int(patience.Seconds()), r.ours[program], args, redirect)
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
		text, err := os.ReadFile(filepath.Join(r.scratch, name))
		if err != nil {
			r.Fatal(err)
		}
		if strings.Contains(string(text), "goroutine ") {
			r.Errorf("%s %s: %s", line, redirect, text)
		}
	}
}

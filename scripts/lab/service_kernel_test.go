//go:build kernel

// The ways in which a machine sets up its table at boot: the SysV script, and the lines
// of the systemd unit.

package lab_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"goipvsadm/scripts/lab"
)

const serviceRules = `-A -t 10.9.0.10:80 -s rr
-a -t 10.9.0.10:80 -r 10.9.0.21:80 -g -w 1
-A -f 7 -s wlc -p 600
-a -f 7 -r 10.9.0.22:0 -m -w 2
`

// director is one host with the program under test, and the rules in a file.
type director struct {
	t     *testing.T
	tool  *lab.Tool
	host  *lab.Netns
	rules string
}

func newDirector(t *testing.T) *director {
	t.Helper()
	tool, err := lab.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	network, err := lab.Build(lab.Plan{
		{Name: "director", Links: []lab.Link{{To: "lan", Addresses: []string{"10.9.0.2/24"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	rules := filepath.Join(tool.Work, "rules")
	if err := os.WriteFile(rules, []byte(serviceRules), 0o644); err != nil {
		t.Fatal(err)
	}
	return &director{t, tool, network.Host("director"), rules}
}

// run runs a line of shell, which must end with the status.
func (d *director) run(line string, status int) lab.Result {
	d.t.Helper()
	result, err := d.tool.Shell(d.host, line)
	if err != nil {
		d.t.Fatal(err)
	}
	if result.Status != status {
		d.t.Fatalf("%s: exit status %d, want %d\n%s%s", line, result.Status, status, result.Stdout, result.Stderr)
	}
	return result
}

func (d *director) wantTable(want string) {
	d.t.Helper()
	if got := d.run("ipvsadm -S -n", 0).Stdout; got != want {
		d.t.Fatalf("the table is\n%s\nand should be\n%s", got, want)
	}
}

func TestInitScript(t *testing.T) {
	d := newDirector(t)
	script, err := filepath.Abs("../init.d/goipvsadm")
	if err != nil {
		t.Fatal(err)
	}
	defaults := "RULES=" + d.rules + "\nBIN=" + d.tool.Bin + "\nDAEMON='master backup'\nSYNCID=9\n"
	if err := os.WriteFile(filepath.Join(d.tool.Work, "defaults"), []byte(defaults), 0o644); err != nil {
		t.Fatal(err)
	}
	service := func(command string, status int) string {
		t.Helper()
		result := d.run("DEFAULTS=./defaults "+script+" "+command, status)
		if status == 0 && result.Stderr != "" {
			t.Fatalf("%s: %s", command, result.Stderr)
		}
		return result.Stdout
	}

	service("status", 3)
	d.run("ipvsadm -A -u 10.9.0.10:53", 0) // what was there before goes
	service("start", 0)
	d.wantTable(serviceRules)
	status := service("status", 0)
	for _, want := range []string{"TCP  10.9.0.10:80 rr\n", "FWM  7 wlc persistent 600\n",
		"master sync daemon (mcast=eth0, syncid=9", "backup sync daemon (mcast=eth0, syncid=9"} {
		if !strings.Contains(status, want) {
			t.Errorf("status does not show %q:\n%s", want, status)
		}
	}

	d.run("ipvsadm -e -t 10.9.0.10:80 -r 10.9.0.21:80 -g -w 5", 0)
	edited := strings.Replace(serviceRules, "10.9.0.21:80 -g -w 1", "10.9.0.21:80 -g -w 5", 1)
	service("save", 0)
	if saved, err := os.ReadFile(d.rules); err != nil || string(saved) != edited {
		t.Fatalf("saved %v\n%s", err, saved)
	}
	service("stop", 0)
	d.wantTable("")
	if daemons := d.run("ipvsadm -L --daemon", 0).Stdout; daemons != "" {
		t.Errorf("after stop: %s", daemons)
	}
	service("stop", 0)
	service("restart", 0)
	d.wantTable(edited)
	d.run("ipvsadm -D -f 7", 0)
	service("reload", 0)
	d.wantTable(edited)

	service("", 2)
	if err := os.Remove(d.rules); err != nil {
		t.Fatal(err)
	}
	service("start", 6)
	service("stop", 0)
}

var execLine = regexp.MustCompile(`(?m)^Exec(Start|Reload|Stop)=/usr/local/lib/goipvsadm/(.*)$`)

func TestSystemdUnit(t *testing.T) {
	unit, err := os.ReadFile("../systemd/goipvsadm.service")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]string)
	for _, match := range execLine.FindAllStringSubmatch(string(unit), -1) {
		lines[match[1]] = match[2]
	}
	if len(lines) != 3 || !strings.Contains(string(unit), "\nStandardInput=file:") {
		t.Fatalf("lines %q; want Start, Reload and Stop, which read the rules", lines)
	}
	d := newDirector(t)
	systemd := func(line string) {
		t.Helper()
		d.run("exec "+d.tool.Bin+"/"+line+" <rules", 0)
	}
	systemd(lines["Start"])
	d.wantTable(serviceRules)
	d.run("ipvsadm -D -f 7", 0)
	systemd(lines["Reload"])
	d.wantTable(serviceRules)
	systemd(lines["Stop"])
	d.wantTable("")
}

//go:build kernel

// The ways in which a machine sets up its table at boot: what the init scripts and the
// systemd units do, with a distribution's settings too, and a distribution's own.

package testnet_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/testnet"
)

const serviceRules = `-A -t 10.8.0.10:80 -s rr
-a -t 10.8.0.10:80 -r 10.9.0.21:80 -m -w 1
-A -f 7 -s wlc -p 600
-a -f 7 -r 10.9.0.22:0 -m -w 2
`

// director is a host with the program under test, between a client and a server. What a
// machine has in /etc and /run is in directories of its own.
type director struct {
	t       *testing.T
	tool    *testnet.Tool
	network *testnet.Network
	host    *testnet.Netns
	command string // the command, without its action
}

func newDirector(t *testing.T) *director {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	script, err := filepath.Abs("../service/service")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(script, filepath.Join(tool.Bin, "service")); err != nil {
		t.Fatal(err)
	}
	network, err := testnet.Build(testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "out", Addresses: []string{"10.8.0.2/24"}}}},
		{Name: "director", Links: []testnet.Link{
			{To: "out", Addresses: []string{"10.8.0.1/24", "10.8.0.10/24"}},
			{To: "in", Addresses: []string{"10.9.0.2/24"}},
		}, Sysctls: map[string]string{
			"net/ipv4/ip_forward": "1",
			// A connection does not outlive its server for a moment.
			"net/ipv4/vs/expire_nodest_conn": "1",
		}},
		{Name: "server", Gateway: "10.9.0.2", Links: []testnet.Link{{To: "in", Addresses: []string{"10.9.0.21/24"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	d := &director{t: t, tool: tool, network: network, host: network.Host("director")}
	d.write("etc/ipvsadm.rules", serviceRules)
	if err := os.Mkdir(filepath.Join(tool.Work, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.setService("goipvsadm")
	return d
}

// as makes act and fails act under a name.
func (d *director) setService(name string) {
	d.command = "ETC=" + d.tool.Work + "/etc RUN=" + d.tool.Work + "/run " + d.tool.Bin + "/service " + name + " "
}

// write writes a file below the working directory.
func (d *director) write(name, text string) {
	d.t.Helper()
	file := filepath.Join(d.tool.Work, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// run runs a line of shell, which must end with the status.
func (d *director) run(line string, status int) testnet.Result {
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

// act runs an action of the service, which must succeed without a complaint.
func (d *director) runAction(action string) string {
	d.t.Helper()
	result := d.run(d.command+action, 0)
	if result.Stderr != "" {
		d.t.Fatalf("%s: %s", action, result.Stderr)
	}
	return result.Stdout
}

// fails runs an action that must fail, and returns the complaint.
func (d *director) failAction(action string, status int) string {
	d.t.Helper()
	return d.run(d.command+action, status).Stderr
}

func (d *director) wantTable(want string) {
	d.t.Helper()
	if got := d.run("ipvsadm -S -n", 0).Stdout; got != want {
		d.t.Fatalf("the table is\n%s\nand should be\n%s", got, want)
	}
}

// wantDaemons wants these sync daemons, each as its state, interface and id.
func (d *director) wantDaemons(want string) {
	d.t.Helper()
	listed := regexp.MustCompile(`(\w+) sync daemon \(mcast=(\w+), syncid=(\d+).*\n`)
	if got := listed.ReplaceAllString(d.run("ipvsadm -L --daemon", 0).Stdout, "$1 $2 $3;"); got != want {
		d.t.Fatalf("sync daemons %q, want %q", got, want)
	}
}

// hold starts the server, and returns a connection that a client holds open to it.
func (d *director) openConnection() *testnet.KeepAliveConn {
	d.t.Helper()
	server, err := d.network.Host("server").Serve("web", ":80")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { server.Close() })
	held, _, err := testnet.Client{Netns: d.network.Host("client")}.OpenKeepAlive("http://10.8.0.10/")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(held.Close)
	return held
}

// flavours are the places of rules and settings, each with a service's name.
var layouts = []struct{ title, name, rules, file, settings string }{
	{"goipvsadm", "goipvsadm", "etc/ipvsadm.rules", "etc/default/goipvsadm", ""},
	{"goipvsadm, Red Hat", "goipvsadm", "etc/ipvsadm.rules", "etc/sysconfig/goipvsadm", "SYNCID=3\n"},
	{"Debian", "ipvsadm", "etc/ipvsadm.rules", "etc/default/ipvsadm", "AUTO=\"true\"\nDAEMON=\"none\"\nIFACE=\"eth0\"\t\n# SYNCID=\"0\"\n"},
	{"Red Hat", "ipvsadm", "etc/sysconfig/ipvsadm", "etc/sysconfig/ipvsadm-config", "IPVSADM_SAVE_ON_STOP=\"no\"\n"},
}

// A table in use keeps its connections, whatever is done to it but stop and clear, with
// good rules and with bad ones.
func TestServiceUnderTraffic(t *testing.T) {
	for _, f := range layouts {
		t.Run(f.title, func(t *testing.T) {
			d := newDirector(t)
			d.write(f.file, f.settings)
			d.write(f.rules, serviceRules)
			d.setService(f.name)
			d.runAction("start")
			d.wantTable(serviceRules)
			held := d.openConnection()
			alive := func(action string) {
				t.Helper()
				if _, err := held.Get(); err != nil {
					t.Fatalf("after %s: %v", action, err)
				}
			}
			for _, action := range []string{"start", "restart", "load"} {
				d.runAction(action)
				d.wantTable(serviceRules)
				alive(action)
			}
			edited := strings.Replace(serviceRules, "-A -f 7 -s wlc", "-A -f 7 -s rr", 1)
			for i, action := range []string{"start", "reload", "restart"} {
				rules := []string{edited, serviceRules}[i%2]
				d.write(f.rules, "-C\n"+rules)
				d.runAction(action)
				d.wantTable(rules)
				alive(action)
			}
			d.write(f.rules, serviceRules+"-A -t 10.8.0.10:http:80\n")
			for _, action := range []string{"start", "reload", "force-reload"} {
				complaint := d.failAction(action, 1)
				if !strings.HasPrefix(complaint, "line 5: illegal virtual server address[:port] specified\n") {
					t.Errorf("%s: %s", action, complaint)
				}
				d.wantTable(edited)
				alive(action)
			}
			if entries := d.run("ipvsadm -L -n -c | grep -c ESTABLISHED", 0).Stdout; entries != "1\n" {
				t.Errorf("%s connections, want the one", entries)
			}
			if err := os.Remove(filepath.Join(d.tool.Work, f.rules)); err != nil {
				t.Fatal(err)
			}
			d.failAction("restart", 6)
			d.wantTable(edited)
			d.runAction("stop")
			d.wantTable("")
			d.runAction("stop")
			if _, err := held.Get(); err == nil {
				t.Error("the connection outlived its service: the test shows nothing")
			}
		})
	}
}

// What -S --all saves, with timeouts and daemons, is as good as other rules.
func TestServiceSaveAll(t *testing.T) {
	d := newDirector(t)
	all := "--set 800 110 290\n" + serviceRules + "--start-daemon backup --mcast-interface eth0 --syncid 4 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n"
	d.write("etc/ipvsadm.rules", all)
	for _, action := range []string{"start", "restart", "reload", "force-reload", "start", "load"} {
		d.runAction(action)
		if got := d.run("ipvsadm -S -n --all", 0).Stdout; got != all {
			t.Fatalf("after %s:\n%s", action, got)
		}
	}
	d.runAction("save")
	if saved := d.run("cat etc/ipvsadm.rules", 0).Stdout; saved != all {
		t.Errorf("saved\n%s", saved)
	}
	d.runAction("stop")
	d.wantTable("")
	d.wantDaemons("")
	d.runAction("start")
	d.wantDaemons("backup eth0 4;")

	// The rules and the settings may speak of daemons.
	d.write("etc/default/goipvsadm", "DAEMON=both IFACE=eth1 SYNCID=9\n")
	d.runAction("reload")
	d.wantDaemons("backup eth0 4;")
	d.runAction("restart")
	d.wantDaemons("master eth1 9;backup eth0 4;")
	d.runAction("save")
	if saved := d.run("cat etc/ipvsadm.rules", 0).Stdout; saved != all[:strings.Index(all, "--start")] {
		t.Errorf("saved\n%s", saved)
	}
	d.runAction("restart")
	d.wantDaemons("master eth1 9;backup eth1 9;")

	// A daemon that is not wanted any more stops, but not somebody else's.
	d.write("etc/default/goipvsadm", "DAEMON=master IFACE=eth0 SYNCID=9\n")
	d.runAction("restart")
	d.wantDaemons("master eth0 9;")
	d.write("etc/default/goipvsadm", "")
	d.runAction("reload")
	d.wantDaemons("")
	d.run("ipvsadm --start-daemon backup --mcast-interface eth0", 0)
	d.runAction("restart")
	d.runAction("stop")
	d.wantDaemons("backup eth0 0;")
}

func TestServiceStatus(t *testing.T) {
	d := newDirector(t)
	d.write("etc/default/goipvsadm", "DAEMON='master backup'\nSYNCID=9\n")
	d.failAction("status", 3)
	d.run("ipvsadm -A -u 10.9.0.10:53", 0) // goes
	d.runAction("start")
	d.wantTable(serviceRules)
	status := d.runAction("status")
	for _, want := range []string{"TCP  10.8.0.10:80 rr\n", "FWM  7 wlc persistent 600\n",
		"master sync daemon (mcast=eth0, syncid=9", "backup sync daemon (mcast=eth0, syncid=9"} {
		if !strings.Contains(status, want) {
			t.Errorf("status does not show %q:\n%s", want, status)
		}
	}
	if rate := d.runAction("rate"); !strings.Contains(rate, "InPPS") || !strings.Contains(rate, "10.8.0.10:80") {
		t.Errorf("rate shows\n%s", rate)
	}
	d.run("ipvsadm -e -t 10.8.0.10:80 -r 10.9.0.21:80 -m -w 5", 0)
	edited := strings.Replace(serviceRules, "10.9.0.21:80 -m -w 1", "10.9.0.21:80 -m -w 5", 1)
	d.runAction("save")
	if saved := d.run("cat etc/ipvsadm.rules", 0).Stdout; saved != edited {
		t.Fatalf("saved\n%s", saved)
	}
	d.runAction("clear")
	d.wantTable("")
	d.wantDaemons("master eth0 9;backup eth0 9;")
	d.runAction("stop")
	d.wantDaemons("")

	d.failAction("", 2)
	d.failAction("bogus", 2)
	d.write("etc/default/goipvsadm", "DAEMON=bogus\n")
	d.failAction("start", 6)
	d.write("etc/default/goipvsadm", "DAEMON=master IFACE=eth7\n")
	d.failAction("start", 1)
	// A file that cannot be written leaves the old one as it is.
	d.run("mount -t tmpfs -o ro tmpfs etc", 0)
	t.Cleanup(func() { d.run("umount etc", 0) })
	d.failAction("save", 1)
}

// Rules without a service are as they come from Debian's package. A table that somebody
// else made, keepalived for one, is not theirs to clear.
func TestServiceEmptyRules(t *testing.T) {
	d := newDirector(t)
	d.setService("ipvsadm")
	d.write("etc/ipvsadm.rules", "# -A is how a service begins\n")
	d.write("etc/default/ipvsadm", "AUTO=true DAEMON=master\n")
	d.runAction("start")
	d.wantTable("")
	d.wantDaemons("master eth0 0;")
	d.run("ipvsadm --stop-daemon master; ipvsadm -A -f 8 -s rr", 0)
	if result := d.run(d.command+"restart", 0); !strings.Contains(result.Stderr, "no service in ") {
		t.Errorf("restart says %q", result.Stderr)
	}
	d.wantTable("-A -f 8 -s rr\n")
	d.wantDaemons("master eth0 0;")
}

// With Debian's settings, the script does what Debian's does, which runs here with our
// program as ipvsadm.
func TestServiceMatchesDebian(t *testing.T) {
	d := newDirector(t)
	d.setService("ipvsadm")
	bind := func(source, target string) {
		t.Helper()
		target, err := filepath.EvalSymlinks(target)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(filepath.Join(d.tool.Work, source), target, "", unix.MS_BIND, ""); err != nil {
			t.Fatalf("mount %s: %v", target, err)
		}
		t.Cleanup(func() { unix.Unmount(target, 0) })
	}
	d.write("etc/default/ipvsadm", "")
	bind("etc/default/ipvsadm", "/etc/default/ipvsadm")
	bind("etc/ipvsadm.rules", "/etc/ipvsadm.rules")
	for _, name := range []string{"ipvsadm", "ipvsadm-save", "ipvsadm-restore"} {
		program, err := os.Readlink(filepath.Join(d.tool.Bin, name))
		if err != nil {
			t.Fatal(err)
		}
		// What it is comes from the name that it was called by.
		d.run("cp "+program+" real-"+name, 0)
		bind("real-"+name, "/sbin/"+name)
	}
	for _, tt := range []struct{ auto, daemon string }{
		{"false", "both"}, {"true", "none"}, {"true", "both"},
	} {
		d.write("etc/default/ipvsadm", "AUTO=\""+tt.auto+"\"\nDAEMON=\""+tt.daemon+"\"\nIFACE=\"eth0\"\t\nSYNCID=\"5\"\n")
		for _, action := range []string{"start", "restart", "reload", "force-reload", "stop", "stop", "load", "save", "stop"} {
			start := d.run("ipvsadm -S -n --all", 0).Stdout
			debians := d.run("/etc/init.d/ipvsadm "+action+" >/dev/null 2>&1; ipvsadm -S -n --all", 0).Stdout
			d.write("start", start)
			d.run("ipvsadm -C; for s in master backup; do ipvsadm --stop-daemon $s; done 2>&1; ipvsadm -R <start", 0)
			ours := d.run(d.command+action+" >/dev/null; ipvsadm -S -n --all", 0)
			if ours.Stdout != debians || ours.Stderr != "" {
				t.Fatalf("%+v, %s, at\n%s\nleads to\n%s%s\nDebian's to\n%s", tt, action, start, ours.Stdout, ours.Stderr, debians)
			}
		}
	}
	for _, action := range []string{"status", "rate"} {
		if ours, debians := d.runAction(action), d.run("/etc/init.d/ipvsadm "+action, 0).Stdout; ours != debians {
			t.Errorf("%s prints\n%s\nDebian's\n%s", action, ours, debians)
		}
	}
	d.wantTable("")
}

// Red Hat's settings, and the lines of its unit, which runs no script.
func TestServiceRedHatSettings(t *testing.T) {
	d := newDirector(t)
	d.setService("ipvsadm")
	d.write("etc/sysconfig/ipvsadm", serviceRules)
	d.run(`bash -c "exec ipvsadm-restore < etc/sysconfig/ipvsadm"`, 0)
	d.wantTable(serviceRules)
	d.run(`bash -c "exec ipvsadm -C"`, 0)
	d.wantTable("")

	edited := strings.Replace(serviceRules, "-w 2", "-w 9", 1)
	edit := "ipvsadm -e -f 7 -r 10.9.0.22 -m -w 9"
	for _, tt := range []struct{ settings, action, saved, table string }{
		{"", "stop", serviceRules, ""},
		{"IPVSADM_SAVE_ON_STOP=\"no\"\nIPVSADM_SAVE_ON_RESTART=\"no\"\n", "restart", serviceRules, serviceRules},
		{"IPVSADM_SAVE_ON_STOP=\"yes\"\n", "restart", serviceRules, serviceRules},
		{"IPVSADM_SAVE_ON_STOP=\"yes\"\n", "stop", edited, ""},
		{"IPVSADM_SAVE_ON_STOP=\"yes\"\n", "stop; " + d.command + "stop", edited, ""}, // an empty table is not saved
		{"IPVSADM_SAVE_ON_RESTART=\"yes\"\n", "stop", serviceRules, ""},
		{"IPVSADM_SAVE_ON_RESTART=\"yes\"\n", "restart", edited, edited},
	} {
		d.write("etc/sysconfig/ipvsadm", serviceRules)
		d.write("etc/sysconfig/ipvsadm-config", tt.settings)
		d.runAction("start")
		d.run(edit, 0)
		d.runAction(tt.action)
		d.wantTable(tt.table)
		if saved := d.run("cat etc/sysconfig/ipvsadm", 0).Stdout; saved != tt.saved {
			t.Errorf("%q, %s: saved\n%s", tt.settings, tt.action, saved)
		}
	}
}

var execLine = regexp.MustCompile(`(?m)^Exec(Start|Reload|Stop)=/usr/local/lib/goipvsadm/service (.*)$`)

// What the units run. To systemd a restart is a stop and a start.
func TestSystemdUnits(t *testing.T) {
	for _, tt := range []struct{ name, settings string }{
		{"goipvsadm", ""},
		{"ipvsadm", "AUTO=true\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unit, err := os.ReadFile("../systemd/" + tt.name + ".service")
			if err != nil {
				t.Fatal(err)
			}
			other := map[string]string{"goipvsadm": "ipvsadm", "ipvsadm": "goipvsadm"}[tt.name]
			for _, line := range []string{"\nConflicts=" + other + ".service\n", "\nBefore=keepalived.service ldirectord.service\n"} {
				if !strings.Contains(string(unit), line) {
					t.Errorf("the unit lacks %q", line)
				}
			}
			d := newDirector(t)
			d.write("etc/default/"+tt.name, tt.settings)
			lines := make(map[string]string)
			for _, match := range execLine.FindAllStringSubmatch(string(unit), -1) {
				name, action, _ := strings.Cut(match[2], " ")
				d.setService(name)
				lines[match[1]] = action
			}
			systemd := func(line, jobs string) {
				t.Helper()
				d.write("bin/systemctl", "#!/bin/sh\n[ \"$1\" = list-jobs ] && echo \""+jobs+"\"\n")
				d.run("chmod +x bin/systemctl", 0)
				d.runAction(lines[line])
			}
			systemd("Start", "12 "+tt.name+".service start running")
			d.wantTable(serviceRules)
			held := d.openConnection()
			d.run("ipvsadm -D -f 7", 0)
			systemd("Reload", "12 "+tt.name+".service reload running")
			d.wantTable(serviceRules)
			systemd("Stop", "12 "+tt.name+".service restart running")
			d.wantTable(serviceRules)
			systemd("Start", "12 "+tt.name+".service start running")
			d.wantTable(serviceRules)
			if _, err := held.Get(); err != nil {
				t.Error(err)
			}
			systemd("Stop", "12 "+tt.name+".service stop running")
			d.wantTable("")
		})
	}
}

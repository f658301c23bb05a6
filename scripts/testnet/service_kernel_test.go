// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of the service: the init scripts and systemd units, with their own settings and with
// those of Debian's and Red Hat's ipvsadm packages.

package testnet_test

import (
	"fmt"
	"os"
	"os/exec"
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

// director is a host with the program under test, between a client and a server. The service
// uses etc and run below the tool's working directory instead of /etc and /run.
type director struct {
	t       *testing.T
	tool    *testnet.Tool
	network *testnet.Network
	host    *testnet.Netns
	command string // command line of the service, without the action
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
			// Terminate connections when their server is removed.
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

// setService makes runAction and failAction run the service under that name.
func (d *director) setService(name string) {
	d.command = "ETC=" + d.tool.Work + "/etc RUN=" + d.tool.Work + "/run " + d.tool.Bin + "/service " + name + " "
}

// write writes a file below the tool's working directory.
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

// run runs a shell command line, which must exit with the given status.
func (d *director) run(line string, status int) testnet.Result {
	d.t.Helper()
	result, err := d.tool.ShellStatus(d.host, line, status)
	if err != nil {
		d.t.Fatal(err)
	}
	return result
}

// runAction runs an action of the service, which must succeed and print no error.
func (d *director) runAction(action string) string {
	d.t.Helper()
	result := d.run(d.command+action, 0)
	if result.Stderr != "" {
		d.t.Fatalf("%s: %s", action, result.Stderr)
	}
	return result.Stdout
}

// failAction runs an action that must exit with the given status, and returns its error
// output.
func (d *director) failAction(action string, status int) string {
	d.t.Helper()
	return d.run(d.command+action, status).Stderr
}

// wantTable compares the table with want, in the format of -S -n.
func (d *director) wantTable(want string) {
	d.t.Helper()
	if got := d.run("ipvsadm -S -n", 0).Stdout; got != want {
		d.t.Fatalf("table:\n%s\nwant:\n%s", got, want)
	}
}

// wantDaemons checks the running sync daemons, given as "STATE INTERFACE ID;"...
func (d *director) wantDaemons(want string) {
	d.t.Helper()
	listed := regexp.MustCompile(`(\w+) sync daemon \(mcast=(\w+), syncid=(\d+).*\n`)
	if got := listed.ReplaceAllString(d.run("ipvsadm -L --daemon", 0).Stdout, "$1 $2 $3;"); got != want {
		d.t.Fatalf("sync daemons %q, want %q", got, want)
	}
}

// openConnection starts the server and opens a client's connection to it through the
// director.
func (d *director) openConnection() *testnet.KeepAliveConn {
	d.t.Helper()
	server, err := d.network.Host("server").Serve("web", ":80")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { server.Close() })
	conn, _, err := testnet.Client{Netns: d.network.Host("client")}.OpenKeepAlive("http://10.8.0.10/")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(conn.Close)
	return conn
}

// layouts are the supported locations of rules and settings, with the service that uses them.
var layouts = []struct{ title, service, rulesFile, settingsFile, settings string }{
	{
		title: "goipvsadm on Debian", service: "goipvsadm",
		rulesFile: "etc/ipvsadm.rules", settingsFile: "etc/default/goipvsadm",
	},
	{
		title: "goipvsadm on Red Hat", service: "goipvsadm",
		rulesFile: "etc/ipvsadm.rules", settingsFile: "etc/sysconfig/goipvsadm", settings: "SYNCID=3\n",
	},
	{
		title: "ipvsadm on Debian", service: "ipvsadm",
		rulesFile: "etc/ipvsadm.rules", settingsFile: "etc/default/ipvsadm",
		settings: "AUTO=\"true\"\nDAEMON=\"none\"\nIFACE=\"eth0\"\t\n# SYNCID=\"0\"\n",
	},
	{
		title: "ipvsadm on Red Hat", service: "ipvsadm",
		rulesFile: "etc/sysconfig/ipvsadm", settingsFile: "etc/sysconfig/ipvsadm-config",
		settings: "IPVSADM_SAVE_ON_STOP=\"no\"\n",
	},
}

// Every action except stop and clear keeps open connections, even if the rules are invalid.
func TestServiceUnderTraffic(t *testing.T) {
	for _, layout := range layouts {
		t.Run(layout.title, func(t *testing.T) {
			d := newDirector(t)
			d.write(layout.settingsFile, layout.settings)
			d.write(layout.rulesFile, serviceRules)
			d.setService(layout.service)
			d.runAction("start")
			d.wantTable(serviceRules)
			conn := d.openConnection()
			checkConnection := func(action string) {
				t.Helper()
				if _, err := conn.Get(); err != nil {
					t.Fatalf("connection lost after %s: %v", action, err)
				}
			}
			for _, action := range []string{"start", "restart", "load"} {
				d.runAction(action)
				d.wantTable(serviceRules)
				checkConnection(action)
			}
			edited := strings.Replace(serviceRules, "-A -f 7 -s wlc", "-A -f 7 -s rr", 1)
			for i, action := range []string{"start", "reload", "restart"} {
				rules := []string{edited, serviceRules}[i%2]
				d.write(layout.rulesFile, "-C\n"+rules)
				d.runAction(action)
				d.wantTable(rules)
				checkConnection(action)
			}
			d.write(layout.rulesFile, serviceRules+"-A -t 10.8.0.10:http:80\n")
			for _, action := range []string{"start", "reload", "force-reload"} {
				message := d.failAction(action, 1)
				if !strings.HasPrefix(message, "line 5: illegal virtual server address[:port] specified\n") {
					t.Errorf("%s: %s, want an error of line 5", action, message)
				}
				d.wantTable(edited)
				checkConnection(action)
			}
			if entries := d.run("ipvsadm -L -n -c | grep -c ESTABLISHED", 0).Stdout; entries != "1\n" {
				t.Errorf("%s established connections, want 1", strings.TrimSpace(entries))
			}
			if err := os.Remove(filepath.Join(d.tool.Work, layout.rulesFile)); err != nil {
				t.Fatal(err)
			}
			d.failAction("restart", 6)
			d.wantTable(edited)
			d.runAction("stop")
			d.wantTable("")
			d.runAction("stop")
			if _, err := conn.Get(); err == nil {
				t.Error("the connection outlived its service, so it did not pass through the director")
			}
		})
	}
}

// The rules file may contain the output of -S --all, which includes timeouts and sync daemons.
func TestServiceSaveAll(t *testing.T) {
	d := newDirector(t)
	all := "--set 800 110 290\n" + serviceRules + "--start-daemon backup --mcast-interface eth0 --syncid 4 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n"
	d.write("etc/ipvsadm.rules", all)
	for _, action := range []string{"start", "restart", "reload", "force-reload", "start", "load"} {
		d.runAction(action)
		if got := d.run("ipvsadm -S -n --all", 0).Stdout; got != all {
			t.Fatalf("table after %s:\n%s\nwant:\n%s", action, got, all)
		}
	}
	d.runAction("save")
	if saved := d.run("cat etc/ipvsadm.rules", 0).Stdout; saved != all {
		t.Errorf("saved rules:\n%s\nwant:\n%s", saved, all)
	}
	d.runAction("stop")
	d.wantTable("")
	d.wantDaemons("")
	d.runAction("start")
	d.wantDaemons("backup eth0 4;")

	// Both rules and settings may configure sync daemons.
	d.write("etc/default/goipvsadm", "DAEMON=both IFACE=eth1 SYNCID=9\n")
	d.runAction("reload")
	d.wantDaemons("backup eth0 4;")
	d.runAction("restart")
	d.wantDaemons("master eth1 9;backup eth0 4;")
	d.runAction("save")
	if saved, want := d.run("cat etc/ipvsadm.rules", 0).Stdout, all[:strings.Index(all, "--start")]; saved != want {
		t.Errorf("saved rules:\n%s\nwant:\n%s", saved, want)
	}
	d.runAction("restart")
	d.wantDaemons("master eth1 9;backup eth1 9;")

	// A daemon removed from the configuration is stopped. A daemon that was started by other
	// means is not.
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
	d.run("ipvsadm -A -u 10.9.0.10:53", 0) // removed by start
	d.runAction("start")
	d.wantTable(serviceRules)
	status := d.runAction("status")
	for _, want := range []string{"TCP  10.8.0.10:80 rr\n", "FWM  7 wlc persistent 600\n",
		"master sync daemon (mcast=eth0, syncid=9", "backup sync daemon (mcast=eth0, syncid=9"} {
		if !strings.Contains(status, want) {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
	if rate := d.runAction("rate"); !strings.Contains(rate, "InPPS") || !strings.Contains(rate, "10.8.0.10:80") {
		t.Errorf("rate prints no rates of the service:\n%s", rate)
	}
	d.run("ipvsadm -e -t 10.8.0.10:80 -r 10.9.0.21:80 -m -w 5", 0)
	edited := strings.Replace(serviceRules, "10.9.0.21:80 -m -w 1", "10.9.0.21:80 -m -w 5", 1)
	d.runAction("save")
	if saved := d.run("cat etc/ipvsadm.rules", 0).Stdout; saved != edited {
		t.Fatalf("saved rules:\n%s\nwant:\n%s", saved, edited)
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
	// save fails if the rules file cannot be written.
	d.run("mount -t tmpfs -o ro tmpfs etc", 0)
	t.Cleanup(func() { d.run("umount etc", 0) })
	d.failAction("save", 1)
}

// Debian's package installs a rules file without services. With it, start and restart must
// not clear a table created by another program, such as keepalived.
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
		t.Errorf("restart prints %q, want a message that the rules contain no service", result.Stderr)
	}
	d.wantTable("-A -f 8 -s rr\n")
	d.wantDaemons("master eth0 0;")

	// The timeouts and daemons of such rules are applied.
	d.write("etc/ipvsadm.rules", "--set 800 110 290\n--start-daemon master --mcast-interface eth1 --syncid 5\n")
	d.run("ipvsadm --stop-daemon master", 0)
	for range 2 {
		d.run(d.command+"start", 0)
		want := "--set 800 110 290\n-A -f 8 -s rr\n--start-daemon master --mcast-interface eth1 --syncid 5 "
		if got := d.run("ipvsadm -S -n --all", 0).Stdout; !strings.HasPrefix(got, want) {
			t.Errorf("table:\n%s\nwant:\n%s", got, want)
		}
	}
}

// invalidRules contain no valid rule, in ways that occur in practice.
var invalidRules = []struct{ title, text string }{
	{title: "HTML error page", text: "<html>404 Not Found</html>\n"},
	{title: "misspelled command", text: "--add-servce -t 10.8.0.10:80\n"},
	{title: "server without its service", text: "-a -t 10.8.0.10:80 -r 10.9.0.21 -m\n"},
	{title: "NUL bytes, as after a crash", text: "\x00\x00\x00\x00"},
	{title: "UTF-16", text: "\xff\xfe-\x00A\x00 \x00-\x00f\x00 \x007\x00\n\x00"},
	{title: "invalid timeout", text: "--set 1 2\n"},
}

// Invalid rules are an error, even if they contain no service.
func TestServiceInvalidRules(t *testing.T) {
	d := newDirector(t)
	for _, tt := range invalidRules {
		t.Run(tt.title, func(t *testing.T) {
			d.t = t
			d.write("etc/ipvsadm.rules", tt.text)
			for _, state := range []struct{ prepare, action, table string }{
				{prepare: "ipvsadm -C", action: "start"},
				{prepare: "ipvsadm -A -f 8 -s rr", action: "restart", table: "-A -f 8 -s rr\n"},
			} {
				d.run(state.prepare, 0)
				message := d.failAction(state.action, 1)
				if !strings.HasPrefix(message, "line 1: ") || !strings.HasSuffix(message, "\ngoipvsadm: cannot apply "+d.tool.Work+"/etc/ipvsadm.rules\n") {
					t.Errorf("%s: %s, want an error of line 1 and one of the service", state.action, message)
				}
				d.wantTable(state.table)
			}
		})
	}
	d.t = t
	// A byte-order mark, which some editors write, is skipped.
	d.write("etc/ipvsadm.rules", "\xef\xbb\xbf"+serviceRules)
	d.runAction("reload")
	d.wantTable(serviceRules)

	if err := os.Remove(filepath.Join(d.tool.Work, "etc/ipvsadm.rules")); err != nil {
		t.Fatal(err)
	}
	rules := d.tool.Work + "/etc/ipvsadm.rules"
	want := "goipvsadm: " + rules + " does not exist: create it, for example with goipvsadm -S -n >" + rules + "\n"
	if message := d.failAction("reload", 6); message != want {
		t.Errorf("message %q, want %q", message, want)
	}
}

// Errors of sync daemons in the settings are not reported as errors of the rules.
func TestServiceDaemonErrors(t *testing.T) {
	d := newDirector(t)
	settings := d.tool.Work + "/etc/default/goipvsadm"
	failed := func(state, iface, reason string) string {
		return "goipvsadm: cannot start the " + state + " sync daemon on interface " + iface + ": " + reason +
			" (check DAEMON, IFACE and SYNCID in " + settings + ")\n"
	}
	for _, tt := range []struct{ settings, rules, want string }{
		{
			settings: "DAEMON=master IFACE=eth7", rules: serviceRules,
			want: failed("master", "eth7", "No such device"),
		},
		{
			settings: "DAEMON=both IFACE=eth7", rules: serviceRules,
			want: failed("master", "eth7", "No such device") + failed("backup", "eth7", "No such device"),
		},
		{
			settings: "DAEMON=master SYNCID=x", rules: serviceRules,
			want: failed("master", "eth0", "illegal syncid specified"),
		},
		{
			settings: "DAEMON=master IFACE=eth7", rules: "# no service\n",
			want: failed("master", "eth7", "No such device"),
		},
		{
			settings: "DAEMON=backup IFACE=eth7", rules: serviceRules + "--start-daemon master --mcast-interface eth8\n",
			want: "line 5: No such device\n" + failed("backup", "eth7", "No such device") +
				"goipvsadm: cannot apply " + d.tool.Work + "/etc/ipvsadm.rules\n",
		},
		{
			settings: "AUTO=no DAEMON=backup IFACE=eth7", rules: serviceRules,
			want: failed("backup", "eth7", "No such device"),
		},
	} {
		d.write("etc/default/goipvsadm", tt.settings+"\n")
		d.write("etc/ipvsadm.rules", tt.rules)
		message := d.failAction("start", 1)
		message = strings.TrimPrefix(message, "goipvsadm: no service in "+d.tool.Work+"/etc/ipvsadm.rules: leaving the services in the table unchanged\n")
		if message != tt.want {
			t.Errorf("%s: message\n%s\nwant\n%s", tt.settings, message, tt.want)
		}
	}
}

// save keeps the mode and the owner of the rules file, and symbolic links to it, and follows
// no other symbolic link.
func TestServiceSaveFile(t *testing.T) {
	d := newDirector(t)
	d.runAction("start")
	d.run("rm etc/ipvsadm.rules; umask 027; "+d.command+"save", 0)
	if got, want := d.run("stat -c %a etc/ipvsadm.rules; cat etc/ipvsadm.rules", 0).Stdout, "640\n"+serviceRules; got != want {
		t.Errorf("new rules file: %q, want %q", got, want)
	}
	for _, prepare := range []string{
		"echo '# old' >etc/ipvsadm.rules && chown 7:8 etc/ipvsadm.rules && chmod 600 etc/ipvsadm.rules",
		"echo '# old' >etc/ipvsadm.rules && chmod 664 etc/ipvsadm.rules",
		"echo '# old' >etc/rules && ln -s rules etc/ipvsadm.rules",
	} {
		d.run("rm -f etc/* && echo secret >etc/secret && ln -s secret etc/ipvsadm.rules.new && "+prepare, 0)
		const list = "stat -c '%A %u %g %N' etc/*"
		before := d.run(list, 0).Stdout
		d.runAction("save")
		if after := d.run(list, 0).Stdout; after != before {
			t.Errorf("%s: files before save:\n%s\nafter:\n%s", prepare, before, after)
		}
		if got, want := d.run("cat etc/ipvsadm.rules etc/secret", 0).Stdout, serviceRules+"secret\n"; got != want {
			t.Errorf("%s: rules and the file secret:\n%s\nwant:\n%s", prepare, got, want)
		}
	}
	d.run("rm etc/ipvsadm.rules && mkfifo etc/ipvsadm.rules", 0)
	if message := d.failAction("save", 1); !strings.HasSuffix(message, ": not a regular file\n") {
		t.Errorf("save to a pipe: %s, want an error about the file type", message)
	}
	d.run("test -p etc/ipvsadm.rules", 0)
}

// Concurrent saves all succeed, and each leaves a complete file.
func TestServiceConcurrentSaves(t *testing.T) {
	d := newDirector(t)
	d.runAction("start")
	d.run("ipvsadm -e -t 10.8.0.10:80 -r 10.9.0.21:80 -m -w 5", 0)
	table := d.run("ipvsadm -S -n", 0).Stdout
	result := d.run("pids=; for i in 1 2 3 4 5 6 7 8; do "+d.command+"save & pids=\"$pids $!\"; done; "+
		"status=0; for pid in $pids; do wait $pid || status=1; done; cat etc/ipvsadm.rules; ls etc; exit $status", 0)
	if want := table + "ipvsadm.rules\n"; result.Stdout != want || result.Stderr != "" {
		t.Errorf("saved rules and files:\n%s%s\nwant:\n%s", result.Stdout, result.Stderr, want)
	}
}

// A service that is killed by a signal leaves no temporary files behind. It is killed when it
// runs ipvsadm for the nth time.
func TestServiceKilled(t *testing.T) {
	d := newDirector(t)
	d.runAction("start")
	d.run("mkdir real tmp && mv bin/ipvsadm real", 0)
	d.write("bin/ipvsadm", "#!/bin/sh\nprintf . >>count\n[ $(wc -c <count) -ne $(cat n) ] || kill -$(cat signal) $(cat pid)\nexec real/ipvsadm \"$@\"\n")
	d.run("chmod +x bin/ipvsadm", 0)
	for _, tt := range []struct {
		action, settings string
		n                int
		signal           string
		status           int
	}{
		{action: "start", n: 1, signal: "TERM", status: 143},
		{action: "save", n: 1, signal: "HUP", status: 129},
		{action: "save", n: 1, signal: "INT", status: 130},
		// restart runs ipvsadm to list the table, to save it and to apply the rules.
		{action: "restart", settings: "IPVSADM_SAVE_ON_RESTART=yes\n", n: 2, signal: "TERM", status: 143},
		{action: "restart", settings: "IPVSADM_SAVE_ON_RESTART=yes\n", n: 3, signal: "TERM", status: 143},
	} {
		d.write("etc/default/goipvsadm", tt.settings)
		d.run(fmt.Sprintf("rm -f count; echo %d >n; echo %s >signal", tt.n, tt.signal), 0)
		line := d.command + tt.action // NAME=VALUE NAME=VALUE COMMAND...
		result := d.run("export TMPDIR=$PWD/tmp; sh -c 'echo $$ >pid; exec env "+line+"'; status=$?; ls tmp etc; exit $status", tt.status)
		if want := "etc:\ndefault\nipvsadm.rules\n\ntmp:\n"; result.Stdout != want {
			t.Errorf("%+v: files\n%s\nwant\n%s", tt, result.Stdout, want)
		}
	}
	d.run("mv real/ipvsadm bin", 0)
	d.wantTable(serviceRules)
}

// With Debian's settings, the service behaves like Debian's init script, which runs here with
// the program under test as ipvsadm.
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
		// A copy, since the program's behavior depends on its name.
		d.run("cp "+program+" real-"+name, 0)
		bind("real-"+name, "/sbin/"+name)
	}
	for _, tt := range []struct{ auto, daemon string }{
		{auto: "false", daemon: "both"},
		{auto: "true", daemon: "none"},
		{auto: "true", daemon: "both"},
	} {
		d.write("etc/default/ipvsadm", "AUTO=\""+tt.auto+"\"\nDAEMON=\""+tt.daemon+"\"\nIFACE=\"eth0\"\t\nSYNCID=\"5\"\n")
		for _, action := range []string{"start", "restart", "reload", "force-reload", "stop", "stop", "load", "save", "stop"} {
			initial := d.run("ipvsadm -S -n --all", 0).Stdout
			debian := d.run("/etc/init.d/ipvsadm "+action+" >/dev/null 2>&1; ipvsadm -S -n --all", 0).Stdout
			d.write("initial", initial)
			d.run("ipvsadm -C; for s in master backup; do ipvsadm --stop-daemon $s; done 2>&1; ipvsadm -R <initial", 0)
			ours := d.run(d.command+action+" >/dev/null; ipvsadm -S -n --all", 0)
			if ours.Stdout != debian || ours.Stderr != "" {
				t.Fatalf("%+v, %s, table before:\n%s\nafter:\n%s%s\nafter Debian's script:\n%s", tt, action, initial, ours.Stdout, ours.Stderr, debian)
			}
		}
	}
	for _, action := range []string{"status", "rate"} {
		if ours, debian := d.runAction(action), d.run("/etc/init.d/ipvsadm "+action, 0).Stdout; ours != debian {
			t.Errorf("%s prints\n%s\nDebian's script prints\n%s", action, ours, debian)
		}
	}
	d.wantTable("")
}

// The commands of Red Hat's unit, which runs no script, work with the program under test, and the
// service saves the table as Red Hat's settings require.
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
	const saveOnStop, saveOnRestart = "IPVSADM_SAVE_ON_STOP=\"yes\"\n", "IPVSADM_SAVE_ON_RESTART=\"yes\"\n"
	for _, tt := range []struct{ settings, action, saved, table string }{
		{action: "stop", saved: serviceRules},
		{settings: "IPVSADM_SAVE_ON_STOP=\"no\"\nIPVSADM_SAVE_ON_RESTART=\"no\"\n", action: "restart", saved: serviceRules, table: serviceRules},
		{settings: saveOnStop, action: "restart", saved: serviceRules, table: serviceRules},
		{settings: saveOnStop, action: "stop", saved: edited},
		{settings: saveOnStop, action: "stop; " + d.command + "stop", saved: edited}, // the second stop must not save an empty table
		{settings: saveOnRestart, action: "stop", saved: serviceRules},
		{settings: saveOnRestart, action: "restart", saved: edited, table: edited},
	} {
		d.write("etc/sysconfig/ipvsadm", serviceRules)
		d.write("etc/sysconfig/ipvsadm-config", tt.settings)
		d.runAction("start")
		d.run(edit, 0)
		d.runAction(tt.action)
		d.wantTable(tt.table)
		if saved := d.run("cat etc/sysconfig/ipvsadm", 0).Stdout; saved != tt.saved {
			t.Errorf("%q, %s: saved rules:\n%s\nwant:\n%s", tt.settings, tt.action, saved, tt.saved)
		}
	}
}

var execLine = regexp.MustCompile(`(?m)^Exec(Start|Reload|Stop)=/usr/local/lib/goipvsadm/service (.*)$`)

// The commands of the systemd units start, reload, restart and stop the service. systemd restarts a
// unit by stopping and starting it.
func TestSystemdUnits(t *testing.T) {
	for _, tt := range []struct{ name, settings string }{
		{name: "goipvsadm"},
		{name: "ipvsadm", settings: "AUTO=true\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unit, err := os.ReadFile("../systemd/" + tt.name + ".service")
			if err != nil {
				t.Fatal(err)
			}
			if line := "\nBefore=keepalived.service ldirectord.service\n"; !strings.Contains(string(unit), line) {
				t.Errorf("unit lacks %q", line)
			}
			// If both units declared the conflict, systemd would choose one arbitrarily at boot.
			if strings.Contains(string(unit), "\nConflicts=ipvsadm.service\n") != (tt.name == "goipvsadm") || strings.Contains(string(unit), "Conflicts=goipvsadm") {
				t.Error("goipvsadm.service, and no other unit, must declare the conflict")
			}
			// systemd rates the unit's exposure to attacks: 0 is best, 10 worst. The limit is 4.9.
			analyze := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=49", "../systemd/"+tt.name+".service")
			if report, err := analyze.CombinedOutput(); err != nil {
				t.Errorf("systemd-analyze: %v\n%s", err, report)
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
			conn := d.openConnection()
			d.run("ipvsadm -D -f 7", 0)
			systemd("Reload", "12 "+tt.name+".service reload running")
			d.wantTable(serviceRules)
			systemd("Stop", "12 "+tt.name+".service restart running")
			d.wantTable(serviceRules)
			systemd("Start", "12 "+tt.name+".service start running")
			d.wantTable(serviceRules)
			if _, err := conn.Get(); err != nil {
				t.Error(err)
			}
			systemd("Stop", "12 "+tt.name+".service stop running")
			d.wantTable("")
		})
	}
}

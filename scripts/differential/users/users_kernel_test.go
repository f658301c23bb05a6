//go:build kernel

// Real users of the command line: programs and scripts that know nothing of ours, with
// ours standing in as /sbin/ipvsadm, ipvsadm-save and ipvsadm-restore.

package users

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/differential"
	"goipvsadm/scripts/lab"
)

var usersPlan = lab.Plan{
	{Name: "director", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []lab.Link{
		{To: "lan", Addresses: []string{"192.168.7.254/24", "10.1.1.2/32", "fd07::254/64"}},
	}},
	{Name: "server1", Links: []lab.Link{{To: "lan", Addresses: []string{"192.168.7.1/24", "fd07::1/64"}}}},
	{Name: "server2", Links: []lab.Link{{To: "lan", Addresses: []string{"192.168.7.2/24", "fd07::2/64"}}}},
}

// A host of users: the network, and the rig with the real ipvsadm out of the way.
type users struct {
	t       *testing.T
	r       *differential.Rig
	network *lab.Network
	servers map[string]*lab.Server
}

func newUsers(t *testing.T) *users {
	t.Helper()
	aside := filepath.Join(t.TempDir(), "ipvsadm")
	for _, suffix := range []string{"", "-save", "-restore"} {
		copyProgram(t, differential.LookPath(t, "ipvsadm"+suffix), aside+suffix)
	}
	t.Setenv("IPVSADM_REFERENCE", aside)
	network, err := lab.Build(usersPlan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	return &users{t: t, r: differential.NewRig(t, differential.ProgramUnderTest(t)), network: network, servers: make(map[string]*lab.Server)}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	program, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, program, 0o755); err != nil {
		t.Fatal(err)
	}
}

// standIn puts a program in the place of ipvsadm until the returned function is called.
func (u *users) standIn(p differential.Program) (restore func()) {
	u.t.Helper()
	var targets []string
	for _, name := range []string{"ipvsadm", "ipvsadm-save", "ipvsadm-restore"} {
		target, err := filepath.EvalSymlinks("/sbin/" + name)
		if err != nil {
			u.t.Fatal(err)
		}
		if err := unix.Mount(u.r.PathFor(p, name), target, "", unix.MS_BIND, ""); err != nil {
			u.t.Fatalf("mount over %s: %v", target, err)
		}
		targets = append(targets, target)
	}
	return func() {
		for _, target := range targets {
			unix.Unmount(target, unix.MNT_DETACH)
		}
	}
}

// start runs a program on the director until the test ends.
func (u *users) start(name string, args ...string) *bytes.Buffer {
	u.t.Helper()
	output := new(bytes.Buffer)
	cmd := exec.Command(differential.LookPath(u.t, name), args...)
	cmd.Stdout, cmd.Stderr = output, output
	if err := u.network.Host("director").Do(cmd.Start); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if u.t.Failed() {
			u.t.Logf("%s said:\n%s", name, output)
		}
	})
	return output
}

// serve has a server answer HTTP; quit ends that.
func (u *users) serve(name string) {
	u.t.Helper()
	server, err := u.network.Host(name).Serve(name, ":80", ":443", ":8080")
	if err != nil {
		u.t.Fatal(err)
	}
	u.servers[name] = server
	u.t.Cleanup(func() { server.Close() })
}

func (u *users) quit(name string) { u.servers[name].Close() }

func (u *users) list(args ...string) differential.Answer {
	u.t.Helper()
	return u.r.Run(u.t, u.r.Reference, u.network.Host("director"), differential.Command{Args: append([]string{"ipvsadm"}, args...)})
}

// becomes waits until the saved table is as wanted.
func (u *users) becomes(want string) {
	u.t.Helper()
	var got differential.Answer
	for range 300 {
		if got = u.list("-S", "-n"); got == (differential.Answer{Stdout: want}) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	u.t.Fatalf("the table is %sand does not become\n%s", got, want)
}

func (u *users) write(name, text string) string {
	u.t.Helper()
	file := filepath.Join(u.t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
	return file
}

func TestLdirectord(t *testing.T) {
	const (
		service = "-A -t 10.1.1.2:80 -s wrr -p 600\n"
		server1 = "-a -t 10.1.1.2:80 -r 192.168.7.1:80 -m -w "
		server2 = "-a -t 10.1.1.2:80 -r 192.168.7.2:80 -m -w "
	)
	for _, test := range []struct{ quiescent, without1 string }{
		{"yes", server1 + "0\n"},
		{"no", ""},
	} {
		t.Run("quiescent="+test.quiescent, func(t *testing.T) {
			u := newUsers(t)
			t.Cleanup(u.standIn(u.r.Ours))
			u.serve("server1")
			u.serve("server2")
			config := u.write("ldirectord.cf", strings.ReplaceAll(`checktimeout=2
checkinterval=1
autoreload=no
quiescent=`+test.quiescent+`
virtual=10.1.1.2:80
	real=192.168.7.1:80 masq 3
	real=192.168.7.2:80 masq 2
	service=http
	scheduler=wrr
	persistent=600
	protocol=tcp
	checktype=negotiate
	request="/"
	receive="server"
`, "\t", "        "))
			u.start("ldirectord", "-d", config, "start")
			u.becomes(service + server1 + "3\n" + server2 + "2\n")
			u.quit("server1")
			u.becomes(service + test.without1 + server2 + "2\n")
			u.serve("server1")
			u.becomes(service + server1 + "3\n" + server2 + "2\n")
		})
	}
}

// keepalived speaks to the kernel itself; what it sets up must look the same to both.
func TestKeepalived(t *testing.T) {
	u := newUsers(t)
	u.serve("server1")
	u.serve("server2")
	config := u.write("keepalived.conf", `
virtual_server 10.1.1.2 80 {
    delay_loop 1
    lb_algo rr
    lb_kind DR
    persistence_timeout 600
    persistence_granularity 255.255.255.0
    protocol TCP
    real_server 192.168.7.1 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 192.168.7.2 80 {
        weight 2
        uthreshold 100
        lthreshold 50
        inhibit_on_failure
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
virtual_server 10.1.1.2 53 {
    delay_loop 1
    lb_algo sh
    sh-port
    sh-fallback
    lb_kind NAT
    protocol UDP
    ops
    real_server 192.168.7.1 53 {
    }
}
virtual_server fwmark 7 {
    delay_loop 1
    lb_algo mh
    mh-port
    lb_kind TUN
    real_server 192.168.7.1 0 {
        TCP_CHECK {
            connect_port 80
            connect_timeout 3
        }
    }
}
virtual_server fd07::99 443 {
    delay_loop 1
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    real_server fd07::2 443 {
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
`)
	dir := t.TempDir()
	u.start("keepalived", "--dont-fork", "--log-console", "--check", "--use-file", config,
		"--pid", filepath.Join(dir, "pid"), "--checkers_pid", filepath.Join(dir, "checkers.pid"))
	x := &traffic{t: t, r: u.r, network: u.network}
	all := `-A -t 10.1.1.2:80 -s rr -p 600 -M 255.255.255.0
-a -t 10.1.1.2:80 -r 192.168.7.1:80 -g -w 1
-a -t 10.1.1.2:80 -r 192.168.7.2:80 -g -w 2
-A -u 10.1.1.2:53 -s sh -o -b sh-fallback,sh-port
-a -u 10.1.1.2:53 -r 192.168.7.1:53 -m -w 1
-A -t [fd07::99]:443 -s wlc
-a -t [fd07::99]:443 -r [fd07::2]:443 -m -w 1
-A -f 7 -s mh -b mh-port
-a -f 7 -r 192.168.7.1:0 -i -w 1 --tun-type ipip
`
	u.becomes(all)
	x.listings()
	x.wants(x.same("-L", "-n", "--thresholds"), `192.168.7.2:80 +100 +50 `)
	u.quit("server2")
	u.becomes(strings.NewReplacer("192.168.7.2:80 -g -w 2", "192.168.7.2:80 -g -w 0", "-a -t [fd07::99]:443 -r [fd07::2]:443 -m -w 1\n", "").Replace(all))
	x.listings()
}

// Debian's init script of ipvsadm must behave alike with either program behind it.
func TestDebianInitScript(t *testing.T) {
	u := newUsers(t)
	const rules = `# a comment
-A -t 10.1.1.2:80 -s rr
-a -t 10.1.1.2:80 -r 192.168.7.1:80 -g -w 1
-A -f 7 -s wlc -p 600
-a -f 7 -r 192.168.7.2:0 -m -w 2
`
	steps := []string{"status", "start", "status", "rate", "save", "stop", "status", "load", "restart", "reload", "force-reload", "status", "nonsense", "stop", "stop", "save"}
	play := func(p differential.Program) string {
		defer u.standIn(p)()
		var transcript strings.Builder
		file := u.write("ipvsadm.rules", rules)
		script := u.write("script", "PATH=/sbin:$PATH\n"+
			"mount --bind "+file+" /etc/ipvsadm.rules\nmount --bind "+u.write("default", "AUTO=true\nDAEMON=both\nIFACE=eth0\nSYNCID=3\n")+" /etc/default/ipvsadm\n"+
			"for step in "+strings.Join(steps, " ")+"; do\n"+
			"echo \"== $step\"; /etc/init.d/ipvsadm $step; echo \"status $?\"; ipvsadm -S -n; ipvsadm -L --daemon; cat /etc/ipvsadm.rules\ndone\n")
		cmd := exec.Command("unshare", "--mount", "sh", script)
		cmd.Stdout, cmd.Stderr = &transcript, &transcript
		if err := u.network.Host("director").Run(cmd); err != nil {
			t.Fatalf("%v: %s", err, &transcript)
		}
		return transcript.String()
	}
	want, got := play(u.r.Reference), play(u.r.Ours)
	if want != got {
		t.Errorf("with ipvsadm:\n%s\nwith ours:\n%s", want, got)
	}
	for _, part := range []string{"TCP  10.1.1.2:80 rr", "master sync daemon (mcast=eth0, syncid=3", "FWM  7 wlc persistent 600"} {
		if !strings.Contains(got, part) {
			t.Errorf("nothing was started: no %q in\n%s", part, got)
		}
	}
}

// One director's table goes to another through a pipe, from either program to the other.
func TestPipeBetweenDirectors(t *testing.T) {
	u := newUsers(t)
	from, to := u.r.ReferenceTable, u.r.OursTable
	u.r.Run(t, u.r.Reference, from, differential.Command{Args: []string{"ipvsadm", "-R"}, Stdin: trafficRules})
	want := u.r.Run(t, u.r.Reference, from, differential.Command{Args: []string{"ipvsadm", "-S", "-n"}})
	if strings.Count(want.Stdout, "\n") != strings.Count(trafficRules, "\n") {
		t.Fatalf("the table is %s", want)
	}
	for _, programs := range [][2]differential.Program{{u.r.Ours, u.r.Ours}, {u.r.Ours, u.r.Reference}, {u.r.Reference, u.r.Ours}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		save := &exec.Cmd{Path: programs[0].Path, Args: []string{"ipvsadm", "-S", "-n"}, Stdout: write}
		load := &exec.Cmd{Path: programs[1].Path, Args: []string{"ipvsadm", "-R"}, Stdin: read}
		err = errors.Join(from.Do(save.Start), to.Do(load.Start), write.Close(), read.Close())
		if err := errors.Join(err, save.Wait(), load.Wait()); err != nil {
			t.Fatal(err)
		}
		got := u.r.Run(t, u.r.Reference, to, differential.Command{Args: []string{"ipvsadm", "-S", "-n"}})
		if differential.Canonical(got.Stdout) != differential.Canonical(want.Stdout) {
			t.Errorf("after %s | %s: %swant: %s", save.Path, load.Path, got, want)
		}
		u.r.Run(t, u.r.Reference, to, differential.Command{Args: []string{"ipvsadm", "-C"}})
	}
}

// A rules file as people keep it, with what only ours reads: comments.
func TestRulesFile(t *testing.T) {
	u := newUsers(t)
	lines := strings.Split(strings.TrimSpace(trafficRules), "\n")
	var file strings.Builder
	file.WriteString("# The table of our web servers.\r\n\r\n")
	for i, line := range lines {
		words := strings.Fields(line)
		switch i % 4 {
		case 0:
			line = "ipvsadm " + line + "   # " + words[2]
		case 1:
			line = "\t" + strings.Join(words, "\t")
		case 2:
			line = "  " + strings.Join(words, "   ") + "  "
		}
		file.WriteString(line + "\r\n")
	}
	file.WriteString("   #-A -f 5")
	for _, name := range []string{"ipvsadm", "ipvsadm-restore"} {
		args := []string{name}
		if name == "ipvsadm" {
			args = append(args, "-R")
		}
		if answer := u.r.Run(t, u.r.Ours, u.r.OursTable, differential.Command{Args: args, Stdin: file.String()}); answer != (differential.Answer{}) {
			t.Errorf("%s: %s", name, answer)
		}
		got := u.r.Run(t, u.r.Reference, u.r.OursTable, differential.Command{Args: []string{"ipvsadm", "-S", "-n"}})
		if differential.Canonical(got.Stdout) != differential.Canonical(trafficRules) {
			t.Errorf("%s: %s", name, got)
		}
		u.r.Run(t, u.r.Reference, u.r.OursTable, differential.Command{Args: []string{"ipvsadm", "-C"}})
	}
}

// Without privilege or without IPVS both say the same, whatever the command line; help
// and version are the exception.
func TestWithoutPrivilege(t *testing.T) {
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	dir, err := os.MkdirTemp("", "public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	nobody := func(p differential.Program, args ...string) differential.Answer {
		t.Helper()
		path := filepath.Join(dir, filepath.Base(p.Path))
		copyProgram(t, p.Path, path)
		var stdout, stderr strings.Builder
		cmd := &exec.Cmd{Path: path, Args: append([]string{"ipvsadm"}, args...), Stdout: &stdout, Stderr: &stderr,
			SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}}
		err := r.OursTable.Run(cmd)
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return differential.Answer{Status: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	}
	for _, line := range []string{"", "-L -n", "-A -t 10.0.0.1:80", "-A -t foo", "-q", "-A -f 5 -q", "-R", "-S", "-C foo"} {
		if want, got := nobody(r.Reference, strings.Fields(line)...), nobody(r.Ours, strings.Fields(line)...); got != want {
			t.Errorf("%s\nipvsadm: %sours: %s", line, want, got)
		}
	}
	for _, option := range []string{"-v", "-h"} {
		if got := nobody(r.Ours, option); got.Status != 0 || got.Stderr != "" {
			t.Errorf("%s: %s", option, got)
		}
		if got := nobody(r.Reference, option); got.Status != 2 {
			t.Errorf("ipvsadm %s: %s", option, got)
		}
	}
}

// A table that could not be written in full must not pass for one that was saved.
func TestOutputThatCannotBeWritten(t *testing.T) {
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { full.Close() })
	r.Run(t, r.Reference, r.OursTable, differential.Command{Args: []string{"ipvsadm", "-A", "-f", "5"}})
	for _, line := range []string{"-S", "-L", "-L -c", "-L --timeout"} {
		for _, side := range []struct {
			program differential.Program
			fails   bool
		}{{r.Reference, false}, {r.Ours, true}} {
			var stderr strings.Builder
			cmd := &exec.Cmd{Path: side.program.Path, Args: append([]string{"ipvsadm"}, strings.Fields(line)...), Stdout: full, Stderr: &stderr}
			err := r.OursTable.Run(cmd)
			if said := stderr.String() != ""; (err != nil) != side.fails || said != side.fails {
				t.Errorf("%s %s: %v, %q", side.program.Path, line, err, stderr.String())
			}
		}
	}
}

// Where the kernel has no IPVS and modprobe finds none, both end alike.
func TestWithoutIPVS(t *testing.T) {
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	r.ReferenceTable.Close()
	r.OursTable.Close()
	empty, err := lab.NewNetns("empty")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty.Close() })

	const loader = "/proc/sys/kernel/modprobe"
	before, err := os.ReadFile(loader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(loader, []byte("/bin/false"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(loader, before, 0); err != nil {
			t.Error(err)
		}
		if out, err := exec.Command("modprobe", "ip_vs").CombinedOutput(); err != nil {
			t.Errorf("modprobe: %v: %s", err, out)
		}
	})
	// A namespace that has just been left goes in its own time, and holds modules until then.
	for tries := 0; !unloadIPVS(t); tries++ {
		if tries == 100 {
			t.Fatal("IPVS stays loaded")
		}
		time.Sleep(100 * time.Millisecond)
	}

	t.Setenv("MODPROBE_OPTIONS", "-d /nonexistent")
	for _, line := range []string{"", "-L -n", "-A -t 10.0.0.1:80", "-A -t foo", "-q", "-R", "-S", "-C foo"} {
		c := differential.Command{Args: append([]string{"ipvsadm"}, strings.Fields(line)...)}
		if want, got := r.Run(t, r.Reference, empty, c), r.Run(t, r.Ours, empty, c); got != want || want.Status != 2 {
			t.Errorf("%sipvsadm: %sours: %s", c, want, got)
		}
	}
	for _, option := range []string{"-v", "-h"} {
		if got := r.Run(t, r.Ours, empty, differential.Command{Args: []string{"ipvsadm", option}}); got.Status != 0 || got.Stderr != "" {
			t.Errorf("%s: %s", option, got)
		}
	}
}

// unloadIPVS takes IPVS and what builds on it out of the kernel, as far as it can, and
// tells whether all is gone.
func unloadIPVS(t *testing.T) bool {
	t.Helper()
	modules, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	gone := true
	for line := range strings.Lines(string(modules)) {
		if name, _, _ := strings.Cut(line, " "); strings.HasPrefix(name, "ip_vs") {
			gone = exec.Command("rmmod", name).Run() == nil && gone
		}
	}
	return gone
}

// SPDX-License-Identifier: MIT

//go:build kernel

package readme

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/testnet"
)

// plan is the network of README.md: a director with the virtual address 192.0.2.1, and servers in
// a private network (NAT).
var plan = testnet.Plan{
	{Name: "client", Links: []testnet.Link{{To: "outside", Addresses: []string{"192.0.2.99/24"}}}},
	{Name: "director", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []testnet.Link{
		{To: "outside", Addresses: []string{"192.0.2.1/24"}},
		{To: "inside", Addresses: []string{"198.51.100.1/24"}},
	}},
	{Name: "web1", Gateway: "198.51.100.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"198.51.100.11/24"}}}},
	{Name: "web2", Gateway: "198.51.100.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"198.51.100.12/24"}}}},
	{Name: "web3", Gateway: "198.51.100.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"198.51.100.13/24"}}}},
}

// A director runs the commands of README.md.
type director struct {
	t       *testing.T
	tool    *testnet.Tool
	network *testnet.Network
	cleanup []func() // at the end of the command
}

func newDirector(t *testing.T) *director {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	program, err := filepath.EvalSymlinks(filepath.Join(tool.Bin, "ipvsadm"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(tool.Bin, "goipvsadm")); err != nil {
		t.Fatal(err)
	}
	network, err := testnet.Build(plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	for _, host := range []string{"web1", "web2", "web3"} {
		server, err := network.Host(host).Serve(host, ":80")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
	}
	return &director{t: t, tool: tool, network: network}
}

// shell runs a command line on the director.
func (d *director) shell(line string) testnet.Result {
	d.t.Helper()
	result, err := d.tool.Shell(d.network.Host("director"), line)
	if err != nil {
		d.t.Fatal(err)
	}
	return result
}

// must runs a command line on the director, which must succeed and print nothing.
func (d *director) must(line string) {
	d.t.Helper()
	if result := d.shell(line); result != (testnet.Result{}) {
		d.t.Fatalf("%s: %+v", line, result)
	}
}

// vi makes the next vi apply the given sed commands to its file.
func (d *director) vi(sedCommands ...string) {
	script := "#!/bin/sh\nexec sed -i -e " + strings.Join(sedCommands, " -e ") + ` "$1"` + "\n"
	if err := os.WriteFile(filepath.Join(d.tool.Bin, "vi"), []byte(script), 0o755); err != nil {
		d.t.Fatal(err)
	}
}

// breakRoute removes the route of web1 to the client, and lets the client open connections until the
// end of the command. Those to web2 stay open, so that wlc selects web1 for a part of the next ones.
func (d *director) breakRoute() {
	d.t.Helper()
	if _, err := d.tool.ShellStatus(d.network.Host("web1"), "ip route del default", 0); err != nil {
		d.t.Fatal(err)
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	clients.Go(func() {
		client := testnet.Client{Netns: d.network.Host("client")}
		for {
			clients.Go(func() {
				// A connection to web1 remains in SYN_RECV, because web1 cannot reply.
				if conn, _, err := client.OpenKeepAlive("http://192.0.2.1/"); err == nil {
					<-stop
					conn.Close()
				}
			})
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	err := testnet.Eventually(func() error {
		listing := d.shell("goipvsadm -L -n -c").Stdout
		if strings.Count(listing, "SYN_RECV") < 5 {
			return fmt.Errorf("fewer than five connections in SYN_RECV:\n%s", listing)
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.cleanup = append(d.cleanup, func() {
		close(stop)
		// This lets the pending requests complete.
		if _, err := d.tool.ShellStatus(d.network.Host("web1"), "ip route add default via 198.51.100.1", 0); err != nil {
			d.t.Error(err)
		}
		clients.Wait()
	})
}

// privateEtc replaces /etc, which belongs to this machine, by a copy until the end of the command.
// The command must write ipvsadm.rules to it.
func (d *director) privateEtc() {
	d.t.Helper()
	etc := filepath.Join(d.t.TempDir(), "etc")
	if output, err := exec.Command("cp", "-a", "/etc", etc).CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %s", err, output)
	}
	if err := unix.Mount(etc, "/etc", "", unix.MS_BIND, ""); err != nil {
		d.t.Fatal(err)
	}
	d.cleanup = append(d.cleanup, func() {
		if _, err := os.Stat("/etc/ipvsadm.rules"); err != nil {
			d.t.Error(err)
		}
		if err := unix.Unmount("/etc", unix.MNT_DETACH); err != nil {
			d.t.Error(err)
		}
	})
}

// openConnections opens twelve connections of the client until the end of the command.
func (d *director) openConnections() {
	d.t.Helper()
	client := testnet.Client{Netns: d.network.Host("client")}
	for range 12 {
		conn, _, err := client.OpenKeepAlive("http://192.0.2.1/")
		if err != nil {
			d.t.Fatal(err)
		}
		d.cleanup = append(d.cleanup, conn.Close)
	}
}

// before has functions that prepare for commands. A command is identified by its line and, if it
// occurs more than once, by its number.
var before = map[string]func(*director){
	"vi rules": func(d *director) {
		d.vi("'$s/-w 2/-w 5/'", "'$a -a -t 192.0.2.1:80 -r 198.51.100.13:80 -m -w 1'")
	},
	"goipvsadm -L -c -n --client 192.0.2.99 --count": (*director).openConnections,
	"goipvsadm --doctor -n --probe":                  (*director).breakRoute,
	"goipvsadm -S -n >/etc/ipvsadm.rules":            (*director).privateEtc,
}

// wrappers has shell scripts for commands that run until a signal; COMMAND stands for the command. The
// scripts send SIGTERM, because a shell ignores SIGINT in background processes.
var wrappers = map[string]string{
	"goipvsadm --monitor -n": `
		COMMAND >lines &
		until ls -l /proc/$!/fd | grep -q socket; do sleep 0.1; done
		sleep $((2 * ${GOIPVSADM_PATIENCE:-1})) # until it has read the table
		n=0
		for weight in 0 2; do
			n=$((n + 1))
			goipvsadm -e -t 192.0.2.1:80 -r 198.51.100.12 --keep -w $weight
			until [ $(wc -l <lines) -eq $n ]; do sleep 0.1; done
		done
		kill $!
		cat lines`,
}

// status has the exit statuses of the commands that do not exit with 0.
var status = map[string]int{
	"goipvsadm --diff rules":        1,
	"goipvsadm --doctor -n --probe": 1,
}

// variable matches the parts of the output that differ from run to run.
var variable = regexp.MustCompile(strings.Join([]string{
	`\(size=\d+\)`,                 // depends on the kernel
	`sampled traffic for [\d.]+ s`, // and numbers that depend on the traffic
	`[\d,]+ connections`,
	`[\d,]+ packets to the server`,
	`after [\d.]+ ms to [\d.]+ ms`,
	`\d+ of \d+`,
	`\[\d+-\d+-\d+T\d+:\d+:\d+\.\d+\]`,
}, "|"))

// normalize replaces the variable parts of an output, joins the lines of a cause that README.md wraps,
// and removes trailing blanks, which listings have.
func normalize(output string) string {
	output = regexp.MustCompile(`\n {10}([^ -])`).ReplaceAllString(output, " $1")
	output = regexp.MustCompile(`(?m) +$`).ReplaceAllString(output, "")
	return variable.ReplaceAllStringFunc(output, func(match string) string {
		return regexp.MustCompile(`\d[\d.,]*`).ReplaceAllString(match, "N")
	})
}

// TestCommands runs the sessions of README.md in order and compares the output.
func TestCommands(t *testing.T) {
	d := newDirector(t)
	count := make(map[string]int)
	commands := 0
	for _, b := range blocks(read(t, "README.md")) {
		for _, c := range b.session() {
			if slices.ContainsFunc(packageCommands, func(e struct{ command, file, line string }) bool { return e.command == c.line }) {
				if err := checkTested(t, c.line); err != nil {
					t.Errorf("%s: %v", c.line, err)
				}
				continue
			}
			name := c.line
			if count[c.line]++; count[c.line] > 1 {
				name = fmt.Sprint(c.line, " ", count[c.line])
			}
			commands++
			t.Run(name, func(t *testing.T) {
				d.t = t
				if prepare := before[name]; prepare != nil {
					prepare(d)
				}
				line := c.line
				if wrapper := wrappers[line]; wrapper != "" {
					line = strings.ReplaceAll(wrapper, "COMMAND", line)
				}
				result := d.shell(line)
				for _, f := range slices.Backward(d.cleanup) {
					f()
				}
				d.cleanup = nil
				got, want := normalize(result.Stdout+result.Stderr), normalize(c.output)
				if got != want || result.Status != status[name] {
					t.Errorf("exit status %d, want %d, and output\n%s\nREADME.md shows\n%s", result.Status, status[name], result.Stdout+result.Stderr, c.output)
				}
			})
		}
	}
	if commands < 15 {
		t.Errorf("only %d commands", commands)
	}
}

// The first code block of README.md has a command for each purpose. It is run on the director with
// rules that change the table.
func TestFirstScreen(t *testing.T) {
	d := newDirector(t)
	d.must("goipvsadm -A -t 192.0.2.1:80 -s wlc")
	d.must("goipvsadm -a -t 192.0.2.1:80 -r 198.51.100.11 -m")
	d.must("goipvsadm -a -t 192.0.2.1:80 -r 198.51.100.12 -m")
	d.must("goipvsadm -S -n >rules && sed -i '$s/-w 1/-w 3/' rules")
	lines := blocks(read(t, "README.md"))[0].uncommented()
	for i, tt := range []struct {
		command string // prefix
		change  func(line string) string
		output  string // regular expression
		status  int
	}{
		// --diff has status 1 if there are differences.
		{command: "goipvsadm --diff rules; goipvsadm --apply rules", output: `^-e -t 192.0.2.1:80 -r 198.51.100.12:80 -m -w 3\n$`},
		{command: "goipvsadm -d ", output: `^$`},
		{command: "goipvsadm --doctor -n", output: `^no problems found\n`},
		{command: "goipvsadm -L -n --watch", change: func(line string) string { return "timeout --preserve-status -s INT 5 " + line }, output: `(?s)Conn/s.*198\.51\.100\.12:80.*Conn/s`},
		{command: "goipvsadm -L -n -j | jq ", output: `^3\n$`},
		{command: "goipvsadm -L --metrics", output: `(?m)^ipvs_server_weight\{.*server_address="198.51.100.12".*\} 3$`},
	} {
		line := lines[i]
		if !strings.HasPrefix(line, tt.command) {
			t.Errorf("line %d is %s, want %s...", i+1, line, tt.command)
		}
		if tt.change != nil {
			line = tt.change(line)
		}
		result := d.shell(line)
		if output := result.Stdout + result.Stderr; result.Status != tt.status || !regexp.MustCompile(tt.output).MatchString(output) {
			t.Errorf("%s: exit status %d, output\n%s\nwant %d and %s", line, result.Status, output, tt.status, tt.output)
		}
	}
	if len(lines) != 6 {
		t.Errorf("%d commands, want 6", len(lines))
	}
}

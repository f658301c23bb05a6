// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of Debian's init script, pipes between programs, and rules files.

package integration

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"goipvsadm/scripts/difftest"
)

// Debian's init script for ipvsadm behaves identically with both programs.
func TestDebianInitScript(t *testing.T) {
	r := newReplacementTest(t)
	const rules = `# a comment
-A -t 10.1.1.2:80 -s rr
-a -t 10.1.1.2:80 -r 192.168.7.1:80 -g -w 1
-A -f 7 -s wlc -p 600
-a -f 7 -r 192.168.7.2:0 -m -w 2
`
	steps := []string{"status", "start", "status", "rate", "save", "stop", "status", "load", "restart", "reload", "force-reload", "status", "nonsense", "stop", "stop", "save"}
	// Kernels with a growing connection table (7.2) list its size as 0 until the first service is
	// added.
	director := r.network.Host("director")
	for _, args := range [][]string{{"ipvsadm", "-A", "-f", "1"}, {"ipvsadm", "-C"}} {
		r.comparer.Run(t, r.comparer.Reference, director, difftest.Command{Args: args})
	}
	play := func(p difftest.Program) string {
		defer r.mountOverIpvsadm(p)()
		var transcript strings.Builder
		file := r.write("ipvsadm.rules", rules)
		script := r.write("script", "PATH=/sbin:$PATH\n"+
			"mount --bind "+file+" /etc/ipvsadm.rules\nmount --bind "+r.write("default", "AUTO=true\nDAEMON=both\nIFACE=eth0\nSYNCID=3\n")+" /etc/default/ipvsadm\n"+
			"for step in "+strings.Join(steps, " ")+"; do\n"+
			"echo \"== $step\"; /etc/init.d/ipvsadm $step; echo \"status $?\"; ipvsadm -S -n; ipvsadm -L --daemon; cat /etc/ipvsadm.rules\ndone\n")
		cmd := exec.Command("unshare", "--mount", "sh", script)
		cmd.Stdout, cmd.Stderr = &transcript, &transcript
		if err := director.Run(cmd); err != nil {
			t.Fatalf("%v: %s", err, &transcript)
		}
		return transcript.String()
	}
	want, got := play(r.comparer.Reference), play(r.comparer.Ours)
	if want != got {
		t.Errorf("with ipvsadm:\n%s\nwith goipvsadm:\n%s", want, got)
	}
	for _, part := range []string{"TCP  10.1.1.2:80 rr", "master sync daemon (mcast=eth0, syncid=3", "FWM  7 wlc persistent 600"} {
		if !strings.Contains(got, part) {
			t.Errorf("transcript lacks %q:\n%s", part, got)
		}
	}
}

// A table can be copied between directors by a pipe from -S to -R, in any combination of the two
// programs.
func TestPipeBetweenDirectors(t *testing.T) {
	r := newReplacementTest(t)
	from, to := r.comparer.ReferenceNetns, r.comparer.OursNetns
	r.comparer.Run(t, r.comparer.Reference, from, difftest.Command{Args: []string{"ipvsadm", "-R"}, Stdin: trafficRules})
	want := r.comparer.Run(t, r.comparer.Reference, from, difftest.Command{Args: []string{"ipvsadm", "-S", "-n"}})
	if strings.Count(want.Stdout, "\n") != strings.Count(trafficRules, "\n") {
		t.Fatalf("table: %s", want)
	}
	for _, programs := range [][2]difftest.Program{{r.comparer.Ours, r.comparer.Ours}, {r.comparer.Ours, r.comparer.Reference}, {r.comparer.Reference, r.comparer.Ours}} {
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
		got := r.comparer.Run(t, r.comparer.Reference, to, difftest.Command{Args: []string{"ipvsadm", "-S", "-n"}})
		if difftest.SortListing(got.Stdout) != difftest.SortListing(want.Stdout) {
			t.Errorf("after %s | %s: %swant: %s", save.Path, load.Path, got, want)
		}
		r.comparer.Run(t, r.comparer.Reference, to, difftest.Command{Args: []string{"ipvsadm", "-C"}})
	}
}

// A rules file with comments (an extension of goipvsadm) and variations in white space.
func TestRulesFile(t *testing.T) {
	r := newReplacementTest(t)
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
		if got := r.comparer.Run(t, r.comparer.Ours, r.comparer.OursNetns, difftest.Command{Args: args, Stdin: file.String()}); got != (difftest.Result{}) {
			t.Errorf("%s: %swant exit status 0 and no output", name, got)
		}
		got := r.comparer.Run(t, r.comparer.Reference, r.comparer.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-S", "-n"}})
		if difftest.SortListing(got.Stdout) != difftest.SortListing(trafficRules) {
			t.Errorf("table after %s: %swant:\n%s", name, got, trafficRules)
		}
		r.comparer.Run(t, r.comparer.Reference, r.comparer.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-C"}})
	}
}

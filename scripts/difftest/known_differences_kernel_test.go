// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of the intended differences: the result with ipvsadm and with goipvsadm.
// docs/COMPATIBILITY.md gives the reasons under the same titles.

package difftest

import (
	"os"
	"strings"
	"testing"

	"goipvsadm/scripts/testnet"
)

// knownDifference is a case whose last command has intentionally different results.
type knownDifference struct {
	title         string // heading in docs/COMPATIBILITY.md
	text          string // the case, for ParseCases
	ipvsadm, ours Result // expected results of the last command
}

const tryHelpLine = "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"

var knownDifferences = []knownDifference{
	{
		title:   "Saved thresholds",
		text:    "$ ipvsadm -A -f 5\n$ ipvsadm -a -f 5 -r 10.0.0.2 -m -w 3 -x 9 -y 4\n$ ipvsadm -a -f 5 -r 10.0.0.3 -i -x 9\n$ ipvsadm -S -n",
		ipvsadm: Result{Stdout: "-A -f 5 -s wlc\n-a -f 5 -r 10.0.0.2:0 -m -w 3\n-a -f 5 -r 10.0.0.3:0 -i -w 1 --tun-type ipip\n"},
		ours:    Result{Stdout: "-A -f 5 -s wlc\n-a -f 5 -r 10.0.0.2:0 -m -w 3 -x 9 -y 4\n-a -f 5 -r 10.0.0.3:0 -i -w 1 -x 9 --tun-type ipip\n"},
	},
	{
		title:   "Large firewall marks",
		text:    "$ ipvsadm -A -f 4294967295\n$ ipvsadm -a -f 4294967295 -r 10.0.0.2 -m\n$ ipvsadm -S -n",
		ipvsadm: Result{Stdout: "-A -f -1 -s wlc\n-a -f -1 -r 10.0.0.2:0 -m -w 1\n"},
		ours:    Result{Stdout: "-A -f 4294967295 -s wlc\n-a -f 4294967295 -r 10.0.0.2:0 -m -w 1\n"},
	},
	{
		title:   "Large firewall marks",
		text:    "$ ipvsadm -A -f 2147483648 -6\n$ ipvsadm -L -f 2147483648 -6",
		ipvsadm: Result{Stdout: listingHeader + "FWM  -2147483648 IPv6 wlc\n"},
		ours:    Result{Stdout: listingHeader + "FWM  2147483648 IPv6 wlc\n"},
	},
	{
		title:   "Empty scheduler flag",
		text:    "$ ipvsadm -A -f 5 -b ,",
		ipvsadm: Result{Status: -11},
		ours:    Result{Status: 2, Stderr: "invalid scheduler flag `'\n"},
	},
	{
		title:   "Generic scheduler flags",
		text:    "$ ipvsadm -A -f 5 -s sh -b sh-port,flag-3\n$ ipvsadm -A -f 6 -s mh -b flag-3\n$ ipvsadm -S",
		ipvsadm: Result{Stdout: "-A -f 5 -s sh -b sh-port\n-A -f 6 -s mh -b \n"},
		ours:    Result{Stdout: "-A -f 5 -s sh -b sh-port,flag-3\n-A -f 6 -s mh -b flag-3\n"},
	},
	{
		title:   "Generic scheduler flags",
		text:    "$ ipvsadm -A -f 6 -s mh -b flag-3\n$ ipvsadm -L -f 6",
		ipvsadm: Result{Stdout: listingHeader + "FWM  6 mh ()\n"},
		ours:    Result{Stdout: listingHeader + "FWM  6 mh (flag-3)\n"},
	},
	{
		title:   "Options before the service",
		text:    "$ ipvsadm -A -t 10.0.0.1:80\n$ ipvsadm -a -r 10.0.0.2 -t 10.0.0.1:80 -m\n$ ipvsadm -S -n",
		ipvsadm: Result{Stdout: "-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 10.0.0.2:0 -m -w 1\n"},
		ours:    Result{Stdout: "-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1\n"},
	},
	{
		title:   "Options before the service",
		text:    "$ ipvsadm -A -t 10.0.0.1:80\n$ ipvsadm -a -r 10.0.0.2:http -t 10.0.0.1:80 -m",
		ipvsadm: Result{Status: 2, Stderr: "illegal real server address[:port] specified\n"},
		ours:    Result{},
	},
	{
		title:   "Options before the service",
		text:    "$ ipvsadm -A -M 64 -t [fd00::1]:80 -p\n$ ipvsadm -A -f 5 -M 64 -6 -p\n$ ipvsadm -S -n",
		ipvsadm: Result{Stdout: "-A -t [fd00::1]:80 -s wlc -p 360\n-A -f 5 -6 -s wlc -p 360\n"},
		ours:    Result{Stdout: "-A -t [fd00::1]:80 -s wlc -p 360 -M 64\n-A -f 5 -6 -s wlc -p 360 -M 64\n"},
	},
	{
		title:   "Failures in -R",
		text:    "$ ipvsadm -R\n< -A -f 5\n<\n< -A -f 5\n< -D -f 6\n< -A -f 7",
		ipvsadm: Result{Stderr: "Service already exists\nNo such service\n"},
		ours:    Result{Stderr: "line 3: Service already exists\nline 4: No such service\n"},
	},
	{
		title:   "Failures in -R",
		text:    "$ goipvsadm -R\n< -D -f 6\n< -A -f 5 -w 1\n< -A -f 7",
		ipvsadm: Result{Status: 2, Stderr: "No such service\nIllegal 'weight' option with the 'add-service' command\n"},
		ours:    Result{Status: 255, Stderr: "line 1: service FWM 6 IPv4: No such service\nline 2: Illegal 'weight' option with the 'add-service' command\n"},
	},
	{
		title:   "Failures in -R",
		text:    "$ goipvsadm -R\n< -D -f 6\n< -L -f 6\n< -A -f 7",
		ipvsadm: Result{Status: 1, Stderr: "No such service\nNo such service\n"},
		ours:    Result{Status: 255, Stderr: "line 1: service FWM 6 IPv4: No such service\nline 2: service FWM 6 IPv4: No such service\n"},
	},
	{
		title:   "Comments in -R",
		text:    "$ ipvsadm -R\n< # saved\n<  #-A -f 4\n< -A -f 5 # the web\n< -S",
		ipvsadm: Result{Status: 255, Stderr: tryHelpLine},
		ours:    Result{Stdout: "-A -f 5 -s wlc\n"},
	},
	{
		title:   "Comments in -R",
		text:    "$ ipvsadm -R\n< -A -f 5 # the web\n< -S",
		ipvsadm: Result{Status: 2, Stderr: "unexpected argument #\n"},
		ours:    Result{Stdout: "-A -f 5 -s wlc\n"},
	},
	{
		title:   "Byte-order marks",
		text:    "$ ipvsadm -R\n< \"\\xef\\xbb\\xbf-A -f 5\\n\"\n< -S",
		ipvsadm: Result{Status: 255, Stderr: tryHelpLine},
		ours:    Result{Stdout: "-A -f 5 -s wlc\n"},
	},
	{
		title:   "Blanks at the end of -R",
		text:    "$ ipvsadm -R\n< \"-A -f 5\\n-A -f 6  \"\n$ ipvsadm -S",
		ipvsadm: Result{Stdout: "-A -f 5 -s wlc\n"},
		ours:    Result{Stdout: "-A -f 5 -s wlc\n-A -f 6 -s wlc\n"},
	},
	{
		title:   "Help of ipvsadm-restore",
		text:    "$ ipvsadm -A -f 3\n$ ipvsadm-restore -h\n< -A -f 5\n$ ipvsadm -S",
		ipvsadm: Result{Stdout: "-A -f 5 -s wlc\n"},
		ours:    Result{Stdout: "-A -f 3 -s wlc\n"},
	},
	{
		title:   "ipvsadm-restore validates before clearing",
		text:    "$ ipvsadm -A -f 3\n$ ipvsadm-restore\n< -A -f 5\n< -A -f x\n$ ipvsadm -S",
		ipvsadm: Result{Stdout: "-A -f 5 -s wlc\n"},
		ours:    Result{Stdout: "-A -f 3 -s wlc\n"},
	},
	{
		title:   "ipvsadm-restore validates before clearing",
		text:    "$ ipvsadm -A -f 3\n$ ipvsadm-restore\n< -A -f 5 -s wlcc\n< -A -f 6\n$ ipvsadm -S",
		ipvsadm: Result{Stdout: "-A -f 6 -s wlc\n"},
		ours:    Result{Stdout: "-A -f 3 -s wlc\n"},
	},
	{
		title:   "ipvsadm-restore restores the previous table",
		text:    "$ ipvsadm -A -f 3\n$ ipvsadm-restore\n< -A -f 5\n< -a -f 5 -r 127.255.255.255\n< -A -f 6",
		ipvsadm: Result{Stderr: "Invalid operation.  Possibly wrong module version, address not unicast, ...\n"},
		ours: Result{Status: 255, Stderr: "line 2: Invalid operation.  Possibly wrong module version, address not unicast, ...\n" +
			"the previous table was restored\n"},
	},
	{
		title:   "Names that do not read back",
		text:    "$ ipvsadm -A -t 192.168.7.1:80\n$ ipvsadm -A -t 192.168.7.2:80\n$ ipvsadm -A -t [fd00::5]:80\n$ ipvsadm -S",
		ipvsadm: Result{Stdout: "-A -t multi:http -s wlc\n-A -t multi:http -s wlc\n-A -t [six-only]:http -s wlc\n"},
		ours:    Result{Stdout: "-A -t multi:http -s wlc\n-A -t 192.168.7.2:http -s wlc\n-A -t [fd00::5]:http -s wlc\n"},
	},
	{
		title:   "Control characters elsewhere",
		text:    "$ ipvsadm -R\n< \"-A -f 5\\f\"",
		ipvsadm: Result{Status: 2, Stderr: "invalid fwmark value `5\f' specified\n"},
		ours:    Result{Status: 2, Stderr: "line 1: invalid fwmark value `5\\x0c' specified\n"},
	},
	{
		title:   "ipvsadm-restore validates before clearing",
		text:    "$ ipvsadm-restore\n< -A -f 5\n< -A -f x\n< -A -f 6",
		ipvsadm: Result{Status: 2, Stderr: "invalid fwmark value `x' specified\n"},
		ours: Result{Status: 2, Stderr: "line 2: invalid fwmark value `x' specified\n" +
			"stopped at line 2: earlier lines were executed, later lines were not read\n"},
	},
	{
		title:   "ipvsadm-restore validates before clearing",
		text:    "$ ipvsadm-restore\n< -A -f 5\n< -A -f x\n< -A -f 6\n$ ipvsadm -S",
		ipvsadm: Result{Stdout: "-A -f 5 -s wlc\n"},
		ours:    Result{Stdout: "-A -f 5 -s wlc\n"},
	},
}

const listingHeader = "Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"

func TestKnownDifferences(t *testing.T) {
	r := NewComparer(t, ProgramUnderTest(t))
	for _, d := range knownDifferences {
		t.Run(d.title, func(t *testing.T) {
			cases, err := ParseCases(d.title, d.text)
			if err != nil {
				t.Fatal(err)
			}
			for _, side := range []struct {
				name      string
				program   Program
				namespace *testnet.Netns
				want      Result
			}{
				{"ipvsadm", r.Reference, r.ReferenceNetns, d.ipvsadm},
				{"goipvsadm", r.Ours, r.OursNetns, d.ours},
			} {
				var got Result
				for _, c := range cases[0].Commands {
					got = r.Run(t, side.program, side.namespace, c)
				}
				if got != side.want {
					t.Errorf("%s\n%s: %swant: %s", cases[0], side.name, got, side.want)
				}
				r.Run(t, r.Reference, side.namespace, Command{Args: []string{"ipvsadm", "-R"}, Stdin: DumpAndReset})
			}
		})
	}
}

// Every known difference is documented in docs/COMPATIBILITY.md.
func TestKnownDifferencesDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range knownDifferences {
		if !strings.Contains(string(page), "\n### "+d.title+"\n") {
			t.Errorf("docs/COMPATIBILITY.md has no heading %q", d.title)
		}
	}
}

// The texts of -v and -h differ from ipvsadm's, but scripts can extract the version from the
// first line.
func TestVersionAndHelp(t *testing.T) {
	r := NewComparer(t, ProgramUnderTest(t))
	version := r.Ours.Texts.Version
	if !strings.HasPrefix(version, "ipvsadm v1.31 2019/12/24 (goipvsadm ") || !strings.HasSuffix(version, " and IPVS v1.2.1)\n") {
		t.Errorf("goipvsadm -v prints %q, want ipvsadm's version line with goipvsadm in it", version)
	}
	if reference := r.Reference.Texts.Version; reference != "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n" {
		t.Errorf("the real ipvsadm -v prints %q, want version 1.31", reference)
	}
	save := Command{Args: []string{"ipvsadm-save", "-h"}}
	reference, ours := r.Run(t, r.Reference, r.ReferenceNetns, save), r.Run(t, r.Ours, r.OursNetns, save)
	for _, result := range []Result{reference, ours} {
		if result.Status != 1 || result.Stdout != "" || !strings.HasPrefix(result.Stderr, "ipvsadm-save: ") {
			t.Errorf("%s%swant exit status 1 and a message", save, result)
		}
	}
	if lines := strings.Count(r.Ours.Texts.Help, "\n"); lines < 30 {
		t.Errorf("goipvsadm -h prints only %d lines", lines)
	}
}

// The real ipvsadm-restore ignores its arguments, and clears the table if the input is empty. The
// ipvsadm-restore of goipvsadm prints a help text for -h and --help instead.
func TestRestoreHelp(t *testing.T) {
	r := NewComparer(t, ProgramUnderTest(t))
	service := Command{Args: []string{"ipvsadm", "-A", "-f", "5", "-s", "rr"}}
	save := Command{Args: []string{"ipvsadm", "-S"}}
	for _, word := range []string{"-h", "--help", "whatever"} {
		restore := Command{Args: []string{"ipvsadm-restore", word}}
		r.Run(t, r.Reference, r.ReferenceNetns, service)
		if got := r.Run(t, r.Reference, r.ReferenceNetns, restore); got != (Result{}) {
			t.Errorf("%s%swant exit status 0 and no output", restore, got)
		}
		if left := r.Run(t, r.Reference, r.ReferenceNetns, save); left.Stdout != "" {
			t.Errorf("table after ipvsadm-restore %s: %swant an empty one", word, left)
		}
		r.Run(t, r.Ours, r.OursNetns, service)
		help := word != "whatever"
		if got := r.Run(t, r.Ours, r.OursNetns, restore); got.Status != 0 || strings.HasPrefix(got.Stdout, "ipvsadm-restore: ") != help || got.Stderr != "" {
			t.Errorf("goipvsadm: %s%swant exit status 0 and a help text: %t", restore, got, help)
		}
		if left := r.Run(t, r.Ours, r.OursNetns, save); (left.Stdout != "") != help {
			t.Errorf("goipvsadm: table after ipvsadm-restore %s: %swant it unchanged: %t", word, left, help)
		}
	}
}

// Options that imply -L work without it, even under the name ipvsadm.
func TestImpliedListing(t *testing.T) {
	r := NewComparer(t, ProgramUnderTest(t))
	unknown := Result{Status: 255, Stderr: tryHelpLine}
	for word, lists := range map[string]bool{"-j": true, "--json": true, "--top=5": true, "--wacth": false, "lsit": false} {
		command := Command{Args: []string{"ipvsadm", word}}
		if got := r.Run(t, r.Reference, r.ReferenceNetns, command); got != unknown {
			t.Errorf("%s%swant %s", command, got, unknown)
		}
		if got := r.Run(t, r.Ours, r.OursNetns, command); lists != (got.Status == 0) || !lists && got != unknown {
			t.Errorf("goipvsadm: %s%swant a listing: %t", command, got, lists)
		}
	}
}

// goipvsadm's additional options are unknown to ipvsadm.
func TestExtraOptions(t *testing.T) {
	r := NewComparer(t, ProgramUnderTest(t))
	for _, word := range []string{"-j", "--json", "--metrics", "-N", "--netns=x", "--watch", "--watch=2", "--top=5", "--all", "--drain", "--keep", "--all-services", "--keep-weights", "--allow-empty", "--verbose", "--check", "--apply", "--diff", "--doctor", "--probe"} {
		got := r.Run(t, r.Reference, r.ReferenceNetns, Command{Args: []string{"ipvsadm", "-L", word}})
		if want := (Result{Status: 255, Stderr: word + ": unknown option\n"}); got != want {
			t.Errorf("ipvsadm -L %s: %swant %s", word, got, want)
		}
	}
	if got := r.Run(t, r.Ours, r.OursNetns, Command{Args: []string{"ipvsadm", "-L", "-j"}}); got.Status != 0 || !strings.HasPrefix(got.Stdout, "{") {
		t.Errorf("goipvsadm -L -j: %swant JSON", got)
	}
}

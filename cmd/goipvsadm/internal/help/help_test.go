// SPDX-License-Identifier: MIT

package help

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestVersionLine(t *testing.T) {
	defer func(v string) { Version = v }(Version)
	Version = "9.8"
	for name, want := range map[string]string{
		"ipvsadm":         "ipvsadm v1.31 2019/12/24 (goipvsadm 9.8 and IPVS v1.2.1)\n",
		"ipvsadm-restore": "ipvsadm v1.31 2019/12/24 (goipvsadm 9.8 and IPVS v1.2.1)\n",
		"goipvsadm":       "goipvsadm 9.8 (ipvsadm v1.31 and IPVS v1.2.1)\n",
	} {
		if got := VersionLine(name); got != want {
			t.Errorf("VersionLine(%q) = %q, want %q", name, got, want)
		}
	}
}

// allFlags lists the flags of the program. The help text must have an entry for
// each.
var allFlags = strings.Fields(`
	-A --add-service -E --edit-service -D --delete-service -C --clear
	-L -l --list -Z --zero -a --add-server -e --edit-server -d --delete-server
	-R --restore -S --save --set --start-daemon --stop-daemon -h --help
	-v --version -n --numeric -c --connection -t --tcp-service
	-u --udp-service --sctp-service -f --fwmark-service -6 --ipv6 -s --scheduler
	-p --persistent -M --netmask -r --real-server -g --gatewaying -i --ipip
	-m --masquerading -w --weight -x --u-threshold -y --l-threshold
	--mcast-interface --mcast-group --mcast-port --mcast-ttl --syncid
	--sync-maxlen --timeout --daemon --stats --rate --thresholds
	--persistent-conn --server --vip --client --state --count --sort --nosort --tun-info -X --exact -o --ops --pe
	-b --sched-flags --tun-type --tun-port --tun-nocsum --tun-csum
	--tun-remcsum -j --json --metrics --watch --top --drain --keep --all-services --check --apply
	--diff --doctor --monitor --initial --confirm --save-undo --probe --rules --all --keep-weights --allow-empty --verbose
	-N --netns`)

func TestTextEveryOption(t *testing.T) {
	text := Text("ipvsadm")
	// An entry begins a line; a long form follows its short form.
	var entries []string
	for line := range strings.Lines(text) {
		if words := regexp.MustCompile(`^  (-[^ ,\[]+(?:, -[^ ,\[]+)*)[ \[]`).FindStringSubmatch(line); words != nil {
			entries = append(entries, strings.Split(words[1], ", ")...)
		}
	}
	want := slices.Sorted(slices.Values(allFlags))
	slices.Sort(entries)
	for _, o := range want {
		if !slices.Contains(entries, o) {
			t.Errorf("the help text has no entry for %s", o)
		}
	}
	for i, o := range entries {
		if !slices.Contains(want, o) {
			t.Errorf("the help text has an entry for %s, which does not exist", o)
		}
		if i > 0 && entries[i-1] == o {
			t.Errorf("the help text has more than one entry for %s", o)
		}
	}
}

func TestTextPlaceholders(t *testing.T) {
	text := Text("other-name")
	if !strings.HasPrefix(text, VersionLine("other-name")+"Usage: other-name COMMAND") {
		t.Errorf("text begins %.120q", text)
	}
	for _, want := range []string{"\n      rr    round robin", "\n      mh    ", "(default wlc):\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the help text does not contain %q", want)
		}
	}
	if i := strings.IndexAny(text, "{}"); i >= 0 {
		t.Errorf("unreplaced placeholder: %.30q", text[i:])
	}
	for line := range strings.Lines(text) {
		if len(line) > 81 || strings.HasSuffix(line, " \n") {
			t.Errorf("line longer than 80 columns or with trailing space: %q", line)
		}
	}
}

// TestSummary checks that the summary fits on a terminal and has all commands.
func TestSummary(t *testing.T) {
	summary := Summary()
	if n := strings.Count(summary, "\n"); n > 24 {
		t.Errorf("%d lines, want at most 24", n)
	}
	for line := range strings.Lines(summary) {
		if len(line) > 81 || strings.HasSuffix(line, " \n") || strings.ContainsAny(line, "{}") {
			t.Errorf("line longer than 80 columns, with trailing space or unreplaced placeholder: %q", line)
		}
	}
	words := strings.FieldsFunc(summary, func(r rune) bool { return strings.ContainsRune(" \n,;()|", r) })
	for _, command := range strings.Fields("-L -Z -C -S -R -A -E -D -a -e -d -h --check --diff --apply --monitor --doctor --set --start-daemon --stop-daemon --watch --drain") {
		if !slices.Contains(words, command) {
			t.Errorf("the summary has no %s", command)
		}
	}
}

func TestExcerpt(t *testing.T) {
	for _, tt := range []struct {
		name, flags, want string
	}{
		{name: "one entry", flags: "--drain", want: `Server options
  --drain[=TIME]                 with -d: set the weight to 0 and remove the
                                 server when its connections have finished (or
                                 after TIME: 90, 90s, 5m, 1h); Ctrl-C restores
                                 the weight
`},
		{name: "without the note that follows it", flags: "-D", want: `Virtual services
  -D, --delete-service SERVICE   delete a service and its servers
`},
		{name: "by the long form", flags: "--delete-service", want: `Virtual services
  -D, --delete-service SERVICE   delete a service and its servers
`},
		{name: "section without a heading", flags: "-v", want: `  -v, --version                  print the version
`},
		{name: "sections with a paragraph", flags: "-6 -w", want: `SERVICE
  -6, --ipv6                     after -f: match IPv6 packets (default IPv4)

HOST is an address or a name; PORT is a number or a name. Before a port, an
IPv6 address is written in brackets: [2001:db8::1]:80.

Server options
  -w, --weight WEIGHT            weight (default 1; 0 = no new connections)
`},
		{name: "no entry", flags: "--no-such", want: ""},
	} {
		if got := Excerpt(strings.Fields(tt.flags)); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, got, tt.want)
		}
	}
	if got := Excerpt([]string{"-s"}); !strings.Contains(got, "\n      wlc   ") {
		t.Errorf("the entry of -s lacks the schedulers:\n%s", got)
	}
}

func TestSummaries(t *testing.T) {
	summaries := Summaries()
	for flag, want := range map[string]string{
		"-D":        "delete a service and its servers",
		"--save":    "print the table as rules for -R",
		"-l":        "list services and servers",
		"--set":     "set the idle timeouts, in seconds",
		"-s":        "scheduler",
		"-p":        "persistence timeout in seconds",
		"--drain":   "set the weight to 0 and remove the server when its connections have finished",
		"-6":        "match IPv6 packets",
		"--no-such": "",
	} {
		if got := summaries[flag]; got != want {
			t.Errorf("summary of %s: %q, want %q", flag, got, want)
		}
	}
	for _, flag := range allFlags {
		if summaries[flag] == "" {
			t.Errorf("%s has no summary", flag)
		}
	}
}

// SPDX-License-Identifier: MIT

package ruleset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs/reconcile"
)

// addRules adds the rules in text to a new Rules. It returns the error of each
// line that Add rejected.
func addRules(t *testing.T, text string) (*Rules, map[int]string) {
	t.Helper()
	p := command.NewParser("ipvsadm", resolve.System())
	r := &Rules{}
	errs := make(map[int]string)
	number := 0
	for line := range strings.Lines(text) {
		number++
		var c command.Command
		if err := p.Parse(strings.Fields(line), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := r.Add(&c, number); err != nil {
			errs[number] = err.Error()
		}
	}
	return r, errs
}

// parseTable returns the table that the rules in text describe.
func parseTable(t *testing.T, text string) *reconcile.Table {
	t.Helper()
	r, addErrs := addRules(t, text)
	table, errs := r.Table()
	if len(addErrs)+len(errs) > 0 {
		t.Fatalf("%s: %v %v", text, addErrs, errs)
	}
	return table
}

// compare returns the changes from have to want as rules.
func compare(want, have *reconcile.Table, o reconcile.Options) string {
	var b []byte
	for c := range reconcile.Compare(want, have, o) {
		cmd := command.FromChange(&c.Change)
		b = Append(b, &cmd, resolve.Numeric{})
	}
	return string(b)
}

func TestCompare(t *testing.T) {
	const web = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1\n"
	for _, tt := range []struct {
		name             string
		have, want, diff string
	}{
		{name: "empty tables"},
		{name: "equal tables", have: web, want: web},
		{name: "different order",
			have: "-A -f 1\n-A -f 1 -6\n-a -f 1 -r 10.0.0.1\n-a -f 1 -r 10.0.0.2\n",
			want: "-a -f 1 -r 10.0.0.2\n-A -f 1 -6\n-A -f 1\n-a -f 1 -r 10.0.0.1\n"},
		{name: "empty table before", want: web, diff: web},
		{name: "empty table wanted", have: web, diff: "-D -t 10.0.0.1:80\n"},
		{name: "service changed",
			have: web, want: strings.Replace(web, "-s rr", "-s sh -b sh-port -p 60 -M 255.255.0.0", 1),
			diff: "-E -t 10.0.0.1:80 -s sh -p 60 -M 255.255.0.0 -b sh-port\n"},
		{name: "destination changed",
			have: web, want: strings.Replace(web, "-m -w 1", "-g -w 2 -x 10 -y 5", 1),
			diff: "-e -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 2 -x 10 -y 5\n"},
		{name: "destination with another port",
			have: web, want: strings.Replace(web, "10.1.0.1:80", "10.1.0.1:8080", 1),
			diff: "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 1\n-d -t 10.0.0.1:80 -r 10.1.0.1:80\n"},
		{name: "service with another protocol or family",
			have: "-A -t 10.0.0.1:80\n-A -f 80\n", want: "-A -u 10.0.0.1:80\n-A -f 80 -6\n",
			diff: "-A -u 10.0.0.1:80 -s wlc\n-A -f 80 -6 -s wlc\n-D -t 10.0.0.1:80\n-D -f 80\n"},
		{name: "additions, raised weights, other edits, removals",
			have: "-A -f 9\n-A -f 1\n-a -f 1 -r 10.0.0.1\n-a -f 1 -r 10.0.0.2\n",
			want: "-A -f 3\n-a -f 3 -r 10.0.0.1\n-a -f 1 -r 10.0.0.3\n-a -f 1 -r 10.0.0.2 -w 7\n-A -f 1 -s rr\n",
			diff: "-A -f 3 -s wlc\n-a -f 3 -r 10.0.0.1:0 -g -w 1\n" +
				"-a -f 1 -r 10.0.0.3:0 -g -w 1\n-e -f 1 -r 10.0.0.2:0 -g -w 7\n-E -f 1 -s rr\n" +
				"-D -f 9\n-d -f 1 -r 10.0.0.1:0\n"},

		{name: "timeouts without a rule are kept", have: "--set 900 120 300\n"},
		{name: "timeout 0 is kept", have: "--set 900 120 300\n", want: "--set 900 0 0\n"},
		{name: "one timeout changed", have: "--set 900 120 300\n", want: "--set 0 60 0\n", diff: "--set 900 60 300\n"},

		{name: "daemons without a rule are kept", have: "--start-daemon master\n", want: web, diff: web},
		{name: "daemon with another state", have: "--start-daemon master\n", want: "--start-daemon backup --syncid 3\n",
			diff: "--start-daemon backup --mcast-interface eth0 --syncid 3\n--stop-daemon master\n"},
		{name: "one of two daemons changed",
			have: "--start-daemon master\n--start-daemon backup\n", want: "--start-daemon backup\n--start-daemon master --syncid 9\n",
			diff: "--stop-daemon master\n--start-daemon master --mcast-interface eth0 --syncid 9\n"},
		{name: "daemon started after incompatible destinations are removed",
			have: "-A -f 1\n-a -f 1 -r [2001:db8::1]:80 -i\n", want: "-A -f 1\n--start-daemon master\n",
			diff: "-d -f 1 -r [2001:db8::1]:80\n--start-daemon master --mcast-interface eth0 --syncid 0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			have, want := parseTable(t, tt.have), parseTable(t, tt.want)
			if got := compare(want, have, reconcile.Options{}); got != tt.diff {
				t.Errorf("got\n%swant\n%s", got, tt.diff)
			}
		})
	}
}

// TestRulesLine checks the line of the rule that causes each change, 0 for a removal.
// The lines of changes with the same verb are added up.
func TestRulesLine(t *testing.T) {
	rules, _ := addRules(t, "--start-daemon master --syncid 2\n-a -f 1 -r 10.0.0.1\n-A -f 1 -s rr\n--set 1 2 3\n")
	want, _ := rules.Table()
	have := parseTable(t, "--start-daemon master\n--start-daemon backup\n-A -f 1\n-a -f 1 -r 10.0.0.2\n-A -f 2\n")
	var verbs []string
	lines := make(map[command.Verb]int)
	for c := range reconcile.Compare(want, have, reconcile.Options{}) {
		verb := command.FromChange(&c.Change).Verb
		verbs = append(verbs, verb.String())
		lines[verb] += rules.Line(c)
	}
	wantVerbs := []string{"set", "add-server", "edit-service", "delete-server", "delete-service", "stop-daemon", "start-daemon", "stop-daemon"}
	if diff := cmp.Diff(wantVerbs, verbs); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	wantLines := map[command.Verb]int{command.SetTimeouts: 4, command.EditService: 3, command.AddServer: 2,
		command.StopDaemon: 1, command.StartDaemon: 1, command.DeleteServer: 0, command.DeleteService: 0}
	if diff := cmp.Diff(wantLines, lines); diff != "" {
		t.Errorf("sums of lines (-want +got):\n%s", diff)
	}
}

func TestCompareKeepWeights(t *testing.T) {
	have := parseTable(t, "-A -f 1\n-a -f 1 -r 10.0.0.1 -w 0\n-a -f 1 -r 10.0.0.2 -w 5\n")
	want := parseTable(t, "-A -f 1\n-a -f 1 -r 10.0.0.1 -w 7\n-a -f 1 -r 10.0.0.2 -m -w 7\n-a -f 1 -r 10.0.0.3 -w 7\n")
	const diff = "-a -f 1 -r 10.0.0.3:0 -g -w 7\n-e -f 1 -r 10.0.0.2:0 -m -w 5\n"
	if got := compare(want, have, reconcile.Options{KeepWeights: true}); got != diff {
		t.Errorf("got\n%swant\n%s", got, diff)
	}
}

func TestCompareDaemon(t *testing.T) {
	const running = " --mcast-interface lo --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1"
	for _, tt := range []struct {
		name, want, have string
		equal            bool
	}{
		{name: "defaults", want: "master --mcast-interface lo", have: "master" + running, equal: true},
		{name: "all options", want: "master" + running, have: "master" + running, equal: true},
		{name: "another interface", want: "master", have: "master" + running, equal: false},
		{name: "another sync ID", want: "master --mcast-interface lo --syncid 1", have: "master" + running, equal: false},
		{name: "another group", want: "master --mcast-interface lo --mcast-group 224.0.0.82", have: "master" + running, equal: false},
		{name: "another port", want: "master --mcast-interface lo --mcast-port 1", have: "master" + running, equal: false},
		{name: "another TTL", want: "master --mcast-interface lo --mcast-ttl 2", have: "master" + running, equal: false},
		{name: "another maximum length", want: "master --mcast-interface lo --sync-maxlen 1", have: "master" + running, equal: false},
		{name: "default TTL instead of another", want: "master", have: "master --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 2", equal: false},
		{name: "maximum length of a backup raised by the kernel", want: "backup --sync-maxlen 1 --mcast-port 8848 --mcast-ttl 1",
			have: "backup --sync-maxlen 1024 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1", equal: true},
		{name: "maximum length for IPv6 lowered by the kernel", want: "master --mcast-group ff02::5 --sync-maxlen 65507",
			have: "master --sync-maxlen 65487 --mcast-group ff02::5 --mcast-port 8848 --mcast-ttl 1", equal: true},
		{name: "fields not reported by old kernels", want: "master --mcast-ttl 9 --sync-maxlen 500", have: "master", equal: true},
	} {
		want := parseTable(t, "--start-daemon "+tt.want)
		have := parseTable(t, "--start-daemon "+tt.have)
		if got := compare(want, have, reconcile.Options{}) == ""; got != tt.equal {
			t.Errorf("%s: equal = %v, want %v", tt.name, got, tt.equal)
		}
	}
}

func TestRulesAdd(t *testing.T) {
	r, got := addRules(t, ""+
		"-A -t 10.0.0.1:80\n"+
		"-a -t 10.0.0.1:80 -r 10.1.0.1\n"+
		"-A -t 10.0.0.1:80 -s rr\n"+
		"-a -t 10.0.0.1:80 -r 10.1.0.1:80 -w 5\n"+
		"-a -t 10.0.0.1:80 -r 10.1.0.1:81 -m\n"+
		"-a -f 5 -r 10.1.0.1\n"+
		"-a -f 5 -r 10.1.0.1\n"+
		"-a -f 6 -r 10.1.0.1\n"+
		"-A -f 6\n"+
		"--set 1 2 3\n--set 1 2 3\n"+
		"--start-daemon master\n--start-daemon backup\n--start-daemon master --syncid 1\n"+
		"-D -f 6\n-L\n-C\n--stop-daemon master\n")
	want := map[int]string{
		3:  "service already defined on line 1",
		4:  "server already defined on line 2",
		7:  "server already defined on line 6",
		11: "timeouts already set on line 10",
		14: "master daemon already defined on line 12",
		15: "command 'delete-service' does not describe a table (use only -A, -a, --set and --start-daemon)",
		16: "command 'list' does not describe a table (use only -A, -a, --set and --start-daemon)",
		17: "command 'flush' does not describe a table (use only -A, -a, --set and --start-daemon)",
		18: "command 'stop-daemon' does not describe a table (use only -A, -a, --set and --start-daemon)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors of Add (-want +got):\n%s", diff)
	}
	wantErrs := []LineError{{Line: 6, Text: "service not defined"}}
	if _, errs := r.Table(); !cmp.Equal(errs, wantErrs) {
		t.Errorf("errors of Table = %v, want %v", errs, wantErrs)
	}
}

// TestRulesIndex checks the line numbers of two services with interleaved rules, of which
// one has so few servers that it needs no index.
func TestRulesIndex(t *testing.T) {
	var text strings.Builder
	text.WriteString("-A -t 10.0.0.1:80 -s rr\n-A -t 10.0.0.2:80 -s rr\n")
	const servers = 3 * maxUnindexed
	for i := range servers {
		fmt.Fprintf(&text, "-a -t 10.0.0.1:80 -r 10.1.0.%d:80 -m\n", i)
		if i < maxUnindexed {
			fmt.Fprintf(&text, "-a -t 10.0.0.2:80 -r 10.1.0.%d:80 -m\n", i)
		}
	}
	rules, errs := addRules(t, text.String()+text.String())
	if len(errs) != strings.Count(text.String(), "\n") {
		t.Errorf("%d errors of duplicate rules", len(errs))
	}
	table, invalid := rules.Table()
	if len(invalid) > 0 {
		t.Fatal(invalid)
	}
	lines := strings.Split(text.String(), "\n")
	number := 0
	for c := range reconcile.Compare(table, &reconcile.Table{}, reconcile.Options{}) {
		number++
		cmd := command.FromChange(&c.Change)
		rule := strings.Fields(string(Append(nil, &cmd, resolve.Numeric{})))
		line := rules.Line(c)
		if line == 0 || !strings.HasPrefix(strings.Join(rule, " "), strings.TrimSuffix(lines[line-1], " -s rr")) {
			t.Errorf("line %d for %q", line, rule)
		}
	}
	if number != len(lines)-1 {
		t.Errorf("%d changes, want %d", number, len(lines)-1)
	}
	for line := 1; line < len(lines); line++ {
		if got := errs[len(lines)-1+line]; !strings.HasSuffix(got, fmt.Sprintf("on line %d", line)) {
			t.Errorf("error of the duplicate of line %d: %q", line, got)
		}
	}
}

package ruleset

import (
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs/reconcile"

	"github.com/google/go-cmp/cmp"
)

// gather reads rules, and returns what Rules has to say about each line.
func gather(t *testing.T, lines string) (*Rules, map[int]string) {
	t.Helper()
	p := command.NewParser("ipvsadm", resolve.System())
	r := &Rules{}
	mistakes := make(map[int]string)
	line := 0
	for text := range strings.Lines(lines) {
		line++
		var c command.Command
		if err := p.Parse(strings.Fields(text), &c); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if text := r.Add(&c, line); text != "" {
			mistakes[line] = text
		}
	}
	return r, mistakes
}

// table makes a table of good rules.
func table(t *testing.T, lines string) *reconcile.Table {
	t.Helper()
	r, mistakes := gather(t, lines)
	table, more := r.Table()
	if len(mistakes)+len(more) > 0 {
		t.Fatalf("%s: %v %v", lines, mistakes, more)
	}
	return table
}

// changes are the changes as rules.
func changes(want, have *reconcile.Table, o reconcile.Options) string {
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
		have, want, line string
	}{
		{"nothing at all", "", "", ""},
		{"no difference", web, web, ""},
		{"the same in another order",
			"-A -f 1\n-A -f 1 -6\n-a -f 1 -r 10.0.0.1\n-a -f 1 -r 10.0.0.2\n",
			"-a -f 1 -r 10.0.0.2\n-A -f 1 -6\n-A -f 1\n-a -f 1 -r 10.0.0.1\n", ""},
		{"all is added", "", web, web},
		{"all is removed, destinations with their service", web, "", "-D -t 10.0.0.1:80\n"},
		{"a service is edited, what is in it stays",
			web, strings.Replace(web, "-s rr", "-s sh -b sh-port -p 60 -M 255.255.0.0", 1),
			"-E -t 10.0.0.1:80 -s sh -p 60 -M 255.255.0.0 -b sh-port\n"},
		{"a destination is edited",
			web, strings.Replace(web, "-m -w 1", "-g -w 2 -x 10 -y 5", 1),
			"-e -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 2 -x 10 -y 5\n"},
		{"another port is another destination",
			web, strings.Replace(web, "10.1.0.1:80", "10.1.0.1:8080", 1),
			"-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 1\n-d -t 10.0.0.1:80 -r 10.1.0.1:80\n"},
		{"another protocol, family or kind is another service",
			"-A -t 10.0.0.1:80\n-A -f 80\n", "-A -u 10.0.0.1:80\n-A -f 80 -6\n",
			"-A -u 10.0.0.1:80 -s wlc\n-A -f 80 -6 -s wlc\n-D -t 10.0.0.1:80\n-D -f 80\n"},
		{"additions and edits in the order of the rules, removals last",
			"-A -f 9\n-A -f 1\n-a -f 1 -r 10.0.0.1\n-a -f 1 -r 10.0.0.2\n",
			"-A -f 3\n-a -f 3 -r 10.0.0.1\n-a -f 1 -r 10.0.0.3\n-a -f 1 -r 10.0.0.2 -w 7\n-A -f 1 -s rr\n",
			"-A -f 3 -s wlc\n-a -f 3 -r 10.0.0.1:0 -g -w 1\n" +
				"-E -f 1 -s rr\n-a -f 1 -r 10.0.0.3:0 -g -w 1\n-e -f 1 -r 10.0.0.2:0 -g -w 7\n" +
				"-D -f 9\n-d -f 1 -r 10.0.0.1:0\n"},

		{"timeouts that nobody speaks of stay", "--set 900 120 300\n", "", ""},
		{"0 leaves a timeout", "--set 900 120 300\n", "--set 900 0 0\n", ""},
		{"a timeout is set, the rest named", "--set 900 120 300\n", "--set 0 60 0\n", "--set 900 60 300\n"},

		{"daemons that nobody speaks of stay", "--start-daemon master\n", web, web},
		{"another daemon", "--start-daemon master\n", "--start-daemon backup --syncid 3\n",
			"--stop-daemon master\n--start-daemon backup --mcast-interface eth0 --syncid 3\n"},
		{"a changed daemon is stopped and started, the other left alone",
			"--start-daemon master\n--start-daemon backup\n", "--start-daemon backup\n--start-daemon master --syncid 9\n",
			"--stop-daemon master\n--start-daemon master --mcast-interface eth0 --syncid 9\n"},
		{"a daemon starts when what it does not go with is removed",
			"-A -f 1\n-a -f 1 -r [2001:db8::1]:80 -i\n", "-A -f 1\n--start-daemon master\n",
			"-d -f 1 -r [2001:db8::1]:80\n--start-daemon master --mcast-interface eth0 --syncid 0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			have, want := table(t, tt.have), table(t, tt.want)
			if got := changes(want, have, reconcile.Options{}); got != tt.line {
				t.Errorf("got\n%swant\n%s", got, tt.line)
			}
		})
	}
}

func TestLines(t *testing.T) {
	rules, _ := gather(t, "--start-daemon master --syncid 2\n-a -f 1 -r 10.0.0.1\n-A -f 1 -s rr\n--set 1 2 3\n")
	want, _ := rules.Table()
	have := table(t, "--start-daemon master\n--start-daemon backup\n-A -f 1\n-a -f 1 -r 10.0.0.2\n-A -f 2\n")
	var got []string
	lines := map[command.Verb]int{}
	for c := range reconcile.Compare(want, have, reconcile.Options{}) {
		verb := command.FromChange(&c.Change).Verb
		got = append(got, verb.String())
		lines[verb] += rules.Line(c)
	}
	wantVerbs := []string{"set", "edit-service", "add-server", "delete-server", "delete-service", "stop-daemon", "stop-daemon", "start-daemon"}
	if diff := cmp.Diff(wantVerbs, got); diff != "" {
		t.Error(diff)
	}
	wantLines := map[command.Verb]int{command.SetTimeouts: 4, command.EditService: 3, command.AddServer: 2,
		command.StopDaemon: 1, command.StartDaemon: 1, command.DeleteServer: 0, command.DeleteService: 0}
	if diff := cmp.Diff(wantLines, lines); diff != "" {
		t.Error(diff)
	}
}

func TestKeepWeights(t *testing.T) {
	have := table(t, "-A -f 1\n-a -f 1 -r 10.0.0.1 -w 0\n-a -f 1 -r 10.0.0.2 -w 5\n")
	want := table(t, "-A -f 1\n-a -f 1 -r 10.0.0.1 -w 7\n-a -f 1 -r 10.0.0.2 -m -w 7\n-a -f 1 -r 10.0.0.3 -w 7\n")
	const lines = "-e -f 1 -r 10.0.0.2:0 -m -w 5\n-a -f 1 -r 10.0.0.3:0 -g -w 7\n"
	if got := changes(want, have, reconcile.Options{KeepWeights: true}); got != lines {
		t.Errorf("got\n%swant\n%s", got, lines)
	}
}

func TestSameDaemon(t *testing.T) {
	const running = " --mcast-interface lo --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1"
	for _, tt := range []struct {
		name, want, have string
		same             bool
	}{
		{"defaults", "master --mcast-interface lo", "master" + running, true},
		{"all said", "master" + running, "master" + running, true},
		{"another interface", "master", "master" + running, false},
		{"another id", "master --mcast-interface lo --syncid 1", "master" + running, false},
		{"another group", "master --mcast-interface lo --mcast-group 224.0.0.82", "master" + running, false},
		{"another port", "master --mcast-interface lo --mcast-port 1", "master" + running, false},
		{"another ttl", "master --mcast-interface lo --mcast-ttl 2", "master" + running, false},
		{"another length", "master --mcast-interface lo --sync-maxlen 1", "master" + running, false},
		{"back to the default ttl", "master", "master --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 2", false},
		{"a backup's length is raised", "backup --sync-maxlen 1 --mcast-port 8848 --mcast-ttl 1",
			"backup --sync-maxlen 1024 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1", true},
		{"a length for IPv6 is lowered", "master --mcast-group ff02::5 --sync-maxlen 65507",
			"master --sync-maxlen 65487 --mcast-group ff02::5 --mcast-port 8848 --mcast-ttl 1", true},
		{"an old kernel tells less", "master --mcast-ttl 9 --sync-maxlen 500", "master", true},
	} {
		want := table(t, "--start-daemon "+tt.want)
		have := table(t, "--start-daemon "+tt.have)
		if got := changes(want, have, reconcile.Options{}) == ""; got != tt.same {
			t.Errorf("%s: same is %v", tt.name, got)
		}
	}
}

func TestRules(t *testing.T) {
	r, mistakes := gather(t, ""+
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
		3:  "Service already defined in line 1",
		4:  "Destination already defined in line 2",
		7:  "Destination already defined in line 6",
		11: "Timeouts already set in line 10",
		14: "Daemon already defined in line 12",
		15: "Illegal 'delete-service' command in the rules of a table",
		16: "Illegal 'list' command in the rules of a table",
		17: "Illegal 'flush' command in the rules of a table",
		18: "Illegal 'stop-daemon' command in the rules of a table",
	}
	if diff := cmp.Diff(want, mistakes); diff != "" {
		t.Error(diff)
	}
	if _, more := r.Table(); !cmp.Equal(more, []Mistake{{6, "Service not defined"}}) {
		t.Errorf("in the end %v", more)
	}
}

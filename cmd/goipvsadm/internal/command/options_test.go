package command

import (
	"fmt"
	"strings"
	"testing"
)

// documented is the table of the program's documentation, by command.
const documented = `
| | numeric | connection | service-address | scheduler | persistent | netmask | real-server | forwarding-method | weight | u-threshold | l-threshold | mcast-interface | timeout | daemon | stats | rate | thresholds | persistent-conn | nosort | syncid | exact | ops | pe | sched-flags | mcast-group | mcast-port | mcast-ttl | sync-maxlen | tun-info | tun-type | tun-port | tun-nocsum | tun-csum | tun-remcsum | netns | json | metrics | watch | top | all | drain | keep-weights | allow-empty | verbose | probe |
| add-service, edit-service | | | + | · | · | · | | | | | | | | | | | | | | | | · | · | · | | | | | | | | | | | · | | | | | | | | | | |
| delete-service | | | + | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | |
| list | · | 1 | 1 | | | | | | | | | | 1 | 1 | · | · | · | · | · | · | · | | | | | | | | · | | | | | | · | · | · | · | · | | | | | | |
| add-server, edit-server | | | + | | | | + | · | · | · | · | | | | | | | | | | | | | | | | | | | · | · | · | · | · | · | | | | | | | | | | |
| delete-server | | | + | | | | + | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | · | | | | |
| start-daemon | | | | | | | | | | | | · | | | | | | | | · | | | | | · | · | · | · | | | | | | | · | | | | | | | | | | |
| stop-daemon | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | | · | | | | | | | | | | |
| save | · | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | · | | | | | |
| zero | | | · | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | |
| flush, set, restore | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | |
| check | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | |
| apply | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | · | · | · | |
| diff | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | · | · | | |
| doctor | · | | · | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | · | | | | | | | | | · |`

// cells splits a line of the table, without the bars at its ends.
func cells(line string) []string {
	list := strings.Split(strings.Trim(line, "|"), "|")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// spellings are a way to give each option, alone.
var spellings = map[string]string{
	"numeric": "-n", "connection": "-c", "service-address": "-t 10.0.0.1:80", "scheduler": "-s rr",
	"persistent": "-p", "netmask": "-M 255.255.255.0", "real-server": "-r 10.0.0.2", "forwarding-method": "-i",
	"weight": "-w 1", "u-threshold": "-x 1", "l-threshold": "-y 1", "mcast-interface": "--mcast-interface lo",
	"timeout": "--timeout", "daemon": "--daemon", "stats": "--stats", "rate": "--rate", "thresholds": "--thresholds",
	"persistent-conn": "--persistent-conn", "nosort": "--nosort", "syncid": "--syncid 1", "exact": "-X", "ops": "-o",
	"pe": "--pe sip", "sched-flags": "-b flag-1", "mcast-group": "--mcast-group 224.0.0.1",
	"mcast-port": "--mcast-port 1", "mcast-ttl": "--mcast-ttl 1", "sync-maxlen": "--sync-maxlen 1",
	"tun-info": "--tun-info", "tun-type": "--tun-type gre", "tun-port": "--tun-port 1", "tun-nocsum": "--tun-nocsum",
	"tun-csum": "--tun-csum", "tun-remcsum": "--tun-remcsum",
	"netns": "-N x", "json": "-j", "metrics": "--metrics", "watch": "--watch", "top": "--top 5", "all": "--all", "drain": "--drain=9",
	"keep-weights": "--keep-weights", "allow-empty": "--allow-empty", "verbose": "--verbose",
	"probe": "--probe",
}

var commands = map[string]string{
	"add-service": "-A", "edit-service": "-E", "delete-service": "-D", "list": "-L", "add-server": "-a",
	"edit-server": "-e", "delete-server": "-d", "start-daemon": "--start-daemon master",
	"stop-daemon": "--stop-daemon master", "save": "-S", "zero": "-Z", "flush": "-C", "set": "--set 1 2 3", "restore": "-R",
	"check": "--check", "apply": "--apply", "diff": "--diff",
	"doctor": "--doctor",
}

// TestUses gives every command every option, and every two options, alone
// and beside those that are required, and compares the first fault reported
// with the one that the documented table has.
func TestUses(t *testing.T) {
	p := testParser(t)
	lines := strings.Split(strings.TrimSpace(documented), "\n")
	options := cells(lines[0])[1:]
	if len(options) != int(numOptions) {
		t.Fatalf("%d options documented, %d known", len(options), numOptions)
	}
	tried := 0
	for _, line := range lines[1:] {
		row := cells(line)
		marks := row[1:]
		if len(marks) != len(options) {
			t.Fatalf("%s: %d marks for %d options", row[0], len(marks), len(options))
		}
		for verb := range strings.SplitSeq(row[0], ", ") {
			try := func(given map[int]bool) {
				words, want := commands[verb], ""
				exclusive := ""
				for i, name := range options {
					if given[i] {
						words += " " + spellings[name]
					}
					switch {
					case want != "":
					case marks[i] == "+" && !given[i]:
						want = fmt.Sprintf("2 You need to supply the '%s' option for the '%s' command", name, verb)
					case marks[i] == "" && given[i]:
						want = fmt.Sprintf("2 Illegal '%s' option with the '%s' command", name, verb)
					case marks[i] == "1" && given[i] && exclusive != "":
						want = fmt.Sprintf("2 The option '%s' conflicts with the '%s' option in the '%s' command", name, exclusive, verb)
					case marks[i] == "1" && given[i]:
						exclusive = name
					}
				}
				tried++
				got := outcome(p, words)
				if want == "" {
					// Later checks may still find something.
					if strings.Contains(got, "'"+verb+"' command") {
						t.Errorf("%s\n got %s", words, got)
					}
				} else if got != want {
					t.Errorf("%s\n got %s\nwant %s", words, got, want)
				}
			}
			required := func(more ...int) map[int]bool {
				given := make(map[int]bool)
				for i, mark := range marks {
					if mark == "+" {
						given[i] = true
					}
				}
				for _, i := range more {
					given[i] = true
				}
				return given
			}
			try(nil)
			try(required())
			for i := range options {
				try(map[int]bool{i: true})
				try(required(i))
				for j := range i {
					try(required(i, j))
				}
			}
		}
	}
	if tried < 14*34*17 {
		t.Errorf("only %d tried", tried)
	}
}

func TestEverRequired(t *testing.T) {
	var want Options
	for _, table := range []*[numOptions]matrixRow{&optionMatrix, &tunnelUses} {
		for i, row := range table {
			if strings.Contains(row.cells, "+") {
				want |= 1 << i
			}
		}
	}
	if requiredSomewhere != want {
		t.Errorf("everRequired is %b, the tables say %b", requiredSomewhere, want)
	}
}

// SPDX-License-Identifier: MIT

package command

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// optionMatrix lists the options of each command, in a notation like that of
// ipvsadm's documentation: + is required, · is allowed, 1 is allowed unless
// another option marked 1 is given, and an empty cell means illegal. A row whose name
// contains --all-services is for lines with this option.
const optionMatrix = `
| | numeric | connection | service-address | scheduler | persistent | netmask | real-server | forwarding-method | weight | u-threshold | l-threshold | mcast-interface | timeout | daemon | stats | rate | thresholds | persistent-conn | nosort | syncid | exact | ops | pe | sched-flags | mcast-group | mcast-port | mcast-ttl | sync-maxlen | tun-info | tun-type | tun-port | tun-nocsum | tun-csum | tun-remcsum | netns | json | metrics | watch | top | server | vip | client | state | count | all | drain | keep | all-services | keep-weights | allow-empty | verbose | probe | rules | initial | confirm | save-undo |
| add-service | | | + | · | · | · | | | | | | | | | | | | | | | | · | · | · | | | | | | | | | | | · | | | | | | | | | | | | | | | | | | | | | |
| edit-service | | | + | · | · | · | | | | | | | | | | | | | | | | · | · | · | | | | | | | | | | | · | | | | | | | | | | | | · | | | | | | | | | |
| delete-service | | | + | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | | | | | | | | |
| list | · | 1 | 1 | | | | | | | | | | 1 | 1 | · | · | · | · | · | · | · | | | | | | | | · | | | | | | · | · | · | · | · | · | · | · | · | · | | | | | | | | | | | | |
| add-server | | | + | | | | + | · | · | · | · | | | | | | | | | | | | | | | | | | | · | · | · | · | · | · | | | | | | | | | | | | | | | | | | | | | |
| edit-server | | | + | | | | + | · | · | · | · | | | | | | | | | | | | | | | | | | | · | · | · | · | · | · | | | | | | | | | | | | · | | | | | | | | | |
| edit-server --all-services | | | 1 | | | | + | · | · | · | · | | | | | | | | | | | | | | | | | | | · | · | · | · | · | · | · | | | | | | | | | | | · | 1 | | | | | | | | |
| delete-server | | | + | | | | + | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | · | | | | | | | | | | |
| delete-server --all-services | | | 1 | | | | + | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | · | | | | | | | | | | · | | 1 | | | | | | | | |
| start-daemon | | | | | | | | | | | | · | | | | | | | | · | | | | | · | · | · | · | | | | | | | · | | | | | | | | | | | | | | | | | | | | | |
| stop-daemon | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | | | | | | | | |
| save | · | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | · | | | | | | | | | | | |
| zero | | | · | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | | | | | | | | |
| flush, set, restore | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | | | | | | | | |
| check | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | | | | | | | | |
| apply | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | · | · | · | | | | · | · |
| diff | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | | | | | | | | | | | | | | · | · | | | | | | |
| doctor | · | | · | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | · | | | | | | | | | | | | | | | | 1 | 1 | | | |
| monitor | · | | · | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | · | · | | | | | | | | | | | | | | | | | | · | | |`

// splitRow splits a row of the matrix into its cells.
func splitRow(row string) []string {
	cells := strings.Split(strings.Trim(row, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// optionWords are the words that set each option and no other.
var optionWords = map[string]string{
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
	"keep": "--keep", "all-services": "--all-services",
	"server": "--server 10.0.0.2", "vip": "--vip 10.0.0.1", "client": "--client 10.0.0.3", "state": "--state CLOSE", "count": "--count",
	"keep-weights": "--keep-weights", "allow-empty": "--allow-empty", "verbose": "--verbose",
	"probe": "--probe", "rules": "--rules FILE",
	"initial": "--initial", "confirm": "--confirm=9", "save-undo": "--save-undo FILE",
}

// commandWords are the words that select each command, with its operands.
var commandWords = map[string]string{
	"add-service": "-A", "edit-service": "-E", "delete-service": "-D", "list": "-L", "add-server": "-a",
	"edit-server": "-e", "delete-server": "-d", "start-daemon": "--start-daemon master",
	"stop-daemon": "--stop-daemon master", "save": "-S", "zero": "-Z", "flush": "-C", "set": "--set 1 2 3", "restore": "-R",
	"check": "--check", "apply": "--apply", "diff": "--diff",
	"doctor": "--doctor", "monitor": "--monitor",
}

// TestOptionMatrix checks that the error of each command line is the first one
// according to the matrix. The lines have no option or one option, with and without
// the required options, or two options with the required ones.
func TestOptionMatrix(t *testing.T) {
	p := testParser(t)
	rows := strings.Split(strings.TrimSpace(optionMatrix), "\n")
	options := splitRow(rows[0])[1:]
	if len(options) != int(numOptions) {
		t.Fatalf("the matrix has %d options, want %d", len(options), numOptions)
	}
	lines := 0
	for _, row := range rows[1:] {
		row := splitRow(row)
		verbs, cells := strings.Split(row[0], ", "), row[1:]
		if len(cells) != len(options) {
			t.Fatalf("%s: %d cells for %d options", row[0], len(cells), len(options))
		}
		var required []int
		for i, cell := range cells {
			if cell == "+" {
				required = append(required, i)
			}
		}
		for _, verb := range verbs {
			verb, forAll := strings.CutSuffix(verb, " --all-services")
			allServices := slices.Index(options, "all-services")
			hasRowForAll := strings.Contains(optionMatrix, "| "+verb+" --all-services |")
			test := func(given ...int) {
				switch {
				case forAll:
					given = append(given, allServices)
				case slices.Contains(given, allServices) && hasRowForAll:
					return
				}
				line := commandWords[verb]
				for i, option := range options {
					if slices.Contains(given, i) {
						line += " " + optionWords[option]
					}
				}
				got, want := outcome(p, line), firstError(verb, options, cells, given)
				switch {
				case want != "" && got != want:
					t.Errorf("%s\n got %s\nwant %s", line, got, want)
				case want == "" && strings.Contains(got, "'"+verb+"' command"):
					// Only the errors of the option rules name the command.
					t.Errorf("%s\n got %s", line, got)
				}
				lines++
			}
			test()
			test(required...)
			for i := range options {
				test(i)
				test(append(required, i)...)
				for j := range i {
					test(append(required, i, j)...)
				}
			}
		}
	}
	if want := len(commandWords) * len(options) * len(options) / 2; lines < want {
		t.Errorf("%d command lines tested, want at least %d", lines, want)
	}
}

// firstError returns the error of a command with the options given, by index,
// according to its cells in the matrix, or "".
func firstError(verb string, options, cells []string, given []int) string {
	exclusive := ""
	for i, option := range options {
		switch has := slices.Contains(given, i); {
		case !has && cells[i] == "+":
			return fmt.Sprintf("2 You need to supply the '%s' option for the '%s' command", option, verb)
		case has && cells[i] == "":
			return fmt.Sprintf("2 Illegal '%s' option with the '%s' command", option, verb)
		case has && cells[i] == "1" && exclusive != "":
			return fmt.Sprintf("2 The option '%s' conflicts with the '%s' option in the '%s' command", option, exclusive, verb)
		case has && cells[i] == "1":
			exclusive = option
		}
	}
	return ""
}

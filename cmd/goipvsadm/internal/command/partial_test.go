// SPDX-License-Identifier: MIT

package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"goipvsadm/ipvs"
)

func TestNextFlags(t *testing.T) {
	const commands = "--add-service -A --edit-service -E --delete-service -D --clear -C --list -L -l" +
		" --zero -Z --add-server -a --edit-server -e --delete-server -d --restore -R --save -S --set" +
		" --start-daemon --stop-daemon --help -h --version -v --check --apply --diff --doctor --monitor --json -j --metrics --watch --top"
	for _, tt := range []struct{ name, line, want string }{
		{name: "no words", line: "", want: commands + " --netns -N"},
		{name: "namespace before the command", line: "-N blue", want: commands},
		{name: "options of the command", line: "-A", want: "--tcp-service -t --udp-service -u --sctp-service --fwmark-service -f" +
			" --scheduler -s --persistent -p --netmask -M --ops -o --pe --sched-flags -b --netns -N"},
		{name: "options already given", line: "-A -t 192.0.2.1:80 -s rr -p 5", want: "--netmask -M --ops -o --pe --sched-flags -b --netns -N"},
		{name: "-6 after a firewall mark", line: "-D -f 5", want: "--ipv6 -6 --netns -N"},
		{name: "-6 already given", line: "-D -f 5 -6", want: "--netns -N"},
		{name: "no tunnel options without tunneling", line: "-a -t 192.0.2.1:80 -r 198.51.100.1 -w 1 -x 2 -y 1",
			want: "--gatewaying -g --ipip -i --masquerading -m --netns -N"},
		{name: "tunneling", line: "-a -t 192.0.2.1:80 -r 198.51.100.1 -w 1 -x 2 -y 1 -i", want: "--tun-type --netns -N"},
		{name: "GUE tunnel", line: "-a -t 192.0.2.1:80 -r 198.51.100.1 -w 1 -x 2 -y 1 -i --tun-type gue",
			want: "--tun-port --tun-nocsum --tun-csum --tun-remcsum --netns -N"},
		{name: "GRE tunnel with checksum", line: "-a -t 192.0.2.1:80 -r 198.51.100.1 -w 1 -x 2 -y 1 -i --tun-type gre --tun-csum",
			want: "--netns -N"},
		{name: "exclusive option given", line: "-L --timeout",
			want: "--numeric -n --exact -X --nosort --sort --netns -N --json -j --syncid --tun-info"},
		{name: "bundled short flags", line: "-Ln -c", want: "--persistent-conn --tun-info --exact -X --nosort --sort --netns -N --json -j --syncid" +
			" --tcp-service -t --udp-service -u --sctp-service --watch --server --vip --client --state --count"},
		{name: "drain", line: "-d -t 192.0.2.1:80 -r 198.51.100.1", want: "--netns -N --drain"},
		{name: "check", line: "--check", want: "--apply --netns -N"},
		{name: "check for apply", line: "--check --apply", want: "--keep-weights --allow-empty --verbose --confirm --save-undo --netns -N"},
		{name: "monitor", line: "--monitor", want: "--tcp-service -t --udp-service -u --sctp-service --fwmark-service -f" +
			" --numeric -n --json -j --initial --netns -N"},
		{name: "help", line: "-h", want: ""},
		{name: "end of options", line: "-L --", want: ""},
		{name: "invalid words", line: "-D --foo 7 -f 5", want: "--ipv6 -6 --netns -N"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := slices.Concat(testParser(t).ParsePartial(strings.Fields(tt.line), "").NextFlags()...)
			want := strings.Fields(tt.want)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("flags (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePartialValue(t *testing.T) {
	for _, tt := range []struct {
		line, next            string
		valueOf, prefix, word string
	}{
		{line: "-A -t", next: "", valueOf: "tcp-service"},
		{line: "-A -t", next: "192", valueOf: "tcp-service", word: "192"},
		{line: "-At", next: "192", valueOf: "tcp-service", word: "192"},
		{line: "-A --tcp-service", next: "192", valueOf: "tcp-service", word: "192"},
		{line: "-A", next: "--tcp-service=192", valueOf: "tcp-service", prefix: "--tcp-service=", word: "192"},
		{line: "-A", next: "--tcp-serv", word: "--tcp-serv"},
		{line: "--start-daemon", next: "m", valueOf: "start-daemon", word: "m"},
		{line: "-A -t 192.0.2.1:80 -p", next: ""},
		{line: "-A -t 192.0.2.1:80 -s", next: "--x=y", valueOf: "scheduler", word: "--x=y"},
	} {
		partial := testParser(t).ParsePartial(strings.Fields(tt.line), tt.next)
		if partial.ValueOf != tt.valueOf || partial.Prefix != tt.prefix || partial.Word != tt.word {
			t.Errorf("%s %s: ValueOf = %q, Prefix = %q, Word = %q; want %q, %q, %q", tt.line, tt.next,
				partial.ValueOf, partial.Prefix, partial.Word, tt.valueOf, tt.prefix, tt.word)
		}
	}
}

func TestParsePartialCommand(t *testing.T) {
	partial := testParser(t).ParsePartial(strings.Fields("-N web -d -f 5 -6 -r"), "")
	if partial.Verb != DeleteServer || partial.NetNS != "web" || partial.Service.ServiceKey != ipvs.MarkKey(5, ipvs.IPv6) || partial.ValueOf != "real-server" {
		t.Errorf("ParsePartial = %+v", partial)
	}
}

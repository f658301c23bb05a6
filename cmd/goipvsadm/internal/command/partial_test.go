package command

import (
	"slices"
	"strings"
	"testing"

	"goipvsadm/ipvs"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestNext(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"the commands first", "", "--add-service -A --edit-service -E --delete-service -D --clear -C --list -L -l" +
			" --zero -Z --add-server -a --edit-server -e --delete-server -d --restore -R --save -S --set" +
			" --start-daemon --stop-daemon --help -h --version -v --check --apply --diff --doctor --json -j --metrics --watch --top --netns -N"},
		{"also in a namespace", "-N blue", "--add-service -A --edit-service -E --delete-service -D --clear -C --list -L -l" +
			" --zero -Z --add-server -a --edit-server -e --delete-server -d --restore -R --save -S --set" +
			" --start-daemon --stop-daemon --help -h --version -v --check --apply --diff --doctor --json -j --metrics --watch --top"},
		{"what goes with a command", "-A", "--tcp-service -t --udp-service -u --sctp-service --fwmark-service -f" +
			" --scheduler -s --persistent -p --netmask -M --ops -o --pe --sched-flags -b --netns -N"},
		{"each once", "-A -t 192.0.2.1:80 -s rr -p 5", "--netmask -M --ops -o --pe --sched-flags -b --netns -N"},
		{"the family of a mark", "-D -f 5", "--ipv6 -6 --netns -N"},
		{"once", "-D -f 5 -6", "--netns -N"},
		{"tunnel options wait for the tunnel", "-a -t 192.0.2.1:80 -r 198.51.100.1 -w 1 -x 2 -y 1",
			"--gatewaying -g --ipip -i --masquerading -m --netns -N"},
		{"and for its type", "-a -t 192.0.2.1:80 -r 198.51.100.1 -w 1 -x 2 -y 1 -i", "--tun-type --netns -N"},
		{"gue", "-a -t 192.0.2.1:80 -r 198.51.100.1 -w 1 -x 2 -y 1 -i --tun-type gue",
			"--tun-port --tun-nocsum --tun-csum --tun-remcsum --netns -N"},
		{"gre, with a checksum", "-a -t 192.0.2.1:80 -r 198.51.100.1 -w 1 -x 2 -y 1 -i --tun-type gre --tun-csum", "--netns -N"},
		{"of those that exclude each other, one", "-L --timeout", "--numeric -n --exact -X --nosort --sort --netns -N --json -j --syncid --tun-info"},
		{"in a bundle", "-Ln -c", "--persistent-conn --tun-info --exact -X --nosort --sort --netns -N --json -j --syncid"},
		{"drain", "-d -t 192.0.2.1:80 -r 198.51.100.1", "--netns -N --drain"},
		{"nothing after help", "-h", ""},
		{"nothing after the options", "-L --", ""},
		{"wrong words are passed over", "-D --foo 7 -f 5", "--ipv6 -6 --netns -N"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, spellings := range testParser(t).ParseUnfinished(strings.Fields(tt.line), "").Candidates() {
				got = append(got, spellings...)
			}
			want := strings.Fields(tt.want)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

func TestUnfinishedValue(t *testing.T) {
	for _, tt := range []struct {
		line, typed               string
		value, fixed, typedBehind string
	}{
		{"-A -t", "", "tcp-service", "", ""},
		{"-A -t", "192", "tcp-service", "", "192"},
		{"-At", "192", "tcp-service", "", "192"},
		{"-A --tcp-service", "192", "tcp-service", "", "192"},
		{"-A", "--tcp-service=192", "tcp-service", "--tcp-service=", "192"},
		{"-A", "--tcp-serv", "", "", "--tcp-serv"},
		{"--start-daemon", "m", "start-daemon", "", "m"},
		{"-A -t 192.0.2.1:80 -p", "", "", "", ""},
		{"-A -t 192.0.2.1:80 -s", "--x=y", "scheduler", "", "--x=y"},
	} {
		u := testParser(t).ParseUnfinished(strings.Fields(tt.line), tt.typed)
		if u.Value != tt.value || u.Prefix != tt.fixed || u.Word != tt.typedBehind {
			t.Errorf("%s %s: value %q, fixed %q, typed %q", tt.line, tt.typed, u.Value, u.Prefix, u.Word)
		}
	}
}

func TestUnfinishedCommand(t *testing.T) {
	u := testParser(t).ParseUnfinished(strings.Fields("-N web -d -f 5 -6 -r"), "")
	if u.Verb != DeleteServer || u.NetNS != "web" || u.Service.ServiceKey != ipvs.MarkKey(5, ipvs.IPv6) || u.Value != "real-server" {
		t.Errorf("%+v", u)
	}
}

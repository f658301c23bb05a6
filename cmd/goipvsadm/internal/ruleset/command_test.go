package ruleset

import (
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A command as a line, and the line as a command again.
func TestCommandsReadBack(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"-A -t 10.0.0.1:80", "-A -t 10.0.0.1:80 -s wlc"},
		{"-E -t 10.0.0.1:80 -p", "-E -t 10.0.0.1:80 -s wlc -p 360"},
		{"-E -o -f 5 -6 --pe sip -p 7 -M 64 -s mh -b mh-port,flag-3", "-E -f 5 -6 -s mh -p 7 -M 64 --pe sip -o -b mh-port,flag-3"},
		{"-D --sctp-service [fd00::1]:9", "-D --sctp-service [fd00::1]:9"},
		{"-D -f 7", "-D -f 7"},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2", "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1"},
		{"-e -t 10.0.0.1:80 -r 10.0.0.2:81 -m -w 0 -y 3 -x 9", "-e -t 10.0.0.1:80 -r 10.0.0.2:81 -m -w 0 -x 9 -y 3"},
		{"-e -u 10.0.0.1:80 -r 10.0.0.2 -i", "-e -u 10.0.0.1:80 -r 10.0.0.2:80 -i -w 1 --tun-type ipip"},
		{"-e -u 10.0.0.1:80 -r [fd00::2]:80 -i --tun-type gue --tun-port 6080 --tun-remcsum",
			"-e -u 10.0.0.1:80 -r [fd00::2]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum"},
		{"-d -t 10.0.0.1:80 -r 10.0.0.2", "-d -t 10.0.0.1:80 -r 10.0.0.2:80"},
		{"-d -f 7 -6 -r [fd00::2]:0", "-d -f 7 -6 -r [fd00::2]:0"},
		{"--set 1 0 3", "--set 1 0 3"},
		{"--start-daemon master", "--start-daemon master --mcast-interface eth0 --syncid 0"},
		{"--stop-daemon backup", "--stop-daemon backup"},
	} {
		p := command.NewParser("ipvsadm", resolve.System())
		var first, second command.Command
		if err := p.Parse(strings.Fields(test.line), &first); err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		got := string(Append(nil, &first, resolve.Numeric{}))
		if got != test.want+"\n" {
			t.Errorf("got  %qwant %q", got, test.want)
		}
		if err := p.Parse(strings.Fields(got), &second); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		// More options may be spelt out than were given.
		options := cmpopts.IgnoreFields(command.Command{}, "Options")
		addresses := cmpopts.EquateComparable(first.Service.AddrPort, first.Daemon.Group)
		if diff := cmp.Diff(first, second, options, addresses); diff != "" {
			t.Errorf("%s: %s", test.line, diff)
		}
	}
}

func TestOtherCommandsAreNoRules(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a listing was written as a rule")
		}
	}()
	Append(nil, &command.Command{Verb: command.List}, resolve.Numeric{})
}

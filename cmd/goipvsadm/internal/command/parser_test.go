package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/resolve"

	"github.com/google/go-cmp/cmp"
)

func testParser(t testing.TB) *Parser {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	return NewParser("NAME", resolve.NewDatabase(
		write("hosts", "127.0.0.1 localhost\n10.1.1.1 web1\nfd00::5 six-only\n"),
		write("services", "http 80/tcp www\ndomain 53/tcp\ndomain 53/udp\ntftp 69/udp\n"),
		&net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server here")
		}}))
}

// words splits a line at blanks. 'a b' is one word, also as part of one.
func words(line string) []string {
	var list []string
	word, open := "", false
	for i, quoted := range strings.Split(line, "'") {
		if i%2 == 1 {
			word, open = word+quoted, true
			continue
		}
		for j, part := range strings.Split(quoted, " ") {
			if j > 0 {
				if open {
					list = append(list, word)
				}
				word, open = "", false
			}
			if part != "" {
				word, open = word+part, true
			}
		}
	}
	if open {
		list = append(list, word)
	}
	return list
}

// outcome reads a line and tells what came of it: an exit status and a
// message, or the command.
func outcome(p *Parser, line string) string {
	var c Command
	if err := p.Parse(words(line), &c); err != nil {
		e := err.(*Error)
		return fmt.Sprintf("%d %s", e.Status(), e.Text)
	}
	return describe(&c)
}

// describe tells a command's operands, those that its verb has.
func describe(c *Command) string {
	b := []byte(c.Verb.String())
	s, d := &c.Service, &c.Destination
	service := func() {
		switch {
		case s.Mark != 0:
			b = fmt.Appendf(b, " mark %d %s", s.Mark, s.Family)
		case c.Options.Has(ServiceAddress):
			b = fmt.Appendf(b, " %s %s", s.Protocol, s.AddrPort)
		}
	}
	switch c.Verb {
	case AddService, EditService:
		service()
		b = fmt.Appendf(b, " %s flags %#02x timeout %d mask %#x", s.Scheduler, uint32(s.Flags), s.Timeout, s.Netmask)
		if s.Engine != "" {
			b = fmt.Appendf(b, " engine %s", s.Engine)
		}
	case DeleteService, Zero, List:
		service()
	case AddServer, EditServer:
		service()
		b = fmt.Appendf(b, " > %s %s weight %d", d.AddrPort, d.Method, d.Weight)
		if d.UpperThreshold+d.LowerThreshold != 0 {
			b = fmt.Appendf(b, " thresholds %d %d", d.UpperThreshold, d.LowerThreshold)
		}
		if t := d.Tunnel; t.Port != 0 || t.Flags != 0 || t.Type != 0 {
			b = fmt.Appendf(b, " %s port %d flags %d", t.Type, t.Port, t.Flags)
		}
	case DeleteServer:
		service()
		b = fmt.Appendf(b, " > %s", d.AddrPort)
	case SetTimeouts:
		b = fmt.Appendf(b, " %d %d %d", c.Timeouts.TCP, c.Timeouts.TCPFin, c.Timeouts.UDP)
	case StartDaemon, StopDaemon:
		b = fmt.Appendf(b, " %s %s id %d", c.Daemon.State, c.Daemon.Interface, c.Daemon.SyncID)
		if c.Daemon.Group.IsValid() {
			b = fmt.Appendf(b, " group %s", c.Daemon.Group)
		}
		if c.Daemon.MaxLen != 0 || c.Daemon.Port != 0 || c.Daemon.TTL != 0 {
			b = fmt.Appendf(b, " maxlen %d port %d ttl %d", c.Daemon.MaxLen, c.Daemon.Port, c.Daemon.TTL)
		}
	}
	return string(b)
}

// A lineTest is a command line and its outcome; with show it says what it
// shows, where that is not plain.
type lineTest struct{ line, want, show string }

func run(t *testing.T, tests []lineTest) {
	t.Helper()
	p := testParser(t)
	for _, test := range tests {
		if got := outcome(p, test.line); got != test.want {
			t.Errorf("%s %s\n got %s\nwant %s", test.line, test.show, got, test.want)
		}
	}
}

const (
	tryLine = "255 Try `NAME -h' or 'NAME --help' for more information."
	plain   = " wlc flags 0x00 timeout 0 mask 0xffffffff"
	badAddr = "2 illegal virtual server address[:port] specified"
	badReal = "2 illegal real server address[:port] specified"
	badMask = "2 illegal virtual server persistent mask specified"
	badM6   = "2 illegal ipv6 netmask specified"
	no6     = "2 -6 used before -f\n"
)

func TestProgramFlow(t *testing.T) {
	run(t, []lineTest{
		{"", "list", "no words"},
		{"-L", "list", ""},
		{"-l", "list", ""},
		{"--list", "list", ""},
		{"-h", "help", ""},
		{"-v", "version", ""},

		{"foo", tryLine, "no option"},
		{"foo bar", tryLine, ""},
		{"''", tryLine, ""},
		{"-", tryLine, ""},
		{"--", tryLine, ""},
		{"-- -L", tryLine, ""},
		{"-n", tryLine, "not a command"},
		{"-n -L", tryLine, ""},
		{"-n5 -L", tryLine, ""},
		{"-6", tryLine, ""},
		{"-p", tryLine, ""},
		{"-t 10.0.0.1:80 -A", tryLine, ""},
		{"-t bad", tryLine, "before its value is looked at"},
		{"-q", tryLine, "unknown"},
		{"foo -q", tryLine, ""},
		{"--foo", tryLine, ""},
		{"--lis", tryLine, "no abbreviations"},
		{"--LIST", tryLine, ""},
		{"--start-daemon", tryLine, "lacks its argument"},
		{"--stop-daemon", tryLine, ""},
		{"-L=3", tryLine, "an argument it does not take"},
		{"-L=", tryLine, ""},
		{"--list=3", tryLine, ""},
		{"--list=", tryLine, ""},
		{"--set=1 2 3", tryLine, ""},
		{"-h=", tryLine, ""},
		{"-v=3", tryLine, ""},
		{"--help=3", tryLine, ""},

		{"-L -q", "255 -q: unknown option", ""},
		{"-L --foo", "255 --foo: unknown option", ""},
		{"-L --foo=3", "255 --foo=3: unknown option", "the word as typed"},
		{"-L --foo 3", "255 --foo: unknown option", ""},
		{"-L --num", "255 --num: unknown option", "no abbreviations"},
		{"-Lq", "255 -Lq: unknown option", ""},
		{"-Aq", "255 -Aq: unknown option", ""},
		{"-Ln5", "255 -Ln5: unknown option", ""},
		{"-L -nqz", "255 -nqz: unknown option", ""},
		{"-L -n-", "255 -n-: unknown option", ""},
		{"-L -né", "255 -né: unknown option", ""},
		{"-L -=", "255 -=: unknown option", ""},
		{"-L -=5", "255 -=5: unknown option", ""},
		{"-L --=", "255 --=: unknown option", ""},
		{"-L --=5", "255 --=5: unknown option", ""},
		{"-L ---", "255 ---: unknown option", ""},
		{"-L ---n", "255 ---n: unknown option", ""},
		{"-L foo -q", "255 -q: unknown option", "options come before operands"},
		{"-L --numeric=", "255 --numeric=: option does not take an argument", ""},
		{"-L --numeric=3", "255 --numeric=3: option does not take an argument", ""},
		{"-L --numeric==", "255 --numeric==: option does not take an argument", ""},
		{"-L -n=", "255 -n=: option does not take an argument", ""},
		{"-L -n=3", "255 -n=3: option does not take an argument", ""},
		{"-Ln=", "255 -Ln=: option does not take an argument", ""},
		{"-Ln=3", "255 -Ln=3: option does not take an argument", ""},
		{"-ln==", "255 -ln==: option does not take an argument", ""},
		{"-L -l=3", "255 -l=3: option does not take an argument", ""},
		{"-Lh=3", "255 -Lh=3: option does not take an argument", ""},
		{"-L --add-service=3", "255 --add-service=3: option does not take an argument", ""},
		{"-A -t", "255 -t: missing argument", ""},
		{"-A -ot", "255 -ot: missing argument", ""},
		{"-A --tcp-service", "255 --tcp-service: missing argument", ""},
		{"-L --start-daemon", "255 --start-daemon: missing argument", ""},
		{"-A -t 10.0.0.1:80 -p -s", "255 -s: missing argument", ""},

		{"-L -A", "2 invalid option `-A'", "a second command"},
		{"-L -L", "2 invalid option `-L'", ""},
		{"-l -L", "2 invalid option `-L'", ""},
		{"-L --list", "2 invalid option `--list'", ""},
		{"-ALn", "2 invalid option `-ALn'", ""},
		{"-L -nA", "2 invalid option `-nA'", ""},
		{"-L -nAq", "2 invalid option `-nAq'", "met before the q"},
		{"-L -nqA", "255 -nqA: unknown option", "met after the q"},
		{"-L -nAt x", "2 invalid option `-nAt'", ""},
		{"-LR", "2 invalid option `-LR'", ""},
		{"-L -h", "2 invalid option `-h'", ""},
		{"-Lh", "2 invalid option `-Lh'", ""},
		{"-L --version", "2 invalid option `--version'", ""},
		{"-L --set 1 2 3", "2 invalid option `--set'", ""},
		{"-L --start-daemon master", "2 invalid option `master'", "the last word read"},
		{"-L --start-daemon=master", "2 invalid option `--start-daemon=master'", ""},
		{"-L --stop-daemon=foo", "2 invalid option `--stop-daemon=foo'", "before its value is looked at"},

		{"-hq", "help", "what follows is ignored"},
		{"-vh", "version", ""},
		{"-h --foo", "help", ""},
		{"-v -L", "version", ""},
		{"foo -h", "help", ""},
		{"-h foo", "help", ""},
	})
}

func TestOperands(t *testing.T) {
	run(t, []lineTest{
		{"-L foo", "2 unexpected argument foo", ""},
		{"foo -L", "2 unexpected argument foo", ""},
		{"'' -L", "2 unexpected argument ", ""},
		{"-L ''", "2 unexpected argument ", ""},
		{"-L foo bar", "2 unexpected argument foo", ""},
		{"-L foo -n", "2 unexpected argument foo", ""},
		{"-L -", "2 unexpected argument -", ""},
		{"-L - -n", "2 unexpected argument -", ""},
		{"-L --", "list", ""},
		{"-L -- -n", "2 unexpected argument -n", ""},
		{"-L -- --", "2 unexpected argument --", ""},
		{"-L -n -- -q", "2 unexpected argument -q", ""},
		{"-L foo --", "2 unexpected argument foo", ""},
		{"-C foo -n", "2 unexpected argument foo", "before illegal options"},
		{"-A -t bad foo", badAddr, "after wrong values"},
		{"--set 1 2 3", "set 1 2 3", ""},
		{"--set 0 0 0", "set 0 0 0", ""},
		{"--set +1 010 ' 3'", "set 1 10 3", ""},
		{"--set -- 1 2 3", "set 1 2 3", ""},
		{"--set 1 -- 2 3", "set 1 2 3", ""},
		{"--set 1 2 2678400", "set 1 2 2678400", ""},
		{"--set 1 2 2678401", "2 invalid timeout value `2678401' specified", ""},
		{"--set 1 a 3", "2 invalid timeout value `a' specified", ""},
		{"--set '' 2 3", "2 invalid timeout value `' specified", ""},
		{"--set a b c d", "2 invalid timeout value `a' specified", ""},
		{"--set 1 2 2678401 4", "2 invalid timeout value `2678401' specified", "before a fourth"},
		{"--set 1 2 3 4", "2 unexpected argument 4", ""},
		{"--set", "2 --set option requires 3 timeout values", ""},
		{"--set 1 2", "2 --set option requires 3 timeout values", ""},
		{"--set 1 2 -n", "2 --set option requires 3 timeout values", "before illegal options"},
		{"--set 1 -n 2 3", "2 Illegal 'numeric' option with the 'set' command", ""},
		{"--set -1 2 3", "255 -1: unknown option", ""},
		{"--set -- -1 2 3", "2 invalid timeout value `-1' specified", ""},
		{"--set 1 -q", "255 -q: unknown option", ""},
	})
}

func TestSpellingsOfValues(t *testing.T) {
	web := "add-service TCP 10.0.0.1:80"
	persistent := func(n int) string {
		return fmt.Sprintf("add-service UDP 10.0.0.1:80 wlc flags 0x01 timeout %d mask 0xffffffff", n)
	}
	both := func(n int) string {
		return fmt.Sprintf("add-service UDP 10.0.0.1:80 wlc flags 0x05 timeout %d mask 0xffffffff", n)
	}
	run(t, []lineTest{
		{"-A -t 10.0.0.1:80", web + plain, ""},
		{"-A -t10.0.0.1:80", web + plain, ""},
		{"-A -t=10.0.0.1:80", web + plain, ""},
		{"-At 10.0.0.1:80", web + plain, ""},
		{"-At10.0.0.1:80", web + plain, ""},
		{"-At=10.0.0.1:80", web + plain, ""},
		{"-A --tcp-service 10.0.0.1:80", web + plain, ""},
		{"-A --tcp-service=10.0.0.1:80", web + plain, ""},
		{"-A -t==10.0.0.1:80", badAddr, "one = is dropped"},
		{"-A --tcp-service==10.0.0.1:80", badAddr, ""},
		{"-A -t=", badAddr, "an empty value"},
		{"-A -t ''", badAddr, ""},
		{"-At=", badAddr, ""},
		{"-A --tcp-service=", badAddr, ""},
		{"-A -t= 10.0.0.1:80", badAddr, "not the next word"},
		{"-A -t -s rr", badAddr, "a word with a dash is a value"},
		{"-A -t 10.0.0.1:80 -s -p", web + " -p flags 0x00 timeout 0 mask 0xffffffff", ""},
		{"-A -t 10.0.0.1:80 -s --", web + " -- flags 0x00 timeout 0 mask 0xffffffff", ""},
		{"-A --scheduler -t 10.0.0.1:80", "2 unexpected argument 10.0.0.1:80", ""},
		{"-A -s=rr=x -t 10.0.0.1:80", web + " rr=x flags 0x00 timeout 0 mask 0xffffffff", ""},
		{"-a -t 10.0.0.1:80 -r 10.0.0.2 -w -1", "2 illegal weight specified", ""},
		{"-L -foo", "2 invalid fwmark value `oo' specified", "one dash, one letter"},
		{"-L -numeric", badAddr, ""},
		{"-list", "2 Illegal 'scheduler' option with the 'list' command", ""},
		{"-L -test.80", badAddr, "not for go test"},
		{"-A -test.80", badAddr, ""},
		{"-L -ntest.80", badAddr, ""},
		{"-A --test.v", "255 --test.v: unknown option", ""},

		{"-A -u 10.0.0.1:80 -p", persistent(360), ""},
		{"-A -u 10.0.0.1:80 -p 5", persistent(5), ""},
		{"-A -u 10.0.0.1:80 -p5", persistent(5), ""},
		{"-A -u 10.0.0.1:80 -p=5", persistent(5), ""},
		{"-A -u 10.0.0.1:80 --persistent", persistent(360), ""},
		{"-A -u 10.0.0.1:80 --persistent 5", persistent(5), ""},
		{"-A -u 10.0.0.1:80 --persistent=5", persistent(5), ""},
		{"-A -p -u 10.0.0.1:80", persistent(360), ""},
		{"-Ap5 -u 10.0.0.1:80", persistent(5), ""},
		{"-Ap 5 -u 10.0.0.1:80", persistent(5), ""},
		{"-A -u 10.0.0.1:80 -op", both(360), ""},
		{"-A -u 10.0.0.1:80 -op5", both(5), ""},
		{"-A -u 10.0.0.1:80 -op 5", both(5), ""},
		{"-A -u 10.0.0.1:80 -p --", persistent(360), ""},
		{"-A -u 10.0.0.1:80 -p -- 5", "2 unexpected argument 5", ""},
		{"-A -u 10.0.0.1:80 -p -", "2 unexpected argument -", ""},
		{"-A -u 10.0.0.1:80 -p 5 6", "2 unexpected argument 6", ""},
		{"-A -u 10.0.0.1:80 -p -5", "255 -5: unknown option", ""},
		{"-A -u 10.0.0.1:80 -po", "2 invalid timeout value `o' specified", ""},
		{"-A -u 10.0.0.1:80 -p=", "2 invalid timeout value `' specified", ""},
		{"-A -u 10.0.0.1:80 -p= 5", "2 invalid timeout value `' specified", ""},
		{"-A -u 10.0.0.1:80 -op= 5", "2 invalid timeout value `' specified", ""},
		{"-A -u 10.0.0.1:80 -p ''", "2 invalid timeout value `' specified", ""},
		{"-A -u 10.0.0.1:80 --persistent=", "2 invalid timeout value `' specified", ""},
		{"-A -u 10.0.0.1:80 -p==5", "2 invalid timeout value `=5' specified", ""},
		{"-A -u 10.0.0.1:80 -p5=6", "2 invalid timeout value `5=6' specified", ""},
	})
}

func TestOptionsGivenTwice(t *testing.T) {
	service, server, daemon := "-A -u 10.0.0.1:80 ", "-a -t 10.0.0.1:80 -r 10.0.0.2 -i ", "--start-daemon master "
	for _, test := range []struct{ line, name string }{
		{"-L -n -n", "numeric"},
		{"-L -n --numeric", "numeric"},
		{"-L -c -c", "connection"},
		{service + "-u bad", "service-address"},
		{service + "-t 10.0.0.1:80", "service-address"},
		{service + "-f 0", "service-address"},
		{service + "--sctp-service x", "service-address"},
		{service + "-s rr -s rr", "scheduler"},
		{service + "-p -p0", "persistent"},
		{service + "-M 1 -M a", "netmask"},
		{server + "-r bad", "real-server"},
		{server + "-i", "forwarding-method"},
		{server + "-m", "forwarding-method"},
		{server + "-g", "forwarding-method"},
		{server + "-w 1 -w a", "weight"},
		{server + "-x 1 -x a", "u-threshold"},
		{server + "-y 1 -y a", "l-threshold"},
		{daemon + "--mcast-interface lo --mcast-interface lo", "mcast-interface"},
		{daemon + "--mcast-group 224.0.0.1 --mcast-group x", "mcast-group"},
		{daemon + "--mcast-port 1 --mcast-port x", "mcast-port"},
		{daemon + "--mcast-ttl 1 --mcast-ttl x", "mcast-ttl"},
		{daemon + "--syncid 1 --syncid x", "syncid"},
		{daemon + "--sync-maxlen 1 --sync-maxlen x", "sync-maxlen"},
		{"-L --timeout --timeout", "timeout"},
		{"-L --daemon --daemon", "daemon"},
		{"-L --stats --stats", "stats"},
		{"-L --rate --rate", "rate"},
		{"-L --thresholds --thresholds", "thresholds"},
		{"-L --persistent-conn --persistent-conn", "persistent-conn"},
		{"-L --nosort --nosort", "nosort"},
		{"-L --tun-info --tun-info", "tun-info"},
		{"-L -X --exact", "exact"},
		{service + "-o --ops", "ops"},
		{service + "--pe sip --pe sip", "pe"},
		{service + "-b flag-1 -b x", "sched-flags"},
		{server + "--tun-type gue --tun-type x", "tun-type"},
		{server + "--tun-port 5 --tun-port x", "tun-port"},
		{server + "--tun-nocsum --tun-nocsum", "tun-nocsum"},
		{server + "--tun-csum --tun-csum", "tun-csum"},
		{server + "--tun-remcsum --tun-remcsum", "tun-remcsum"},
	} {
		want := "2 multiple '" + test.name + "' options specified"
		if got := outcome(testParser(t), test.line); got != want {
			t.Errorf("%s\n got %s\nwant %s", test.line, got, want)
		}
	}
	run(t, []lineTest{
		{"-L --sort --sort", "list", ""},
		{"-A --sort -t 10.0.0.1:80", "add-service TCP 10.0.0.1:80" + plain, "with any command"},
		{"-D -f 5 -6 -6", "delete-service mark 5 IPv6", ""},
		{service + "-u 10.0.0.1:80 -q", "2 multiple 'service-address' options specified", "in the order of words"},
		{service + "-q -u 10.0.0.1:80", "255 -q: unknown option", ""},
	})
}

func TestOptionsAreTold(t *testing.T) {
	p := testParser(t)
	var c Command
	if err := p.Parse(words("-L -n --stats -t 10.0.0.1:80 --sort"), &c); err != nil {
		t.Fatal(err)
	}
	var got []Option
	for o := range Option(numOptions) {
		if c.Options.Has(o) {
			got = append(got, o)
		}
	}
	if diff := cmp.Diff([]Option{Numeric, ServiceAddress, Stats}, got); diff != "" {
		t.Error(diff)
	}
	if !c.Options.HasAny(Rate, Stats) || c.Options.HasAny(Rate, Weight) {
		t.Error("HasAny is wrong")
	}
}

// TestParserKeepsNothing reads lines that set everything before plain ones.
func TestParserKeepsNothing(t *testing.T) {
	p := testParser(t)
	for _, before := range []string{
		"-A -f 9 -6 -s sh -b sh-port -p 7 -M 64 --pe sip -o",
		"-a -t 10.0.0.9:90 -r 10.0.0.8:1 -i -w 7 -x 9 -y 8 --tun-type gue --tun-port 4 --tun-remcsum",
		"--start-daemon backup --mcast-interface lo --syncid 3 --mcast-group 224.0.0.1 --mcast-port 1 --mcast-ttl 1 --sync-maxlen 1",
		"--set 1 2 3",
		"-L -n --stats -X foo",
		"-b foo",
		"-q",
		"-h",
	} {
		for _, line := range []string{"-A -t 10.0.0.1:80", "-a -t 10.0.0.1:80 -r 10.0.0.2", "--start-daemon master", "-L", "--set 4 5 6"} {
			want := outcome(testParser(t), line)
			var c Command
			p.Parse(words(before), &c)
			err := p.Parse(words(line), &c)
			if err != nil || describe(&c) != want {
				t.Errorf("%s after %s: got %s, %v\nwant %s", line, before, describe(&c), err, want)
			}
		}
	}
}

func TestParseAllocates(t *testing.T) {
	p := testParser(t)
	list := words("-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1")
	var c Command
	if n := testing.AllocsPerRun(100, func() { p.Parse(list, &c) }); n > 5 {
		t.Errorf("%v allocations for a line of five options, want one each at most", n)
	}
}

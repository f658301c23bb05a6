// SPDX-License-Identifier: MIT

package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
)

// testParser returns a Parser with a few names of hosts and ports, and without
// DNS.
func testParser(t testing.TB) *Parser {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return NewParser("NAME", resolve.NewDatabase(
		write("hosts", "127.0.0.1 localhost\n10.1.1.1 web1\nfd00::5 six-only\n"),
		write("services", "http 80/tcp www\ndomain 53/tcp\ndomain 53/udp\ntftp 69/udp\n"),
		&net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server")
		}}))
}

// splitWords splits a line at spaces. Single quotes protect spaces as in a shell.
func splitWords(line string) []string {
	var words []string
	word, inWord, inQuotes := "", false, false
	for _, c := range line {
		switch {
		case c == '\'':
			inWord, inQuotes = true, !inQuotes
		case c == ' ' && !inQuotes:
			if inWord {
				words = append(words, word)
			}
			word, inWord = "", false
		default:
			word, inWord = word+string(c), true
		}
	}
	if inWord {
		words = append(words, word)
	}
	return words
}

// outcome parses a line. It returns the exit status and the message of an error,
// or a description of the command.
func outcome(p *Parser, line string) string {
	var c Command
	if err := p.Parse(splitWords(line), &c); err != nil {
		e := err.(*Error)
		return fmt.Sprintf("%d %s", e.Status(), e.Text)
	}
	return describe(&c)
}

// describe returns a description of the fields of c that its verb uses.
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
		if s.PEName != "" {
			b = fmt.Appendf(b, " engine %s", s.PEName)
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

// A lineTest is a command line and its outcome. The optional note explains the
// outcome.
type lineTest struct{ line, want, note string }

func runLineTests(t *testing.T, tests []lineTest) {
	t.Helper()
	p := testParser(t)
	for _, tt := range tests {
		if got := outcome(p, tt.line); got != tt.want {
			t.Errorf("%s (%s)\n got %s\nwant %s", tt.line, tt.note, got, tt.want)
		}
	}
}

const (
	usageError     = "255 Try `NAME -h' or 'NAME --help' for more information."
	defaults       = " wlc flags 0x00 timeout 0 mask 0xffffffff"
	badService     = "2 illegal virtual server address[:port] specified"
	badServer      = "2 illegal real server address[:port] specified"
	badNetmask     = "2 illegal virtual server persistent mask specified"
	badPrefixLen   = "2 illegal ipv6 netmask specified"
	ipv6BeforeMark = "2 -6 used before -f\n"
)

func TestParseFlags(t *testing.T) {
	runLineTests(t, []lineTest{
		{line: "", want: "list", note: "no arguments"},
		{line: "-L", want: "list"},
		{line: "-l", want: "list"},
		{line: "--list", want: "list"},
		{line: "-h", want: "help"},
		{line: "-v", want: "version"},

		{line: "foo", want: usageError, note: "operand only"},
		{line: "foo bar", want: usageError},
		{line: "''", want: usageError},
		{line: "-", want: usageError},
		{line: "--", want: usageError},
		{line: "-- -L", want: usageError},
		{line: "-n", want: usageError, note: "an option before the command"},
		{line: "-n -L", want: usageError},
		{line: "-n5 -L", want: usageError},
		{line: "-6", want: usageError},
		{line: "-p", want: usageError},
		{line: "-t 10.0.0.1:80 -A", want: usageError},
		{line: "-t bad", want: usageError, note: "reported before the value is parsed"},
		{line: "-q", want: usageError, note: "unknown flag"},
		{line: "foo -q", want: usageError},
		{line: "--foo", want: usageError},
		{line: "--lis", want: usageError, note: "no abbreviations"},
		{line: "--LIST", want: usageError},
		{line: "--start-daemon", want: usageError, note: "missing argument"},
		{line: "--stop-daemon", want: usageError},
		{line: "-L=3", want: usageError, note: "unexpected argument"},
		{line: "-L=", want: usageError},
		{line: "--list=3", want: usageError},
		{line: "--list=", want: usageError},
		{line: "--set=1 2 3", want: usageError},
		{line: "-h=", want: usageError},
		{line: "-v=3", want: usageError},
		{line: "--help=3", want: usageError},

		{line: "-L -q", want: "255 -q: unknown option"},
		{line: "-L --foo", want: "255 --foo: unknown option"},
		{line: "-L --foo=3", want: "255 --foo=3: unknown option", note: "the message contains the whole word"},
		{line: "-L --foo 3", want: "255 --foo: unknown option"},
		{line: "-L --num", want: "255 --num: unknown option", note: "no abbreviations"},
		{line: "-Lq", want: "255 -Lq: unknown option"},
		{line: "-Aq", want: "255 -Aq: unknown option"},
		{line: "-Ln5", want: "255 -Ln5: unknown option"},
		{line: "-L -nqz", want: "255 -nqz: unknown option"},
		{line: "-L -n-", want: "255 -n-: unknown option"},
		{line: "-L -né", want: "255 -né: unknown option"},
		{line: "-L -=", want: "255 -=: unknown option"},
		{line: "-L -=5", want: "255 -=5: unknown option"},
		{line: "-L --=", want: "255 --=: unknown option"},
		{line: "-L --=5", want: "255 --=5: unknown option"},
		{line: "-L ---", want: "255 ---: unknown option"},
		{line: "-L ---n", want: "255 ---n: unknown option"},
		{line: "-L foo -q", want: "255 -q: unknown option", note: "flags are parsed before operands are checked"},
		{line: "-L --numeric=", want: "255 --numeric=: option does not take an argument"},
		{line: "-L --numeric=3", want: "255 --numeric=3: option does not take an argument"},
		{line: "-L --numeric==", want: "255 --numeric==: option does not take an argument"},
		{line: "-L -n=", want: "255 -n=: option does not take an argument"},
		{line: "-L -n=3", want: "255 -n=3: option does not take an argument"},
		{line: "-Ln=", want: "255 -Ln=: option does not take an argument"},
		{line: "-Ln=3", want: "255 -Ln=3: option does not take an argument"},
		{line: "-ln==", want: "255 -ln==: option does not take an argument"},
		{line: "-L -l=3", want: "255 -l=3: option does not take an argument"},
		{line: "-Lh=3", want: "255 -Lh=3: option does not take an argument"},
		{line: "-L --add-service=3", want: "255 --add-service=3: option does not take an argument"},
		{line: "-A -t", want: "255 -t: missing argument"},
		{line: "-A -ot", want: "255 -ot: missing argument"},
		{line: "-A --tcp-service", want: "255 --tcp-service: missing argument"},
		{line: "-L --start-daemon", want: "255 --start-daemon: missing argument"},
		{line: "-A -t 10.0.0.1:80 -p -s", want: "255 -s: missing argument"},

		{line: "-L -A", want: "2 invalid option `-A'", note: "second command"},
		{line: "-L -L", want: "2 invalid option `-L'"},
		{line: "-l -L", want: "2 invalid option `-L'"},
		{line: "-L --list", want: "2 invalid option `--list'"},
		{line: "-ALn", want: "2 invalid option `-ALn'"},
		{line: "-L -nA", want: "2 invalid option `-nA'"},
		{line: "-L -nAq", want: "2 invalid option `-nAq'", note: "-A is reported before the unknown flag"},
		{line: "-L -nqA", want: "255 -nqA: unknown option", note: "the unknown flag is reported before -A"},
		{line: "-L -nAt x", want: "2 invalid option `-nAt'"},
		{line: "-LR", want: "2 invalid option `-LR'"},
		{line: "-L -h", want: "2 invalid option `-h'"},
		{line: "-Lh", want: "2 invalid option `-Lh'"},
		{line: "-L --version", want: "2 invalid option `--version'"},
		{line: "-L --set 1 2 3", want: "2 invalid option `--set'"},
		{line: "-L --start-daemon master", want: "2 invalid option `master'", note: "the message contains the value"},
		{line: "-L --start-daemon=master", want: "2 invalid option `--start-daemon=master'"},
		{line: "-L --stop-daemon=foo", want: "2 invalid option `--stop-daemon=foo'", note: "reported before the value is parsed"},

		{line: "-hq", want: "help", note: "words after -h are ignored"},
		{line: "-vh", want: "version"},
		{line: "-h --foo", want: "help"},
		{line: "-v -L", want: "version"},
		{line: "foo -h", want: "help"},
		{line: "-h foo", want: "help"},
	})
}

func TestParseOperands(t *testing.T) {
	runLineTests(t, []lineTest{
		{line: "-L foo", want: "2 unexpected argument foo"},
		{line: "foo -L", want: "2 unexpected argument foo"},
		{line: "'' -L", want: "2 unexpected argument "},
		{line: "-L ''", want: "2 unexpected argument "},
		{line: "-L foo bar", want: "2 unexpected argument foo"},
		{line: "-L foo -n", want: "2 unexpected argument foo"},
		{line: "-L -", want: "2 unexpected argument -"},
		{line: "-L - -n", want: "2 unexpected argument -"},
		{line: "-L --", want: "list"},
		{line: "-L -- -n", want: "2 unexpected argument -n"},
		{line: "-L -- --", want: "2 unexpected argument --"},
		{line: "-L -n -- -q", want: "2 unexpected argument -q"},
		{line: "-L foo --", want: "2 unexpected argument foo"},
		{line: "-C foo -n", want: "2 unexpected argument foo", note: "checked before the options"},
		{line: "-A -t bad foo", want: badService, note: "values are checked before operands"},
		{line: "--set 1 2 3", want: "set 1 2 3"},
		{line: "--set 0 0 0", want: "set 0 0 0"},
		{line: "--set +1 010 ' 3'", want: "set 1 10 3"},
		{line: "--set -- 1 2 3", want: "set 1 2 3"},
		{line: "--set 1 -- 2 3", want: "set 1 2 3"},
		{line: "--set 1 2 2678400", want: "set 1 2 2678400"},
		{line: "--set 1 2 2678401", want: "2 invalid timeout value `2678401' specified"},
		{line: "--set 1 a 3", want: "2 invalid timeout value `a' specified"},
		{line: "--set '' 2 3", want: "2 invalid timeout value `' specified"},
		{line: "--set a b c d", want: "2 invalid timeout value `a' specified"},
		{line: "--set 1 2 2678401 4", want: "2 invalid timeout value `2678401' specified", note: "the values are checked before the number of operands"},
		{line: "--set 1 2 3 4", want: "2 unexpected argument 4"},
		{line: "--set", want: "2 --set option requires 3 timeout values"},
		{line: "--set 1 2", want: "2 --set option requires 3 timeout values"},
		{line: "--set 1 2 -n", want: "2 --set option requires 3 timeout values", note: "checked before the options"},
		{line: "--set 1 -n 2 3", want: "2 Illegal 'numeric' option with the 'set' command"},
		{line: "--set -1 2 3", want: "255 -1: unknown option"},
		{line: "--set -- -1 2 3", want: "2 invalid timeout value `-1' specified"},
		{line: "--set 1 -q", want: "255 -q: unknown option"},
	})
}

func TestParseFile(t *testing.T) {
	p := testParser(t)
	for _, tt := range []struct {
		line     string
		verb     Verb
		file     string
		forApply bool
		err      string
	}{
		{line: "--check", verb: Check},
		{line: "--check rules", verb: Check, file: "rules"},
		{line: "rules --check", verb: Check, file: "rules"},
		{line: "--check -", verb: Check},
		{line: "--check -- -rules", verb: Check, file: "-rules"},
		{line: "--apply --verbose rules --keep-weights", verb: Apply, file: "rules"},
		{line: "--diff rules", verb: Diff, file: "rules"},
		{line: "--check --apply rules", verb: Check, file: "rules", forApply: true},
		{line: "--apply --allow-empty --check", verb: Check, forApply: true},
		{line: "--apply rules more", err: "unexpected argument more"},
		{line: "-R rules", err: "unexpected argument rules"},
		{line: "--check --allow-empty", err: "Illegal 'allow-empty' option with the 'check' command"},
		{line: "--check --apply --apply", err: "invalid option `--apply'"},
		{line: "--check --apply --check", err: "invalid option `--check'"},
		{line: "--check --diff", err: "invalid option `--diff'"},
		{line: "--diff --apply", err: "invalid option `--apply'"},
	} {
		var c Command
		err := p.Parse(splitWords(tt.line), &c)
		if errorText(err) != tt.err || err == nil && (c.Verb != tt.verb || c.File != tt.file || c.ForApply != tt.forApply) {
			t.Errorf("%s: %+v, error %v, want %+v", tt.line, c, err, tt)
		}
	}
}

// TestHints checks that errors suggest what was probably meant. Without DetailedErrors,
// errors that ipvsadm has too are unchanged.
func TestHints(t *testing.T) {
	const usage = "Try `NAME -h' or 'NAME --help' for more information."
	for _, tt := range []struct{ line, want, ipvsadm string }{
		{line: "help", want: "unexpected argument help (did you mean --help?)", ipvsadm: usage},
		{line: "version", want: "unexpected argument version (did you mean --version?)", ipvsadm: usage},
		{line: "apply rules", want: "unexpected argument apply (did you mean --apply?)", ipvsadm: usage},
		{line: "list -L", want: "unexpected argument list (did you mean --list?)", ipvsadm: "unexpected argument list"},
		{line: "numeric", want: "unexpected argument numeric", ipvsadm: usage},
		{line: "-n", want: "-n: the first option must be a command, such as -L", ipvsadm: usage},
		{line: "--client 10.0.0.3", want: "--client: the first option must be a command, such as -L", ipvsadm: usage},
		{line: "-t 10.0.0.1:80 -A", want: "-t: the first option must be a command, such as -A", ipvsadm: usage},
		{line: "-a -t 10.0.0.1:80 --masq", want: "--masq: unknown option (did you mean --masquerading?)", ipvsadm: "--masq: unknown option"},
		{line: "-L --stat", want: "--stat: unknown option (did you mean --stats or --state?)", ipvsadm: "--stat: unknown option"},
		{line: "-L --masq", want: "--masq: unknown option", ipvsadm: "--masq: unknown option"},
		{line: "-L --t", want: "--t: unknown option", ipvsadm: "--t: unknown option"},
		{line: "--add-serv", want: "--add-serv: unknown option (did you mean --add-service or --add-server?)", ipvsadm: usage},
		{line: "--drain -t 10.0.0.1:80", want: "--drain: the first option must be a command, such as -d", ipvsadm: usage},
		{line: "-A -t 2001:db8::1:80", want: "Zero port specified for non-persistent service " +
			"(before a port, an IPv6 address is written in brackets: [2001:db8::1]:80)",
			ipvsadm: "Zero port specified for non-persistent service"},
		{line: "-A -t 10.0.0.1", want: "Zero port specified for non-persistent service",
			ipvsadm: "Zero port specified for non-persistent service"},
		{line: "-R rules", want: "unexpected argument rules (did you mean <rules?)", ipvsadm: "unexpected argument rules"},
		{line: "--apply rules --confirm 30", want: "unexpected argument 30 (did you mean --confirm=30?)",
			ipvsadm: "unexpected argument 30 (did you mean --confirm=30?)"},
		{line: "--apply --confirm 30 rules", want: "unexpected argument 30 (did you mean --confirm=30?)",
			ipvsadm: "unexpected argument 30 (did you mean --confirm=30?)"},
		{line: "--apply --confirm 30", want: "unexpected argument 30 (did you mean --confirm=30?)",
			ipvsadm: "unexpected argument 30 (did you mean --confirm=30?)"},
		{line: "--apply --confirm rules"},
		{line: "--apply --confirm ./30"},
		{line: "-L --watch 5", want: "unexpected argument 5 (did you mean --watch=5?)", ipvsadm: "unexpected argument 5 (did you mean --watch=5?)"},
		{line: "-L --metrics openmetrics", want: "unexpected argument openmetrics (did you mean --metrics=openmetrics?)",
			ipvsadm: "unexpected argument openmetrics (did you mean --metrics=openmetrics?)"},
	} {
		p := testParser(t)
		var c Command
		got := errorText(p.Parse(splitWords(tt.line), &c))
		if got != tt.ipvsadm {
			t.Errorf("%s without DetailedErrors: %s, want %s", tt.line, got, tt.ipvsadm)
		}
		p.DetailedErrors = true
		if got := errorText(p.Parse(splitWords(tt.line), &c)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.line, got, tt.want)
		}
	}
}

func TestParseValueSyntax(t *testing.T) {
	web := "add-service TCP 10.0.0.1:80"
	persistent := func(n int) string {
		return fmt.Sprintf("add-service UDP 10.0.0.1:80 wlc flags 0x01 timeout %d mask 0xffffffff", n)
	}
	persistentOnePacket := func(n int) string {
		return fmt.Sprintf("add-service UDP 10.0.0.1:80 wlc flags 0x05 timeout %d mask 0xffffffff", n)
	}
	runLineTests(t, []lineTest{
		{line: "-A -t 10.0.0.1:80", want: web + defaults},
		{line: "-A -t10.0.0.1:80", want: web + defaults},
		{line: "-A -t=10.0.0.1:80", want: web + defaults},
		{line: "-At 10.0.0.1:80", want: web + defaults},
		{line: "-At10.0.0.1:80", want: web + defaults},
		{line: "-At=10.0.0.1:80", want: web + defaults},
		{line: "-A --tcp-service 10.0.0.1:80", want: web + defaults},
		{line: "-A --tcp-service=10.0.0.1:80", want: web + defaults},
		{line: "-A -t==10.0.0.1:80", want: badService, note: "only the first = is a separator"},
		{line: "-A --tcp-service==10.0.0.1:80", want: badService},
		{line: "-A -t=", want: badService, note: "empty value"},
		{line: "-A -t ''", want: badService},
		{line: "-At=", want: badService},
		{line: "-A --tcp-service=", want: badService},
		{line: "-A -t= 10.0.0.1:80", want: badService, note: "empty value, not the next word"},
		{line: "-A -t -s rr", want: badService, note: "a value may begin with a dash"},
		{line: "-A -t 10.0.0.1:80 -s -p", want: web + " -p flags 0x00 timeout 0 mask 0xffffffff"},
		{line: "-A -t 10.0.0.1:80 -s --", want: web + " -- flags 0x00 timeout 0 mask 0xffffffff"},
		{line: "-A --scheduler -t 10.0.0.1:80", want: "2 unexpected argument 10.0.0.1:80"},
		{line: "-A -s=rr=x -t 10.0.0.1:80", want: web + " rr=x flags 0x00 timeout 0 mask 0xffffffff"},
		{line: "-a -t 10.0.0.1:80 -r 10.0.0.2 -w -1", want: "2 illegal weight specified"},
		{line: "-L -foo", want: "2 invalid fwmark value `oo' specified", note: "-f with the value oo, not --foo"},
		{line: "-L -numeric", want: badService},
		{line: "-list", want: "2 Illegal 'scheduler' option with the 'list' command"},
		{line: "-L -test.80", want: badService, note: "not a flag of go test"},
		{line: "-A -test.80", want: badService},
		{line: "-L -ntest.80", want: badService},
		{line: "-A --test.v", want: "255 --test.v: unknown option"},

		{line: "-A -u 10.0.0.1:80 -p", want: persistent(360)},
		{line: "-A -u 10.0.0.1:80 -p 5", want: persistent(5)},
		{line: "-A -u 10.0.0.1:80 -p5", want: persistent(5)},
		{line: "-A -u 10.0.0.1:80 -p=5", want: persistent(5)},
		{line: "-A -u 10.0.0.1:80 --persistent", want: persistent(360)},
		{line: "-A -u 10.0.0.1:80 --persistent 5", want: persistent(5)},
		{line: "-A -u 10.0.0.1:80 --persistent=5", want: persistent(5)},
		{line: "-A -p -u 10.0.0.1:80", want: persistent(360)},
		{line: "-Ap5 -u 10.0.0.1:80", want: persistent(5)},
		{line: "-Ap 5 -u 10.0.0.1:80", want: persistent(5)},
		{line: "-A -u 10.0.0.1:80 -op", want: persistentOnePacket(360)},
		{line: "-A -u 10.0.0.1:80 -op5", want: persistentOnePacket(5)},
		{line: "-A -u 10.0.0.1:80 -op 5", want: persistentOnePacket(5)},
		{line: "-A -u 10.0.0.1:80 -p --", want: persistent(360)},
		{line: "-A -u 10.0.0.1:80 -p -- 5", want: "2 unexpected argument 5"},
		{line: "-A -u 10.0.0.1:80 -p -", want: "2 unexpected argument -"},
		{line: "-A -u 10.0.0.1:80 -p 5 6", want: "2 unexpected argument 6"},
		{line: "-A -u 10.0.0.1:80 -p -5", want: "255 -5: unknown option"},
		{line: "-A -u 10.0.0.1:80 -po", want: "2 invalid timeout value `o' specified"},
		{line: "-A -u 10.0.0.1:80 -p=", want: "2 invalid timeout value `' specified"},
		{line: "-A -u 10.0.0.1:80 -p= 5", want: "2 invalid timeout value `' specified"},
		{line: "-A -u 10.0.0.1:80 -op= 5", want: "2 invalid timeout value `' specified"},
		{line: "-A -u 10.0.0.1:80 -p ''", want: "2 invalid timeout value `' specified"},
		{line: "-A -u 10.0.0.1:80 --persistent=", want: "2 invalid timeout value `' specified"},
		{line: "-A -u 10.0.0.1:80 -p==5", want: "2 invalid timeout value `=5' specified"},
		{line: "-A -u 10.0.0.1:80 -p5=6", want: "2 invalid timeout value `5=6' specified"},
	})
}

func TestParseOptionRepeated(t *testing.T) {
	service, server, daemon := "-A -u 10.0.0.1:80 ", "-a -t 10.0.0.1:80 -r 10.0.0.2 -i ", "--start-daemon master "
	for _, tt := range []struct{ line, option string }{
		{line: "-L -n -n", option: "numeric"},
		{line: "-L -n --numeric", option: "numeric"},
		{line: "-L -c -c", option: "connection"},
		{line: service + "-u bad", option: "service-address"},
		{line: service + "-t 10.0.0.1:80", option: "service-address"},
		{line: service + "-f 0", option: "service-address"},
		{line: service + "--sctp-service x", option: "service-address"},
		{line: service + "-s rr -s rr", option: "scheduler"},
		{line: service + "-p -p0", option: "persistent"},
		{line: service + "-M 1 -M a", option: "netmask"},
		{line: server + "-r bad", option: "real-server"},
		{line: server + "-i", option: "forwarding-method"},
		{line: server + "-m", option: "forwarding-method"},
		{line: server + "-g", option: "forwarding-method"},
		{line: server + "-w 1 -w a", option: "weight"},
		{line: server + "-x 1 -x a", option: "u-threshold"},
		{line: server + "-y 1 -y a", option: "l-threshold"},
		{line: daemon + "--mcast-interface lo --mcast-interface lo", option: "mcast-interface"},
		{line: daemon + "--mcast-group 224.0.0.1 --mcast-group x", option: "mcast-group"},
		{line: daemon + "--mcast-port 1 --mcast-port x", option: "mcast-port"},
		{line: daemon + "--mcast-ttl 1 --mcast-ttl x", option: "mcast-ttl"},
		{line: daemon + "--syncid 1 --syncid x", option: "syncid"},
		{line: daemon + "--sync-maxlen 1 --sync-maxlen x", option: "sync-maxlen"},
		{line: "-L --timeout --timeout", option: "timeout"},
		{line: "-L --daemon --daemon", option: "daemon"},
		{line: "-L --stats --stats", option: "stats"},
		{line: "-L --rate --rate", option: "rate"},
		{line: "-L --thresholds --thresholds", option: "thresholds"},
		{line: "-L --persistent-conn --persistent-conn", option: "persistent-conn"},
		{line: "-L --nosort --nosort", option: "nosort"},
		{line: "-L --tun-info --tun-info", option: "tun-info"},
		{line: "-L -X --exact", option: "exact"},
		{line: service + "-o --ops", option: "ops"},
		{line: service + "--pe sip --pe sip", option: "pe"},
		{line: service + "-b flag-1 -b x", option: "sched-flags"},
		{line: server + "--tun-type gue --tun-type x", option: "tun-type"},
		{line: server + "--tun-port 5 --tun-port x", option: "tun-port"},
		{line: server + "--tun-nocsum --tun-nocsum", option: "tun-nocsum"},
		{line: server + "--tun-csum --tun-csum", option: "tun-csum"},
		{line: server + "--tun-remcsum --tun-remcsum", option: "tun-remcsum"},
	} {
		want := "2 multiple '" + tt.option + "' options specified"
		if got := outcome(testParser(t), tt.line); got != want {
			t.Errorf("%s\n got %s\nwant %s", tt.line, got, want)
		}
	}
	runLineTests(t, []lineTest{
		{line: "-L --sort --sort", want: "list"},
		{line: "-A --sort -t 10.0.0.1:80", want: "add-service TCP 10.0.0.1:80" + defaults, note: "any command accepts --sort"},
		{line: "-D -f 5 -6 -6", want: "delete-service mark 5 IPv6"},
		{line: service + "-u 10.0.0.1:80 -q", want: "2 multiple 'service-address' options specified", note: "errors in the order of words"},
		{line: service + "-q -u 10.0.0.1:80", want: "255 -q: unknown option"},
	})
}

func TestParseOptions(t *testing.T) {
	p := testParser(t)
	var c Command
	if err := p.Parse(splitWords("-L -n --stats -t 10.0.0.1:80 --sort"), &c); err != nil {
		t.Fatal(err)
	}
	var got []Option
	for o := range numOptions {
		if c.Options.Has(o) {
			got = append(got, o)
		}
	}
	if diff := cmp.Diff([]Option{Numeric, ServiceAddress, Stats}, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if !c.Options.HasAny(Rate, Stats) {
		t.Error("HasAny(Rate, Stats) = false")
	}
	if c.Options.HasAny(Rate, Weight) {
		t.Error("HasAny(Rate, Weight) = true")
	}
}

// TestParserReuse checks that a Parser retains nothing of the lines that it has parsed.
func TestParserReuse(t *testing.T) {
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
			p.Parse(splitWords(before), &c)
			err := p.Parse(splitWords(line), &c)
			if err != nil || describe(&c) != want {
				t.Errorf("%s after %s: got %s, error %v\nwant %s", line, before, describe(&c), err, want)
			}
		}
	}
}

func TestParseAllocations(t *testing.T) {
	p := testParser(t)
	words := splitWords("-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1")
	var c Command
	if n := testing.AllocsPerRun(100, func() { p.Parse(words, &c) }); n > 5 {
		t.Errorf("%v allocations for a line of five flags, want at most 5", n)
	}
}

// TestServiceConnections checks -L -c with a service.
func TestServiceConnections(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{line: "-L -c -t 10.0.0.1:80", want: "TCP 10.0.0.1:80"},
		{line: "-L -t 10.0.0.1:80 -c", want: "TCP 10.0.0.1:80"},
		{line: "-L -c -u [fd00::5]:53", want: "UDP [fd00::5]:53"},
		{line: "-L -c --sctp-service 10.0.0.1", want: "SCTP 10.0.0.1:0"},
		{line: "-L -c -t 10.0.0.1:80 --vip 10.0.0.1", want: "--vip cannot be combined with a service, which has a virtual address"},
		{line: "-L -c -f 5", want: "-c takes no firewall mark, because the connection table has none"},
		{line: "-L -c -t 10.0.0.1:80 --daemon", want: "The option 'daemon' conflicts with the 'connection' option in the 'list' command"},
		{line: "-L -t 10.0.0.1:80 --daemon", want: "The option 'daemon' conflicts with the 'service-address' option in the 'list' command"},
	} {
		p := testParser(t)
		p.ServiceConnections = true
		var c Command
		got := errorText(p.Parse(splitWords(tt.line), &c))
		if got == "" {
			got = c.Filter.Protocol.String() + " " + c.Filter.VIP.String()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.line, got, tt.want)
		}
	}
}

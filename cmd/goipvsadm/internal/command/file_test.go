// SPDX-License-Identifier: MIT

package command

import "testing"

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

func TestParseDrain(t *testing.T) {
	const server = "-d -t 10.0.0.1:80 -r 10.0.0.2 "
	p := testParser(t)
	for _, tt := range []struct {
		line string
		want uint32
		err  string
	}{
		{line: "--drain"},
		{line: "--drain=90", want: 90},
		{line: "--drain=90s", want: 90},
		{line: "--drain=5m", want: 300},
		{line: "--drain=1h", want: 3600},
		{line: "--drain=744h", want: 2678400},
		{line: "--drain=745h", err: "invalid value `745h' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=0m", err: "invalid value `0m' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=m", err: "invalid value `m' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=", err: "invalid value `' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=1d", err: "invalid value `1d' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain=1m30s", err: "invalid value `1m30s' for --drain: use a time such as 60, 90s, 5m or 1h"},
		{line: "--drain 5m", err: "unexpected argument 5m (did you mean --drain=5m?)"},
		{line: "5 --drain", err: "unexpected argument 5"},
		{line: "--drain -g 5", err: "unexpected argument 5"},
	} {
		var c Command
		if err := p.Parse(splitWords(server+tt.line), &c); errorText(err) != tt.err || err == nil && c.Drain != tt.want {
			t.Errorf("%s: %d, error %v; want %d, error %q", tt.line, c.Drain, err, tt.want, tt.err)
		}
	}
}

// TestHints checks that the error of a word without dashes suggests the flag that
// was probably meant. Without DetailedErrors, errors that ipvsadm has too are
// unchanged.
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

// SPDX-License-Identifier: MIT

package command

import "testing"

func TestParseImpliedList(t *testing.T) {
	p := testParser(t)
	for _, tt := range []struct{ line, explicit string }{
		{line: "-j", explicit: "-L -j"},
		{line: "-jn", explicit: "-L -jn"},
		{line: "--json --timeout", explicit: "-L --json --timeout"},
		{line: "-j -L", explicit: "-L -j"},
		{line: "-j --list -c", explicit: "-L -j -c"},
		{line: "-j --doctor", explicit: "--doctor -j"},
		{line: "--top 3 --doctor", explicit: "--doctor --top 3"},
		{line: "-jn --monitor=3", explicit: "--monitor=3 -jn"},
		{line: "--top 5 -n", explicit: "-L --top 5 -n"},
		{line: "--metrics", explicit: "-L --metrics"},
		{line: "--watch", explicit: "-L --watch"},
		{line: "--watch=3 -t 192.0.2.1:80", explicit: "-L --watch=3 -t 192.0.2.1:80"},
		{line: "-N blue -j", explicit: "-L -N blue -j"},
		{line: "-j -t", explicit: "-L -j -t"},
		{line: "--top x", explicit: "-L --top x"},
	} {
		var got, want Command
		gotErr := p.Parse(splitWords(tt.line), &got)
		wantErr := p.Parse(splitWords(tt.explicit), &want)
		if got != want || errorText(gotErr) != errorText(wantErr) {
			t.Errorf("%s: %+v, error %v\n%s: %+v, error %v", tt.line, got, gotErr, tt.explicit, want, wantErr)
		}
	}
	runLineTests(t, []lineTest{
		{line: "-j -C", want: "2 invalid option `-C'"},
		{line: "-j -L -L", want: "2 invalid option `-L'"},
		{line: "-j -A -t x", want: "2 invalid option `-A'"},
		{line: "--all", want: usageError},
		{line: "--drain", want: usageError},
		{line: "--verbose", want: usageError},
		{line: "-n -j", want: usageError},
		{line: "-t web1 -j", want: usageError},
		{line: "--top", want: usageError},
		{line: "--json=yes", want: usageError},
		{line: "--keep-weig", want: usageError},
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

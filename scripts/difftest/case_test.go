// SPDX-License-Identifier: MIT

package difftest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCases(t *testing.T) {
	text := `# a file

# first
$ ipvsadm -A -t '10.0.0.1 x:80' -s "r\tr"x ''

$ ipvsadm -R
< -A -f 5
<   -A -f 6
< "\r\n\x00"
$ ./other
`
	want := []Case{
		{Name: "f:4", Commands: []Command{{Args: []string{"ipvsadm", "-A", "-t", "10.0.0.1 x:80", "-s", "r\trx", ""}}}},
		{Name: "f:6", Commands: []Command{
			{Args: []string{"ipvsadm", "-R"}, Stdin: "-A -f 5\n  -A -f 6\n\r\n\x00"},
			{Args: []string{"./other"}},
		}},
	}
	got, err := ParseCases("f", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseCasesInvalid(t *testing.T) {
	for _, text := range []string{"< input first", "ipvsadm -L", "$ ipvsadm 'open", `$ ipvsadm "open`, "$ ipvsadm\n< \"open"} {
		if _, err := ParseCases("f", text); err == nil || !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("%q: %v, want an error with the line", text, err)
		}
	}
}

func TestCaseRoundTrip(t *testing.T) {
	want := Case{Commands: []Command{
		{Args: []string{"ipvsadm", "", "a b", "it's", `"`, "\xff\x00\n", "#", "<", "é", `\`}},
		{Args: []string{"ipvsadm", "-R"}, Stdin: "plain\n\ttab\r\n\"quoted\"\n\n  \nno end"},
	}}
	got, err := ParseCases("", want.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, want)
	}
	if len(got) != 1 {
		t.Fatalf("%d cases in\n%s", len(got), want)
	}
	if diff := cmp.Diff(want.Commands, got[0].Commands); diff != "" {
		t.Errorf("%s\n%s", want, diff)
	}
}

func TestCorpusDuplicates(t *testing.T) {
	subjects, err := ReadCorpus("../../testdata/differential")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]string)
	for subject, cases := range subjects {
		if len(cases) == 0 {
			t.Errorf("%s has no cases", subject)
		}
		for _, c := range cases {
			text := Case{Commands: c.Commands}.String()
			if first, ok := seen[text]; ok {
				t.Errorf("%s repeats %s:\n%s", c.Name, first, text)
			}
			seen[text] = c.Name
		}
	}
}

// SPDX-License-Identifier: MIT

package difftest

import "testing"

var (
	referenceTexts = Texts{Version: "v 1\n", Help: "v 1\nusage\n"}
	ourTexts       = Texts{Version: "own 1\n", Help: "own 1\nhelp\n"}
)

func TestSame(t *testing.T) {
	list := Command{Args: []string{"ipvsadm", "-L"}}
	save := Command{Args: []string{"ipvsadm", "-S"}}
	restore := Command{Args: []string{"ipvsadm", "-R"}}
	for _, tt := range []struct {
		name            string
		command         Command
		reference, ours Result
		want            bool
	}{
		{
			name: "equal", command: list, want: true,
			reference: Result{Status: 1, Stdout: "a\n", Stderr: "b\n"},
			ours:      Result{Status: 1, Stdout: "a\n", Stderr: "b\n"},
		},
		{
			name: "exit status", command: list, want: false,
			reference: Result{Status: 1, Stdout: "a\n", Stderr: "b\n"},
			ours:      Result{Status: 2, Stdout: "a\n", Stderr: "b\n"},
		},
		{
			name: "trailing blank", command: list, want: false,
			reference: Result{Stdout: "a \n"},
			ours:      Result{Stdout: "a\n"},
		},
		{
			name: "other stream", command: list, want: false,
			reference: Result{Stdout: "a\n"},
			ours:      Result{Stderr: "a\n"},
		},
		{
			name: "version and help text", command: list, want: true,
			reference: Result{Stdout: "v 1\nusage\n"},
			ours:      Result{Stdout: "own 1\nhelp\n"},
		},
		{
			name: "version instead of help", command: list, want: false,
			reference: Result{Stdout: "v 1\nusage\n"},
			ours:      Result{Stdout: "own 1\n"},
		},
		{
			name: "saved thresholds", command: save, want: true,
			reference: Result{Stdout: "-a -t A -r B -i -w 1 --tun-type ipip\n"},
			ours:      Result{Stdout: "-a -t A -r B -i -w 1 -x 5 -y 4 --tun-type ipip\n"},
		},
		{
			name: "thresholds in a listing", command: list, want: false,
			reference: Result{Stdout: "-a -t A -r B -g -w 1\n"},
			ours:      Result{Stdout: "-a -t A -r B -g -w 1 -x 5\n"},
		},
		{
			name: "address instead of a name", command: save, want: true,
			reference: Result{Stdout: "-A -t [vip6]:http -s rr\n-a -t x:1 -r multi:1 -m\n"},
			ours:      Result{Stdout: "-A -t [fd00::1]:http -s rr\n-a -t x:1 -r 192.168.7.2:1 -m\n"},
		},
		{
			name: "address with -n", command: Command{Args: []string{"ipvsadm", "-S", "-n"}}, want: false,
			reference: Result{Stdout: "-A -t multi:1\n"},
			ours:      Result{Stdout: "-A -t 192.168.7.2:1\n"},
		},
		{
			name: "address instead of a name that round-trips", command: save, want: false,
			reference: Result{Stdout: "-A -t web1:1\n"},
			ours:      Result{Stdout: "-A -t 10.1.1.1:1\n"},
		},
		{
			name: "escaped control character", command: restore, want: true,
			reference: Result{Status: 2, Stderr: "bad \x1b\n"},
			ours:      Result{Status: 2, Stderr: "line 3: bad \\x1b\n"},
		},
		{
			name: "unescaped control character", command: restore, want: false,
			reference: Result{Status: 2, Stderr: "bad \x1b\n"},
			ours:      Result{Status: 2, Stderr: "line 3: bad \x1b\n"},
		},
		{
			name: "line number in -R", command: restore, want: true,
			reference: Result{Status: 255, Stderr: "bad\n"},
			ours:      Result{Status: 255, Stderr: "line 3: bad\n"},
		},
		{
			name: "line number in -L", command: list, want: false,
			reference: Result{Status: 255, Stderr: "bad\n"},
			ours:      Result{Status: 255, Stderr: "line 3: bad\n"},
		},
		{
			name: "exit status of -R", command: restore, want: false,
			reference: Result{Stderr: "bad\n"},
			ours:      Result{Status: 255, Stderr: "line 3: bad\n"},
		},
		{
			name: "missing message", command: restore, want: false,
			reference: Result{Status: 255, Stderr: "bad\nbad\n"},
			ours:      Result{Status: 255, Stderr: "line 3: bad\n"},
		},
	} {
		if got := Same(tt.command, tt.reference, tt.ours, referenceTexts, ourTexts); got != tt.want {
			t.Errorf("%s: Same returned %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSortListing(t *testing.T) {
	listing := "-A -t B\n-a -t B -r 2\n-a -t B -r 1\n-A -t A\ntitle\nUDP  x rr\nTCP  y rr\n  -> 2\n  -> 1\nend\n"
	want := "-A -t A\n-A -t B\n-a -t B -r 1\n-a -t B -r 2\ntitle\nTCP  y rr\n  -> 1\n  -> 2\nUDP  x rr\nend\n"
	if got := SortListing(listing); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWithout(t *testing.T) {
	one, two := Result{Status: 1, Stdout: "a\nb\nb\nc\n", Stderr: "e"}, Result{Status: 2, Stdout: "b\nc\nd\n", Stderr: "e"}
	if got, want := one.Without(two), (Result{Status: 1, Stdout: "a\nb\n"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := two.Without(one), (Result{Status: 2, Stdout: "d\n"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

package difftest

import "testing"

var (
	theirs = Texts{Version: "v 1\n", Help: "v 1\nusage\n"}
	ours   = Texts{Version: "own 1\n", Help: "own 1\nhelp\n"}
)

func TestSame(t *testing.T) {
	list := Command{Args: []string{"ipvsadm", "-L"}}
	save := Command{Args: []string{"ipvsadm", "-S"}}
	restore := Command{Args: []string{"ipvsadm", "-R"}}
	for _, test := range []struct {
		name      string
		command   Command
		reference Result
		ours      Result
		want      bool
	}{
		{"equal", list, Result{1, "a\n", "b\n"}, Result{1, "a\n", "b\n"}, true},
		{"status", list, Result{1, "a\n", "b\n"}, Result{2, "a\n", "b\n"}, false},
		{"a blank", list, Result{Stdout: "a \n"}, Result{Stdout: "a\n"}, false},
		{"other stream", list, Result{Stdout: "a\n"}, Result{Stderr: "a\n"}, false},
		{"own words", list, Result{Stdout: "v 1\nusage\n"}, Result{Stdout: "own 1\nhelp\n"}, true},
		{"version for help", list, Result{Stdout: "v 1\nusage\n"}, Result{Stdout: "own 1\n"}, false},
		{"thresholds", save, Result{Stdout: "-a -t A -r B -i -w 1 --tun-type ipip\n"}, Result{Stdout: "-a -t A -r B -i -w 1 -x 5 -y 4 --tun-type ipip\n"}, true},
		{"thresholds where they do not belong", list, Result{Stdout: "-a -t A -r B -g -w 1\n"}, Result{Stdout: "-a -t A -r B -g -w 1 -x 5\n"}, false},
		{"a name that is a number", save, Result{Stdout: "-A -t [vip6]:http -s rr\n-a -t x:1 -r multi:1 -m\n"}, Result{Stdout: "-A -t [fd00::1]:http -s rr\n-a -t x:1 -r 192.168.7.2:1 -m\n"}, true},
		{"a name that is a number where there are none", Command{Args: []string{"ipvsadm", "-S", "-n"}}, Result{Stdout: "-A -t multi:1\n"}, Result{Stdout: "-A -t 192.168.7.2:1\n"}, false},
		{"another name", save, Result{Stdout: "-A -t web1:1\n"}, Result{Stdout: "-A -t 10.1.1.1:1\n"}, false},
		{"a control character in a message about a line", restore, Result{2, "", "bad \x1b\n"}, Result{2, "", "line 3: bad \\x1b\n"}, true},
		{"one that goes to the terminal", restore, Result{2, "", "bad \x1b\n"}, Result{2, "", "line 3: bad \x1b\n"}, false},
		{"line numbers", restore, Result{255, "", "bad\n"}, Result{255, "", "line 3: bad\n"}, true},
		{"line numbers where they do not belong", list, Result{255, "", "bad\n"}, Result{255, "", "line 3: bad\n"}, false},
		{"last line failed", restore, Result{2, "", "bad\n"}, Result{2, "", "line 3: bad\n"}, true},
		{"a failure before a good line", restore, Result{0, "", "bad\n"}, Result{255, "", "line 3: bad\n"}, true},
		{"a failure before a good line forgotten", restore, Result{0, "", "bad\n"}, Result{0, "", "line 3: bad\n"}, false},
		{"the first failure decides", restore, Result{2, "", "bad\nworse\n"}, Result{255, "", "line 3: bad\nline 4: worse\n"}, true},
		{"the last failure does not", restore, Result{2, "", "bad\nworse\n"}, Result{2, "", "line 3: bad\nline 4: worse\n"}, false},
		{"a message lost", restore, Result{255, "", "bad\nbad\n"}, Result{255, "", "line 3: bad\n"}, false},
	} {
		if got := Same(test.command, test.reference, test.ours, theirs, ours); got != test.want {
			t.Errorf("%s: same is %v, want %v", test.name, got, test.want)
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
	one, two := Result{1, "a\nb\nb\nc\n", "e"}, Result{2, "b\nc\nd\n", "e"}
	if got, want := one.Without(two), (Result{1, "a\nb\n", ""}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := two.Without(one), (Result{2, "d\n", ""}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

package difftest

import "testing"

var (
	theirs = Texts{Version: "v 1\n", Help: "v 1\nusage\n"}
	own    = Texts{Version: "own 1\n", Help: "own 1\nhelp\n"}
)

func TestSame(t *testing.T) {
	list := Command{Args: []string{"ipvsadm", "-L"}}
	save := Command{Args: []string{"ipvsadm", "-S"}}
	restore := Command{Args: []string{"ipvsadm", "-R"}}
	for _, test := range []struct {
		name      string
		command   Command
		reference Answer
		ours      Answer
		want      bool
	}{
		{"equal", list, Answer{1, "a\n", "b\n"}, Answer{1, "a\n", "b\n"}, true},
		{"status", list, Answer{1, "a\n", "b\n"}, Answer{2, "a\n", "b\n"}, false},
		{"a blank", list, Answer{Stdout: "a \n"}, Answer{Stdout: "a\n"}, false},
		{"other stream", list, Answer{Stdout: "a\n"}, Answer{Stderr: "a\n"}, false},
		{"own words", list, Answer{Stdout: "v 1\nusage\n"}, Answer{Stdout: "own 1\nhelp\n"}, true},
		{"version for help", list, Answer{Stdout: "v 1\nusage\n"}, Answer{Stdout: "own 1\n"}, false},
		{"thresholds", save, Answer{Stdout: "-a -t A -r B -i -w 1 --tun-type ipip\n"}, Answer{Stdout: "-a -t A -r B -i -w 1 -x 5 -y 4 --tun-type ipip\n"}, true},
		{"thresholds where they do not belong", list, Answer{Stdout: "-a -t A -r B -g -w 1\n"}, Answer{Stdout: "-a -t A -r B -g -w 1 -x 5\n"}, false},
		{"a name that is a number", save, Answer{Stdout: "-A -t [vip6]:http -s rr\n-a -t x:1 -r multi:1 -m\n"}, Answer{Stdout: "-A -t [fd00::1]:http -s rr\n-a -t x:1 -r 192.168.7.2:1 -m\n"}, true},
		{"a name that is a number where there are none", Command{Args: []string{"ipvsadm", "-S", "-n"}}, Answer{Stdout: "-A -t multi:1\n"}, Answer{Stdout: "-A -t 192.168.7.2:1\n"}, false},
		{"another name", save, Answer{Stdout: "-A -t web1:1\n"}, Answer{Stdout: "-A -t 10.1.1.1:1\n"}, false},
		{"a control character in a message about a line", restore, Answer{2, "", "bad \x1b\n"}, Answer{2, "", "line 3: bad \\x1b\n"}, true},
		{"one that goes to the terminal", restore, Answer{2, "", "bad \x1b\n"}, Answer{2, "", "line 3: bad \x1b\n"}, false},
		{"line numbers", restore, Answer{255, "", "bad\n"}, Answer{255, "", "line 3: bad\n"}, true},
		{"line numbers where they do not belong", list, Answer{255, "", "bad\n"}, Answer{255, "", "line 3: bad\n"}, false},
		{"last line failed", restore, Answer{2, "", "bad\n"}, Answer{2, "", "line 3: bad\n"}, true},
		{"a failure before a good line", restore, Answer{0, "", "bad\n"}, Answer{255, "", "line 3: bad\n"}, true},
		{"a failure before a good line forgotten", restore, Answer{0, "", "bad\n"}, Answer{0, "", "line 3: bad\n"}, false},
		{"the first failure decides", restore, Answer{2, "", "bad\nworse\n"}, Answer{255, "", "line 3: bad\nline 4: worse\n"}, true},
		{"the last failure does not", restore, Answer{2, "", "bad\nworse\n"}, Answer{2, "", "line 3: bad\nline 4: worse\n"}, false},
		{"a message lost", restore, Answer{255, "", "bad\nbad\n"}, Answer{255, "", "line 3: bad\n"}, false},
	} {
		if got := Same(test.command, test.reference, test.ours, theirs, own); got != test.want {
			t.Errorf("%s: same is %v, want %v", test.name, got, test.want)
		}
	}
}

func TestCanonical(t *testing.T) {
	listing := "-A -t B\n-a -t B -r 2\n-a -t B -r 1\n-A -t A\ntitle\nUDP  x rr\nTCP  y rr\n  -> 2\n  -> 1\nend\n"
	want := "-A -t A\n-A -t B\n-a -t B -r 1\n-a -t B -r 2\ntitle\nTCP  y rr\n  -> 1\n  -> 2\nUDP  x rr\nend\n"
	if got := Canonical(listing); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWithout(t *testing.T) {
	one, two := Answer{1, "a\nb\nb\nc\n", "e"}, Answer{2, "b\nc\nd\n", "e"}
	if got, want := one.Without(two), (Answer{1, "a\nb\n", ""}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := two.Without(one), (Answer{2, "d\n", ""}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

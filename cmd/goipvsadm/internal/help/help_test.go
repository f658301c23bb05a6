package help

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestVersionLine(t *testing.T) {
	defer func(v string) { Version = v }(Version)
	Version = "9.8"
	for name, want := range map[string]string{
		"ipvsadm":         "ipvsadm v1.31 2019/12/24 (goipvsadm 9.8 and IPVS v1.2.1)\n",
		"ipvsadm-restore": "ipvsadm v1.31 2019/12/24 (goipvsadm 9.8 and IPVS v1.2.1)\n",
		"goipvsadm":       "goipvsadm 9.8 (ipvsadm v1.31 and IPVS v1.2.1)\n",
	} {
		if got := VersionLine(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// What the program knows: -h must tell of all of it, and of nothing else.
var options = strings.Fields(`
	-A --add-service -E --edit-service -D --delete-service -C --clear
	-L -l --list -Z --zero -a --add-server -e --edit-server -d --delete-server
	-R --restore -S --save --set --start-daemon --stop-daemon -h --help
	-v --version -n --numeric -c --connection -t --tcp-service
	-u --udp-service --sctp-service -f --fwmark-service -6 --ipv6 -s --scheduler
	-p --persistent -M --netmask -r --real-server -g --gatewaying -i --ipip
	-m --masquerading -w --weight -x --u-threshold -y --l-threshold
	--mcast-interface --mcast-group --mcast-port --mcast-ttl --syncid
	--sync-maxlen --timeout --daemon --stats --rate --thresholds
	--persistent-conn --sort --nosort --tun-info -X --exact -o --ops --pe
	-b --sched-flags --tun-type --tun-port --tun-nocsum --tun-csum
	--tun-remcsum -j --json --metrics --watch --top --drain --check --apply --diff --doctor --probe --all --keep-weights
	--allow-empty --verbose -N --netns`)

func TestTextTellsOfEveryOption(t *testing.T) {
	text := Text("ipvsadm")
	// Where an option is explained, it begins the line or follows its short form.
	var told []string
	for line := range strings.Lines(text) {
		if words := regexp.MustCompile(`^  (-[^ ,\[]+(?:, -[^ ,\[]+)*)[ \[]`).FindStringSubmatch(line); words != nil {
			told = append(told, strings.Split(words[1], ", ")...)
		}
	}
	want := slices.Sorted(slices.Values(options))
	slices.Sort(told)
	for _, o := range want {
		if !slices.Contains(told, o) {
			t.Errorf("%s is not explained", o)
		}
	}
	for i, o := range told {
		if !slices.Contains(want, o) {
			t.Errorf("%s is explained, but does not exist", o)
		}
		if i > 0 && told[i-1] == o {
			t.Errorf("%s is explained twice", o)
		}
	}
}

func TestTextIsFilledIn(t *testing.T) {
	text := Text("other-name")
	if !strings.HasPrefix(text, VersionLine("other-name")+"Usage: other-name COMMAND") {
		t.Errorf("begins %.120q", text)
	}
	for _, want := range []string{"\n      rr    round robin", "\n      mh    ", "wlc unless given:\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if i := strings.IndexAny(text, "{}"); i >= 0 {
		t.Errorf("left over: %.30q", text[i:])
	}
	for line := range strings.Lines(text) {
		if len(line) > 81 || strings.HasSuffix(line, " \n") {
			t.Errorf("long line or trailing blank: %q", line)
		}
	}
}

func TestSummaries(t *testing.T) {
	summaries := Summaries()
	for flag, want := range map[string]string{
		"-D":        "delete a service and its servers",
		"--save":    "print the table as lines for -R",
		"-l":        "list services and servers, or [SERVICE] alone",
		"--set":     "time-outs of idle connections, in seconds",
		"-s":        "how servers are chosen, wlc unless given",
		"-p":        "keep a client on one server until it was away for that long",
		"--drain":   "set the weight to 0, and remove the server when its connections are over, or the seconds",
		"-6":        "the mark is for IPv6 packets",
		"--no-such": "",
	} {
		if got := summaries[flag]; got != want {
			t.Errorf("%s: %q, want %q", flag, got, want)
		}
	}
	for _, flag := range options {
		if summaries[flag] == "" {
			t.Errorf("%s has no summary", flag)
		}
	}
}

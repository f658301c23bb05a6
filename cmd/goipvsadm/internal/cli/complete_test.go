package cli

import (
	"strings"
	"testing"

	"goipvsadm/ipvs/ipvstest"
)

func TestComplete(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"a word", "--complete --add-ser", "" +
			"--add-service\tadd a service\n--add-server\tadd a server to a service\n"},
		{"a value without a note", "--complete --start-daemon m", "master\n"},
		{"nothing typed", "--complete -L --netns blue -j --exact --nosort --sort --syncid 1 -c --tun-info ",
			"--numeric\tdo not resolve names\n--persistent-conn\tpersistent connections\n--sort\tsort services and servers\n"},
		{"nothing to propose", "--complete -A -w ", ""},
		{"a namespace that is not there", "--complete -L -N no-such-namespace -t ", ""},
		{"after the options", "--complete -L -- ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			args := append([]string{"goipvsadm"}, words(tt.line)...)
			status := Run(args, strings.NewReader(""), &stdout, &stderr, noIPVS)
			if status != 0 || stderr.String() != "" {
				t.Errorf("status %d, %q", status, stderr.String())
			}
			if got := stdout.String(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// Completion is for whoever types; elsewhere the word means nothing.
func TestCompleteIsNoCommand(t *testing.T) {
	var k ipvstest.FakeKernel
	want := result{255, "", "Try `goipvsadm -h' or 'goipvsadm --help' for more information.\n"}
	if got := run(&k, "", "goipvsadm", "-n", "--complete"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := run(&k, "--complete -A\n", "goipvsadm", "-R"); got.status != 255 || got.stdout != "" {
		t.Errorf("in a rule: %+v", got)
	}
}

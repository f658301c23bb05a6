// SPDX-License-Identifier: MIT

package cli

import (
	"strings"
	"testing"

	"goipvsadm/ipvs/ipvstest"
)

func TestComplete(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{
			name: "option",
			line: "--complete --add-ser",
			want: "" +
				"--add-service\tadd a service\n--add-server\tadd a server to a service\n",
		},
		{name: "value without description", line: "--complete --start-daemon m", want: "master\n"},
		{
			name: "empty word",
			line: "--complete -L --netns blue -j --exact --nosort --sort --syncid 1 -t 192.0.2.1:80 -c --tun-info --server 192.0.2.2 --client 192.0.2.3 --state UDP --count --watch ",
			want: "--numeric\tdo not resolve names\n--persistent-conn\tpersistent connections\n--sort\tsort services and servers\n",
		},
		{name: "no candidates", line: "--complete -A -w "},
		{name: "missing namespace", line: "--complete -L -N no-such-namespace -t "},
		{name: "after --", line: "--complete -L -- "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			args := words("goipvsadm " + tt.line)
			status := Run(args, strings.NewReader(""), &stdout, &stderr, noIPVS)
			if status != 0 || stderr.String() != "" {
				t.Errorf("status %d, %q", status, stderr.String())
			}
			if got := stdout.String(); got != tt.want {
				t.Errorf("printed %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCompleteNotFirst checks that --complete is an unknown option except as the
// first argument.
func TestCompleteNotFirst(t *testing.T) {
	var k ipvstest.FakeKernel
	want := result{255, "", "-n: the first option must be a command, such as -L\n"}
	if got := run(&k, "", "goipvsadm", "-n", "--complete"); got != want {
		t.Errorf("-n --complete: %+v, want %+v", got, want)
	}
	if got := run(&k, "--complete -A\n", "goipvsadm", "-R"); got.status != 255 || got.stdout != "" {
		t.Errorf("rule: %+v", got)
	}
}

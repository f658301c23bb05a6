// SPDX-License-Identifier: MIT

package cli

import (
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

func TestSaveAll(t *testing.T) {
	const daemons = "--start-daemon master --mcast-interface eth1 --syncid 3 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n" +
		"--start-daemon backup --mcast-interface eth0 --syncid 0\n"
	const all = "--set 900 120 300\n" + oneServer + daemons
	k := kernelWith(t, oneServer+daemons)
	if got := run(k, "", "ipvsadm", "-S", "-n", "--all"); got != (result{0, all, ""}) {
		t.Errorf("-S --all: %+v", got)
	}
	if got := run(k, "", "ipvsadm", "-S", "-n"); got != (result{0, oneServer, ""}) {
		t.Errorf("-S: %+v", got)
	}
	if got := runWithoutKernel(t, all, "ipvsadm", "--check"); got != (result{}) {
		t.Errorf("--check: %+v", got)
	}
	if got := run(k, all, "ipvsadm", "--diff"); got != (result{}) {
		t.Errorf("--diff: %+v", got)
	}
	for _, command := range []string{"-R", "--apply"} {
		var fresh ipvstest.FakeKernel
		if got := run(&fresh, all, "ipvsadm", command); got != (result{}) || saveAll(t, &fresh) != all {
			t.Errorf("%s: %+v", command, got)
		}
	}
}

func TestMissingNamespace(t *testing.T) {
	missing := func(options ...ipvs.Option) (*ipvs.Client, error) {
		if len(options) != 2 { // modprobe output, namespace
			t.Errorf("the program dials with %d options, want 2", len(options))
		}
		return nil, &ipvs.NetNSError{Path: "foo", Tried: []string{"/run/netns/foo", "/run/docker/netns/foo"}, Errno: syscall.ENOENT}
	}
	for _, line := range []string{
		"ipvsadm -L -n -N foo",
		"ipvsadm -L -c --netns=foo",
		"ipvsadm -L --netns foo --timeout",
		"ipvsadm -A -t 192.0.2.1:80 -Nfoo",
		"ipvsadm -C -N foo",
		"ipvsadm -R -N foo",
		"ipvsadm -S -nN foo",
		"ipvsadm -N foo",
		"ipvsadm -N foo -C",
		"ipvsadm --apply -N foo",
		"ipvsadm --diff --allow-empty --netns foo",
		"ipvsadm --set 1 2 3 -N foo",
		"ipvsadm-save -n -N foo",
		"ipvsadm-save -Nfoo -n",
		"ipvsadm-restore --netns=foo",
		"ipvsadm-restore ignored -N foo",
	} {
		var stdout, stderr strings.Builder
		status := Run(words(line), strings.NewReader(oneServer), &stdout, &stderr, missing)
		want := "cannot open network namespace \"foo\": No such file or directory (tried /run/netns/foo, /run/docker/netns/foo)\n"
		if status != 2 || stdout.String() != "" || stderr.String() != want {
			t.Errorf("%s: status %d, output %q", line, status, stdout.String()+stderr.String())
		}
	}
	// A missing argument is reported before anything else.
	if got := runWithoutKernel(t, "", "ipvsadm-restore", "-N"); got != (result{255, "", "-N: missing argument\n"}) {
		t.Errorf("ipvsadm-restore -N: %+v", got)
	}
}

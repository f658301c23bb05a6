// SPDX-License-Identifier: MIT

//go:build kernel

package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"goipvsadm/scripts/testnet"
)

// TestMetricsKernel checks the metrics of a table with all kinds of services and
// servers, and real connections, with promtool.
func TestMetricsKernel(t *testing.T) {
	promtool, err := filepath.Abs("../../../../scripts/promtool")
	if err != nil {
		t.Fatal(err)
	}
	l := newListLab(t)
	l.shell("ipvsadm -a -t 10.8.3.100:80 -r 10.8.3.1 -g -w 0; ipvsadm -a -f 10 -r [fd08:4::11]:0 -i --tun-type gre --tun-csum; "+
		"ipvsadm -a --sctp-service 10.8.3.100:9 -r 10.8.4.11 -i -w 0", 0)
	if _, err := l.client.CountResponses("http://10.8.3.100/", 20); err != nil {
		t.Fatal(err)
	}

	// The kernel updates the counters every two seconds.
	const connections = `ipvs_service_connections_total{family="ipv4",protocol="tcp",address="10.8.3.100",port="80"} `
	text := ""
	err = testnet.Eventually(func() error {
		text = l.shell("ipvsadm -L --metrics", 0).Stdout
		if !strings.Contains(text, "\n"+connections+"20\n") {
			return fmt.Errorf("no %s20 in\n%s", connections, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var all listDocument
	l.list("", &all)
	for _, s := range all.Services {
		service := fmt.Sprintf(`protocol=%q,address=%q,port="%d"`, s.Protocol, s.Address, s.Port)
		if s.Mark != 0 {
			service = fmt.Sprintf(`mark="%d"`, s.Mark)
		}
		for _, line := range []string{
			fmt.Sprintf("ipvs_service_connections_total{%s} %d", service, s.Stats.Connections),
			fmt.Sprintf("ipvs_service_out_bytes_total{%s} %d", service, s.Stats.OutBytes),
		} {
			if !strings.Contains(strings.NewReplacer(`family="ipv4",`, "", `family="ipv6",`, "").Replace(text), "\n"+line+"\n") {
				t.Errorf("no %s", line)
			}
		}
	}
	if !strings.Contains(text, "\n"+connections+"20\n") || strings.Count(text, "\nipvs_server_info{") != 9 {
		t.Errorf("unexpected metrics:\n%s", text)
	}

	// The totals of the namespace include services that were removed.
	l.shell("ipvsadm -D -t 10.8.3.100:80", 0)
	if text := l.shell("ipvsadm -L --metrics", 0).Stdout; !strings.Contains(text, "\nipvs_connections_total 20\n") {
		t.Errorf("no ipvs_connections_total 20 in\n%s", text)
	}
	elsewhere, err := l.tool.Shell(l.network.Host("one"), "ipvsadm -L --metrics -N "+l.director.Name+" | grep ^ipvs_.*_total\\ ; ipvsadm -L --metrics | grep ^ipvs_conn")
	if err != nil {
		t.Fatal(err)
	}
	if text := elsewhere.Stdout; !strings.Contains(text, "ipvs_connections_total 20\n") || !strings.Contains(text, "\nipvs_connections_total 0\n") ||
		strings.Contains(text, "ipvs_out_bytes_total 0\n") {
		t.Errorf("metrics of the director, read from another namespace, and of that namespace:\n%s", text)
	}

	for _, step := range []struct{ name, setup string }{
		{name: "all kinds", setup: "true"},
		{
			name:  "daemon",
			setup: "ipvsadm -d -f 10 -r [fd08:4::11]:0; ipvsadm --start-daemon backup --mcast-interface eth1 --syncid 7; sleep 0.2",
		},
		{name: "empty table", setup: "ipvsadm --stop-daemon backup; ipvsadm -C"},
	} {
		l.shell(step.setup, 0)
		if got := l.shell("ipvsadm -L --metrics | "+promtool+" check metrics", 0); got.Stdout+got.Stderr != "" {
			t.Errorf("%s: promtool: %s%s", step.name, got.Stdout, got.Stderr)
		}
	}
}

// TestModuleLoading checks that only commands that change the table, and the listings
// of ipvsadm, load the module.
func TestModuleLoading(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	ns, err := testnet.NewNetns("modules")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	const notLoaded = "the kernel module ip_vs is not loaded: run `modprobe ip_vs' or add a service\n"
	for _, tt := range []struct {
		line   string
		want   testnet.Result
		loaded bool
	}{
		{line: "ipvsadm -L --metrics", want: testnet.Result{Status: 2, Stderr: notLoaded}},
		{line: "ipvsadm -L --metrics=openmetrics -N modules", want: testnet.Result{Status: 2, Stderr: notLoaded}},
		{line: "ipvsadm --complete -D -t ''"},
		{line: "ipvsadm --complete -N modules -D -t ''"},
		{line: "echo -A -t 192.0.2.1:80 -s wlc -p --pe sip | ipvsadm --check"},
		{line: "ipvsadm -h >/dev/null; ipvsadm -v >/dev/null"},
		{line: "ipvsadm -S", loaded: true},
	} {
		unloadIPVS(t)
		got, err := tool.Shell(ns, tt.line)
		if err != nil {
			t.Fatal(err)
		}
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.line, got, tt.want)
		}
		if _, err := os.Stat("/sys/module/ip_vs"); (err == nil) != tt.loaded {
			t.Errorf("%s: module loaded: %v, want %v", tt.line, err == nil, tt.loaded)
		}
	}
}

// unloadIPVS removes the module. It retries, because namespaces and their tables are
// freed asynchronously.
func unloadIPVS(t *testing.T) {
	t.Helper()
	err := testnet.Eventually(func() error {
		out, err := exec.Command("sh", "-c", "for m in $(lsmod | sed -n 's/^\\(ip_vs_[a-z_]*\\) .*/\\1/p'); do modprobe -r $m; done; "+
			"if [ -e /sys/module/ip_vs ]; then modprobe -r ip_vs; fi").CombinedOutput()
		if err != nil {
			return fmt.Errorf("unload ip_vs: %w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

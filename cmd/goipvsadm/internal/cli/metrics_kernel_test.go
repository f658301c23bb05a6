//go:build kernel

package cli_test

import (
	"fmt"
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
	l.run("ipvsadm -a -t 10.8.3.100:80 -r 10.8.3.1 -g -w 0; ipvsadm -a -f 10 -r [fd08:4::11]:0 -i --tun-type gre --tun-csum; "+
		"ipvsadm -a --sctp-service 10.8.3.100:9 -r 10.8.4.11 -i -w 0", 0)
	if _, err := l.client.CountResponses("http://10.8.3.100/", 20); err != nil {
		t.Fatal(err)
	}

	// The kernel updates the counters every two seconds.
	const connections = `ipvs_service_connections_total{family="ipv4",protocol="tcp",address="10.8.3.100",port="80"} `
	text := ""
	err = testnet.Eventually(func() error {
		text = l.run("ipvsadm -L --metrics", 0).Stdout
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

	for _, step := range []struct{ name, setup string }{
		{name: "all kinds", setup: "true"},
		{
			name:  "daemon",
			setup: "ipvsadm -d -f 10 -r [fd08:4::11]:0; ipvsadm --start-daemon backup --mcast-interface eth1 --syncid 7; sleep 0.2",
		},
		{name: "empty table", setup: "ipvsadm --stop-daemon backup; ipvsadm -C"},
	} {
		l.run(step.setup, 0)
		if got := l.run("ipvsadm -L --metrics | "+promtool+" check metrics", 0); got.Stdout+got.Stderr != "" {
			t.Errorf("%s: promtool: %s%s", step.name, got.Stdout, got.Stderr)
		}
	}
}

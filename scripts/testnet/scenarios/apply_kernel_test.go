// SPDX-License-Identifier: MIT

//go:build kernel

// Tests that --apply changes a live table without interrupting connections.

package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goipvsadm/scripts/testnet"
)

// Two tables, and the output of --apply --verbose when it changes the first into the second. They
// are templates: VIP is the director's virtual address, WEB1 and WEB2 are the servers, DOWN is the
// address of a server that does not exist, and METHOD is the forwarding method.
const (
	tableBefore = `
-A -t VIP:80 -s rr
-a -t VIP:80 -r WEB1:80 METHOD -w 1
-a -t VIP:80 -r DOWN:80 METHOD -w 0
-A -t VIP:81 -s rr -p 600
-a -t VIP:81 -r WEB1:81 METHOD -w 1
-a -t VIP:81 -r WEB2:81 METHOD -w 1
-A -f 99 -s sh
-a -f 99 -r WEB1:0 METHOD -w 1
`
	tableAfter = `
-A -u VIP:53 -s rr
-a -u VIP:53 -r WEB2:53 METHOD -w 1
-A -t VIP:80 -s wrr
-a -t VIP:80 -r WEB1:80 METHOD -w 3 -x 1000 -y 900
-a -t VIP:80 -r WEB2:80 METHOD -w 1
-A -t VIP:81 -s wlc -p 600
-a -t VIP:81 -r WEB1:81 METHOD -w 5
-a -t VIP:81 -r WEB2:81 METHOD -w 5
`
	wantChanges = `
-A -u VIP:53 -s rr
-a -u VIP:53 -r WEB2:53 METHOD -w 1
-e -t VIP:80 -r WEB1:80 METHOD -w 3 -x 1000 -y 900
-a -t VIP:80 -r WEB2:80 METHOD -w 1
-e -t VIP:81 -r WEB1:81 METHOD -w 5
-e -t VIP:81 -r WEB2:81 METHOD -w 5
-E -t VIP:80 -s wrr
-E -t VIP:81 -s wlc -p 600
-d -t VIP:80 -r DOWN:80
-D -f 99
# 3 added, 5 edited, 2 removed
`
	wantNoChanges = "# 0 added, 0 edited, 0 removed\n"
)

// applyScenario returns a scenario that changes the table during a download, with an open
// connection and a persistent client.
func applyScenario(name string, plan testnet.Plan, method, vip, web1, web2, down string) Scenario {
	tunnel := ""
	if method == "-i" {
		tunnel = " --tun-type ipip"
	}
	fill := strings.NewReplacer("VIP", vip, "WEB1", web1, "WEB2", web2, "DOWN", down, "METHOD", method).Replace
	return Scenario{Name: name, Plan: plan, steps: func(r *runner) {
		for file, rules := range map[string]string{"before": tableBefore, "after": tableAfter} {
			if err := os.WriteFile(filepath.Join(r.tool.Work, file), []byte(fill(rules)), 0o644); err != nil {
				r.failf("%w", err)
			}
		}
		r.serve([]string{":80", ":81"}, "web1", "web2")
		r.runOnDirector("ipvsadm --apply <before")

		client := r.clientFrom("client", "")
		url, persistent := fmt.Sprintf("http://%s/", vip), fmt.Sprintf("http://%s:81/", vip)
		conn := r.openConn(client, url)
		download := r.download(client, url)
		server := r.expectPersistent(client, persistent, 3, "")

		var want strings.Builder
		for line := range strings.Lines(strings.TrimPrefix(fill(wantChanges), "\n")) {
			line = strings.TrimSuffix(line, "\n")
			if strings.Contains(line, method+" ") {
				line += tunnel
			}
			want.WriteString(line + "\n")
		}
		if got := r.run("director", "ipvsadm --apply --verbose <after"); r.err == nil && got != want.String() {
			r.failf("--apply printed:\n%s\nwant:\n%s", got, want.String())
		}
		download.readMore()
		conn.request()
		r.expectPersistent(client, persistent, 4, server)
		r.expectCounters(map[string]int{vip + ":80": 2, web1 + ":80": 2, vip + ":81": 7}, method == "-m")
		r.expectResponses(client, url, testnet.ResponseCounts{"web1": 6, "web2": 2})

		// Apply both tables alternately; applying a table again changes nothing.
		for range 3 {
			for _, table := range []string{"before", "after"} {
				r.runOnDirector("ipvsadm --apply <" + table)
				download.readMore()
				conn.request()
				if got := r.run("director", "ipvsadm --apply --verbose <"+table); r.err == nil && got != wantNoChanges {
					r.failf("second --apply of %s printed:\n%s", table, got)
				}
			}
		}
		r.expectPersistent(client, persistent, 2, server)
		// List the director's connections from another namespace.
		if got := r.run("client", "ipvsadm -N director -L -n -c | grep -c ESTABLISHED"); r.err == nil && got != "2\n" {
			r.failf("%s established connections on the director, want 2", strings.TrimSpace(got))
		}
		download.readMore()
		conn.request()
	}}
}

func TestApplyUnderTraffic(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	for _, s := range []Scenario{
		applyScenario("nat", natPlan, "-m", "192.168.2.110", "192.168.1.11", "192.168.1.12", "192.168.1.99"),
		applyScenario("dr", drPlan, "-g", "172.16.100.10", "172.16.100.21", "172.16.100.22", "172.16.100.99"),
		applyScenario("tun", tunPlan, "-i", "10.0.2.10", "10.0.3.11", "10.0.4.12", "10.0.4.99"),
	} {
		t.Run(s.Name, func(t *testing.T) {
			if err := s.Run(t.Output(), tool); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// runningDownload is a download that continues until the scenario ends.
type runningDownload struct {
	r *runner
	*testnet.Download
}

// download starts an endless download.
func (r *runner) download(client testnet.Client, url string) *runningDownload {
	if r.err != nil {
		return &runningDownload{r: r}
	}
	d, err := client.Download(strings.TrimSuffix(url, "/"))
	if err != nil {
		r.failf("download from %s: %w", url, err)
	}
	return &runningDownload{r, d}
}

// readMore reads more of the download.
func (d *runningDownload) readMore() {
	const lines = 50_000
	if r := d.r; r.err == nil {
		if err := d.Read(lines); err != nil {
			r.failf("download from %s was interrupted: %w", d.ServerName, err)
		}
	}
}

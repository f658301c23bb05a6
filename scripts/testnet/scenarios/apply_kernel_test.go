//go:build kernel

// A live table is changed by --apply while connections go through it.

package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goipvsadm/scripts/testnet"
)

// liveTables are two tables for a director at VIP with the servers WEB1 and
// WEB2 (and one that is not there), which are reached by METHOD. From the one
// to the other is what CHANGES says.
const (
	tableBefore = `
-A -t VIP:80 -s rr
-a -t VIP:80 -r WEB1:80 METHOD -w 1
-a -t VIP:80 -r NOBODY:80 METHOD -w 0
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
-E -t VIP:80 -s wrr
-e -t VIP:80 -r WEB1:80 METHOD -w 3 -x 1000 -y 900
-a -t VIP:80 -r WEB2:80 METHOD -w 1
-E -t VIP:81 -s wlc -p 600
-e -t VIP:81 -r WEB1:81 METHOD -w 5
-e -t VIP:81 -r WEB2:81 METHOD -w 5
-d -t VIP:80 -r NOBODY:80
-D -f 99
# 3 added, 5 edited, 2 removed
`
	wantNoChanges = "# 0 added, 0 edited, 0 removed\n"
)

// applied is a set-up whose table changes under a download, a held connection
// and a client that persistence keeps on its server.
func applyScenario(name string, plan testnet.Plan, method, vip, web1, web2, nobody string) Scenario {
	tunnel := ""
	if method == "-i" {
		tunnel = " --tun-type ipip"
	}
	fill := strings.NewReplacer("VIP", vip, "WEB1", web1, "WEB2", web2, "NOBODY", nobody, "METHOD", method).Replace
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
		held := r.openConn(client, url)
		download := r.download(client, url)
		stuck := r.expectPersistent(client, persistent, 3, "")

		var want strings.Builder
		for line := range strings.Lines(strings.TrimPrefix(fill(wantChanges), "\n")) {
			line = strings.TrimSuffix(line, "\n")
			if strings.Contains(line, method+" ") {
				line += tunnel
			}
			want.WriteString(line + "\n")
		}
		if got := r.run("director", "ipvsadm --apply --verbose <after"); r.err == nil && got != want.String() {
			r.failf("--apply did\n%s\nand should have done\n%s", got, want.String())
		}
		download.readMore()
		held.request()
		r.expectPersistent(client, persistent, 4, stuck)
		r.expectCounters(map[string]int{vip + ":80": 2, web1 + ":80": 2, vip + ":81": 7}, method == "-m")
		r.expectResponses(client, url, testnet.ResponseCounts{"web1": 6, "web2": 2})

		// To and fro, and twice the same.
		for range 3 {
			for _, table := range []string{"before", "after"} {
				r.runOnDirector("ipvsadm --apply <" + table)
				download.readMore()
				held.request()
				if got := r.run("director", "ipvsadm --apply --verbose <"+table); r.err == nil && got != wantNoChanges {
					r.failf("--apply again did\n%s", got)
				}
			}
		}
		r.expectPersistent(client, persistent, 2, stuck)
		// Seen from another host.
		if got := r.run("client", "ipvsadm -N director -L -n -c | grep -c ESTABLISHED"); r.err == nil && got != "2\n" {
			r.failf("%s open connections on the director; it should be 2", strings.TrimSpace(got))
		}
		download.readMore()
		held.request()
	}}
}

func TestApplyUnderTraffic(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	for _, setup := range []Scenario{
		applyScenario("nat", natPlan, "-m", "192.168.2.110", "192.168.1.11", "192.168.1.12", "192.168.1.99"),
		applyScenario("dr", drPlan, "-g", "172.16.100.10", "172.16.100.21", "172.16.100.22", "172.16.100.99"),
		applyScenario("tun", tunPlan, "-i", "10.0.2.10", "10.0.3.11", "10.0.4.12", "10.0.4.99"),
	} {
		t.Run(setup.Name, func(t *testing.T) {
			if err := setup.Run(t.Output(), tool); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A runningDownload goes on until the set-up ends.
type runningDownload struct {
	r *runner
	*testnet.Download
}

// download begins a download without an end.
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

// goOn fetches some more.
func (d *runningDownload) readMore() {
	const lines = 50_000
	if r := d.r; r.err == nil {
		if err := d.Read(lines); err != nil {
			r.failf("a download from %s did not live on: %w", d.ServerName, err)
		}
	}
}

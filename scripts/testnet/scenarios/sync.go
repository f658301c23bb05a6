// SPDX-License-Identifier: MIT

package scenarios

import (
	"errors"

	"goipvsadm/scripts/testnet"
)

var syncPlan = append(testnet.Plan{
	{Name: "director2", Links: []testnet.Link{{To: "lan", Addresses: []string{"172.16.100.4/24"}}}},
}, drPlan...)

var syncDaemon = Scenario{
	Name:  "sync",
	Title: "Connection synchronization between two directors",
	About: "Direct routing with a standby director. The master's sync daemon multicasts its connections\n" +
		"to the backup's, so that open connections survive a failover.",
	Plan: syncPlan,
	steps: func(r *runner) {
		r.serve(httpPort, "web1", "web2")
		client := r.clientFrom("client", "")
		r.runOnDirector(
			"ipvsadm -A -t 172.16.100.10:80 -s rr",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g",
			"ipvsadm -S -n >rules",
		)
		r.run("director2", "ipvsadm -R <rules")
		r.run("director2", "ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 7")
		r.run("director", "ipvsadm --start-daemon master --mcast-interface eth0 --syncid 7")
		r.expectDaemon("director", "master sync daemon (mcast=eth0, syncid=7, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n")
		r.expectDaemon("director2", "backup sync daemon (mcast=eth0, syncid=7, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n")

		open := r.openConn(client, "http://172.16.100.10/")
		entry := []string{"TCP", "ESTABLISHED", "172.16.100.1:*", "172.16.100.10:80", drServerAddr[open.server] + ":80"}
		r.expectConnections("director", established, entry)
		r.eventually("synchronization to the backup", func() error {
			if countEntries(r.runQuiet("director2", "ipvsadm -L -n -c"), entry) != 1 {
				return errors.New("connection not found")
			}
			return nil
		})
		r.expectConnections("director2", established, entry)
		r.expectHealthy("director", "director2")

		r.comment("Failover: move the virtual address to the second director, and clear the client's ARP cache:")
		r.run("director", "ip address del 172.16.100.10/32 dev eth0")
		r.run("director2", "ip address add 172.16.100.10/32 dev eth0")
		r.run("client", "ip neigh flush dev eth0")
		open.request()
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		r.expectHealthy("director2")

		r.run("director", "ipvsadm --stop-daemon master")
		r.run("director2", "ipvsadm --stop-daemon backup")
		r.expectDaemon("director", "")
		r.expectDaemon("director2", "")
	},
}

// expectDaemon lists the sync daemons of a host and compares the listing.
func (r *runner) expectDaemon(host, want string) {
	if got := r.run(host, "ipvsadm -L --daemon"); r.err == nil && got != want {
		r.failf("sync daemons on %s: %q, want %q", host, got, want)
	}
}

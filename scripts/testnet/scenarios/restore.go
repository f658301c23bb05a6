// SPDX-License-Identifier: MIT

package scenarios

import (
	"net/netip"

	"goipvsadm/scripts/testnet"
)

// restorePlan is drPlan with a third server in a network behind the director.
var restorePlan = testnet.Plan{
	drPlan[0],
	{Name: "director", Sysctls: forwardingSysctls, Links: []testnet.Link{
		drPlan[1].Links[0],
		{To: "inside", Addresses: []string{"192.168.1.1/24"}},
	}},
	drPlan[2],
	drPlan[3],
	{Name: "web3", Gateway: "192.168.1.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"192.168.1.13/24"}}}},
}

var saveAndRestore = Scenario{
	Name:  "restore",
	Title: "Save and restore",
	About: "Direct routing, and a third server behind the director (NAT) for packets with mark 10. The\n" +
		"table is saved to a file of ipvsadm commands, cleared and restored from the file.",
	Plan: restorePlan,
	steps: func(r *runner) {
		r.serve(httpPort, "web1", "web2")
		r.serve([]string{":8080"}, "web3")
		client := r.clientFrom("client", "")
		r.runOnDirector(testnet.MarkRule{Device: "eth0", To: netip.MustParseAddr("172.16.100.10"), Ports: []int{8080}, Mark: 10}.AddCommands()...)
		r.runOnDirector(
			"ipvsadm -A -t 172.16.100.10:80 -s rr",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g",
			"ipvsadm -A -u 172.16.100.10:53 -s sh -b sh-port -o",
			"ipvsadm -a -u 172.16.100.10:53 -r 172.16.100.21 -i -w 5",
			"ipvsadm -A -f 10 -s wlc -p 600 -M 255.255.255.0",
			"ipvsadm -a -f 10 -r 192.168.1.13:8080 -m -w 3",
		)
		table := r.run("director", "ipvsadm -S -n")
		const want = `-A -t 172.16.100.10:80 -s rr
-a -t 172.16.100.10:80 -r 172.16.100.21:80 -g -w 1
-a -t 172.16.100.10:80 -r 172.16.100.22:80 -g -w 1
-A -u 172.16.100.10:53 -s sh -o -b sh-port
-a -u 172.16.100.10:53 -r 172.16.100.21:53 -i -w 5 --tun-type ipip
-A -f 10 -s wlc -p 600 -M 255.255.255.0
-a -f 10 -r 192.168.1.13:8080 -m -w 3
`
		if r.err == nil && table != want {
			r.failf("saved table:\n%s\nwant:\n%s", table, want)
		}
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		r.expectResponses(client, "http://172.16.100.10:8080/", testnet.ResponseCounts{"web3": 5})

		r.runOnDirector("ipvsadm -S -n >rules; ipvsadm -C")
		r.expectListing("")
		r.expectRefused(client, "http://172.16.100.10/")

		r.runOnDirector("ipvsadm -R <rules")
		r.expectTable(table)
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		r.expectResponses(client, "http://172.16.100.10:8080/", testnet.ResponseCounts{"web3": 5})

		r.comment("The same in one command line, and with ipvsadm-save and ipvsadm-restore:")
		r.runOnDirector("ipvsadm -S -n >rules; ipvsadm -C; ipvsadm -R <rules")
		r.expectTable(table)
		r.runOnDirector("ipvsadm-save -n >rules; ipvsadm -C; ipvsadm-restore <rules")
		r.expectTable(table)
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		r.expectResponses(client, "http://172.16.100.10:8080/", testnet.ResponseCounts{"web3": 5})
		r.expectHealthy("director")
	},
}

// expectTable compares the director's table with the table that was saved before.
func (r *runner) expectTable(table string) {
	if got := r.runQuiet("director", "ipvsadm -S -n"); r.err == nil && got != table {
		r.failf("restored table:\n%s\nsaved table:\n%s", got, table)
	}
	r.printf("   (the table is the same as before)\n")
}

package scenarios

import (
	"errors"

	"goipvsadm/scripts/testnet"
)

var syncPlan = append(testnet.Plan{
	{Name: "director2", Links: []testnet.Link{{To: "lan", Addresses: []string{"172.16.100.4/24"}}}},
}, drPlan...)

var syncDaemon = Setup{
	Name:  "sync",
	Title: "Two directors: the connections of one are known to the other",
	About: "Direct routing with a second director in reserve. The first sends its connections to a multicast\n" +
		"group, the second listens. When the first is gone, open connections live on.",
	Plan: syncPlan,
	play: func(s *runner) {
		s.serve(webPort, "web1", "web2")
		client := s.from("client", "")
		s.director(
			"ipvsadm -A -t 172.16.100.10:80 -s rr",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g",
			"ipvsadm -S -n >rules",
		)
		s.run("director2", "ipvsadm -R <rules")
		s.run("director2", "ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 7")
		s.run("director", "ipvsadm --start-daemon master --mcast-interface eth0 --syncid 7")
		s.daemon("director", "master sync daemon (mcast=eth0, syncid=7, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n")
		s.daemon("director2", "backup sync daemon (mcast=eth0, syncid=7, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n")

		open := s.hold(client, "http://172.16.100.10/")
		entry := []string{"TCP", "ESTABLISHED", "172.16.100.1:*", "172.16.100.10:80", drAddress[open.server] + ":80"}
		s.entries("director", established, entry)
		s.eventually("the connection on the backup", func() error {
			if countEntries(s.runQuiet("director2", "ipvsadm -L -n -c"), entry) != 1 {
				return errors.New("not there")
			}
			return nil
		})
		s.entries("director2", established, entry)
		s.examined("director", "director2")

		s.comment("The address moves to the second director (and the client asks anew who has it).")
		s.run("director", "ip address del 172.16.100.10/32 dev eth0")
		s.run("director2", "ip address add 172.16.100.10/32 dev eth0")
		s.run("client", "ip neighbour flush dev eth0")
		open.again()
		s.ask(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		s.examined("director2")

		s.run("director", "ipvsadm --stop-daemon master")
		s.run("director2", "ipvsadm --stop-daemon backup")
		s.daemon("director", "")
		s.daemon("director2", "")
	},
}

// daemon lists the sync daemons of a host, which must be what is given.
func (s *runner) daemon(host, want string) {
	if got := s.run(host, "ipvsadm -L --daemon"); s.err == nil && got != want {
		s.failf("the sync daemon on %s is %q and should be %q", host, got, want)
	}
}

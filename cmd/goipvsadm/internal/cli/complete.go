// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/completion"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// completeFlag is the first argument when a shell's completion script calls the
// program. The words of the command line follow; the last one is incomplete.
const completeFlag = "--complete"

// complete prints the candidates for the last of words, each followed by a tab
// and its description. It prints no errors and sends no DNS queries.
func (inv *invocation) complete(words []string) int {
	inv.allowEPIPE = true
	typed := ""
	if n := len(words); n > 0 {
		words, typed = words[:n-1], words[n-1]
	}
	offline := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("completion sends no DNS queries")
	}}
	parser := command.NewParser(inv.name, resolve.NewDatabase("/etc/hosts", "/etc/services", offline))
	source := completion.Source{
		Services: func(netns string) (services []ipvs.Service) {
			inv.withClient(netns, func(c *ipvs.Client) { services, _ = c.ServicesConsistent() })
			return services
		},
		Destinations: func(netns string, key ipvs.ServiceKey) (destinations []ipvs.Destination) {
			inv.withClient(netns, func(c *ipvs.Client) { destinations, _ = c.AppendDestinationsConsistent(nil, key) })
			return destinations
		},
		Clients: func(netns string, filter ipvs.ConnectionFilter) (clients []netip.Addr) {
			inv.withClient(netns, func(c *ipvs.Client) { clients = firstClients(c, filter) })
			return clients
		},
		Interfaces: interfaces,
		NetNS:      ipvs.NetNSNames,
	}
	for _, candidate := range source.Candidates(parser.ParsePartial(words, typed)) {
		inv.stdout.WriteString(strings.TrimSuffix(candidate.Word+"\t"+candidate.Description, "\t") + "\n")
	}
	return exitOK
}

// withClient calls f with a client if the ip_vs module is loaded and the kernel
// can be reached.
func (inv *invocation) withClient(netns string, f func(*ipvs.Client)) {
	c, err := inv.dial(append(inNetNS(netns), ipvs.WithoutModuleLoading())...)
	if err != nil {
		return
	}
	defer c.Close()
	f(c)
}

// maxClientConnections limits how many connections are read to complete a client.
const maxClientConnections = 10000

// firstClients returns the clients of the first connections that filter selects. They
// may repeat.
func firstClients(c *ipvs.Client, filter ipvs.ConnectionFilter) []netip.Addr {
	var clients []netip.Addr
	read := 0
	for connection, err := range c.Connections() {
		if read++; err != nil || read > maxClientConnections {
			break
		}
		if filter.Matches(&connection) {
			clients = append(clients, connection.Client.Addr())
		}
	}
	return clients
}

// interfaces returns the names of the network interfaces.
func interfaces() []string {
	var list []string
	all, _ := net.Interfaces()
	for _, i := range all {
		list = append(list, i.Name)
	}
	return list
}

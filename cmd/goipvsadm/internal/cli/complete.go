package cli

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/completion"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// completing is how the completion scripts of shells call the program. What
// follows are the words of a command line, of which the last is being typed.
const completeFlag = "--complete"

// complete prints the words that could stand in place of the last of words,
// each with a note behind a tab. It says nothing else, whatever is wrong, and
// asks no name server, so that it does not keep anybody waiting.
func (p *invocation) complete(words []string) int {
	p.allowEPIPE = true
	typed := ""
	if n := len(words); n > 0 {
		words, typed = words[:n-1], words[n-1]
	}
	offline := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server is asked")
	}}
	parser := command.NewParser(p.name, resolve.NewDatabase("/etc/hosts", "/etc/services", offline))
	system := completion.Source{
		Services: func(netns string) (services []ipvs.Service) {
			p.withClient(netns, func(c *ipvs.Client) { services, _ = c.Services() })
			return services
		},
		Destinations: func(netns string, key ipvs.ServiceKey) (destinations []ipvs.Destination) {
			p.withClient(netns, func(c *ipvs.Client) { destinations, _ = c.Destinations(key) })
			return destinations
		},
		Interfaces: interfaces,
		NetNS:      func() []string { return dirNames("/run/netns") },
	}
	for _, proposal := range system.Candidates(parser.ParsePartial(words, typed)) {
		p.stdout.WriteString(strings.TrimSuffix(proposal.Word+"\t"+proposal.Description, "\t") + "\n")
	}
	return statusOK
}

// withClient calls f with a client if the ip_vs module is loaded.
func (p *invocation) withClient(netns string, f func(*ipvs.Client)) {
	c, err := p.dial(append(inNetNS(netns), ipvs.WithoutModuleLoading())...)
	if err != nil {
		return
	}
	defer c.Close()
	f(c)
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

// entries returns the names of a directory's entries.
func dirNames(directory string) []string {
	var list []string
	all, _ := os.ReadDir(directory)
	for _, e := range all {
		list = append(list, e.Name())
	}
	return list
}

package testnet

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

// Host is one machine of a Plan.
type Host struct {
	Name    string
	Links   []Link
	Gateway string            // address of the default router, if any
	Sysctls map[string]string // path below /proc/sys to value
}

// Link is one interface of a host with its addresses (10.0.0.1/24). It leads to a
// switch named so, as eth0, eth1 … in the order of the host's links; or is the host's own
// lo or tunl0.
type Link struct {
	To        string
	Addresses []string
}

func (l Link) isInternal() bool {
	return l.To == "lo" || l.To == "tunl0"
}

// Plan is a network: the switches are those that its hosts' links name.
type Plan []Host

// Network is a Plan that has been built.
type Network struct {
	name     string
	hosts    map[string]*Netns
	switches *Netns
}

// Build makes a namespace of each host, and wires them.
func Build(plan Plan) (*Network, error) { return BuildBeside("", plan) }

// BuildBeside is Build for a network that is there at the same time as others. The names
// of its namespaces begin with its own.
func BuildBeside(name string, plan Plan) (*Network, error) {
	network := &Network{name: name, hosts: make(map[string]*Netns)}
	if err := network.build(plan); err != nil {
		return nil, errors.Join(err, network.Close())
	}
	return network, nil
}

func (n *Network) build(plan Plan) error {
	var err error
	if n.switches, err = NewNetns(n.name + "switches"); err != nil {
		return err
	}
	for _, host := range plan {
		if n.hosts[host.Name], err = NewNetns(n.name + host.Name); err != nil {
			delete(n.hosts, host.Name)
			return err
		}
	}
	if plan.uses("tunl0") {
		// The interface is there in every namespace once the module is.
		if out, err := exec.Command("modprobe", "ipip").CombinedOutput(); err != nil {
			return fmt.Errorf("load ipip: %w: %s", err, out)
		}
	}
	if err := n.switches.IP(plan.switchCommands(n.name)...); err != nil {
		return err
	}
	for _, host := range plan {
		if err := n.configure(host); err != nil {
			return err
		}
	}
	return nil
}

func (p Plan) uses(link string) bool {
	return slices.ContainsFunc(p, func(h Host) bool {
		return slices.ContainsFunc(h.Links, func(l Link) bool { return l.To == link })
	})
}

// wiring is what the namespace of the switches needs: a bridge a switch, and a cable
// from it to each link.
func (p Plan) switchCommands(network string) []string {
	var lines []string
	bridges := make(map[string]bool)
	cables := 0
	for _, host := range p {
		ports := 0
		for _, link := range host.Links {
			if link.isInternal() {
				continue
			}
			if !bridges[link.To] {
				bridges[link.To] = true
				lines = append(lines,
					fmt.Sprintf("link add %s type bridge", link.To),
					fmt.Sprintf("link set %s up", link.To))
			}
			lines = append(lines,
				fmt.Sprintf("link add cable%d type veth peer name eth%d netns %s%s", cables, ports, network, host.Name),
				fmt.Sprintf("link set cable%d master %s up", cables, link.To))
			cables++
			ports++
		}
	}
	return lines
}

func (n *Network) configure(host Host) error {
	netns := n.hosts[host.Name]
	var lines []string
	ports := 0
	for _, link := range host.Links {
		device := link.To
		if !link.isInternal() {
			device = fmt.Sprintf("eth%d", ports)
			ports++
		}
		lines = append(lines, fmt.Sprintf("link set %s up", device))
		for _, address := range link.Addresses {
			// Duplicate address detection would keep an IPv6 address from use for a second.
			nodad := ""
			if strings.Contains(address, ":") {
				nodad = " nodad"
			}
			lines = append(lines, fmt.Sprintf("address add %s dev %s%s", address, device, nodad))
		}
	}
	if host.Gateway != "" {
		lines = append(lines, "route add default via "+host.Gateway)
	}
	// Sysctls come first: arp_ignore must be there before the address that it hides.
	for _, path := range slices.Sorted(maps.Keys(host.Sysctls)) {
		if err := netns.Sysctl(path, host.Sysctls[path]); err != nil {
			return err
		}
	}
	return netns.IP(lines...)
}

// Host returns the namespace of a host. It panics if the plan had none of that name.
func (n *Network) Host(name string) *Netns {
	host, ok := n.hosts[name]
	if !ok {
		panic("no host " + name + " in this network")
	}
	return host
}

// Switches returns the namespace of the switches: a bridge of its name for each, and the
// cables, cable0 and so on in the order of the plan.
func (n *Network) Switches() *Netns { return n.switches }

// Close takes the network down.
func (n *Network) Close() error {
	var errs []error
	for _, host := range n.hosts {
		errs = append(errs, host.Close())
	}
	if n.switches != nil {
		errs = append(errs, n.switches.Close())
	}
	return errors.Join(errs...)
}

// IP runs commands of ip(8) inside the namespace, all in one process.
func (n *Netns) IP(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	if err := n.Run(cmd); err != nil {
		return fmt.Errorf("ip -batch in %s: %w: %s\n%s", n.Name, err, complaint.Bytes(), strings.Join(lines, "\n"))
	}
	return nil
}

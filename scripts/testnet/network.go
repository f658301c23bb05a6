// SPDX-License-Identifier: MIT

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
	Sysctls map[string]string // values by path below /proc/sys
}

// Link is one interface of a host. To is the name of the switch that it connects to, or lo or
// tunl0. The interfaces that connect to switches are named eth0, eth1, ... in the order of the
// host's links.
type Link struct {
	To        string
	Addresses []string // with prefix length: 10.0.0.1/24
}

// isInternal reports whether the link does not connect to a switch.
func (l Link) isInternal() bool {
	return l.To == "lo" || l.To == "tunl0"
}

// Plan describes a network: its hosts and, implicitly, the switches named by their links.
type Plan []Host

// Network is a Plan that has been built.
type Network struct {
	prefix   string // prefix of the names of the namespaces
	hosts    map[string]*Netns
	switches *Netns
}

// Build creates a namespace for each host and connects them.
func Build(plan Plan) (*Network, error) { return BuildWithPrefix("", plan) }

// BuildWithPrefix is like Build, but the names of the namespaces begin with prefix, so that several
// networks can exist at the same time.
func BuildWithPrefix(prefix string, plan Plan) (*Network, error) {
	network := &Network{prefix: prefix, hosts: make(map[string]*Netns)}
	if err := network.build(plan); err != nil {
		return nil, errors.Join(err, network.Close())
	}
	return network, nil
}

func (n *Network) build(plan Plan) error {
	var err error
	if n.switches, err = NewNetns(n.prefix + "switches"); err != nil {
		return err
	}
	for _, host := range plan {
		if n.hosts[host.Name], err = NewNetns(n.prefix + host.Name); err != nil {
			delete(n.hosts, host.Name)
			return err
		}
	}
	if plan.uses("tunl0") {
		// With ipip loaded, every namespace has a tunl0.
		if out, err := exec.Command("modprobe", "ipip").CombinedOutput(); err != nil {
			return fmt.Errorf("load ipip: %w: %s", err, out)
		}
	}
	if err := n.switches.IP(plan.switchCommands(n.prefix)...); err != nil {
		return err
	}
	for _, host := range plan {
		if err := n.configure(host); err != nil {
			return err
		}
	}
	return nil
}

// uses reports whether a host has a link to the given switch or device.
func (p Plan) uses(link string) bool {
	return slices.ContainsFunc(p, func(h Host) bool {
		return slices.ContainsFunc(h.Links, func(l Link) bool { return l.To == link })
	})
}

// switchCommands returns the ip(8) commands that create a bridge for each switch and connect
// each link to its bridge. prefix is the prefix of the names of the hosts' namespaces.
func (p Plan) switchCommands(prefix string) []string {
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
				fmt.Sprintf("link add cable%d type veth peer name eth%d netns %s%s", cables, ports, prefix, host.Name),
				fmt.Sprintf("link set cable%d master %s up", cables, link.To))
			cables++
			ports++
		}
	}
	return lines
}

// configure sets the sysctls, addresses and default route of a host.
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
			// Duplicate address detection delays the use of an IPv6 address by a second.
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
	// Set sysctls first: arp_ignore must be in effect before the address is added.
	for _, path := range slices.Sorted(maps.Keys(host.Sysctls)) {
		if err := netns.Sysctl(path, host.Sysctls[path]); err != nil {
			return err
		}
	}
	return netns.IP(lines...)
}

// Host returns the namespace of a host. It panics if the plan has no such host.
func (n *Network) Host(name string) *Netns {
	host, ok := n.hosts[name]
	if !ok {
		panic("no host " + name + " in this network")
	}
	return host
}

// Switches returns the namespace of the switches. In it, each switch is a bridge of the same
// name, and the switch ends of the links are cable0, cable1, ... in the order of the plan.
func (n *Network) Switches() *Netns { return n.switches }

// Close removes the network.
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

// IP runs ip(8) commands inside the namespace, in one process (ip -batch).
func (n *Netns) IP(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := n.Run(cmd); err != nil {
		return fmt.Errorf("ip -batch in %s: %w: %s\n%s", n.Name, err, stderr.Bytes(), strings.Join(lines, "\n"))
	}
	return nil
}

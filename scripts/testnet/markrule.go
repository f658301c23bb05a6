// SPDX-License-Identifier: MIT

package testnet

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// MarkRule sets a firewall mark on packets that arrive on an interface for a destination
// address.
type MarkRule struct {
	Device string
	To     netip.Addr // destination address
	Ports  []int      // TCP destination ports; empty for all packets
	Mark   uint32
}

// HasIPTables reports whether the kernel supports legacy iptables. User-Mode Linux 7.2 has
// neither iptables nor nftables; there packets are marked with tc(8).
var HasIPTables = sync.OnceValue(func() bool {
	return exec.Command("modprobe", "iptable_mangle").Run() == nil
})

// AddCommands returns the shell commands that add the rule.
func (m MarkRule) AddCommands() []string {
	if HasIPTables() {
		line := fmt.Sprintf("%s -t mangle -A PREROUTING -d %s", m.iptablesCommand(), m.To)
		if len(m.Ports) > 0 {
			line += " -p tcp -m multiport --dports " + m.portList()
		}
		return []string{line + fmt.Sprintf(" -j MARK --set-mark %d", m.Mark)}
	}
	lines := []string{fmt.Sprintf("tc qdisc replace dev %s clsact", m.Device)}
	family := "ip"
	if m.To.Is6() {
		family = "ipv6"
	}
	filter := fmt.Sprintf("tc filter add dev %s ingress protocol %s flower dst_ip %s", m.Device, family, m.To)
	action := fmt.Sprintf(" action skbedit mark %d", m.Mark)
	if len(m.Ports) == 0 {
		return append(lines, filter+action)
	}
	for _, port := range m.Ports {
		lines = append(lines, filter+fmt.Sprintf(" ip_proto tcp dst_port %d", port)+action)
	}
	return lines
}

// RemoveCommands returns the shell commands that remove the rule. They also remove all other mark
// rules of the namespace (iptables) or of the interface (tc).
func (m MarkRule) RemoveCommands() []string {
	if HasIPTables() {
		return []string{m.iptablesCommand() + " -t mangle -F PREROUTING"}
	}
	return []string{fmt.Sprintf("tc qdisc del dev %s clsact", m.Device)}
}

func (m MarkRule) iptablesCommand() string {
	if m.To.Is6() {
		return "ip6tables-legacy"
	}
	return "iptables-legacy"
}

func (m MarkRule) portList() string {
	var ports []string
	for _, port := range m.Ports {
		ports = append(ports, strconv.Itoa(port))
	}
	return strings.Join(ports, ",")
}

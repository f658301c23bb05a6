// SPDX-License-Identifier: MIT

package doctor

import (
	"errors"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// Rules are the rules of a table that is examined before it is applied.
type Rules struct {
	Table *reconcile.Table

	// IgnoredPorts are server ports in the rules that have no effect, because only
	// NAT changes ports.
	IgnoredPorts map[ipvs.DestinationKey]uint16
}

// collectRules returns the facts about Rules.Table on this machine. It samples
// no traffic, and neither queries nor loads IPVS.
func (c *Collector) collectRules() (*Facts, error) {
	f := &Facts{Program: c.Program, NetNS: c.NetNS, RulesOnly: true, AllConnections: true, IgnoredPorts: c.Rules.IgnoredPorts,
		Timeouts: c.Rules.Table.Timeouts, Daemons: c.Rules.Table.Daemons}
	tablefmt.SortTable(c.Rules.Table)
	found := c.Service == nil
	for i := range c.Rules.Table.Services {
		s := &c.Rules.Table.Services[i]
		if c.Service != nil && s.ServiceKey != *c.Service {
			continue
		}
		found = true
		service := Service{Service: s.Service, Servers: make([]Server, len(s.Destinations))}
		for j := range s.Destinations {
			service.Servers[j].Destination = s.Destinations[j]
		}
		f.Services = append(f.Services, service)
	}
	if !found {
		return nil, errors.New("service not defined in the rules")
	}
	err := c.InNetNS(func() (err error) { f.Firewall, err = netstate.ReadFirewall(); return err })
	if err != nil {
		f.FirewallIncomplete = true
		f.noteOptional("firewall rules", err.Error())
	}
	f.Firewall.Since(nil) // clears the counters: earlier packets are no evidence
	c.collectHost(f)
	c.readNetworkUse(f)
	return f, nil
}

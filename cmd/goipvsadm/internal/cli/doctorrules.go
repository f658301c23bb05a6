// SPDX-License-Identifier: MIT

package cli

import (
	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/ipvs"
)

// readDoctorRules reads the rules of --rules. It returns nil after reporting an
// error.
func (inv *invocation) readDoctorRules(cmd *command.Command) *doctor.Rules {
	input, _ := inv.openRules(cmd)
	if input == nil {
		return nil
	}
	defer input.Close()
	inv.parser.DetailedErrors = true
	ignored := make(map[ipvs.DestinationKey]uint16)
	_, table, errs := inv.readTable(input, func(c *command.Command, _ int) error {
		if c.IgnoredPort != 0 {
			ignored[ipvs.DestinationKey{Service: c.Service.ServiceKey, AddrPort: c.Destination.AddrPort}] = c.IgnoredPort
		}
		return nil
	})
	if len(errs) > 0 {
		inv.reportErrors(errs)
		return nil
	}
	return &doctor.Rules{Table: table, IgnoredPorts: ignored}
}

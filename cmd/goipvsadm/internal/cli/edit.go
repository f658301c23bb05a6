// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// editKept executes -E or -e with --keep.
func (inv *invocation) editKept(cmd *command.Command) int {
	edit := inv.editService
	if cmd.Verb == command.EditServer {
		edit = inv.editServer
	}
	err := edit(cmd)
	if e := new(command.Error); errors.As(err, &e) {
		return inv.usageError(err)
	}
	if err != nil {
		text := inv.subjectMessage(cmd.Verb, inv.subjectOf(cmd), err)
		if inv.isGoipvsadm && errors.Is(err, ipvs.ErrNoDestination) {
			destinations, _ := inv.client.Destinations(cmd.Service.ServiceKey)
			text += portsHint(cmd.Destination.AddrPort.Addr(), destinations)
		}
		inv.errorf("%s", text)
		return exitKernelError
	}
	return exitOK
}

// portsHint returns the ports of a server that was given with another port, in
// parentheses, or "".
func portsHint(addr netip.Addr, destinations []ipvs.Destination) string {
	var ports []uint16
	for i := range destinations {
		if ap := destinations[i].AddrPort; ap.Addr() == addr {
			ports = append(ports, ap.Port())
		}
	}
	if len(ports) == 0 {
		return ""
	}
	slices.Sort(ports)
	text := strings.Trim(fmt.Sprint(slices.Compact(ports)), "[]")
	return " (it has the port " + strings.ReplaceAll(text, " ", ", ") + ")"
}

// editService edits a service and keeps what is not given.
func (inv *invocation) editService(cmd *command.Command) error {
	current, err := inv.client.Service(cmd.Service.ServiceKey)
	if err != nil {
		return err
	}
	if err := cmd.KeepService(&current); err != nil {
		return err
	}
	return inv.client.CompareAndUpdateService(current, cmd.Service)
}

// editServer edits a server of one service and keeps what is not given.
func (inv *invocation) editServer(cmd *command.Command) error {
	server := cmd.Destination.AddrPort
	if err := ruleset.ValidateServerAddr(server.Addr()); err != nil {
		return err
	}
	key := cmd.Service.ServiceKey
	current, err := inv.client.Destination(key, server)
	if errors.Is(err, ipvs.ErrNoDestination) {
		// The kernel sends the same reply if the service does not exist.
		if _, serviceErr := inv.client.Service(key); serviceErr != nil {
			return serviceErr
		}
	}
	if err != nil {
		return err
	}
	if err := cmd.KeepServer(&current); err != nil {
		return err
	}
	return inv.client.CompareAndUpdateDestination(key, current, cmd.Destination)
}

// editWarning returns a warning if an edit without --keep is going to reset something
// that its options do not name, or "". ipvsadm has no warnings.
func (inv *invocation) editWarning(cmd *command.Command) string {
	if !inv.isGoipvsadm {
		return ""
	}
	var resets []string
	switch cmd.Verb {
	case command.EditService:
		if current, err := inv.client.Service(cmd.Service.ServiceKey); err == nil {
			resets = serviceResets(cmd, &current)
		}
	case command.EditServer:
		if current := inv.serverToReset(cmd); current != nil {
			resets = serverResets(cmd, current)
		}
	}
	if len(resets) == 0 {
		return ""
	}
	s := inv.subjectOf(cmd)
	return fmt.Sprintf("warning: %s: %s (use --keep to keep what is not given)", s.String(), strings.Join(resets, ", "))
}

// serverToReset reads the server that cmd edits. It returns nil after an error, and
// without reading if cmd names the forwarding method and the encapsulation, since nothing
// is then reset.
func (inv *invocation) serverToReset(cmd *command.Command) *ipvs.Destination {
	if cmd.Options.Has(command.ForwardingMethod) && (cmd.Destination.Method != ipvs.Tunneling || cmd.Options.Has(command.TunType)) {
		return nil
	}
	for d, err := range inv.client.DestinationsSeq(cmd.Service.ServiceKey) {
		if err != nil {
			return nil
		}
		if d.AddrPort == cmd.Destination.AddrPort {
			return &d
		}
	}
	return nil
}

// serverResets describes how cmd changes the forwarding of a server although no option
// asks for that. It ignores servers with the method Local, which the kernel reports in
// place of the method that was configured.
func serverResets(cmd *command.Command, current *ipvs.Destination) []string {
	d := &cmd.Destination
	isNamed := d.Method != current.Method && cmd.Options.Has(command.ForwardingMethod)
	if isNamed || current.Method == ipvs.Local {
		return nil
	}
	return forwardingChange(current, d)
}

// serviceResets describes the changes of a service that no option of cmd asks for.
func serviceResets(cmd *command.Command, current *ipvs.Service) (resets []string) {
	s := &cmd.Service
	if !cmd.Options.Has(command.Scheduler) && s.Scheduler != current.Scheduler {
		resets = append(resets, changed("scheduler", current.Scheduler, s.Scheduler))
	}
	lost := current.Flags &^ s.Flags
	if lost&ipvs.Persistent != 0 {
		resets = append(resets, fmt.Sprintf("persistence of %d s removed", current.Timeout))
	} else if s.Flags&ipvs.Persistent != 0 {
		if !cmd.Options.Has(command.Netmask) && s.Netmask != current.Netmask {
			resets = append(resets, changed("netmask", netmask(current), netmask(s)))
		}
		if !cmd.Options.Has(command.PE) && current.PEName != "" {
			resets = append(resets, "persistence engine "+current.PEName+" removed")
		}
	}
	if lost&ipvs.OnePacketScheduling != 0 {
		resets = append(resets, "one-packet scheduling removed")
	}
	// The flags of another scheduler have no meaning for the new one.
	if lost &= ipvs.SchedFlags; lost != 0 && !cmd.Options.Has(command.SchedFlags) && s.Scheduler == current.Scheduler {
		resets = append(resets, "scheduler flags "+sched.FlagNames(current.Scheduler, uint32(lost))+" removed")
	}
	return resets
}

func netmask(s *ipvs.Service) string { return string(s.Netmask.AppendTo(nil, s.Family)) }

// changed describes a change of a value.
func changed(name string, from, to any) string {
	return fmt.Sprintf("%s changed from %v to %v", name, from, to)
}

// forwardingChange describes the change of the forwarding method or the encapsulation.
func forwardingChange(from, to *ipvs.Destination) []string {
	switch {
	case from.Method != to.Method:
		return []string{changed("forwarding method", forwarding(from), forwarding(to))}
	case from.Method == ipvs.Tunneling && from.Tunnel != to.Tunnel:
		return []string{changed("encapsulation", encapsulation(from.Tunnel), encapsulation(to.Tunnel))}
	}
	return nil
}

// forwarding describes the forwarding method of a server as listings do.
func forwarding(d *ipvs.Destination) string {
	if d.Method == ipvs.Tunneling && d.Tunnel != (ipvs.Tunnel{}) {
		return d.Method.String() + " (" + encapsulation(d.Tunnel) + ")"
	}
	return d.Method.String()
}

// encapsulation describes a tunnel by its options.
func encapsulation(t ipvs.Tunnel) string {
	text := t.Type.String()
	if t.Type == ipvs.GUE {
		text += fmt.Sprintf(" port %d", t.Port)
	}
	switch {
	case t.Flags&ipvs.TunnelRemoteChecksum != 0:
		text += " remcsum"
	case t.Flags&ipvs.TunnelChecksum != 0:
		text += " csum"
	}
	return text
}

// serverChanges describes the changes of a server's configuration.
func serverChanges(from, to *ipvs.Destination) []string {
	changes := forwardingChange(from, to)
	for _, n := range []struct {
		name     string
		from, to uint32
	}{
		{"weight", from.Weight, to.Weight},
		{"upper threshold", from.UpperThreshold, to.UpperThreshold},
		{"lower threshold", from.LowerThreshold, to.LowerThreshold},
	} {
		if n.from != n.to {
			changes = append(changes, changed(n.name, n.from, n.to))
		}
	}
	return changes
}

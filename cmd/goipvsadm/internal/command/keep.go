// SPDX-License-Identifier: MIT

package command

import "goipvsadm/ipvs"

// This file completes an edit with --keep or --all-services: options that are not
// given keep the current values, which are known when the command is executed.

// KeepService sets the fields of c.Service whose options were not given to the values
// of current. The scheduler flags of current are kept only with its scheduler, since
// their meaning depends on it. A non-nil error is an *Error.
func (c *Command) KeepService(current *ipvs.Service) error {
	s, given := &c.Service, c.Options
	if !given.Has(Persistent) {
		s.Flags |= current.Flags & ipvs.Persistent
		s.Timeout = current.Timeout
	}
	if !given.Has(Netmask) {
		s.Netmask = current.Netmask
	}
	if !given.Has(PE) {
		s.PEName = current.PEName
	}
	if !given.Has(Ops) {
		s.Flags |= current.Flags & ipvs.OnePacketScheduling
	}
	if !given.Has(SchedFlags) && (!given.Has(Scheduler) || s.Scheduler == current.Scheduler) {
		s.Flags |= current.Flags & ipvs.SchedFlags
	}
	if c.KeepsScheduler() {
		s.Scheduler = current.Scheduler
		if err := c.setSchedFlags(); err != nil {
			return err
		}
	}
	return nil
}

// validateKept checks an edit of servers with --keep or --all-services, as far as
// possible before the current values are known. hasPort reports whether the port of the
// server was given.
func (c *Command) validateKept(hasPort bool) *Error {
	if c.Options&serverOptions == 0 {
		o := Keep
		if c.Options.Has(AllServices) {
			o = AllServices
		}
		return errorf("no option to edit: '%s' requires at least one of -g, -i, -m, -w, -x, -y and the tunnel options", o)
	}
	// Without a method, the port is that of an existing server, as with -d.
	if c.Options.Has(AllServices) || !c.Options.Has(ForwardingMethod) {
		c.selectServer(hasPort)
	} else {
		c.setServerPort(hasPort)
	}
	return nil
}

// KeepServer sets the fields of c.Destination whose options were not given to the
// values of current, and checks the result. A non-nil error is an *Error.
func (c *Command) KeepServer(current *ipvs.Destination) error {
	d, given := &c.Destination, c.Options
	if !given.Has(ForwardingMethod) {
		d.Method = current.Method
	}
	if !given.Has(Weight) {
		d.Weight = current.Weight
	}
	if !given.Has(UThreshold) {
		d.UpperThreshold = current.UpperThreshold
	}
	if !given.Has(LThreshold) {
		d.LowerThreshold = current.LowerThreshold
	}
	var kept Options
	if d.Method == ipvs.Tunneling && current.Method == ipvs.Tunneling {
		kept = c.keepTunnel(current.Tunnel)
	}
	if given&(1<<ForwardingMethod|tunnelOptions) == 0 {
		return nil
	}
	if err := c.validateMethod(kept); err != nil {
		return err
	}
	if port := c.Service.AddrPort.Port(); given.Has(ForwardingMethod) && d.Method != ipvs.Masquerading && c.Service.Mark == 0 && d.AddrPort.Port() != port {
		return errorf("without -m, a server must have the port of the service, %d", port)
	}
	return nil
}

// keepTunnel sets the fields of the tunnel whose options were not given to the values
// of current, unless the tunnel type changes. It returns the options that then count as
// given.
func (c *Command) keepTunnel(current ipvs.Tunnel) (kept Options) {
	t, given := &c.Destination.Tunnel, c.Options
	if !given.Has(TunType) {
		t.Type = current.Type
	}
	if t.Type != current.Type {
		return 0
	}
	if !given.Has(TunPort) && current.Port != 0 {
		t.Port = current.Port
		kept |= 1 << TunPort
	}
	if !given.HasAny(TunNoCsum, TunCsum, TunRemCsum) {
		t.Flags = current.Flags
	}
	return kept
}

package cli

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// Exit statuses of --doctor.
const (
	statusHealthy  = 0 // no error and no warning
	exitProblems   = 1
	exitIncomplete = 2 // nothing was found, but not everything was looked at
)

// doctor carries out --doctor.
func (p *invocation) doctor(cmd *command.Command) int {
	c := doctor.Collector{
		Program:   path.Base(p.name),
		NetNS:     cmd.NetNS,
		InNetNS:   func(f func() error) error { return ipvs.DoInNetNS(f, inNetNS(cmd.NetNS)...) },
		Probe:     cmd.Options.Has(command.Probe),
		ErrorText: func(err error) string { return refusal(command.List, err) },
	}
	if cmd.Options.Has(command.ServiceAddress) {
		c.Service = &cmd.Service.ServiceKey
	}
	err := p.connect(cmd.NetNS)
	if e := new(ipvs.NetNSError); errors.As(err, &e) {
		return p.netnsError(cmd.NetNS, e)
	}
	if err != nil {
		c.ClientError = errnoMessage(err)
	} else {
		c.Client, c.Info = p.client, p.info
	}
	facts, err := c.Collect()
	if err != nil {
		p.errorf(refusal(command.List, err))
		return exitIncomplete
	}
	findings := doctor.Diagnose(facts)
	status := doctorStatus(facts, findings)
	p.allowEPIPE = true
	if cmd.Options.Has(command.JSON) {
		err = jsonout.Findings(p.stdout, facts, findings)
	} else {
		namer := p.namer(cmd)
		if n, ok := namer.(*resolve.Namer); ok {
			n.Prefetch(doctor.Endpoints(findings))
		}
		_, err = p.stdout.Write(doctor.AppendReport(nil, facts, findings, namer))
	}
	if err = cmp.Or(err, p.stdout.Flush()); err != nil && !errors.Is(err, syscall.EPIPE) {
		p.errorf(err.Error())
		return cmp.Or(status, exitIncomplete)
	}
	return status
}

// diagnosis returns the exit status for what was found.
func doctorStatus(facts *doctor.Facts, findings []doctor.Finding) int {
	switch worst, any := doctor.Worst(findings); {
	case any && worst > doctor.Hint:
		return exitProblems
	case slices.ContainsFunc(facts.Unavailable, func(u doctor.Unavailable) bool { return !u.Optional }):
		return exitIncomplete
	}
	return statusHealthy
}

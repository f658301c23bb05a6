package cli

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
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
		ErrorText: doctorErrorText,
	}
	if cmd.Options.Has(command.ServiceAddress) {
		c.Service = &cmd.Service.ServiceKey
	}
	if cmd.Options.Has(command.RulesFile) {
		if c.Rules = p.readDoctorRules(cmd); c.Rules == nil {
			return exitIncomplete
		}
		return p.diagnose(cmd, &c)
	}
	// The doctor changes nothing, so it does not load the module.
	err := p.connect(cmd.NetNS, ipvs.WithoutModuleLoading())
	if e := new(ipvs.NetNSError); errors.As(err, &e) {
		return p.netnsError(cmd.NetNS, e)
	}
	switch {
	case errors.Is(err, ipvs.ErrNotLoaded):
		c.ClientError = "IPVS is not loaded: run modprobe ip_vs"
	case err != nil:
		c.ClientError = doctorErrorText(err)
	default:
		c.Client, c.Info = p.client, p.info
	}
	return p.diagnose(cmd, &c)
}

// diagnose collects the facts and prints the report.
func (p *invocation) diagnose(cmd *command.Command, c *doctor.Collector) int {
	facts, err := c.Collect()
	if err != nil {
		p.errorf(refusal(command.List, err))
		return exitIncomplete
	}
	findings := doctor.Diagnose(facts)
	status := doctorStatus(facts, findings)
	if file, ok := p.files.stdout.(io.Reader); ok && stdinClosed(file) {
		p.errorf("standard output is closed")
		return cmp.Or(status, exitIncomplete)
	}
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

// doctorErrorText formats an error of the kernel. Root of a user namespace has no
// access to IPVS.
func doctorErrorText(err error) string {
	var e *ipvs.Error
	if !errors.As(err, &e) {
		return errnoMessage(err)
	}
	if e.Errno == syscall.EPERM && os.Geteuid() == 0 && netstate.InUserNamespace() {
		return "Permission denied: this is a user namespace, and IPVS requires root of the initial one"
	}
	return refusal(command.List, err)
}

// doctorStatus returns the exit status for the findings.
func doctorStatus(facts *doctor.Facts, findings []doctor.Finding) int {
	switch worst, any := doctor.Worst(findings); {
	case any && worst > doctor.Hint:
		return exitProblems
	case slices.ContainsFunc(facts.Unavailable, func(u doctor.Unavailable) bool { return !u.Optional }):
		return exitIncomplete
	}
	return statusHealthy
}

// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"errors"
	"os"
	"path"
	"strings"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// doctor executes --doctor.
func (inv *invocation) doctor(cmd *command.Command) int {
	c := doctor.Collector{
		Program:   path.Base(inv.name),
		NetNS:     remedyNetNS(cmd.NetNS),
		InNetNS:   func(f func() error) error { return ipvs.DoInNetNS(cmd.NetNS, f) },
		Probe:     cmd.Options.Has(command.Probe),
		ErrorText: doctorErrorText,
	}
	if cmd.Options.Has(command.ServiceAddress) {
		c.Service = &cmd.Service.ServiceKey
	}
	if cmd.Options.Has(command.RulesFile) {
		if c.Rules = inv.readDoctorRules(cmd); c.Rules == nil {
			return exitIncomplete
		}
		return inv.diagnose(cmd, &c)
	}
	// The doctor changes nothing, so it does not load the module.
	err := inv.connect(cmd.NetNS, ipvs.WithoutModuleLoading())
	if e := new(ipvs.NetNSError); errors.As(err, &e) {
		return inv.netnsError(cmd.NetNS, e)
	}
	switch {
	case errors.Is(err, ipvs.ErrNotLoaded):
		c.ClientError = "IPVS is not loaded: run modprobe ip_vs"
	case err != nil:
		c.ClientError = doctorErrorText(err)
	default:
		c.Client, c.Info = inv.client, inv.info
	}
	return inv.diagnose(cmd, &c)
}

// diagnose collects the facts and prints the report.
func (inv *invocation) diagnose(cmd *command.Command, c *doctor.Collector) int {
	facts, err := c.Collect()
	if err != nil {
		inv.errorf("%s", kernelMessage(command.List, err))
		return exitIncomplete
	}
	findings := doctor.Diagnose(facts)
	status := doctorStatus(facts, findings)
	if closedByParent(inv.files.stdout) {
		inv.errorf("standard output is closed")
		return cmp.Or(status, exitIncomplete)
	}
	inv.allowEPIPE = true
	if cmd.Options.Has(command.JSON) {
		err = jsonout.Findings(inv.stdout, facts, findings)
	} else {
		namer := inv.namer(cmd)
		if n, ok := namer.(*resolve.Namer); ok {
			n.Prefetch(doctor.Endpoints(findings))
		}
		_, err = inv.stdout.Write(doctor.AppendReport(nil, facts, findings, namer))
	}
	if err = cmp.Or(err, inv.stdout.Flush()); err != nil && !errors.Is(err, syscall.EPIPE) {
		inv.errorf("%v", err)
		return cmp.Or(status, exitIncomplete)
	}
	return status
}

// doctorErrorText formats an error of the kernel. Root of a user namespace has no
// access to IPVS.
func doctorErrorText(err error) string {
	var e *ipvs.Error
	if !errors.As(err, &e) {
		return dialMessage(err)
	}
	if e.Errno == syscall.EPERM && os.Geteuid() == 0 && netstate.InUserNamespace() {
		return "Permission denied: this is a user namespace, and IPVS requires root of the initial one"
	}
	return kernelMessage(command.List, err)
}

// remedyNetNS returns the network namespace netns, as given to --netns, in a form that other
// programs accept: a name that ip-netns(8) lists, or a path.
func remedyNetNS(netns string) string {
	if netns == "" {
		return ""
	}
	file, err := ipvs.NetNSPath(netns)
	if err != nil || strings.TrimPrefix(file, "/var") == "/run/netns/"+netns {
		return netns
	}
	return file
}

package cli

import (
	"cmp"
	"errors"
	"path"
	"strings"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// doctor executes --doctor.
func (inv *invocation) doctor(cmd *command.Command) int {
	g := doctor.Collector{
		Program:   path.Base(inv.name),
		NetNS:     remedyNetNS(cmd.NetNS),
		InNetNS:   func(f func() error) error { return ipvs.DoInNetNS(cmd.NetNS, f) },
		Probe:     cmd.Options.Has(command.Probe),
		ErrorText: func(err error) string { return kernelMessage(command.List, err) },
	}
	if cmd.Options.Has(command.ServiceAddress) {
		g.Service = &cmd.Service.ServiceKey
	}
	err := inv.connect(cmd.NetNS)
	if e := new(ipvs.NetNSError); errors.As(err, &e) {
		return inv.netnsError(cmd.NetNS, e)
	}
	if err != nil {
		g.ClientError = dialMessage(err)
	} else {
		g.Client, g.Info = inv.client, inv.info
	}
	facts, err := g.Collect()
	if err != nil {
		inv.errorf("%s", kernelMessage(command.List, err))
		return exitIncomplete
	}
	findings := doctor.Diagnose(facts)
	status := doctorStatus(facts, findings)
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

// remedyNetNS returns the network namespace netns, as given to --netns, in a form that other
// programs accept: a name that ip-netns(8) lists, or a path.
func remedyNetNS(netns string) string {
	if netns == "" {
		return ""
	}
	path, err := ipvs.NetNSPath(netns)
	if err != nil || strings.TrimPrefix(path, "/var") == "/run/netns/"+netns {
		return netns
	}
	return path
}

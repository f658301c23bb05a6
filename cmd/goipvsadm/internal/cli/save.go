package cli

import (
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
)

// save carries out -S.
func (p *invocation) save(cmd *command.Command) int {
	if err := p.saveRules(cmd); err != nil {
		p.errorf(refusal(command.List, err))
		return exitListError
	}
	return statusOK
}

// saveRules prints the rules that would set everything up again. The time-outs
// come before all that may have connections. The daemons come last: a backup
// that knows its servers can give them what it receives.
func (p *invocation) saveRules(cmd *command.Command) error {
	all := cmd.Options.Has(command.All)
	if all {
		t, err := p.client.Timeouts()
		if err != nil {
			return err
		}
		p.stdout.Write(ruleset.AppendTimeouts(nil, &t))
	}
	services, err := p.client.ServicesConsistent()
	if err != nil {
		return err
	}
	tablefmt.SortServices(services)
	err = p.writeServices(services, p.client.AppendDestinationsConsistent, p.namer(cmd), true, func(n tablefmt.Namer) rowFormatter {
		return savedRows(n)
	})
	if err != nil || !all {
		return err
	}
	daemons, err := p.client.Daemons()
	for i := range daemons {
		p.stdout.Write(ruleset.AppendDaemon(nil, &daemons[i]))
	}
	return err
}

// runSave runs the program as ipvsadm-save.
func (p *invocation) runSave(args []string) int {
	netns, args := cutNetNS(args)
	line := append([]string{"-S"}, netns...)
	for _, arg := range args {
		switch {
		case arg == "-n" && len(line) == 1+len(netns):
			line = append(line, "-n")
		case arg == "-n":
		case len(arg) > 0 && arg[0] == '-':
			p.errorf("ipvsadm-save: saves the IPVS table to stdout, as rules for ipvsadm-restore.\n" +
				"   -n         addresses and ports as numbers\n" +
				"   -N NETNS   the table of another network namespace")
			return exitListError
		}
	}
	return p.run(line)
}

// cutNetNS cuts --netns with its value out of the arguments of ipvsadm-save
// and ipvsadm-restore, which know few options or none.
func cutNetNS(args []string) (netns, rest []string) {
	for len(args) > 0 {
		n := 0
		switch arg := args[0]; {
		case arg == "-N", arg == "--netns":
			n = min(2, len(args))
		case strings.HasPrefix(arg, "-N"), strings.HasPrefix(arg, "--netns="):
			n = 1
		default:
			rest = append(rest, arg)
			args = args[1:]
			continue
		}
		netns = append(netns, args[:n]...)
		args = args[n:]
	}
	return netns, rest
}

// SPDX-License-Identifier: MIT

package cli

import (
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
)

// applet returns the function that runs the program under the name ipvsadm-save
// or ipvsadm-restore. It returns nil for any other name.
func applet(name string) func(inv *invocation, args []string) int {
	switch name {
	case "ipvsadm-save":
		return (*invocation).runSave
	case "ipvsadm-restore":
		return (*invocation).runRestore
	}
	return nil
}

const saveUsage = "ipvsadm-save: prints the IPVS table as rules for ipvsadm-restore.\n" +
	"   -n         print addresses and ports as numbers\n" +
	"   -N NETNS   use the table of another network namespace"

// runSave runs ipvsadm-save, which is -S.
func (inv *invocation) runSave(args []string) int {
	netns, args := cutNetNS(args)
	line := append([]string{"-S"}, netns...)
	if slices.Contains(args, "-n") {
		line = append(line, "-n")
	}
	if slices.ContainsFunc(args, func(arg string) bool { return arg != "-n" && strings.HasPrefix(arg, "-") }) {
		inv.errorf(saveUsage)
		return exitListError
	}
	return inv.run(line)
}

const restoreUsage = "ipvsadm-restore: replaces the IPVS table with the rules on stdin, as printed by ipvsadm-save.\n" +
	"   -N NETNS   use the table of another network namespace\n"

// runRestore runs ipvsadm-restore, which is -C and -R. Like the original, it
// ignores arguments other than -h and -N.
func (inv *invocation) runRestore(args []string) int {
	var cmd command.Command
	netns, ignored := cutNetNS(args)
	if slices.Contains(ignored, "-h") || slices.Contains(ignored, "--help") {
		inv.allowEPIPE = true
		inv.stdout.WriteString(restoreUsage)
		return exitOK
	}
	if err := inv.parser.Parse(append([]string{"-R"}, netns...), &cmd); err != nil {
		return inv.usageError(err)
	}
	if status := inv.open(cmd.NetNS); status != exitOK {
		return status
	}
	if closedByParent(inv.stdin) {
		inv.errorf(msgStdinClosed)
		return exitUsage
	}
	return inv.replaceTable(inv.stdin)
}

// cutNetNS splits args into -N or --netns with its value and the other arguments.
func cutNetNS(args []string) (netns, others []string) {
	for len(args) > 0 {
		n := 0
		switch arg := args[0]; {
		case arg == "-N", arg == "--netns":
			n = min(2, len(args))
		case strings.HasPrefix(arg, "-N"), strings.HasPrefix(arg, "--netns="):
			n = 1
		default:
			others = append(others, arg)
			args = args[1:]
			continue
		}
		netns = append(netns, args[:n]...)
		args = args[n:]
	}
	return netns, others
}

// SPDX-License-Identifier: MIT

// Package cli implements the program: it parses the command line, executes it
// and returns an exit status.
package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// A Dialer connects to the kernel's IPVS.
type Dialer func(...ipvs.Option) (*ipvs.Client, error)

// An invocation is one run of the program.
type invocation struct {
	name        string // argv[0], or ipvsadm if called as ipvsadm-save or ipvsadm-restore
	isGoipvsadm bool   // called goipvsadm: messages and statuses may differ from ipvsadm's
	stdin       io.Reader
	rawStdout   io.Writer     // standard output without a buffer
	stdout      *bufio.Writer // buffers rawStdout
	stderr      io.Writer
	files       struct{ stdout, stderr io.Writer } // as passed to Run; may be terminals
	dial        Dialer

	outputQueue
	allowEPIPE   bool           // a closed stdout does not change the exit status
	caughtSignal syscall.Signal // signal that arrived during a drain, or 0; it also ends -R

	prefix  string // prefix of messages: the line number of a rule
	names   *resolve.Database
	parser  *command.Parser
	client  *ipvs.Client // nil until connect
	info    ipvs.Info
	request ipvs.Change // the last change of the command line or of a rule
}

// outputBuffer is the size of the buffer of standard output, in bytes.
const outputBuffer = 16 << 10

// Run runs the program with its name and arguments in args and returns its exit
// status.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer, dial Dialer) int {
	inv := &invocation{
		stdin: stdin,
		dial:  dial,
		names: resolve.System(),
	}
	inv.files.stdout, inv.files.stderr = stdout, stderr
	inv.rawStdout = &output{&inv.outputQueue, stdout}
	inv.stdout = bufio.NewWriterSize(inv.rawStdout, outputBuffer)
	inv.stderr = &output{&inv.outputQueue, stderr}
	if len(args) > 0 {
		inv.name, args = args[0], args[1:]
	}
	run := (*invocation).run
	if runApplet := applet(path.Base(inv.name)); runApplet != nil {
		run = runApplet
		inv.name = "ipvsadm"
	}
	inv.parser = command.NewParser(inv.name, inv.names)
	inv.isGoipvsadm = path.Base(inv.name) == help.Name
	inv.parser.DetailedErrors = inv.isGoipvsadm
	inv.parser.ServiceConnections = inv.isGoipvsadm
	status := run(inv, args)
	if inv.client != nil {
		inv.client.Close()
	}
	// The status must not be 0 if a listing or a saved table is incomplete.
	err := cmp.Or(inv.stdout.Flush(), inv.flushQueue())
	isAllowed := inv.allowEPIPE && errors.Is(err, syscall.EPIPE)
	if err != nil && status == exitOK && !isAllowed {
		inv.errorf("%s: %v", inv.name, err)
		_ = inv.flushQueue() // the first error has been reported
		return exitListError
	}
	return status
}

// run parses and executes a command line.
func (inv *invocation) run(args []string) int {
	if len(args) > 0 && args[0] == completeFlag {
		return inv.complete(args[1:])
	}
	var cmd command.Command
	err := inv.parser.Parse(args, &cmd)
	switch cmd.Verb {
	case command.Help, command.Version: // usage errors are ignored
		return inv.execute(&cmd)
	case command.Check, command.Apply, command.Diff, command.Doctor:
		// These connect to the kernel themselves, if they need it.
		if err != nil {
			return inv.usageError(err)
		}
		return inv.execute(&cmd)
	}
	if err != nil && inv.parser.DetailedErrors {
		return inv.usageError(err)
	}
	// Like ipvsadm, connect to the kernel before reporting usage errors.
	var options []ipvs.Option
	if cmd.Options.Has(command.Metrics) {
		options = append(options, ipvs.WithoutModuleLoading()) // monitoring must not change the machine
	}
	if status := inv.open(cmd.NetNS, options...); status != exitOK {
		return status
	}
	if err != nil {
		return inv.usageError(err)
	}
	return inv.execute(&cmd)
}

// execute executes a command of the command line or of a rule and returns its
// exit status.
func (inv *invocation) execute(cmd *command.Command) int {
	switch cmd.Verb {
	case command.Help, command.Version:
		return inv.printInfo(cmd)
	case command.List:
		return inv.list(cmd)
	case command.Save:
		return inv.save(cmd)
	case command.Restore:
		inv.announceStdin()
		return inv.restore(inv.stdin).status
	case command.Check:
		return inv.check(cmd)
	case command.Apply:
		return inv.apply(cmd)
	case command.Diff:
		return inv.diff(cmd)
	case command.Doctor:
		return inv.doctor(cmd)
	case command.Monitor:
		return inv.monitor(cmd)
	}
	switch {
	case cmd.Options.Has(command.AllServices):
		return inv.allServices(cmd)
	case cmd.Options.Has(command.Drain):
		return inv.drain(cmd)
	case cmd.Options.Has(command.Keep):
		return inv.editKept(cmd)
	}
	return inv.change(cmd)
}

// change executes a command that is a single change of the table. The request is
// not on the stack: with it, the stack would have to grow, which adds 5 % to the
// instructions of the whole run.
func (inv *invocation) change(cmd *command.Command) int {
	warning := inv.editWarning(cmd)
	cmd.StoreChange(&inv.request)
	if err := inv.client.Do(&inv.request); err != nil {
		text := inv.subjectMessage(cmd.Verb, inv.subjectOf(cmd), err)
		if inv.isGoipvsadm && cmd.IgnoredPort != 0 && errors.Is(err, ipvs.ErrNoDestination) {
			text += fmt.Sprintf(" (port %d requires -m or --keep)", cmd.IgnoredPort)
		}
		inv.errorf("%s", text)
		return exitKernelError
	}
	if warning != "" {
		inv.errorf("%s", warning)
	}
	return exitOK
}

// printInfo prints the help or the version.
func (inv *invocation) printInfo(cmd *command.Command) int {
	inv.allowEPIPE = true
	name := path.Base(inv.name)
	switch {
	case cmd.Verb == command.Version:
		inv.stdout.WriteString(help.VersionLine(name))
	case !inv.isGoipvsadm:
		inv.stdout.WriteString(help.Text(name))
	default:
		return inv.help(cmd.HelpTopic)
	}
	return exitOK
}

// help prints the help on a topic, or a summary of the commands if topic is empty.
func (inv *invocation) help(topic string) int {
	switch topic {
	case "":
		inv.stdout.WriteString(help.Summary())
		return exitOK
	case "all":
		inv.stdout.WriteString(help.Text(help.Name))
		return exitOK
	}
	flags, commands := command.HelpTopic(topic)
	if len(flags) == 0 {
		inv.errorf("no help on %s (%s --help=all lists all commands and options)", topic, help.Name)
		return exitUsage
	}
	inv.stdout.WriteString(help.Excerpt(flags))
	if len(commands) > 0 {
		inv.stdout.WriteString("\nCommands with this option: " + strings.Join(commands, ", ") + "\n")
	}
	return exitOK
}

// usageError reports a command-line error.
func (inv *invocation) usageError(err error) int {
	inv.errorf("%s", err)
	return usageStatus(err)
}

// errorf flushes stdout and writes a line to stderr.
func (inv *invocation) errorf(format string, args ...any) {
	inv.stdout.Flush()
	_, _ = io.WriteString(inv.stderr, inv.prefix+fmt.Sprintf(format, args...)+"\n")
}

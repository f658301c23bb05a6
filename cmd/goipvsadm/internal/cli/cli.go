// Package cli is the program: it reads the command line, does what it says,
// and answers with text and an exit status.
package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// Exit statuses. What ipvsadm returns as -1 the shell sees as 255.
const (
	statusOK        = 0
	exitListError   = 1 // the kernel refused a listing
	exitUsage       = 2 // in the arguments, or no IPVS to be had
	exitKernelError = 255
)

// A Dialer connects to the kernel.
type Dialer func(...ipvs.Option) (*ipvs.Client, error)

// A program is one run.
type invocation struct {
	name      string // as it was called
	stdin     io.Reader
	rawStdout io.Writer     // standard output
	stdout    *bufio.Writer // the same, gathered
	stderr    io.Writer
	files     struct{ stdout, stderr io.Writer } // the same, which may be a terminal
	dial      Dialer

	outputs
	allowEPIPE bool           // or the like, so whoever reads it may leave when he has seen enough
	signal     syscall.Signal // that came during a drain, which is to end more than that; 0 if none did

	prefix string // of a message, when it is about a line of rules
	names  *resolve.Database
	parser *command.Parser
	client *ipvs.Client
	info   ipvs.Info
}

// other returns what runs the program under another name than its own or
// ipvsadm's.
func applet(name string) func(p *invocation, args []string) int {
	switch name {
	case "ipvsadm-save":
		return (*invocation).runSave
	case "ipvsadm-restore":
		return (*invocation).runRestore
	}
	return nil
}

// outputBuffer is how much of a listing is gathered before it is written.
const outputBuffer = 16 << 10

// Run runs the program with the arguments args, of which the first is its
// name, and returns its exit status.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer, dial Dialer) int {
	p := &invocation{
		stdin: stdin,
		dial:  dial,
		names: resolve.System(),
	}
	p.files.stdout, p.files.stderr = stdout, stderr
	p.rawStdout = &output{&p.outputs, stdout}
	p.stdout = bufio.NewWriterSize(p.rawStdout, outputBuffer)
	p.stderr = &output{&p.outputs, stderr}
	if len(args) > 0 {
		p.name, args = args[0], args[1:]
	}
	run := (*invocation).run
	if other := applet(path.Base(p.name)); other != nil {
		run = other
		p.name = "ipvsadm"
	}
	p.parser = command.NewParser(p.name, p.names)
	p.parser.DetailedErrors = path.Base(p.name) == help.Name
	status := run(p, args)
	if p.client != nil {
		p.client.Close()
	}
	// A table that was not written in full must not look saved.
	err := cmp.Or(p.stdout.Flush(), p.finish())
	if err != nil && status == statusOK && !(p.allowEPIPE && errors.Is(err, syscall.EPIPE)) {
		defer p.finish()
		p.errorf(fmt.Sprintf("%s: %v", p.name, err))
		return exitListError
	}
	return status
}

// run runs the command line args.
func (p *invocation) run(args []string) int {
	if len(args) > 0 && args[0] == completeFlag {
		return p.complete(args[1:])
	}
	var cmd command.Command
	mistake := p.parser.Parse(args, &cmd)
	switch cmd.Verb {
	case command.Help, command.Version:
		return p.printInfo(&cmd)
	case command.Check, command.Apply, command.Diff:
		// These look at what they are given before they look for a kernel.
		if mistake != nil {
			return p.usageError(mistake)
		}
		return p.runRules(&cmd)
	case command.Doctor:
		// It does without a kernel what can be done.
		if mistake != nil {
			return p.usageError(mistake)
		}
		return p.doctor(&cmd)
	}
	if mistake != nil && p.parser.DetailedErrors {
		return p.usageError(mistake)
	}
	// As ipvsadm does, the kernel comes before the mistake.
	var options []ipvs.Option
	// Monitoring must not change the machine.
	if cmd.Options.Has(command.Metrics) {
		options = append(options, ipvs.WithoutModuleLoading())
	}
	if status := p.open(cmd.NetNS, options...); status != statusOK {
		return status
	}
	if mistake != nil {
		return p.usageError(mistake)
	}
	if cmd.Verb == command.Restore {
		return p.restore(p.stdin)
	}
	return p.execute(&cmd)
}

// open connects to the kernel, in the network namespace netns unless that is
// "".
func (p *invocation) open(netns string, options ...ipvs.Option) int {
	err := p.connect(netns, options...)
	if e := new(ipvs.NetNSError); errors.As(err, &e) {
		return p.netnsError(netns, e)
	}
	if errors.Is(err, ipvs.ErrNotLoaded) {
		p.errorf("the kernel module ip_vs is not loaded: run `modprobe ip_vs' or add a service")
		return exitUsage
	}
	if err != nil {
		p.errorf("Can't initialize ipvs: " + errnoMessage(err) + "\n" +
			"Are you sure that IP Virtual Server is built in the kernel or as module?")
		return exitUsage
	}
	return statusOK
}

// connect connects to the kernel, and asks for its version.
func (p *invocation) connect(netns string, options ...ipvs.Option) (err error) {
	options = append(options, ipvs.WithModprobeOutput(p.files.stderr), ipvs.WithMappedAddresses())
	options = append(options, inNetNS(netns)...)
	if p.client, err = p.dial(options...); err != nil {
		return err
	}
	p.info, err = p.client.Info()
	return err
}

// inNetNS returns the option that leads to a network namespace, none for "".
func inNetNS(netns string) []ipvs.Option {
	if netns == "" {
		return nil
	}
	return []ipvs.Option{ipvs.WithNetNS(netns)}
}

// noNetNS says why a network namespace cannot be entered.
func (p *invocation) netnsError(netns string, err *ipvs.NetNSError) int {
	p.errorf(fmt.Sprintf("cannot open network namespace %q: %s", netns, strerror(err.Errno)))
	return exitUsage
}

// reason says why there is no IPVS to work with.
func errnoMessage(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errnoText(errno)
	}
	return err.Error()
}

// mistaken tells of a mistake in a command line.
func (p *invocation) usageError(err error) int {
	p.errorf(err.Error())
	var mistake *command.Error
	if errors.As(err, &mistake) {
		return mistake.Status()
	}
	return exitUsage
}

// complain writes a message. What was printed before it comes before it.
func (p *invocation) errorf(text string) {
	p.stdout.Flush()
	io.WriteString(p.stderr, p.prefix+text+"\n")
}

// execute carries out a command other than the restoring of rules.
func (p *invocation) execute(cmd *command.Command) int {
	switch cmd.Verb {
	case command.Help, command.Version:
		return p.printInfo(cmd)
	case command.List:
		return p.list(cmd)
	case command.Save:
		return p.save(cmd)
	}
	return p.change(cmd)
}

// tell prints what the program says of itself.
func (p *invocation) printInfo(cmd *command.Command) int {
	p.allowEPIPE = true
	name := path.Base(p.name)
	if cmd.Verb == command.Help {
		p.stdout.WriteString(help.Text(name))
	} else {
		p.stdout.WriteString(help.VersionLine(name))
	}
	return statusOK
}

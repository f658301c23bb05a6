// Package app is the program: it reads the command line, does what it says,
// and answers with text and an exit status.
package app

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
	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/ipvs"
)

// Exit statuses. What ipvsadm returns as -1 the shell sees as 255.
const (
	statusOK      = 0
	statusListing = 1 // the kernel refused a listing
	statusMistake = 2 // in the arguments, or no IPVS to be had
	statusRefused = 255
)

// A Dialer connects to the kernel.
type Dialer func(...ipvs.Option) (*ipvs.Client, error)

// A program is one run.
type program struct {
	name   string // as it was called
	stdin  io.Reader
	direct io.Writer     // standard output
	stdout *bufio.Writer // the same, gathered
	stderr io.Writer
	given  struct{ stdout, stderr io.Writer } // the same, which may be a terminal
	dial   Dialer

	outputs
	listing bool           // or the like, so whoever reads it may leave when he has seen enough
	signal  syscall.Signal // that came during a drain, which is to end more than that; 0 if none did

	where  string // of a message, when it is about a line of rules
	names  *names.Database
	parser *command.Parser
	client *ipvs.Client
	info   ipvs.Info
}

// other returns what runs the program under another name than its own or
// ipvsadm's.
func other(name string) func(p *program, args []string) int {
	switch name {
	case "ipvsadm-save":
		return (*program).runSave
	case "ipvsadm-restore":
		return (*program).runRestore
	}
	return nil
}

// outputBuffer is how much of a listing is gathered before it is written.
const outputBuffer = 16 << 10

// Run runs the program with the arguments args, of which the first is its
// name, and returns its exit status.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer, dial Dialer) int {
	p := &program{
		stdin: stdin,
		dial:  dial,
		names: names.System(),
	}
	p.given.stdout, p.given.stderr = stdout, stderr
	p.direct = &output{&p.outputs, stdout}
	p.stdout = bufio.NewWriterSize(p.direct, outputBuffer)
	p.stderr = &output{&p.outputs, stderr}
	if len(args) > 0 {
		p.name, args = args[0], args[1:]
	}
	run := (*program).run
	if other := other(path.Base(p.name)); other != nil {
		run = other
		p.name = "ipvsadm"
	}
	p.parser = command.NewParser(p.name, p.names)
	p.parser.Explain = path.Base(p.name) == help.Name
	status := run(p, args)
	if p.client != nil {
		p.client.Close()
	}
	// A table that was not written in full must not look saved.
	err := cmp.Or(p.stdout.Flush(), p.finish())
	if err != nil && status == statusOK && !(p.listing && errors.Is(err, syscall.EPIPE)) {
		defer p.finish()
		p.complain(fmt.Sprintf("%s: %v", p.name, err))
		return statusListing
	}
	return status
}

// run runs the command line args.
func (p *program) run(args []string) int {
	if len(args) > 0 && args[0] == completing {
		return p.complete(args[1:])
	}
	var cmd command.Command
	mistake := p.parser.Parse(args, &cmd)
	switch cmd.Verb {
	case command.Help, command.Version:
		return p.tell(&cmd)
	case command.Check, command.Apply, command.Diff:
		// These look at what they are given before they look for a kernel.
		if mistake != nil {
			return p.mistaken(mistake)
		}
		return p.readAll(&cmd)
	case command.Doctor:
		// It does without a kernel what can be done.
		if mistake != nil {
			return p.mistaken(mistake)
		}
		return p.doctor(&cmd)
	}
	if mistake != nil && p.parser.Explain {
		return p.mistaken(mistake)
	}
	// As ipvsadm does, the kernel comes before the mistake.
	if status := p.open(cmd.NetNS); status != statusOK {
		return status
	}
	if mistake != nil {
		return p.mistaken(mistake)
	}
	if cmd.Verb == command.Restore {
		return p.restore(p.stdin)
	}
	return p.execute(&cmd)
}

// open connects to the kernel, in the network namespace netns unless that is
// "".
func (p *program) open(netns string) int {
	err := p.connect(netns)
	if e := new(ipvs.NetNSError); errors.As(err, &e) {
		return p.noNetNS(netns, e)
	}
	if err != nil {
		p.complain("Can't initialize ipvs: " + reason(err) + "\n" +
			"Are you sure that IP Virtual Server is built in the kernel or as module?")
		return statusMistake
	}
	return statusOK
}

// connect connects to the kernel, and asks for its version.
func (p *program) connect(netns string) (err error) {
	options := append(inNetNS(netns), ipvs.ModprobeOutput(p.given.stderr), ipvs.MappedAddresses())
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
	return []ipvs.Option{ipvs.InNetNS(netns)}
}

// noNetNS says why a network namespace cannot be entered.
func (p *program) noNetNS(netns string, err *ipvs.NetNSError) int {
	p.complain(fmt.Sprintf("cannot open network namespace %q: %s", netns, sentence(err.Errno)))
	return statusMistake
}

// reason says why there is no IPVS to work with.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return general(errno)
	}
	return err.Error()
}

// mistaken tells of a mistake in a command line.
func (p *program) mistaken(err error) int {
	p.complain(err.Error())
	var mistake *command.Error
	if errors.As(err, &mistake) {
		return mistake.Status()
	}
	return statusMistake
}

// complain writes a message. What was printed before it comes before it.
func (p *program) complain(text string) {
	p.stdout.Flush()
	io.WriteString(p.stderr, p.where+text+"\n")
}

// execute carries out a command other than the restoring of rules.
func (p *program) execute(cmd *command.Command) int {
	switch cmd.Verb {
	case command.Help, command.Version:
		return p.tell(cmd)
	case command.List:
		return p.list(cmd)
	case command.Save:
		return p.save(cmd)
	}
	return p.change(cmd)
}

// tell prints what the program says of itself.
func (p *program) tell(cmd *command.Command) int {
	p.listing = true
	name := path.Base(p.name)
	if cmd.Verb == command.Help {
		p.stdout.WriteString(help.Text(name))
	} else {
		p.stdout.WriteString(help.VersionLine(name))
	}
	return statusOK
}

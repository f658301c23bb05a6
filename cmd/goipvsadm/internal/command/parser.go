package command

import (
	"errors"
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
	"goipvsadm/sched"

	"github.com/spf13/pflag"
)

// A Parser reads command lines, one after another.
type Parser struct {
	// Explain makes the error of a line that does not begin with a command say
	// which word it was about, as ipvsadm's does not.
	Verbose bool

	program   string
	names     *resolve.Database
	flags     *pflag.FlagSet // those that words have named so far
	short     [256]*flag     // by their letters
	applyFunc func(*pflag.Flag, string) error
	args      [2]string // for pflag

	state // being read
}

// A line is what must be known of a command line until all of it is read.
type state struct {
	cmd       *Command
	implied   bool          // whether the verb is that of an option, not a word of its own
	word      string        // as typed, the one being read
	last      string        // the same, or the one after it that is its value
	operands  []string      // words that are neither options nor their values
	server    string        // value of -r
	portNames ipvs.Protocol // by which that was read
	hasPort   bool          // whether it has a port
	mask      string        // value of -M
	flagNames string        // value of -b
}

// NewParser returns a Parser that names program in messages, and takes names
// of hosts and ports from db.
func NewParser(program string, db *resolve.Database) *Parser {
	p := &Parser{program: program, names: db, flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
	p.applyFunc = func(pf *pflag.Flag, value string) error { return p.apply(pf.Value.(*flag), value) }
	for i := range flags {
		if f := &flags[i]; f.short != "" {
			p.short[f.short[0]] = f
		}
	}
	return p
}

// Parse reads the words after the program's name into cmd, which keeps
// nothing of what it held. The first option must be the command, or one that implies it;
// --netns alone may stand before it. No words mean a listing. An error is an *Error;
// cmd is then what was read until it was met.
func (p *Parser) Parse(words []string, cmd *Command) error {
	p.begin(cmd)
	if len(words) == 0 {
		cmd.Verb = List
		return nil
	}
	err := p.readWords(words)
	if err == errStop {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.validate(); err != nil {
		return err
	}
	return nil
}

// begin begins to read a command line into cmd, which gets the defaults.
func (p *Parser) begin(cmd *Command) {
	*cmd = Command{
		Service:     ipvs.Service{Scheduler: sched.Default},
		Destination: ipvs.Destination{Method: ipvs.DirectRouting, Weight: 1},
		Daemon:      ipvs.Daemon{Interface: "eth0"},
		Interval:    defaultInterval,
	}
	p.state = state{cmd: cmd, operands: p.operands[:0]}
}

// errDone ends the reading at -h or -v: what follows is not looked at.
var errStop = errors.New("done")

func (p *Parser) readWords(words []string) error {
	for len(words) > 0 {
		word := words[0]
		if word == "--" {
			p.operands = append(p.operands, words[1:]...)
			break
		}
		if len(word) < 2 || word[0] != '-' {
			p.operands = append(p.operands, word)
			words = words[1:]
			continue
		}
		var err error
		if f, value, rest := p.fastPath(words); f != nil {
			words, err = rest, p.apply(f, value)
		} else {
			var args []string
			args, words = p.splitOption(words)
			err = p.flags.ParseAll(args, p.applyFunc)
		}
		if err != nil {
			return p.translate(err)
		}
	}
	if p.cmd.Options.Has(NetNS) && p.cmd.Verb == 0 && len(p.operands) == 0 {
		p.cmd.Verb = List // as if there were no words
	}
	if p.cmd.Verb == 0 {
		if p.Verbose && len(p.operands) > 0 {
			return &Error{NoCommand, "unexpected argument " + p.operands[0]}
		}
		return p.UsageError()
	}
	return nil
}

// set is called for each flag of a command line in turn.
func (p *Parser) apply(f *flag, value string) error {
	if f.value == none && value != noValue {
		return p.badOption("option does not take an argument")
	}
	if p.cmd.Verb == 0 && f.impliedVerb != 0 {
		p.cmd.Verb, p.implied = f.impliedVerb, true
	}
	switch {
	case p.cmd.Verb == 0 && f.verb == 0 && f.option != NetNS:
		return p.UsageError()
	case p.implied && (f.verb == p.cmd.Verb || f.verb == Doctor):
		p.cmd.Verb, p.implied = f.verb, false // now it is said
	case p.cmd.Verb != 0 && f.verb != 0:
		return p.secondCommand(f)
	case f.verb != 0:
		p.cmd.Verb = f.verb
		if f.verb == Help || f.verb == Version {
			return errStop
		}
	case f.option == repeatable:
	case p.cmd.Options.Has(f.option):
		return errorf("multiple '%s' options specified", optionMatrix[f.option].name)
	default:
		p.cmd.Options |= 1 << f.option
	}
	if f.read != nil {
		if err := f.read(p, value); err != nil {
			return err
		}
	}
	return nil
}

// translate turns an error of pflag into popt's words.
func (p *Parser) translate(err error) error {
	switch err.(type) {
	case *pflag.NotExistError, *pflag.InvalidSyntaxError:
		return p.badOption("unknown option")
	case *pflag.ValueRequiredError:
		return p.badOption("missing argument")
	}
	return err
}

// wrong returns the error of an option that cannot be read. Before there is a
// command, no option can, and ipvsadm does not say which it was.
func (p *Parser) badOption(what string) *Error {
	text := p.word + ": " + what
	switch {
	case p.cmd.Verb != 0:
		return &Error{BadOption, text}
	case p.Verbose:
		return &Error{NoCommand, text}
	}
	return p.UsageError()
}

func (p *Parser) secondCommand(f *flag) *Error {
	word := p.word
	if f.value != none {
		word = p.last
	}
	return errorf("invalid option `%s'", word)
}

// NoCommand returns the error of a line that does not begin with a command.
func (p *Parser) UsageError() *Error {
	return &Error{NoCommand, fmt.Sprintf("Try `%[1]s -h' or '%[1]s --help' for more information.", p.program)}
}

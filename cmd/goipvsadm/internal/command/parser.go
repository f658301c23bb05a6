// SPDX-License-Identifier: MIT

package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// A Parser parses command lines, one after another.
type Parser struct {
	// DetailedErrors replaces ipvsadm's usage error, for a line that does not
	// begin with a command, by an error that quotes the invalid word. It also
	// adds hints to some other errors and makes --help accept a topic.
	DetailedErrors bool

	// ServiceConnections makes -L -c accept a service, whose connections it
	// lists. ipvsadm rejects this.
	ServiceConnections bool

	program   string            // name of the program in messages
	names     *resolve.Database // resolves names of hosts and ports
	flagSet   *pflag.FlagSet    // the flags used so far, see register
	short     [256]uint8        // for each short name, the index of its flag plus 1; see lookupShort
	onFlag    func(*pflag.Flag, string) error
	pflagArgs [2]string // buffer for the arguments passed to pflag

	state
}

// state is the state of parsing one command line.
type state struct {
	cmd       *Command
	isImplied bool     // the verb was implied by an option, such as List by -j
	word      string   // the word being parsed, as typed
	lastWord  string   // the word after word if it is the value of the flag; otherwise word
	operands  []string // words that are neither flags nor their values
	bareFlag  string   // word, if it is a flag without its optional attached value
	hint      string   // an unexpected operand and what was probably meant

	// Values whose meaning may depend on a flag that follows.
	server         string        // value of -r
	serverProtocol ipvs.Protocol // protocol by which the port name in server was looked up
	hasServerPort  bool          // server contains a port
	netmask        string        // value of -M
}

// NewParser returns a Parser whose messages contain the name of the program and
// which resolves names of hosts and ports with db.
func NewParser(program string, db *resolve.Database) *Parser {
	p := &Parser{program: program, names: db, flagSet: pflag.NewFlagSet("", pflag.ContinueOnError)}
	p.onFlag = func(pf *pflag.Flag, value string) error { return p.handleFlag(pf.Value.(*flag), value) }
	for i := range flags {
		if f := &flags[i]; f.short != "" {
			p.short[f.short[0]] = uint8(i + 1)
		}
	}
	return p
}

// Parse parses the arguments of the program into cmd, whose previous contents
// are discarded. The first flag must be a command or imply one, but --netns may
// precede it. Without arguments the command is List. A non-nil error is an
// *Error; cmd then holds what the words before the error have set.
func (p *Parser) Parse(words []string, cmd *Command) error {
	p.reset(cmd)
	if len(words) == 0 {
		cmd.Verb = List
		return nil
	}
	err := p.parseWords(words)
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

// reset prepares p to parse a command line into cmd, and sets cmd to the
// defaults.
func (p *Parser) reset(cmd *Command) {
	*cmd = Command{
		Service:     ipvs.Service{Scheduler: sched.Default},
		Destination: ipvs.Destination{Method: ipvs.DirectRouting, Weight: 1},
		Daemon:      ipvs.Daemon{Interface: "eth0"},
		Interval:    defaultWatchInterval,
	}
	p.state = state{cmd: cmd, operands: p.operands[:0]}
}

// errStop stops parsing at -h and -v. The words that follow are not parsed.
var errStop = errors.New("stop")

// parseWords parses flags and their values, and collects operands.
func (p *Parser) parseWords(words []string) error {
	for len(words) > 0 {
		word := words[0]
		if word == "--" {
			p.operands = append(p.operands, words[1:]...)
			break
		}
		if len(word) < 2 || word[0] != '-' {
			p.addOperand(word)
			words = words[1:]
			continue
		}
		p.bareFlag = ""
		var err error
		if f, value, rest := p.cutShortFlag(words); f != nil {
			words, err = rest, p.handleFlag(f, value)
		} else {
			var args []string
			args, words = p.splitFlag(words)
			err = p.flagSet.ParseAll(args, p.onFlag)
		}
		if err == errStop && p.cmd.Verb == Help && p.DetailedErrors && p.cmd.HelpTopic == "" && len(words) > 0 {
			p.cmd.HelpTopic = words[0]
		}
		if err != nil {
			return p.translate(err)
		}
	}
	if p.cmd.Options.Has(NetNS) && p.cmd.Verb == 0 && len(p.operands) == 0 {
		p.cmd.Verb = List // as without arguments
	}
	if p.cmd.Verb == 0 {
		if p.DetailedErrors && len(p.operands) > 0 {
			return &Error{NoCommand, p.unexpectedOperandError().Text}
		}
		return p.usageError()
	}
	return nil
}

// addOperand adds a word that is neither a flag nor the value of one. It sets the
// hint for the error of an operand. It suggests a command or standard input only with
// DetailedErrors; otherwise the message must equal ipvsadm's.
func (p *Parser) addOperand(word string) {
	switch {
	case p.cmd.Verb.ReadsFile():
		// The name of a file may follow a flag, but a time was meant as the value of --confirm.
		if _, isTime := parseTime(word); isTime && p.bareFlag != "" {
			p.hint = didYouMean(word, p.bareFlag+"="+word)
		}
	case len(p.operands) > 0:
	case p.bareFlag != "":
		p.hint = didYouMean(word, p.bareFlag+"="+word)
	case p.DetailedErrors && p.cmd.Verb == Restore:
		p.hint = didYouMean(word, "<"+word)
	case p.DetailedErrors:
		if f := lookupLong(word); f != nil && (f.verb != 0 || f.impliedVerb != 0) {
			p.hint = didYouMean(word, "--"+word)
		}
	}
	p.operands = append(p.operands, word)
	p.bareFlag = ""
}

func didYouMean(word, suggestion string) string {
	return word + " (did you mean " + suggestion + "?)"
}

// unexpectedOperandError returns the error of the operand with the hint, or of the first
// one that is not the name of a file.
func (p *Parser) unexpectedOperandError() *Error {
	unexpected := p.hint
	if unexpected == "" && p.cmd.Verb.ReadsFile() {
		unexpected = p.operands[1]
	} else if unexpected == "" {
		unexpected = p.operands[0]
	}
	return errorf("unexpected argument %s", unexpected)
}

// handleFlag stores one flag of the command line in the command.
func (p *Parser) handleFlag(f *flag, value string) error {
	if f.value == valueNone && value != noValue {
		if f.verb != Help || p.cmd.Verb != 0 || !p.DetailedErrors {
			return p.badOptionError("option does not take an argument")
		}
		p.cmd.HelpTopic = value
	}
	if p.cmd.Verb == 0 && f.impliedVerb != 0 {
		p.cmd.Verb, p.isImplied = f.impliedVerb, true
	}
	switch {
	case p.cmd.Verb == 0 && f.verb == 0 && f.option != NetNS:
		if p.DetailedErrors {
			return &Error{NoCommand, p.word + ": the first option must be a command, such as " + f.exampleCommand()}
		}
		return p.usageError()
	case p.isImplied && (f.verb == p.cmd.Verb || f.verb == Doctor || f.verb == Monitor):
		p.cmd.Verb, p.isImplied = f.verb, false
	case f.verb != 0 && p.cmd.combinesWith(f.verb):
		p.cmd.Verb, p.cmd.ForApply = Check, true
	case p.cmd.Verb != 0 && f.verb != 0:
		return p.secondCommandError(f)
	case f.verb != 0:
		p.cmd.Verb = f.verb
		if f.verb == Help || f.verb == Version {
			return errStop
		}
	case f.option == repeatable:
	case p.cmd.Options.Has(f.option):
		return errorf("multiple '%s' options specified", f.option)
	default:
		p.cmd.Options |= 1 << f.option
	}
	if f.value == valueAttached && value == noValue {
		p.bareFlag = p.word
	}
	if f.set != nil {
		if err := f.set(p, value); err != nil {
			return err
		}
	}
	return nil
}

// translate replaces an error of pflag by popt's message.
func (p *Parser) translate(err error) error {
	switch err.(type) {
	case *pflag.NotExistError, *pflag.InvalidSyntaxError:
		return p.badOptionError("unknown option" + p.abbreviationHint())
	case *pflag.ValueRequiredError:
		return p.badOptionError("missing argument")
	}
	return err
}

// abbreviationHint returns a hint that names the long flags of the command that begin
// with the current word, since abbreviations are not accepted. It is empty if there are
// none or many such flags, and without DetailedErrors.
func (p *Parser) abbreviationHint() string {
	name, isLong := strings.CutPrefix(p.word, "--")
	if !p.DetailedErrors || !isLong || name == "" {
		return ""
	}
	var found []string
	for i := range flags {
		f := &flags[i]
		if strings.HasPrefix(f.long, name) && (p.cmd.Verb == 0 && f.verb != 0 || f.verb == 0 && f.belongsTo(p.cmd.Verb)) {
			found = append(found, "--"+f.long)
		}
	}
	if len(found) == 0 || len(found) > 3 {
		return ""
	}
	return " (did you mean " + strings.Join(found, " or ") + "?)"
}

// badOptionError returns the error of the current word, which is not a valid flag.
// Like ipvsadm, it returns the usage error if no command precedes the word.
func (p *Parser) badOptionError(problem string) *Error {
	text := p.word + ": " + problem
	switch {
	case p.cmd.Verb != 0:
		return &Error{BadOption, text}
	case p.DetailedErrors:
		return &Error{NoCommand, text}
	}
	return p.usageError()
}

// secondCommandError returns the error of a flag that selects a command when one has
// already been selected.
func (p *Parser) secondCommandError(f *flag) *Error {
	word := p.word
	if f.value != valueNone {
		word = p.lastWord
	}
	return errorf("invalid option `%s'", word)
}

// usageError returns ipvsadm's error of a line that does not begin with a command.
func (p *Parser) usageError() *Error {
	return &Error{NoCommand, fmt.Sprintf("Try `%[1]s -h' or '%[1]s --help' for more information.", p.program)}
}

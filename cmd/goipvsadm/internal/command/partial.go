package command

import (
	"errors"
	"strings"

	"goipvsadm/ipvs"

	"github.com/spf13/pflag"
)

// An Unfinished is a command line that somebody is typing: its words so far,
// and the beginning of the next.
type Partial struct {
	Command // as far as the words can be read

	// Value is the long name of the flag of which the next word is the value,
	// or "" if it is not a value.
	Value string

	// Fixed begins the next word where it is a flag with its value behind an
	// =; Word is what there is of the word or, behind Fixed, of the value.
	Prefix, Word string

	// Done is set where no word can follow.
	Done bool
}

// ParseUnfinished reads the words of an unfinished line and the beginning of
// the next, which may be "". What is wrong in the words is passed over.
func (p *Parser) ParseUnfinished(words []string, typed string) *Partial {
	u := &Partial{Word: typed}
	p.begin(&u.Command)
	for len(words) > 0 {
		if words[0] == "--" {
			u.Done = true
			return u
		}
		if len(words[0]) < 2 || words[0][0] != '-' {
			words = words[1:]
			continue
		}
		var args []string
		args, words = p.splitOption(words)
		err := p.flags.ParseAll(args, p.applyFunc)
		if missing := new(pflag.ValueRequiredError); errors.As(err, &missing) {
			u.Value = missing.GetFlag().Name
		} else if err == errStop {
			u.Done = true
		}
	}
	if name, value, ok := strings.Cut(typed, "="); ok && u.Value == "" && strings.HasPrefix(name, "--") {
		u.Value, u.Prefix, u.Word = name[2:], name+"=", value
	}
	return u
}

// Next returns the flags that may come next, each as its spellings, the long
// one first. Without a command, those are the commands.
func (u *Partial) Candidates() [][]string {
	var next [][]string
	for i := range flags {
		f := &flags[i]
		if !u.allows(f) {
			continue
		}
		var spellings []string
		if f.long != noLongName {
			spellings = append(spellings, "--"+f.long)
		}
		if f.short != "" {
			spellings = append(spellings, "-"+f.short)
		}
		next = append(next, spellings)
	}
	return next
}

// allows reports whether f may come next.
func (u *Partial) allows(f *flag) bool {
	switch {
	case u.Done:
		return false
	case u.Verb == 0 && f.option == NetNS && f.verb == 0:
		return !u.Options.Has(NetNS)
	case u.Verb == 0 && f.impliedVerb != 0:
		return true
	case u.Verb == 0 || f.verb != 0:
		return u.Verb == 0 && f.verb != 0
	case f.long == "ipv6":
		return u.Service.Mark != 0 && u.Service.Family != ipvs.IPv6
	case f.option == repeatable:
		return u.Verb == List
	case u.Options.Has(f.option):
		return false
	}
	if !compatible(&optionMatrix, verbs[u.Verb].column, u.Options, f.option) {
		return false
	}
	if f.option == TunType || tunnelUses[f.option].cells != "" {
		d := &u.Destination
		return d.Method == ipvs.Tunneling && compatible(&tunnelUses, int(d.Tunnel.Type), u.Options, f.option)
	}
	with := u.Command
	with.Options |= 1 << f.option
	return u.Verb != List || with.validateListing() == nil
}

// fits reports whether o may be added to the options given, by the column of
// table for a command or a tunnel type.
func compatible(table *[numOptions]matrixRow, column int, given Options, o Option) bool {
	if table[o].cells == "" {
		return true
	}
	mark := table[o].cells[2*column]
	for i := range table {
		if mark == '1' && given.Has(Option(i)) && table[i].cells != "" && table[i].cells[2*column] == '1' {
			return false
		}
	}
	return mark != '.'
}

// SPDX-License-Identifier: MIT

package command

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"goipvsadm/ipvs"
)

// A Partial is a command line that is being typed: the words before the cursor,
// parsed, and the beginning of the next word.
type Partial struct {
	Command // as parsed from the valid words

	// ValueOf is the long name of the flag whose value is being typed, or ""
	// if the next word is not a value.
	ValueOf string

	// Word is the beginning of the next word. If it contains a long flag and the
	// beginning of its value, Prefix is the flag up to and including the =, and
	// Word is the beginning of the value.
	Prefix, Word string

	// Done is set if no flag can follow.
	Done bool
}

// ParsePartial parses the words before the cursor, ignoring invalid ones, and
// the beginning of the next word, which may be "".
func (p *Parser) ParsePartial(words []string, next string) *Partial {
	partial := &Partial{Word: next}
	p.reset(&partial.Command)
	for len(words) > 0 {
		if words[0] == "--" {
			partial.Done = true
			return partial
		}
		if len(words[0]) < 2 || words[0][0] != '-' {
			words = words[1:]
			continue
		}
		var args []string
		args, words = p.splitFlag(words)
		err := p.flagSet.ParseAll(args, p.onFlag)
		if missing := new(pflag.ValueRequiredError); errors.As(err, &missing) {
			partial.ValueOf = missing.GetFlag().Name
		} else if err == errStop {
			partial.Done = true
			if partial.Verb == Help && len(words) == 0 {
				partial.ValueOf = "help" // the topic
			}
		}
	}
	if name, value, ok := strings.Cut(next, "="); ok && partial.ValueOf == "" && strings.HasPrefix(name, "--") {
		partial.ValueOf, partial.Prefix, partial.Word = name[2:], name+"=", value
	}
	return partial
}

// NextFlags returns the spellings of each flag that may come next, the long one
// first. Before the command, these are mainly the flags of the commands.
func (p *Partial) NextFlags() [][]string {
	var next [][]string
	for i := range flags {
		f := &flags[i]
		if !p.allows(f) {
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

// Supports reports whether the option may be given in addition to the options of the line.
func (p *Partial) Supports(o Option) bool {
	given := p.Options
	switch o { // -L -c accepts a service
	case Connection:
		given &^= 1 << ServiceAddress
	case ServiceAddress:
		given &^= 1 << Connection
	}
	with := p.Command
	with.Options |= 1 << o
	return with.optionRules().permits(given, o)
}

// allows reports whether f may come next.
func (p *Partial) allows(f *flag) bool {
	switch {
	case p.Done:
		return false
	case f.verb != 0:
		return p.Verb == 0 || p.combinesWith(f.verb)
	case f.option == NetNS:
		return !p.Options.Has(NetNS)
	case p.Verb == 0:
		return f.impliedVerb != 0
	case f.long == "ipv6":
		return p.Service.Mark != 0 && p.Service.Family != ipvs.IPv6
	case f.long == "fwmark-service" && p.Options.Has(Connection):
		return false
	case f.option == repeatable:
		return p.Verb == List
	case p.Options.Has(f.option):
		return false
	}
	if !p.Supports(f.option) {
		return false
	}
	if tunnelOptions.Has(f.option) {
		d := &p.Destination
		if p.Options.HasAny(Keep, AllServices) && !p.Options.Has(ForwardingMethod) {
			return true // the server may have a tunnel
		}
		return d.Method == ipvs.Tunneling && tunnelTypes[d.Tunnel.Type].permits(p.Options, f.option)
	}
	with := p.Command
	with.Options |= 1 << f.option
	return p.Verb != List || with.validateListing() == nil
}

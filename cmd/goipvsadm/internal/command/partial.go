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
	u := &Partial{Word: next}
	p.reset(&u.Command)
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
		args, words = p.splitFlag(words)
		err := p.flagSet.ParseAll(args, p.onFlag)
		if missing := new(pflag.ValueRequiredError); errors.As(err, &missing) {
			u.ValueOf = missing.GetFlag().Name
		} else if err == errStop {
			u.Done = true
			if u.Verb == Help && len(words) == 0 {
				u.ValueOf = "help" // the topic
			}
		}
	}
	if name, value, ok := strings.Cut(next, "="); ok && u.ValueOf == "" && strings.HasPrefix(name, "--") {
		u.ValueOf, u.Prefix, u.Word = name[2:], name+"=", value
	}
	return u
}

// NextFlags returns the spellings of each flag that may come next, the long one
// first. Before the command, these are mainly the flags of the commands.
func (u *Partial) NextFlags() [][]string {
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

// Supports reports whether the option may be given in addition to those of the line.
func (u *Partial) Supports(o Option) bool {
	given := u.Options
	switch o { // -L -c accepts a service
	case Connection:
		given &^= 1 << ServiceAddress
	case ServiceAddress:
		given &^= 1 << Connection
	}
	with := u.Command
	with.Options |= 1 << o
	return with.optionRules().permits(given, o)
}

// allows reports whether f may come next.
func (u *Partial) allows(f *flag) bool {
	switch {
	case u.Done:
		return false
	case f.verb != 0:
		return u.Verb == 0 || u.combinesWith(f.verb)
	case f.option == NetNS:
		return !u.Options.Has(NetNS)
	case u.Verb == 0:
		return f.impliedVerb != 0
	case f.long == "ipv6":
		return u.Service.Mark != 0 && u.Service.Family != ipvs.IPv6
	case f.long == "fwmark-service" && u.Options.Has(Connection):
		return false
	case f.option == repeatable:
		return u.Verb == List
	case u.Options.Has(f.option):
		return false
	}
	if !u.Supports(f.option) {
		return false
	}
	if tunnelOptions.Has(f.option) {
		d := &u.Destination
		if u.Options.HasAny(Keep, AllServices) && !u.Options.Has(ForwardingMethod) {
			return true // the server may have a tunnel
		}
		return d.Method == ipvs.Tunneling && tunnelTypes[d.Tunnel.Type].permits(u.Options, f.option)
	}
	with := u.Command
	with.Options |= 1 << f.option
	return u.Verb != List || with.validateListing() == nil
}

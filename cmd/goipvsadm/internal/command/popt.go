// SPDX-License-Identifier: MIT

package command

import "strings"

// ipvsadm parses its arguments with the library popt; this package uses pflag.
// Words that the two interpret differently are rewritten before pflag parses
// them:
//
//   - The value of -p is the next word. If there is none, or it begins with a
//     dash, -p has its default value.
//   - An = after a short flag introduces a value even at the end of the word:
//     -t= has an empty value, and -n= is an error, since -n has no value.
//   - -test.x is -t with the value est.x; pflag would ignore it as a flag of
//     go test.

// cutShortFlag parses the first word if it is a single short flag, such as -t.
// It does not use pflag, which would slow down -R: most rules consist of such
// flags. It returns the flag, its value (noValue for a flag without one) and the
// remaining words. The flag is nil if the first word is anything else or if the
// value is missing.
func (p *Parser) cutShortFlag(words []string) (f *flag, value string, rest []string) {
	word := words[0]
	if len(word) != 2 {
		return nil, "", words
	}
	if f = p.lookupShort(word[1]); f == nil {
		return nil, "", words
	}
	p.word, p.lastWord = word, word
	args, rest := p.splitValue(f, words)
	switch {
	case len(args) == 2:
		return f, args[1], rest
	case f.value == valueNone:
		return f, noValue, rest
	}
	return nil, "", words
}

// splitFlag splits words into the arguments for the next call of pflag and the
// remaining words. The arguments are the first word, which is a long flag or a
// group of short flags such as -nt, and its value if that is the second word.
func (p *Parser) splitFlag(words []string) (args, rest []string) {
	word, rest := words[0], words[1:]
	p.word, p.lastWord = word, word
	if word[1] == '-' {
		name, _, hasValue := strings.Cut(word[2:], "=")
		f := p.register(lookupLong(name))
		if hasValue || f == nil {
			return words[:1], rest
		}
		return p.splitValue(f, words)
	}
	for i := 1; i < len(word); i++ {
		f, after := p.register(p.lookupShort(word[i])), word[i+1:]
		if f == nil {
			break // pflag will return a NotExistError
		}
		switch {
		case after == "":
			return p.splitValue(f, words)
		case f.value != valueNone:
			return append(p.pflagArgs[:0], word[:i+1], strings.TrimPrefix(after, "=")), rest
		case after == "=":
			return append(p.pflagArgs[:0], word+"="), rest
		}
	}
	return words[:1], rest
}

// splitValue is splitFlag for a first word that ends with the flag f. The
// arguments are the first word and the value of f, if that is a separate word:
// the second word, or the default in place of a missing optional value.
func (p *Parser) splitValue(f *flag, words []string) (args, rest []string) {
	rest = words[1:]
	switch {
	case f.value == valueNone || f.value == valueAttached:
		return words[:1], rest
	case f.value == valueOptional && (len(rest) == 0 || strings.HasPrefix(rest[0], "-")):
		return append(p.pflagArgs[:0], words[0], defaultPersistence), rest
	case len(rest) == 0:
		return words, nil // pflag will return a ValueRequiredError
	}
	p.lastWord = rest[0]
	return words[:2], rest[1:]
}

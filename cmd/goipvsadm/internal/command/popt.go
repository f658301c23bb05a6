package command

import "strings"

// pflag and popt, which ipvsadm uses, disagree about some words. These are
// rewritten before pflag parses them:
//
//   - -p takes the next word as its value unless that begins with a dash, and
//     has a default value otherwise.
//   - An = after a short flag introduces a value even at the end of the word:
//     -t= has an empty value, and -n= has a value that -n does not take.
//   - -test.x is -t with a value, not a flag of go test.

// fastPath parses a first word that is a single short flag, as all words of
// saved rules are, without pflag. It returns the flag, its value, or noValue if
// it takes none, and the remaining words. It returns a nil flag for any other
// word and if a value is missing.
func (p *Parser) fastPath(words []string) (f *flag, value string, rest []string) {
	word := words[0]
	if len(word) != 2 || p.short[word[1]] == nil {
		return nil, "", words
	}
	p.word, p.lastWord = word, word
	f = p.short[word[1]]
	args, rest := p.takeValue(f, words)
	switch {
	case len(args) == 2:
		return f, args[1], rest
	case f.value == valueNone:
		return f, noValue, rest
	}
	return nil, "", words
}

// splitFlag splits the first word, which is a long flag or one or several short
// ones, off words, along with the word that is its value. It returns them as
// arguments for pflag, and the remaining words.
func (p *Parser) splitFlag(words []string) (args, rest []string) {
	word, rest := words[0], words[1:]
	p.word, p.lastWord = word, word
	if word[1] == '-' {
		name, _, hasValue := strings.Cut(word[2:], "=")
		f := p.register(lookupLong(name))
		if hasValue || f == nil {
			return words[:1], rest
		}
		return p.takeValue(f, words)
	}
	for i := 1; i < len(word); i++ {
		f, after := p.register(p.short[word[i]]), word[i+1:]
		if f == nil {
			break // pflag returns a NotExistError
		}
		switch {
		case after == "":
			return p.takeValue(f, words)
		case f.value != valueNone:
			return append(p.pflagArgs[:0], word[:i+1], strings.TrimPrefix(after, "=")), rest
		case after == "=":
			return append(p.pflagArgs[:0], word+"="), rest
		}
	}
	return words[:1], rest
}

// takeValue returns the first word, which ends in the flag f, followed by the
// value of f if that is a word of its own, and the remaining words.
func (p *Parser) takeValue(f *flag, words []string) (args, rest []string) {
	rest = words[1:]
	switch {
	case f.value == valueNone || f.value == valueAttached:
		return words[:1], rest
	case f.value == valueOptional && (len(rest) == 0 || strings.HasPrefix(rest[0], "-")):
		return append(p.pflagArgs[:0], words[0], defaultTimeout), rest
	case len(rest) == 0:
		return words, nil // pflag returns a ValueRequiredError
	}
	p.lastWord = rest[0]
	return words[:2], rest[1:]
}

package command

import "strings"

// Where pflag reads a word otherwise than popt does, the word is put in a
// form for which they agree before pflag sees it:
//
//   - -p takes the next word for its value unless that begins with a dash;
//     without a value it gets its default.
//   - An = after a short option is the sign of a value even if nothing
//     follows: -t= has an empty one, -n= one that it does not take.
//   - -test.x is -t with a value, not a flag of a Go test.

// lone returns the flag of a first word that is a letter alone, with its value
// if it takes the next word for that, and the words behind. It leaves others to
// next and to pflag: the flag is nil then. Rules that were saved are made of
// such words, and to look a letter up twice was half of the time to read them.
func (p *Parser) fastPath(words []string) (f *flag, value string, rest []string) {
	word := words[0]
	if len(word) != 2 || p.short[word[1]] == nil {
		return nil, "", words
	}
	p.word, p.last = word, word
	f = p.short[word[1]]
	args, rest := p.takeValue(f, words)
	switch {
	case len(args) == 2:
		return f, args[1], rest
	case f.value == none:
		return f, noValue, rest
	}
	return nil, "", words
}

// next cuts the first word, an option or several in a bundle, off words,
// together with the word that is its value. It returns them as pflag takes
// them, and the rest.
func (p *Parser) splitOption(words []string) (args, rest []string) {
	word, rest := words[0], words[1:]
	p.word, p.last = word, word
	if word[1] == '-' {
		name, _, attached := strings.Cut(word[2:], "=")
		f := p.register(lookupLong(name))
		if attached || f == nil {
			return words[:1], rest
		}
		return p.takeValue(f, words)
	}
	for i := 1; i < len(word); i++ {
		flag, after := p.register(p.short[word[i]]), word[i+1:]
		if flag == nil {
			break // pflag will say so
		}
		switch {
		case after == "":
			return p.takeValue(flag, words)
		case flag.value != none:
			return append(p.args[:0], word[:i+1], strings.TrimPrefix(after, "=")), rest
		case after == "=":
			return append(p.args[:0], word+"="), rest
		}
	}
	return words[:1], rest
}

// takeValue adds to the first word, which ends in flag, the value.
func (p *Parser) takeValue(flag *flag, words []string) (args, rest []string) {
	rest = words[1:]
	switch {
	case flag.value == none || flag.value == attached:
		return words[:1], rest
	case flag.value == timeout && (len(rest) == 0 || strings.HasPrefix(rest[0], "-")):
		return append(p.args[:0], words[0], defaultTimeout), rest
	case len(rest) == 0:
		return words, nil // pflag will say so
	}
	p.last = rest[0]
	return words[:2], rest[1:]
}

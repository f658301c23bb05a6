// SPDX-License-Identifier: MIT

// Package difftest compares goipvsadm with the real ipvsadm. It runs both on the same command
// lines, each in its own network namespace, and compares output, exit status and the resulting
// tables.
//
// Test cases have a text format, which is used in testdata/differential and in the report of a
// difference, so that a reported case can be added to the corpus as printed.
package difftest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Command is a command line, including argv[0], and its standard input.
type Command struct {
	Args  []string
	Stdin string
}

// Case is a sequence of command lines that starts with an empty table.
type Case struct {
	Name     string // origin: file and line, or seed and number
	Commands []Command
}

// ParseCases reads cases separated by empty lines:
//
//	# a comment
//	$ ipvsadm -A -t 10.0.0.1:80 -s 'r r'
//	$ ipvsadm -R
//	< a line of standard input
//	< "a Go string with\tescapes, to which no newline is added"
//
// Arguments are separated by blanks. Within an argument, '...' is literal and "..." is a Go string
// literal. The name of a case is its source and line number.
func ParseCases(source, text string) ([]Case, error) {
	var cases []Case
	var current Case
	flush := func() {
		if len(current.Commands) > 0 {
			cases = append(cases, current)
		}
		current = Case{}
	}
	for i, line := range strings.Split(text, "\n") {
		where := fmt.Sprintf("%s:%d", source, i+1)
		switch {
		case line == "":
			flush()
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "$ "):
			args, err := splitWords(line[2:])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			if len(current.Commands) == 0 {
				current.Name = where
			}
			current.Commands = append(current.Commands, Command{Args: args})
		case strings.HasPrefix(line, "<"):
			if len(current.Commands) == 0 {
				return nil, fmt.Errorf("%s: standard input before the first command", where)
			}
			input, err := unquoteInput(strings.TrimPrefix(line[1:], " "))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			current.Commands[len(current.Commands)-1].Stdin += input
		default:
			return nil, fmt.Errorf("%s: not a comment, command or standard input: %q", where, line)
		}
	}
	flush()
	return cases, nil
}

// ReadCorpus reads all cases in a directory. The keys of the result are the names of the files
// without .txt.
func ReadCorpus(dir string) (map[string][]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no corpus in %s", dir)
	}
	if err != nil {
		return nil, err
	}
	subjects := make(map[string][]Case)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(file)
		if subjects[strings.TrimSuffix(name, ".txt")], err = ParseCases(name, string(text)); err != nil {
			return nil, err
		}
	}
	return subjects, nil
}

// String formats a case for ParseCases.
func (c Case) String() string {
	var b strings.Builder
	if c.Name != "" {
		fmt.Fprintf(&b, "# %s\n", c.Name)
	}
	for _, command := range c.Commands {
		b.WriteString(command.String())
	}
	return b.String()
}

// String formats a command and its standard input for ParseCases.
func (c Command) String() string {
	var b strings.Builder
	b.WriteByte('$')
	for _, arg := range c.Args {
		b.WriteByte(' ')
		b.WriteString(quoteArg(arg))
	}
	b.WriteByte('\n')
	for _, line := range strings.SplitAfter(c.Stdin, "\n") {
		switch {
		case line == "":
		case strings.HasSuffix(line, "\n") && isPrintable(line[:len(line)-1]) && !strings.HasPrefix(line, `"`):
			b.WriteString("< " + line)
		default:
			b.WriteString("< " + strconv.Quote(line) + "\n")
		}
	}
	return b.String()
}

// unquoteInput returns the standard input that a line stands for.
func unquoteInput(line string) (string, error) {
	if !strings.HasPrefix(line, `"`) {
		return line + "\n", nil
	}
	input, err := strconv.Unquote(line)
	if err != nil {
		return "", fmt.Errorf("standard input %s: %w", line, err)
	}
	return input, nil
}

// splitWords splits a command line into its arguments.
func splitWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " ")
		if line == "" {
			return words, nil
		}
		var word strings.Builder
		for line != "" && line[0] != ' ' {
			switch line[0] {
			case '\'':
				end := strings.IndexByte(line[1:], '\'')
				if end < 0 {
					return nil, fmt.Errorf("unclosed quote: %s", line)
				}
				word.WriteString(line[1 : 1+end])
				line = line[end+2:]
			case '"':
				quoted, err := strconv.QuotedPrefix(line)
				if err != nil {
					return nil, fmt.Errorf("invalid quoted word: %s", line)
				}
				part, err := strconv.Unquote(quoted)
				if err != nil {
					return nil, fmt.Errorf("invalid quoted word %s: %w", quoted, err)
				}
				word.WriteString(part)
				line = line[len(quoted):]
			default:
				end := strings.IndexAny(line, ` '"`)
				if end < 0 {
					end = len(line)
				}
				word.WriteString(line[:end])
				line = line[end:]
			}
		}
		words = append(words, word.String())
	}
}

// quoteArg quotes an argument for splitWords if necessary.
func quoteArg(word string) string {
	switch {
	case !isPrintable(word):
		return strconv.Quote(word)
	case word == "", strings.ContainsAny(word, " \"#<$"):
		if strings.Contains(word, "'") {
			return strconv.Quote(word)
		}
		return "'" + word + "'"
	case strings.Contains(word, "'"):
		return strconv.Quote(word)
	}
	return word
}

// isPrintable reports whether text consists of printable ASCII characters.
func isPrintable(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

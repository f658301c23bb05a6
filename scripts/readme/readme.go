// SPDX-License-Identifier: MIT

// Package readme tests that the commands in README.md work and print what it shows.
package readme

import "strings"

// A block is a code block: consecutive indented lines.
type block struct {
	section string // the heading before it
	lines   []string
}

// blocks returns the code blocks of a Markdown document.
func blocks(document string) []block {
	var all []block
	section, isOpen := "", false
	for line := range strings.Lines(document) {
		line = strings.TrimSuffix(line, "\n")
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = heading
		}
		code, isCode := strings.CutPrefix(line, "    ")
		switch {
		case isCode && !isOpen:
			all = append(all, block{section, []string{code}})
		case isCode, isOpen && line == "":
			last := &all[len(all)-1]
			last.lines = append(last.lines, code)
		}
		isOpen = isCode || isOpen && line == ""
	}
	for i := range all {
		for lines := all[i].lines; lines[len(lines)-1] == ""; lines = all[i].lines {
			all[i].lines = lines[:len(lines)-1]
		}
	}
	return all
}

// A command is a shell command line and the output shown after it.
type command struct {
	line   string
	output string
}

// session returns the commands of a shell session, in which each command follows a $, or nil if
// the block is not a shell session.
func (b block) session() []command {
	var commands []command
	for _, line := range b.lines {
		if text, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, command{line: text})
		} else if n := len(commands); n > 0 {
			commands[n-1].output += line + "\n"
		}
	}
	return commands
}

// uncommented returns the lines of a block without their comments.
func (b block) uncommented() []string {
	var lines []string
	for _, line := range b.lines {
		line, _, _ = strings.Cut(line, " # ")
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

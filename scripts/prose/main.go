// SPDX-License-Identifier: MIT

// Prose finds banned words in comments, messages and documents. It is run by make check:
//
//	prose [DIRECTORY]
//
// rules.txt lists the banned words with their replacements, exceptions.txt the files in which a
// banned word is allowed. In Go files, comments and string literals are checked, but no
// identifiers; in scripts, Makefiles and YAML files, comments; in documents, all text.
package main

import (
	"fmt"
	"os"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	findings, err := check(root)
	for _, f := range findings {
		fmt.Fprintln(os.Stderr, f)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "prose: %v\n", err)
		os.Exit(1)
	}
	if len(findings) > 0 {
		fmt.Fprintf(os.Stderr, "prose: %d uses of banned words (see scripts/prose/rules.txt)\n", len(findings))
		os.Exit(1)
	}
}

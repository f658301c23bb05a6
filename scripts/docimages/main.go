// SPDX-License-Identifier: MIT

// Docimages generates two SVG images: a screenshot of goipvsadm --watch for README.md and a chart of
// the benchmark table. It is run by make docs-images and make docs-chart.
//
//	docimages watch FILE           write the screenshot; must run on a throwaway kernel
//	docimages chart TABLE FILE     write the chart of the table in the Markdown file TABLE
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "docimages: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "watch":
		image, err := watchImage()
		if err != nil {
			return err
		}
		return os.WriteFile(args[1], image, 0o644)
	case len(args) == 3 && args[0] == "chart":
		document, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		results, err := readTable(string(document))
		if err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		return os.WriteFile(args[2], chart(results), 0o644)
	}
	return errors.New("usage: docimages watch FILE, or docimages chart TABLE FILE")
}

// Pictures draws what README.md shows: --watch as it looked on a throwaway kernel, and the
// benchmark's table as a chart. It is run by make docs-images and make docs-chart.
//
//	pictures watch FILE            runs goipvsadm there; on a throwaway kernel only
//	pictures chart README FILE     of the table in README
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "pictures: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "watch":
		picture, err := watchPicture()
		if err != nil {
			return err
		}
		return os.WriteFile(args[1], picture, 0o644)
	case len(args) == 3 && args[0] == "chart":
		readme, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		results, err := readTable(string(readme))
		if err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		return os.WriteFile(args[2], chart(results), 0o644)
	}
	return fmt.Errorf("usage: pictures watch FILE, or pictures chart README FILE")
}

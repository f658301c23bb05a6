// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// scaleTables are the tables of measureScale, in two sizes of each shape, to show
// whether the cost of a command is proportional to the size of the table. Tables with
// a single service are smaller, because the kernel searches the servers of the service
// for each server that is added.
var scaleTables = []ruleSet{
	{services: 1, servers: 1000}, {services: 1, servers: 10000},
	{services: 1000, servers: 10}, {services: 10000, servers: 10},
	{services: 10000, servers: 1}, {services: 100000, servers: 1},
}

// scaleCommands are the commands that measureScale runs on each table, one after the
// other. The first one adds the table.
var scaleCommands = []string{"-R", "-L -n", "-S -n", "-L -j", "--metrics", "--apply", "--doctor"}

// measureScale prints the CPU time and the peak memory of goipvsadm for each table and
// command whose names contain a text, such as "10000x" or "1000x10 -L". It prints CPU
// time, because the elapsed time of --doctor includes waiting for the counters.
func measureScale(text string) error {
	fmt.Println("| million instructions / peak MiB | " + strings.Join(scaleCommands, " | ") + " |")
	fmt.Println("|---|" + strings.Repeat("--:|", len(scaleCommands)))
	for _, table := range scaleTables {
		name := fmt.Sprintf("%dx%d", table.services, table.servers)
		selected := func(command string) bool { return strings.Contains(name+" "+command, text) }
		if !slices.ContainsFunc(scaleCommands, selected) {
			continue
		}
		if err := newNamespace(); err != nil {
			return err
		}
		rules := table.restoreInput()
		fmt.Printf("| %s |", name)
		for i, command := range scaleCommands {
			if i > 0 && !selected(command) {
				fmt.Print(" – |")
				continue
			}
			u, err := runScaleCommand(command, rules)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", name, command, err)
			}
			fmt.Printf(" %s / %.0f |", formatCost(u.cpu, 1), float64(u.peak)/1024)
		}
		fmt.Println()
		time.Sleep(time.Duration(table.size()) * 10 * time.Microsecond) // until the kernel has freed the table
	}
	return nil
}

// runScaleCommand runs a command with rules as its input. The exit status of --doctor
// is not 0, because it reports that no interface has the addresses of the services.
func runScaleCommand(command string, rules []byte) (usage, error) {
	if err := os.WriteFile(inputFile, rules, 0o600); err != nil {
		return usage{}, err
	}
	u, err := measureUsage(goipvsadmPath, strings.Fields(command), &files{inputFile, outputFile})
	if err != nil {
		return u, err
	}
	out, err := os.ReadFile(outputFile)
	switch {
	case err != nil:
		return u, err
	case u.code != 0 && command != "--doctor":
		return u, fmt.Errorf("exit status %d: %.200s", u.code, out)
	case command == "-S -n" && bytes.Count(out, []byte("\n")) != bytes.Count(rules, []byte("\n")):
		return u, fmt.Errorf("%d rules saved, want %d", bytes.Count(out, []byte("\n")), bytes.Count(rules, []byte("\n")))
	}
	return u, nil
}

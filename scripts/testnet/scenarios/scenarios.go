// SPDX-License-Identifier: MIT

// Package scenarios contains the standard Linux Virtual Server setups. Each one builds a
// network, configures the director with ipvsadm commands, sends traffic and checks the result.
// The demo prints each step; the kernel tests run the same scenarios.
package scenarios

import (
	"fmt"
	"io"

	"goipvsadm/scripts/testnet"
)

// Scenario is one LVS setup with its traffic and checks.
type Scenario struct {
	Name  string // one word
	Title string
	About string // the network, for readers new to LVS
	Plan  testnet.Plan

	steps func(*runner)
}

// All returns all scenarios, from basic to advanced.
func All() []Scenario {
	return []Scenario{nat, directRouting, tunnel, firewallMark, persistence, weights, saveAndRestore, syncDaemon}
}

// Run builds the network, runs the scenario with the given program and writes each step to
// out. It returns the first error or unexpected result.
func (s Scenario) Run(out io.Writer, tool *testnet.Tool) error {
	return s.run("", out, tool, nil)
}

// RunWithCheck is like Run, but also calls check for each director at points of the scenario where
// the director has handled traffic and is healthy. Several scenarios may run at the same time.
func (s Scenario) RunWithCheck(out io.Writer, tool *testnet.Tool, check func(director *testnet.Netns) error) error {
	return s.run(s.Name+"-", out, tool, check)
}

func (s Scenario) run(prefix string, out io.Writer, tool *testnet.Tool, check func(director *testnet.Netns) error) error {
	network, err := testnet.BuildWithPrefix(prefix, s.Plan)
	if err != nil {
		return err
	}
	defer network.Close()
	r := &runner{out: out, network: network, tool: tool, check: check}
	defer r.close()
	s.steps(r)
	if r.err != nil {
		return fmt.Errorf("%s: %w", s.Name, r.err)
	}
	return nil
}

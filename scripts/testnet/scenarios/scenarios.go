// Package scenarios is the classic set-ups of a Linux Virtual Server: for each the network,
// the commands people know, the traffic, and what must come of it. The demonstration
// prints what it does, and the kernel tests assert it; both run the same.
package scenarios

import (
	"fmt"
	"io"

	"goipvsadm/scripts/testnet"
)

// Setup is one classic set-up.
type Scenario struct {
	Name  string // one word
	Title string
	About string // what is connected to what, for a reader who sees it the first time
	Plan  testnet.Plan

	steps func(*runner)
}

// Setups are all of them, in the order in which a newcomer would read them.
func All() []Scenario {
	return []Scenario{nat, directRouting, tunnel, firewallMark, persistence, weights, saveAndRestore, syncDaemon}
}

// Run builds the network, plays the set-up through with the given program and writes what
// happens. The error tells the first thing that did not come out as it should.
func (s Scenario) Run(out io.Writer, tool *testnet.Tool) error {
	return s.run("", out, tool, nil)
}

// Examine is Run with an examination of each director, once there was traffic: there is
// nothing wrong with it. Several set-ups may be examined at the same time.
func (s Scenario) RunWithCheck(out io.Writer, tool *testnet.Tool, examine func(director *testnet.Netns) error) error {
	return s.run(s.Name+"-", out, tool, examine)
}

func (s Scenario) run(network string, out io.Writer, tool *testnet.Tool, examine func(director *testnet.Netns) error) error {
	built, err := testnet.BuildBeside(network, s.Plan)
	if err != nil {
		return err
	}
	defer built.Close()
	stage := &runner{out: out, network: built, tool: tool, check: examine}
	defer stage.close()
	s.steps(stage)
	if stage.err != nil {
		return fmt.Errorf("%s: %w", s.Name, stage.err)
	}
	return nil
}

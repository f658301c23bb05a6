// SPDX-License-Identifier: MIT

//go:build kernel

package scenarios

import (
	"slices"
	"testing"

	"goipvsadm/scripts/testnet"
)

func TestScenarios(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			if err := s.Run(t.Output(), tool); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The scenario passes even if the client has only four ephemeral ports: it must not reuse the port of
// a connection to a service that was removed meanwhile, which the director keeps for minutes.
func TestPersistenceFewClientPorts(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	s := persistence
	s.Plan = slices.Clone(s.Plan)
	for i, host := range s.Plan {
		if host.Name == "client" {
			s.Plan[i].Sysctls = map[string]string{"net/ipv4/ip_local_port_range": "40000 40003"}
		}
	}
	if err := s.Run(t.Output(), tool); err != nil {
		t.Fatal(err)
	}
}

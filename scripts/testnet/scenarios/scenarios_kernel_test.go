//go:build kernel

package scenarios

import (
	"slices"
	"testing"

	"goipvsadm/scripts/testnet"
)

// Each classic set-up does what it should, with real traffic.
func TestScenarios(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	for _, setup := range All() {
		t.Run(setup.Name, func(t *testing.T) {
			if err := setup.Run(t.Output(), tool); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The director remembers a closed connection for minutes. A client whose kernel gives it
// the same source ports over and over must not run into one that belongs to a
// service since cleared.
func TestPersistenceFewClientPorts(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	setup := persistence
	setup.Plan = slices.Clone(setup.Plan)
	for i, host := range setup.Plan {
		if host.Name == "client" {
			setup.Plan[i].Sysctls = map[string]string{"net/ipv4/ip_local_port_range": "40000 40003"}
		}
	}
	if err := setup.Run(t.Output(), tool); err != nil {
		t.Fatal(err)
	}
}

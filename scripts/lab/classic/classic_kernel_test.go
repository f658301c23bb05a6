//go:build kernel

package classic

import (
	"testing"

	"goipvsadm/scripts/lab"
)

// Each classic set-up does what it should, with real traffic.
func TestClassicSetups(t *testing.T) {
	tool, err := lab.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	for _, setup := range Setups() {
		t.Run(setup.Name, func(t *testing.T) {
			if err := setup.Run(t.Output(), tool); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Demo shows the classic set-ups of a Linux Virtual Server, one after another, with real
// traffic. It runs on a throwaway kernel: make demo.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"goipvsadm/scripts/testnet"
	"goipvsadm/scripts/testnet/scenarios"
)

func main() {
	if err := demo(); err != nil {
		fmt.Printf("\nThe demonstration failed. %v\n", err)
		os.Exit(1)
	}
}

func demo() error {
	tool, err := testnet.NewTool()
	if err != nil {
		return err
	}
	defer tool.Close()

	start := time.Now()
	setups := scenarios.All()
	for i, setup := range setups {
		title := fmt.Sprintf("%d. %s", i+1, setup.Title)
		fmt.Printf("\n%s\n%s\n%s\n\n", title, strings.Repeat("=", len(title)), setup.About)
		if err := setup.Run(os.Stdout, tool); err != nil {
			return err
		}
	}

	fmt.Printf("\nAll %d set-ups did what they should:\n", len(setups))
	for i, setup := range setups {
		fmt.Printf("   %d. %s\n", i+1, setup.Title)
	}
	fmt.Printf("%s on a throwaway kernel; this machine's own IPVS table was not touched.\n",
		time.Since(start).Round(time.Second))
	return nil
}

// SPDX-License-Identifier: MIT

// Demo runs the standard Linux Virtual Server setups, one after another, with real traffic. It
// must run on a throwaway kernel: make demo.
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
		fmt.Printf("\nThe demo failed: %v\n", err)
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
	all := scenarios.All()
	for i, s := range all {
		title := fmt.Sprintf("%d. %s", i+1, s.Title)
		fmt.Printf("\n%s\n%s\n%s\n\n", title, strings.Repeat("=", len(title)), s.About)
		if err := s.Run(os.Stdout, tool); err != nil {
			return err
		}
	}

	fmt.Printf("\nAll %d scenarios passed:\n", len(all))
	for i, s := range all {
		fmt.Printf("   %d. %s\n", i+1, s.Title)
	}
	fmt.Printf("They took %s on a throwaway kernel; the IPVS table of this machine was not changed.\n",
		time.Since(start).Round(time.Second))
	return nil
}

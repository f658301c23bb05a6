// SPDX-License-Identifier: MIT

// Goipvsadm administers the virtual services of IPVS, the layer-4 load balancer
// of the Linux kernel. It replaces ipvsadm, ipvsadm-save and ipvsadm-restore, and
// behaves like them if it is run under their names.
//
// A run is short. The runtime therefore neither updates GOMAXPROCS nor labels memory
// mappings.
//
//go:debug updatemaxprocs=0
//go:debug decoratemappings=0
package main

import (
	"os"

	"goipvsadm/cmd/goipvsadm/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args, os.Stdin, os.Stdout, os.Stderr, cli.Dial))
}

// Goipvsadm sets up, changes and shows the virtual services of IPVS, the
// layer-4 load balancer of the Linux kernel. Under the names ipvsadm,
// ipvsadm-save and ipvsadm-restore it stands in for those programs.
//
// Most runs are over before Go could heed a change of how many processors there
// are for it, or label its memory for others to read.
//
//go:debug updatemaxprocs=0
//go:debug decoratemappings=0
package main

import (
	"os"

	"goipvsadm/cmd/goipvsadm/internal/cli"
	"goipvsadm/ipvs"
)

func main() {
	os.Exit(cli.Run(os.Args, os.Stdin, os.Stdout, os.Stderr, ipvs.Dial))
}

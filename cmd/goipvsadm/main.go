// Goipvsadm sets up, changes and shows the virtual services of IPVS, the
// layer-4 load balancer of the Linux kernel. Under the names ipvsadm,
// ipvsadm-save and ipvsadm-restore it stands in for those programs.
package main

import (
	"os"

	"goipvsadm/cmd/goipvsadm/internal/app"
	"goipvsadm/ipvs"
)

func main() {
	os.Exit(app.Run(os.Args, os.Stdin, os.Stdout, os.Stderr, ipvs.Dial))
}

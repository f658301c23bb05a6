// The same settings as in cmd/goipvsadm.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Empty does nothing: what its start and end cost is the part of a command's
// time that no Go program can avoid.
package main

func main() {}

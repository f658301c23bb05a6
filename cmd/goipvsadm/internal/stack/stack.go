// Package stack makes room on the stack, once, for all that a short command
// does. By itself the stack would double three times while the program is
// initialised and runs, with a walk through all that is on it and fresh memory
// each time: a twentieth of the instructions from start to end.
//
// A package that imports nothing is initialised before the others.
package stack

// grow needs 14,000 bytes, so that the stack becomes one of 16 KiB.
func grow()

func init() { grow() }

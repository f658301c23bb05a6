package main

// entry is in assembly: it runs before there is a Go runtime.
//
//lint:ignore U1000 the linker makes it the program's entry point
func entry()

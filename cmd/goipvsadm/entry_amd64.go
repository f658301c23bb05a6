package main

import "runtime"

// entry is in assembly: it runs before there is a Go runtime.
//
//lint:ignore U1000 the linker makes it the program's entry point
func entry()

// memProfileRate lets entry reach the runtime's setting.
//
//lint:ignore U1000 for entry
var memProfileRate = &runtime.MemProfileRate

package app

import "runtime"

// useProcessors lets goroutines run side by side. The program may have been
// started on one processor, which is quicker where there is nothing to share.
func useProcessors() {
	// One goroutine is in the kernel, one works beside it. Were there not a third
	// place free, the scheduler would take that of the first away meanwhile, and
	// look for a thread to fill it.
	if runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(3)
	}
}

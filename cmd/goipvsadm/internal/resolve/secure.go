// SPDX-License-Identifier: MIT

package resolve

import (
	"os"

	"golang.org/x/sys/unix"
)

// If the program has privileges that its caller lacks, such as those of a set-user-ID
// file or of file capabilities, the environment is ignored, as in the C library: it would
// let the caller choose the addresses of names, or the code that getent runs.

// lookupEnv is os.LookupEnv, or finds no variables if the environment is ignored.
func lookupEnv(name string) (string, bool) {
	if secureExecution() {
		return "", false
	}
	return os.LookupEnv(name)
}

// childEnv returns the environment of child processes: nil, which stands for the
// environment of this process, or an empty one if the environment is ignored.
func childEnv() []string {
	if secureExecution() {
		return []string{}
	}
	return nil
}

// secureExecution reports whether the kernel has set AT_SECURE; see getauxval(3).
func secureExecution() bool {
	const atSecure = 23
	vector, err := unix.Auxv()
	if err != nil {
		return true
	}
	for _, entry := range vector {
		if entry[0] == atSecure {
			return entry[1] != 0
		}
	}
	return false
}

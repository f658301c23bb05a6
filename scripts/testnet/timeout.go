// SPDX-License-Identifier: MIT

package testnet

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// TestTimeout is the maximum wait in a test for an event that is expected immediately: 30
// seconds, multiplied by the environment variable GOIPVSADM_PATIENCE (default 1; set it on slow
// machines). All other timeouts in tests are proportional to it.
var TestTimeout = 30 * time.Second * timeoutFactor()

func timeoutFactor() time.Duration {
	text := os.Getenv("GOIPVSADM_PATIENCE")
	if text == "" {
		return 1
	}
	factor, err := strconv.ParseUint(text, 10, 16)
	if err != nil || factor == 0 {
		panic("GOIPVSADM_PATIENCE must be a positive integer: " + text)
	}
	return time.Duration(factor)
}

// TimeoutHint is part of errors about an exceeded time limit.
const TimeoutHint = "set GOIPVSADM_PATIENCE=2 in the environment to double all time limits"

// Eventually calls f every 100 ms until it returns nil. After TestTimeout, Eventually returns the
// last error of f with the limit and TimeoutHint.
func Eventually(f func() error) error {
	end := time.Now().Add(TestTimeout)
	for {
		err := f()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w (after %s; %s)", err, TestTimeout, TimeoutHint)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

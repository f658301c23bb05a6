package testnet

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// TestTimeout bounds each wait in a test, for an event that normally follows at once: 30
// seconds, multiplied by the environment variable GOIPVSADM_PATIENCE (default 1), which is set
// on slow machines. All timeouts in tests scale with it.
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

// TimeoutHint is appended to the error about an exceeded time limit.
const TimeoutHint = "set GOIPVSADM_PATIENCE=2 in the environment to double all time limits"

// Eventually calls f every 100 ms until it returns nil or TestTimeout has passed. It then
// returns f's last error, with the limit and how to raise it.
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

package testnet

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Patience is how long a test waits for what should come soon: 30 seconds, times the
// number in the environment variable GOIPVSADM_PATIENCE. Slow machines set it; all limits
// of time in tests are made of it.
var TestTimeout = 30 * time.Second * timeoutFactor()

func timeoutFactor() time.Duration {
	text := os.Getenv("GOIPVSADM_PATIENCE")
	if text == "" {
		return 1
	}
	factor, err := strconv.ParseUint(text, 10, 16)
	if err != nil || factor == 0 {
		panic("GOIPVSADM_PATIENCE is not a whole number from 1: " + text)
	}
	return time.Duration(factor)
}

// MorePatience ends the message about a limit of time that was reached.
const TimeoutHint = "GOIPVSADM_PATIENCE=2 (or 3 …) in the environment doubles every time limit"

// Eventually calls f until it returns no error, every tenth of a second for as long as
// Patience lasts. It returns f's last error, with the limit and how to raise it.
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

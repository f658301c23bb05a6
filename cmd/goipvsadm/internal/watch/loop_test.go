// SPDX-License-Identifier: MIT

package watch

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestStopTimeoutBlocked verifies that a display that is blocked is abandoned after
// stopTimeout, or at the second stop signal.
func TestStopTimeoutBlocked(t *testing.T) {
	for _, tt := range []struct {
		name    string
		signals []os.Signal
		want    time.Duration // until the display is abandoned
	}{
		{name: "one stop signal", signals: []os.Signal{syscall.SIGTERM}, want: stopTimeout},
		{name: "two stop signals", signals: []os.Signal{syscall.SIGTERM, syscall.SIGINT}},
		{name: "resize before stop signals", signals: []os.Signal{syscall.SIGWINCH, syscall.SIGTERM, syscall.SIGHUP}},
		{name: "more signals than buffered", signals: append(slices.Repeat([]os.Signal{syscall.SIGWINCH}, 20), syscall.SIGTERM, syscall.SIGTERM)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &loop{signals: make(chan os.Signal, 8), done: make(chan struct{})}
				signals := make(chan os.Signal, len(tt.signals))
				for _, s := range tt.signals {
					signals <- s
				}
				start := time.Now()
				if sig, err := l.forwardSignals(signals); sig != syscall.SIGTERM || err != nil {
					t.Errorf("result %v, %v, want SIGTERM", sig, err)
				}
				if got := time.Since(start); got != tt.want {
					t.Errorf("took %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestStopTimeoutLeavingScreen verifies that a display that has ended, but is blocked
// while leaving the screen, is abandoned after stopTimeout, and that its result is
// returned.
func TestStopTimeoutLeavingScreen(t *testing.T) {
	for _, want := range []error{nil, errors.New("no such service")} {
		synctest.Test(t, func(t *testing.T) {
			l := &loop{signals: make(chan os.Signal, 8), resultReady: make(chan struct{}), done: make(chan struct{})}
			l.run(func() (os.Signal, error) { return nil, want })
			start := time.Now()
			if sig, err := l.forwardSignals(nil); sig != nil || err != want {
				t.Errorf("result %v, %v, want error %v", sig, err, want)
			}
			if got := time.Since(start); got != stopTimeout {
				t.Errorf("took %v, want %v", got, stopTimeout)
			}
		})
	}
}

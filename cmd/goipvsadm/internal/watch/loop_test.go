package watch

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A loop that is stuck is left behind after a while, or at the second signal.
func TestStuckLoop(t *testing.T) {
	for name, tt := range map[string]struct {
		signals []os.Signal
		took    time.Duration
	}{
		"one signal":            {[]os.Signal{syscall.SIGTERM}, stopTimeout},
		"two":                   {[]os.Signal{syscall.SIGTERM, syscall.SIGINT}, 0},
		"another between them":  {[]os.Signal{syscall.SIGWINCH, syscall.SIGTERM, syscall.SIGHUP}, 0},
		"more than it can take": {repeat(syscall.SIGWINCH, 20, syscall.SIGTERM, syscall.SIGTERM), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &loop{signals: make(chan os.Signal, 8), ended: make(chan struct{})}
				signals := make(chan os.Signal, len(tt.signals))
				for _, s := range tt.signals {
					signals <- s
				}
				begin := time.Now()
				if sig, err := l.forwardSignals(signals); sig != syscall.SIGTERM || err != nil {
					t.Errorf("ended by %v, %v", sig, err)
				}
				if took := time.Since(begin); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// What is over, by a key or by an error, is left behind after a while too if it
// is stuck at leaving the screen. How it ended is known.
func TestStuckAtTheEnd(t *testing.T) {
	for _, want := range []error{nil, errors.New("no such service")} {
		synctest.Test(t, func(t *testing.T) {
			l := &loop{signals: make(chan os.Signal, 8), resultReady: make(chan struct{}), ended: make(chan struct{})}
			l.run(func() (os.Signal, error) { return nil, want })
			begin := time.Now()
			if sig, err := l.forwardSignals(nil); sig != nil || err != want {
				t.Errorf("ended by %v, %v, want %v", sig, err, want)
			}
			if took := time.Since(begin); took != stopTimeout {
				t.Errorf("took %v, want %v", took, stopTimeout)
			}
		})
	}
}

func repeat(s os.Signal, n int, more ...os.Signal) []os.Signal {
	var all []os.Signal
	for range n {
		all = append(all, s)
	}
	return append(all, more...)
}

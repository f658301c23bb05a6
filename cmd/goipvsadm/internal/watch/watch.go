// SPDX-License-Identifier: MIT

package watch

import (
	"io"
	"iter"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
)

// A Watch displays samples at an interval.
type Watch struct {
	Interval time.Duration
	Sampler  *sampler.Sampler
	View     View

	// Connections, if not nil, is displayed instead of the samples.
	Connections *ConnectionWatch

	// Names resolves addresses and ports. If it is nil, View.Names is used.
	Names Resolver

	// Screen displays the samples in place if it is a terminal that supports this.
	Screen io.Writer

	// Output receives the listings if Screen is not used.
	Output io.Writer

	// Encode, if not nil, writes each sample, whose services it receives separately.
	// Screen and Output are then not used.
	Encode func(*sampler.Sample, iter.Seq2[*sampler.Service, error]) error
}

// stopSignals are the signals that end a watch.
var stopSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// stopTimeout limits how long a watch may take to end while a table read, a name lookup
// or a write is blocked.
const stopTimeout = time.Second

// Run displays samples until a key or signal ends the watch. It returns the signal, or
// nil for the key q. It restores the terminal before it returns. It does not wait for a
// goroutine that is still blocked after stopTimeout.
func (w *Watch) Run() (os.Signal, error) {
	signals := make(chan os.Signal, 8)
	defer signal.Stop(signals)
	for _, s := range stopSignals {
		// Do not catch signals that are ignored, such as SIGHUP under nohup.
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	w.View.host, w.View.utf8 = hostName(), useUTF8()
	l := &loop{signals: make(chan os.Signal, 8), resultReady: make(chan struct{}), done: make(chan struct{})}
	run := func() (os.Signal, error) { return w.runPlain(l.signals) }
	encodes := w.Encode != nil || w.Connections != nil && w.Connections.Encode != nil
	if terminal := terminalFile(w.Screen); terminal != nil && !encodes {
		signal.Notify(signals, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT)
		l.screen = &screen{terminal: terminal, keyboard: openKeyboard(), color: useColor()}
		d := &display{screen: l.screen, signals: l.signals, interval: w.Interval}
		if w.Connections != nil {
			run = (&connectionSession{Watch: w, display: d}).run
		} else {
			run = (&session{Watch: w, display: d}).run
		}
	}
	go func() {
		l.run(run)
		close(l.done) // not deferred: after a panic, the runtime prints it and exits
	}()
	return l.forwardSignals(signals)
}

// A loop runs the display in a separate goroutine, so that signals are handled while the
// display is blocked.
type loop struct {
	screen  *screen        // nil if listings are written
	signals chan os.Signal // signals for the display

	resultReady chan struct{} // closed when sig and err are set
	sig         os.Signal     // result of the display, as of Watch.Run
	err         error
	done        chan struct{} // closed when the terminal has been restored as well
}

// run calls display and restores the terminal, even after a panic.
func (l *loop) run(display func() (os.Signal, error)) {
	if l.screen != nil {
		defer l.screen.close()
	}
	l.sig, l.err = display()
	close(l.resultReady)
}

// forwardSignals forwards signals to the display until it ends, and returns its result.
func (l *loop) forwardSignals(signals <-chan os.Signal) (os.Signal, error) {
	for {
		select {
		case <-l.resultReady:
			return l.waitDone(nil, signals)
		case s := <-signals:
			select {
			case l.signals <- s:
			default: // the display is blocked; drop the signal
			}
			if slices.Contains(stopSignals, s) {
				return l.waitDone(s, signals)
			}
		}
	}
}

// waitDone waits until the display, which has ended or has received stopSignal, has
// restored the terminal. After each stopTimeout it tries to unblock the terminal. If
// that is not possible, or after a second signal, it abandons the display.
func (l *loop) waitDone(stopSignal os.Signal, signals <-chan os.Signal) (os.Signal, error) {
	for attempt := 0; ; attempt++ {
		select {
		case <-l.done:
			return l.sig, l.err
		case <-time.After(stopTimeout):
		case s := <-signals:
			if slices.Contains(stopSignals, s) {
				return l.abandon(stopSignal)
			}
		}
		if l.screen == nil || !l.screen.forceOutput(attempt) {
			return l.abandon(stopSignal)
		}
	}
}

// abandon returns without waiting for the display. It restores the terminal modes.
func (l *loop) abandon(stopSignal os.Signal) (os.Signal, error) {
	if l.screen != nil && l.screen.keyboard != nil {
		l.screen.keyboard.restoreNow()
	}
	select {
	case <-l.resultReady:
		return l.sig, l.err
	default:
		return stopSignal, nil
	}
}

// runPlain writes a sequence of listings until a signal arrives, and returns the signal.
func (w *Watch) runPlain(signals <-chan os.Signal) (os.Signal, error) {
	ticker := time.NewTicker(w.Interval)
	defer ticker.Stop()
	for first := true; ; first = false {
		if err := w.writeNext(first); err != nil {
			return nil, err
		}
		select {
		case <-ticker.C:
		case s := <-signals:
			return s, nil
		}
	}
}

// writeNext reads and writes the next listing. It is preceded by an empty line unless it
// is the first.
func (w *Watch) writeNext(first bool) error {
	switch {
	case w.Connections != nil:
		return w.writeConnections(first)
	case w.Encode != nil:
		sample, services, err := w.Sampler.Stream(w.View.Top)
		if err != nil {
			return err
		}
		return w.Encode(sample, services)
	}
	return w.writeListing(first)
}

// writeSize is the number of buffered bytes at which a part of a listing is written.
const writeSize = 32 << 10

// writeListing writes a listing while it reads the servers. The width of its columns
// does not depend on their contents.
func (w *Watch) writeListing(first bool) error {
	sample, services, err := w.readListing()
	if err != nil {
		return err
	}
	v := &w.View
	v.order = w.Sampler.Order
	var b []byte
	if !first {
		b = append(b, '\n')
	}
	width := w.lineWidth()
	l := v.newLayout(nil, width)
	titles := l.titles()
	for _, line := range []string{v.header(sample, sample.Total, width), titles[0], titles[1]} {
		if width > 0 {
			line = cut(line, width)
		}
		b = append(append(b, line...), '\n')
	}
	var r row // reused for its label
	for s, err := range services {
		if err != nil {
			return err
		}
		r.service, r.server, r.totalConns = s, nil, totalConns(s)
		b = l.appendRow(b, &r)
		for i := range s.Destinations {
			r.server = &s.Destinations[i]
			if b = l.appendRow(b, &r); len(b) >= writeSize {
				if _, err := w.Output.Write(b); err != nil {
					return err
				}
				b = b[:0]
			}
		}
	}
	_, err = w.Output.Write(b)
	return err
}

// readListing returns the next sample and its services. If names must be looked up, it
// reads the whole sample, so that the lookups run concurrently.
func (w *Watch) readListing() (*sampler.Sample, iter.Seq2[*sampler.Service, error], error) {
	if w.Names == nil {
		return w.Sampler.Stream(w.View.Top)
	}
	sample, err := w.Sampler.Read(w.View.Top)
	if err != nil {
		return nil, nil, err
	}
	w.Names.Prefetch(endpoints(sample))
	w.View.Names = w.Names
	return sample, func(yield func(*sampler.Service, error) bool) {
		for i := range sample.Services {
			if !yield(&sample.Services[i], nil) {
				return
			}
		}
	}, nil
}

// lineWidth returns the width of listings: that of the terminal without its last column,
// since some terminals wrap after it, or 0 without a terminal.
func (w *Watch) lineWidth() int {
	f, ok := w.Screen.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := WindowSize(f)
	if err != nil {
		return 0
	}
	return max(width-1, 1)
}

// endpoints returns the addresses of the services and servers of sample.
func endpoints(sample *sampler.Sample) []resolve.Endpoint {
	var endpoints []resolve.Endpoint
	for i := range sample.Services {
		s := &sample.Services[i]
		if s.Mark == 0 {
			endpoints = append(endpoints, resolve.Endpoint{AddrPort: s.AddrPort, Protocol: s.Protocol})
		}
		for j := range s.Destinations {
			endpoints = append(endpoints, resolve.Endpoint{AddrPort: s.Destinations[j].AddrPort, Protocol: s.Protocol})
		}
	}
	return endpoints
}

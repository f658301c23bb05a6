package watch

import (
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
)

// A Watch shows readings at an interval.
type Watch struct {
	Interval time.Duration
	Reader   *sampler.Sampler
	View     View

	// Names are those that addresses have. If it is nil, View.Names decides.
	Names Resolver

	// Screen is where the listings are shown, if it is a terminal.
	Screen io.Writer

	// Output is where they go otherwise.
	Output io.Writer

	// Encode, if not nil, writes a reading in a way of its own, on no screen.
	Encode func(*sampler.Sample) error
}

// stops are the signals that end a watch.
var stops = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// grace is how long a watch that is told to stop may take for that: a
// reading, names, or a write may be waiting for somebody else.
const stopTimeout = time.Second

// Run shows readings until it is told to stop. It returns the signal that said
// so, or nil for the key q. A terminal is as it was before when Run returns.
// Where something is stuck, it is left to itself.
func (w *Watch) Run() (os.Signal, error) {
	signals := make(chan os.Signal, 8)
	defer signal.Stop(signals)
	for _, s := range stops {
		// What nohup ignores stays ignored.
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	l := &loop{signals: make(chan os.Signal, 8), resultReady: make(chan struct{}), ended: make(chan struct{})}
	run := func() (os.Signal, error) { return w.runPlain(l.signals) }
	if out := terminal(w.Screen); out != nil && w.Encode == nil {
		signal.Notify(signals, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT)
		l.screen = &screen{out: out, keys: openKeyboard(), colours: hasColours()}
		s := &session{Watch: w, screen: l.screen, signals: l.signals}
		run = s.run
	}
	go func() {
		l.run(run)
		close(l.ended) // not after a panic, which is to be heard of
	}()
	return l.forwardSignals(signals)
}

// A loop is a watch that goes on until it is told to stop.
type loop struct {
	screen  *screen // nil if there is none
	signals chan os.Signal

	resultReady chan struct{} // closed when the rest is known
	sig         os.Signal
	err         error
	ended       chan struct{} // closed when the terminal is as it was, too
}

// run runs what shows the readings, and leaves the screen, after a panic too.
func (l *loop) run(run func() (os.Signal, error)) {
	if l.screen != nil {
		defer l.screen.close()
	}
	l.sig, l.err = run()
	close(l.resultReady)
}

// tell tells the loop of signals until it has ended.
func (l *loop) forwardSignals(signals <-chan os.Signal) (os.Signal, error) {
	for {
		select {
		case <-l.resultReady:
			return l.end(nil, signals)
		case s := <-signals:
			select {
			case l.signals <- s:
			default: // it is stuck, and has enough to do when it is not
			}
			if slices.Contains(stops, s) {
				return l.end(s, signals)
			}
		}
	}
}

// end gives a loop that is over, or was told of the signal told that stops it,
// time to end. After that, or after another such signal, nothing is waited for.
func (l *loop) end(told os.Signal, signals <-chan os.Signal) (os.Signal, error) {
	for try := 0; ; try++ {
		select {
		case <-l.ended:
			return l.sig, l.err
		case <-time.After(stopTimeout):
		case again := <-signals:
			if slices.Contains(stops, again) {
				return l.abandon(told)
			}
		}
		if l.screen == nil || !l.screen.forceOutput(try) {
			return l.abandon(told)
		}
	}
}

// abandon leaves behind what is stuck.
func (l *loop) abandon(told os.Signal) (os.Signal, error) {
	if l.screen != nil && l.screen.keys != nil {
		l.screen.keys.restoreNow()
	}
	select {
	case <-l.resultReady:
		return l.sig, l.err
	default:
		return told, nil
	}
}

// inTurn writes one listing after another.
func (w *Watch) runPlain(signals <-chan os.Signal) (os.Signal, error) {
	ticker := time.NewTicker(w.Interval)
	defer ticker.Stop()
	for first := true; ; first = false {
		r, err := w.Reader.Read(w.View.Top)
		if err != nil {
			return nil, err
		}
		if err := w.write(r, first); err != nil {
			return nil, err
		}
		select {
		case <-ticker.C:
		case s := <-signals:
			return s, nil
		}
	}
}

// write writes a listing, with an empty line between it and the one before.
func (w *Watch) write(r *sampler.Sample, first bool) error {
	if w.Encode != nil {
		return w.Encode(r)
	}
	if w.Names != nil {
		w.Names.Prefetch(endpoints(r))
		w.View.Names = w.Names
	}
	var b strings.Builder
	if !first {
		b.WriteByte('\n')
	}
	w.View.order = w.Reader.Order
	for _, line := range w.View.Lines(r, w.width(), 0) {
		b.WriteString(line.Text + "\n")
	}
	_, err := io.WriteString(w.Output, b.String())
	return err
}

// width is what a line may take on a terminal that shows one after another: not
// the last column, behind which some begin a new line. It is 0 where there is
// no terminal.
func (w *Watch) width() int {
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

func endpoints(r *sampler.Sample) []resolve.Endpoint {
	var all []resolve.Endpoint
	for i := range r.Services {
		s := &r.Services[i]
		if s.Mark == 0 {
			all = append(all, resolve.Endpoint{AddrPort: s.AddrPort, Protocol: s.Protocol})
		}
		for j := range s.Destinations {
			all = append(all, resolve.Endpoint{AddrPort: s.Destinations[j].AddrPort, Protocol: s.Protocol})
		}
	}
	return all
}

package watch

import (
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/cmd/goipvsadm/internal/reading"
)

// A Watch shows readings at an interval.
type Watch struct {
	Interval time.Duration
	Reader   *reading.Reader
	View     View

	// Names are those that addresses have. If it is nil, View.Names decides.
	Names Resolver

	// Screen is where the listings are shown, if it is a terminal.
	Screen io.Writer

	// Output is where they go otherwise.
	Output io.Writer

	// Encode, if not nil, writes a reading in a way of its own, on no screen.
	Encode func(*reading.Reading) error
}

// stops are the signals that end a watch.
var stops = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// Run shows readings until it is told to stop. It returns the signal that said
// so, or nil for the key q. A terminal is as it was before when Run returns.
func (w *Watch) Run() (os.Signal, error) {
	signals := make(chan os.Signal, 8)
	defer signal.Stop(signals)
	for _, s := range stops {
		// What nohup ignores stays ignored.
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	if out := terminal(w.Screen); out != nil && w.Encode == nil {
		s := &session{Watch: w, screen: &screen{out: out, keys: openKeyboard()}, signals: signals}
		return s.run()
	}
	return w.inTurn(signals)
}

// inTurn writes one listing after another.
func (w *Watch) inTurn(signals chan os.Signal) (os.Signal, error) {
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
func (w *Watch) write(r *reading.Reading, first bool) error {
	if w.Encode != nil {
		return w.Encode(r)
	}
	if w.Names != nil {
		w.Names.Prefetch(endpoints(r))
		w.View.Names = w.Names
	}
	text := strings.Join(w.View.Lines(r, 0, 0), "\n") + "\n"
	if !first {
		text = "\n" + text
	}
	_, err := io.WriteString(w.Output, text)
	return err
}

func endpoints(r *reading.Reading) []names.Endpoint {
	var all []names.Endpoint
	for i := range r.Services {
		s := &r.Services[i]
		if s.Mark == 0 {
			all = append(all, names.Endpoint{AddrPort: s.AddrPort, Protocol: s.Protocol})
		}
		for j := range s.Destinations {
			all = append(all, names.Endpoint{AddrPort: s.Destinations[j].AddrPort, Protocol: s.Protocol})
		}
	}
	return all
}

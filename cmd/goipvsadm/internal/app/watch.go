package app

import (
	"bufio"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/jsonlist"
	"goipvsadm/cmd/goipvsadm/internal/listing"
	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/cmd/goipvsadm/internal/reading"
	"goipvsadm/cmd/goipvsadm/internal/watch"
	"goipvsadm/ipvs"
)

// watch carries out -L --watch.
func (p *program) watch(cmd *command.Command) int {
	p.stdout.Flush()
	w := watch.Watch{
		Interval: time.Duration(cmd.Interval) * time.Second,
		Reader: &reading.Reader{
			Services:     func() ([]ipvs.Service, error) { return p.services(cmd) },
			Destinations: func(key ipvs.ServiceKey) ([]ipvs.Destination, error) { return p.destinations(cmd, key) },
			Span:         reading.SpanFor(cmd.Interval),
		},
		View: watch.View{
			Exact: cmd.Options.Has(command.Exact),
			Top:   int(cmd.Top),
			Names: numeric{},
		},
		Output: p.direct,
		Screen: p.given.stdout,
	}
	if cmd.Options.Has(command.Top) {
		w.Reader.Order = reading.ByPackets
	}
	for _, f := range formats {
		if cmd.Options.Has(f.option) {
			w.View.Formats = append(w.View.Formats, f.format)
		}
	}
	if !cmd.Options.Has(command.Numeric) {
		w.Names = names.NewNamer(p.names)
	}
	if cmd.Options.Has(command.JSON) {
		out := p.stdout
		w.Encode = func(r *reading.Reading) error { return p.encodeReading(out, r) }
	}
	sig, err := w.Run()
	// Whatever is left there is stuck.
	p.stdout = bufio.NewWriter(io.Discard)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		p.complain(refusal(command.List, err))
		return statusListing
	}
	return stopped(sig)
}

// destinations returns the destinations of a service in the order of a
// listing.
func (p *program) destinations(cmd *command.Command, key ipvs.ServiceKey) ([]ipvs.Destination, error) {
	read := p.client.AppendDestinations
	if cmd.Options.Has(command.JSON) {
		read = p.client.AppendUniqueDestinations
	}
	destinations, err := read(nil, key)
	if !cmd.Options.Has(command.NoSort) {
		listing.SortDestinations(destinations)
	}
	return destinations, err
}

// encodeReading writes a reading as a line of JSON.
func (p *program) encodeReading(out *bufio.Writer, r *reading.Reading) error {
	if err := jsonlist.Reading(out, &p.info, r); err != nil {
		return err
	}
	return out.Flush()
}

// stopped returns the status of a watch that ended. For whoever watches,
// Ctrl-C is the way to end it; other signals leave the status that a shell
// gives for them.
func stopped(sig os.Signal) int {
	number, ok := sig.(syscall.Signal)
	if !ok || number == syscall.SIGINT {
		return statusOK
	}
	return 128 + int(number)
}

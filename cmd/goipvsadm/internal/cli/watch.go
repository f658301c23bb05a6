package cli

import (
	"bufio"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/cmd/goipvsadm/internal/watch"
	"goipvsadm/ipvs"
)

// watch carries out -L --watch.
func (p *invocation) watch(cmd *command.Command) int {
	p.stdout.Flush()
	w := watch.Watch{
		Interval: time.Duration(cmd.Interval) * time.Second,
		Sampler: &sampler.Sampler{
			Services:     func() ([]ipvs.Service, error) { return p.services(cmd) },
			Destinations: func(key ipvs.ServiceKey) ([]ipvs.Destination, error) { return p.destinations(cmd, key) },
			Lag:          sampler.LagFor(cmd.Interval),
		},
		View: watch.View{
			Exact: cmd.Options.Has(command.Exact),
			Top:   int(cmd.Top),
			Names: resolve.Numeric{},
		},
		Output: p.rawStdout,
		Screen: p.files.stdout,
	}
	if cmd.Options.Has(command.Top) {
		w.Sampler.Order = sampler.ByPackets
	}
	for _, f := range formats {
		if cmd.Options.Has(f.option) {
			w.View.Formats = append(w.View.Formats, f.format)
		}
	}
	if !cmd.Options.Has(command.Numeric) {
		w.Names = resolve.NewNamer(p.names)
	}
	if cmd.Options.Has(command.JSON) {
		out := p.stdout
		w.Encode = func(r *sampler.Sample) error { return p.encodeReading(out, r) }
	}
	sig, err := w.Run()
	// Whatever is left there is stuck.
	p.stdout = bufio.NewWriter(io.Discard)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		p.errorf(refusal(command.List, err))
		return exitListError
	}
	return watchStatus(sig)
}

// destinations returns the destinations of a service in the order of a
// listing.
func (p *invocation) destinations(cmd *command.Command, key ipvs.ServiceKey) ([]ipvs.Destination, error) {
	read := p.client.AppendDestinations
	if cmd.Options.Has(command.JSON) {
		read = p.client.AppendDestinationsConsistent
	}
	destinations, err := read(nil, key)
	if !cmd.Options.Has(command.NoSort) {
		tablefmt.SortDestinations(destinations)
	}
	return destinations, err
}

// encodeReading writes a reading as a line of JSON.
func (p *invocation) encodeReading(out *bufio.Writer, r *sampler.Sample) error {
	if err := jsonout.Sample(out, &p.info, r); err != nil {
		return err
	}
	return out.Flush()
}

// stopped returns the status of a watch that ended. For whoever watches,
// Ctrl-C is the way to end it; other signals leave the status that a shell
// gives for them.
func watchStatus(sig os.Signal) int {
	number, ok := sig.(syscall.Signal)
	if !ok || number == syscall.SIGINT {
		return statusOK
	}
	return 128 + int(number)
}

// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"errors"
	"io"
	"iter"
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

// watch executes -L --watch.
func (inv *invocation) watch(cmd *command.Command) int {
	inv.stdout.Flush()
	w := watch.Watch{
		Interval: time.Duration(cmd.Interval) * time.Second,
		Sampler: &sampler.Sampler{
			Services:     func() ([]ipvs.Service, error) { return inv.services(cmd) },
			Destinations: inv.destinationReader(cmd),
			Lag:          sampler.LagFor(cmd.Interval),
		},
		View: watch.View{
			Exact:     cmd.Options.Has(command.Exact),
			Top:       int(cmd.Top),
			Names:     resolve.Numeric{},
			Condition: condition(cmd),
		},
		Output: inv.rawStdout,
		Screen: inv.files.stdout,
	}
	if cmd.Options.Has(command.Top) {
		w.Sampler.Order = sampler.ByPackets
	}
	for _, f := range formatOptions {
		if cmd.Options.Has(f.option) {
			w.View.Formats = append(w.View.Formats, f.format)
		}
	}
	if !cmd.Options.Has(command.Numeric) {
		w.Names = resolve.NewNamer(inv.names)
	}
	out := inv.stdout
	json := cmd.Options.Has(command.JSON)
	switch {
	case cmd.Options.Has(command.Connection):
		w.Connections = &watch.ConnectionWatch{
			Read:       func() iter.Seq2[ipvs.Connection, error] { return inv.connections(cmd) },
			Condition:  condition(cmd),
			Count:      cmd.Options.Has(command.Count),
			WithEngine: cmd.Options.Has(command.PersistentConn),
		}
		if json {
			w.Connections.Encode = func(t time.Time) error {
				return errors.Join(jsonConnections(out, cmd, inv.connections(cmd), t), out.Flush())
			}
		}
	case json:
		w.Encode = func(s *sampler.Sample, services iter.Seq2[*sampler.Service, error]) error {
			if err := jsonout.Sample(out, &inv.info, s.Time, services); err != nil {
				return err
			}
			return out.Flush()
		}
	}
	sig, err := w.Run()
	// Drop buffered output: writing it could block.
	inv.stdout = bufio.NewWriter(io.Discard)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		if w.Connections != nil {
			inv.connectionsError(err)
		} else {
			inv.errorf("%s", kernelMessage(command.List, err))
		}
		return exitListError
	}
	return watchStatus(sig)
}

// destinationReader returns a function that appends the destinations of a service in
// the order of the listing.
func (inv *invocation) destinationReader(cmd *command.Command) destinationReader {
	return func(ds []ipvs.Destination, key ipvs.ServiceKey) ([]ipvs.Destination, error) {
		n := len(ds)
		ds, err := inv.client.AppendDestinationsConsistent(ds, key)
		if !cmd.Options.Has(command.NoSort) {
			tablefmt.SortDestinations(ds[n:])
		}
		return ds, err
	}
}

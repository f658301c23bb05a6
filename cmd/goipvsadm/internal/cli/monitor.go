// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"context"
	"errors"
	"iter"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/rawfd"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// monitor executes --monitor.
func (inv *invocation) monitor(cmd *command.Command) int {
	m := newMonitor(inv, cmd)
	var err error
	sig := runUntilSignal(func(ctx context.Context) {
		// The output may block; a signal ends the program nevertheless.
		done := make(chan error, 1)
		go func() { done <- m.run(ctx) }()
		select {
		case err = <-done:
			return
		case <-ctx.Done():
		}
		select {
		case err = <-done:
		case <-time.After(flushTimeout):
		}
	})
	switch {
	case err != nil && !errors.Is(err, syscall.EPIPE):
		inv.errorf("%s", kernelMessage(command.List, err))
		return exitListError
	case sig != 0:
		return watchStatus(sig)
	}
	return exitOK
}

// A monitor prints the changes of the table.
type monitor struct {
	client       *ipvs.Client
	stdout       *output
	buf          *bufio.Writer // buffers stdout, and returns EPIPE if stdout is a closed pipe
	interval     time.Duration
	printInitial bool // the table of the first reading is printed as changes
	json         bool
	namer        tablefmt.Namer
	service      *ipvs.ServiceKey // the only service to monitor; nil for the whole table

	table *reconcile.Table // as of the last reading; nil before the first
}

func newMonitor(inv *invocation, cmd *command.Command) *monitor {
	m := &monitor{
		client:       inv.client,
		stdout:       &output{&inv.outputQueue, inv.files.stdout},
		interval:     time.Duration(cmd.Interval) * time.Second,
		printInitial: cmd.Options.Has(command.Initial),
		json:         cmd.Options.Has(command.JSON),
		namer:        resolve.Numeric{},
	}
	m.buf = bufio.NewWriter(pipeWriter{m.stdout})
	if !m.json && !cmd.Options.Has(command.Numeric) {
		m.namer = resolve.NewRoundTripNamer(inv.names)
	}
	if cmd.Options.Has(command.ServiceAddress) {
		m.service = &cmd.Service.ServiceKey
	}
	return m
}

// run prints changes until ctx is done, the output is closed or an error occurs.
func (m *monitor) run(ctx context.Context) error {
	ticker := time.NewTicker(m.interval)
	defer ticker.Stop()
	for {
		if err := m.poll(); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		// Exit as soon as the reader has exited, not only when the next write fails.
		if m.stdout.isClosed() {
			return syscall.EPIPE
		}
	}
}

// poll reads the table and prints the changes since the last reading.
func (m *monitor) poll() error {
	var part *reconcile.Table
	if m.service != nil {
		part = &reconcile.Table{Services: []reconcile.Service{{Service: ipvs.Service{ServiceKey: *m.service}}}}
	}
	now := time.Now()
	table, err := reconcile.ReadStable(m.client, part, m.table)
	if err != nil {
		return err
	}
	last, initial := m.table, m.table == nil
	if m.table = table; table == last { // ReadStable returns last if nothing has changed
		return nil
	}
	tablefmt.SortTable(table)
	if initial {
		if last = new(reconcile.Table); !m.printInitial {
			return nil
		}
	}
	return m.print(now, initial, m.changes(last, table))
}

// changes returns the changes from one table to another. If only one service is
// monitored, it omits all other changes.
func (m *monitor) changes(from, to *reconcile.Table) iter.Seq[*reconcile.Change] {
	return func(yield func(*reconcile.Change) bool) {
		for c := range reconcile.Compare(to, from, reconcile.Options{StopDaemons: true}) {
			if m.service != nil && c.Service.ServiceKey != *m.service {
				continue
			}
			if !yield(c) {
				return
			}
		}
	}
}

// monitorTime is the layout of the time before each change, as in ip -ts monitor.
const monitorTime = "[2006-01-02T15:04:05.000] "

// print prints changes that poll found at the time now. If initial is set, the changes
// are the table of the first reading, and JSON documents have the member initial.
func (m *monitor) print(now time.Time, initial bool, changes iter.Seq[*reconcile.Change]) error {
	if namer, ok := m.namer.(*resolve.Namer); ok {
		namer.Prefetch(changeEndpoints(changes))
	}
	var b []byte
	for c := range changes {
		cmd := command.FromChange(&c.Change)
		if m.json {
			b = ruleset.Append(b[:0], &cmd, m.namer)
			rule := strings.TrimSuffix(string(b), "\n")
			document := jsonout.Change{Time: now, Initial: initial, Command: cmd.Verb.String(), Rule: rule, Change: &c.Change}
			if err := document.Write(m.buf); err != nil {
				return err
			}
			continue
		}
		b = now.AppendFormat(b[:0], monitorTime)
		b = ruleset.Append(b, &cmd, m.namer)
		if _, err := m.buf.Write(b); err != nil {
			return err
		}
	}
	return m.buf.Flush()
}

// changeEndpoints returns the addresses in changes.
func changeEndpoints(changes iter.Seq[*reconcile.Change]) (endpoints []resolve.Endpoint) {
	for c := range changes {
		s, d := &c.Service, &c.Destination
		if s.Protocol != 0 {
			endpoints = append(endpoints, resolve.Endpoint{AddrPort: s.AddrPort, Protocol: s.Protocol})
		}
		if d.AddrPort.IsValid() {
			endpoints = append(endpoints, resolve.Endpoint{AddrPort: d.AddrPort, Protocol: s.Protocol})
		}
	}
	return endpoints
}

// A pipeWriter writes to an output. Unlike output.Write, it returns EPIPE for a
// closed pipe instead of raising SIGPIPE.
type pipeWriter struct{ *output }

func (w pipeWriter) Write(b []byte) (int, error) { return w.write(b) }

// isClosed reports whether o is a pipe or socket whose reader has closed it.
func (o *output) isClosed() bool {
	file, ok := o.w.(*os.File)
	if !ok {
		return false
	}
	var fds [1]unix.PollFd
	err := rawfd.Control(file, func(fd int) error {
		fds[0].Fd = int32(fd)
		_, err := unix.Poll(fds[:], 0)
		return err
	})
	return err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// SPDX-License-Identifier: MIT

package tablefmt

import (
	"errors"
	"io"
	"iter"
	"net/netip"
	"strconv"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// The titles of the connection table, without and with the columns of persistence
// engines.
const (
	connectionTitle       = "pro expire state       source             virtual            destination\n"
	connectionTitleEngine = "pro expire state       source             virtual            destination        pe name          pe_data\n"
)

// maxBatch limits the number of connections that are buffered before a write.
const maxBatch = 1024

// A prefetcher is a Namer that looks up many names concurrently.
type prefetcher interface {
	Prefetch(endpoints []resolve.Endpoint)
}

// Connections writes the connections to w as seq yields them. If withEngine is set, it
// adds the columns of persistence engines. If seq yields an error first, Connections
// returns the error and writes nothing.
//
// The first connection is written immediately. Later ones are written in batches of
// doubling size, so that the names of a batch can be looked up concurrently.
func Connections(w io.Writer, seq iter.Seq2[ipvs.Connection, error], names Namer, withEngine bool) error {
	b := append([]byte("IPVS connection entries\n"), ConnectionTitle(withEngine)...)
	var (
		batch       []ipvs.Connection
		batchSize   = 1
		wroteHeader bool
	)
	flush := func() error {
		prefetch(names, batch)
		for i := range batch {
			b = AppendConnection(b, &batch[i], names, withEngine)
		}
		_, err := w.Write(b)
		b, batch, wroteHeader = b[:0], batch[:0], true
		batchSize = min(2*batchSize, maxBatch)
		return err
	}
	for c, err := range seq {
		if err != nil {
			if wroteHeader || len(batch) > 0 {
				return errors.Join(flush(), err)
			}
			return err
		}
		if batch = append(batch, c); len(batch) == batchSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func prefetch(n Namer, batch []ipvs.Connection) {
	p, ok := n.(prefetcher)
	if !ok {
		return
	}
	endpoints := make([]resolve.Endpoint, 0, 3*len(batch))
	for i := range batch {
		c := &batch[i]
		for _, ap := range []netip.AddrPort{c.Client, c.VIP, c.Destination} {
			endpoints = append(endpoints, resolve.Endpoint{AddrPort: ap, Protocol: c.Protocol})
		}
	}
	p.Prefetch(endpoints)
}

// ConnectionTitle returns the line with the names of the columns.
func ConnectionTitle(withEngine bool) string {
	if withEngine {
		return connectionTitleEngine
	}
	return connectionTitle
}

// AppendConnection appends the line of a connection.
func AppendConnection(b []byte, c *ipvs.Connection, names Namer, withEngine bool) []byte {
	b = append(padRight(b, protocolName(c.Protocol), 3), ' ')
	b = append(pad(appendExpiry(b, c.Expires), len(b), 6), ' ')
	b = append(padRight(b, c.State, 11), ' ')
	b = append(pad(names.Append(b, c.Client, c.Protocol), len(b), 18), ' ')
	b = append(pad(names.Append(b, c.VIP, c.Protocol), len(b), 18), ' ')
	start := len(b)
	b = names.Append(b, c.Destination, c.Protocol)
	if withEngine && c.PEData != "" {
		b = append(pad(b, start, 16), ' ')
		b = append(padRight(b, c.PEName, 18), ' ')
		b = append(b, termsafe.Escape(c.PEData)...)
	}
	return append(b, '\n')
}

// appendExpiry appends seconds in the form MM:SS.
func appendExpiry(b []byte, seconds uint32) []byte {
	b = appendTwoDigits(b, seconds/60)
	return appendTwoDigits(append(b, ':'), seconds%60)
}

func appendTwoDigits(b []byte, v uint32) []byte {
	if v < 10 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, uint64(v), 10)
}

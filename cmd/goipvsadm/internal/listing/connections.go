package listing

import (
	"io"
	"iter"
	"strconv"

	"goipvsadm/ipvs"
)

// The connection table's titles, without and with what persistence engines go
// by.
const (
	connectionTitle       = "pro expire state       source             virtual            destination\n"
	connectionTitleEngine = "pro expire state       source             virtual            destination        pe name          pe_data\n"
)

// flushSize is how much of a listing is gathered before it is written.
const flushSize = 32 << 10

// Connections writes the connections of seq to w as they come. With engine it
// shows what persistence engines go by.
func Connections(w io.Writer, seq iter.Seq2[ipvs.Connection, error], names Namer, engine bool) error {
	b := append(make([]byte, 0, flushSize+1024), "IPVS connection entries\n"...)
	if engine {
		b = append(b, connectionTitleEngine...)
	} else {
		b = append(b, connectionTitle...)
	}
	first := true
	for c, err := range seq {
		if err != nil {
			if !first {
				w.Write(b)
			}
			return err
		}
		b = appendConnection(b, &c, names, engine)
		// The first row at once: the rest may take its time.
		if first || len(b) >= flushSize {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b, first = b[:0], false
		}
	}
	_, err := w.Write(b)
	return err
}

func appendConnection(b []byte, c *ipvs.Connection, names Namer, engine bool) []byte {
	protocol := "IP"
	if c.Protocol != 0 {
		protocol = c.Protocol.String()
	}
	b = append(left(b, protocol, 3), ' ')
	b = append(pad(appendExpiry(b, c.Expires), len(b), 6), ' ')
	b = append(left(b, c.State, 11), ' ')
	b = append(pad(names.Append(b, c.Client, c.Protocol), len(b), 18), ' ')
	b = append(pad(names.Append(b, c.Virtual, c.Protocol), len(b), 18), ' ')
	start := len(b)
	b = names.Append(b, c.Destination, c.Protocol)
	if engine && c.EngineData != "" {
		b = append(pad(b, start, 16), ' ')
		b = append(left(b, c.Engine, 18), ' ')
		b = append(b, c.EngineData...)
	}
	return append(b, '\n')
}

// appendExpiry appends minutes and seconds.
func appendExpiry(b []byte, seconds uint32) []byte {
	b = twoDigits(b, seconds/60)
	return twoDigits(append(b, ':'), seconds%60)
}

func twoDigits(b []byte, v uint32) []byte {
	if v < 10 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, uint64(v), 10)
}

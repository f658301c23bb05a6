// Package metrics writes a table as metrics: text that Prometheus and what
// understands its formats read. docs/METRICS.md says what there is in it; it may
// grow, but nothing in it changes its name or meaning.
//
// There are two formats, Prometheus' own and OpenMetrics 1.0. Names, values and
// the last line are the same; see Format.describe for where they part.
package metrics

import (
	"bufio"
	"net/netip"
	"strconv"
	"strings"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// A table is what is written of.
type table struct {
	*reconcile.Table
	info *ipvs.Info
}

// Write writes all metrics. Those of a name must stand together, so that the
// table is walked through once for each.
func (format Format) Write(out *bufio.Writer, info *ipvs.Info, t *reconcile.Table) error {
	w := &writer{out: out}
	for _, f := range Families() {
		w.family = f.Name
		format.writeHeader(w, f)
		f.write(w, &table{t, info})
	}
	_, err := out.WriteString("# EOF\n")
	return err
}

// A Format is how the metrics are described.
type Format uint8

// The formats.
const (
	Prometheus  Format = iota // Prometheus' text format, 0.0.4
	OpenMetrics               // OpenMetrics 1.0
)

// describe writes what stands above the metrics of a name. To OpenMetrics, the
// _total of a counter is no part of that name, and neither is _info, which is
// a type of its own. The other format has no such type, and knows nothing of a
// counter that is described under another name.
func (format Format) writeHeader(w *writer, f Family) {
	name, typ := f.Name, f.Type
	if format == OpenMetrics {
		name = strings.TrimSuffix(name, "_total")
		if stem, ok := strings.CutSuffix(name, "_info"); ok {
			name, typ = stem, "info"
		}
	}
	w.line("# HELP ", name, f.Help)
	w.line("# TYPE ", name, typ)
	if i := strings.LastIndexByte(name, '_'); format == OpenMetrics && (name[i+1:] == "bytes" || name[i+1:] == "seconds") {
		w.line("# UNIT ", name, name[i+1:])
	}
}

// A writer writes samples, one a line.
type writer struct {
	out    *bufio.Writer
	family string
	b      []byte // the line
}

func (w *writer) line(begin, name, text string) {
	w.out.WriteString(begin)
	w.out.WriteString(name)
	w.out.WriteByte(' ')
	w.out.WriteString(text)
	w.out.WriteByte('\n')
}

// begin begins a sample; label and end follow.
func (w *writer) startSample() { w.b = append(w.b[:0], w.family...) }

// label appends a label.
func (w *writer) label(name, value string) {
	w.labelName(name)
	w.b = appendEscaped(w.b, value)
	w.b = append(w.b, '"')
}

// number appends a label that is a number.
func (w *writer) number(name string, n uint64) {
	w.labelName(name)
	w.b = strconv.AppendUint(w.b, n, 10)
	w.b = append(w.b, '"')
}

// address appends a label that is an address.
func (w *writer) address(name string, a netip.Addr) {
	w.labelName(name)
	w.b = append(a.AppendTo(w.b), '"')
}

func (w *writer) labelName(name string) {
	if len(w.b) == len(w.family) {
		w.b = append(w.b, '{')
	} else {
		w.b = append(w.b, ',')
	}
	w.b = append(append(w.b, name...), `="`...)
}

// end writes the sample with its value.
func (w *writer) end(value uint64) {
	if len(w.b) > len(w.family) {
		w.b = append(w.b, '}')
	}
	w.b = strconv.AppendUint(append(w.b, ' '), value, 10)
	w.out.Write(append(w.b, '\n'))
}

// appendEscaped appends the value of a label. The kernel takes an interface's
// name of nearly any bytes.
func appendEscaped(b []byte, value string) []byte {
	for _, r := range value { // what is not UTF-8 is U+FFFD
		switch r {
		case '\\', '"':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, string(r)...)
		}
	}
	return b
}

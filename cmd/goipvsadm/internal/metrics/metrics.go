// SPDX-License-Identifier: MIT

// Package metrics writes a table in the Prometheus and OpenMetrics text formats.
// docs/METRICS.md describes the metrics. Metrics and labels may be added, but
// existing ones keep their names and meanings.
//
// Samples and the last line are the same in both formats; see Format.writeHeader for
// the lines that differ.
package metrics

import (
	"bufio"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// A Format is an exposition format.
type Format uint8

// The formats.
const (
	Prometheus  Format = iota // Prometheus text format 0.0.4
	OpenMetrics               // OpenMetrics 1.0
)

// An input holds the values to write.
type input struct {
	*reconcile.Table
	info   *ipvs.Info
	totals *ipvs.Stats // counters of all services together; nil if unknown
}

// Write writes all metric families. totals are the counters of all services together,
// or nil if they are unknown. Write iterates over the table once per family, because
// both formats require the samples of a family to be adjacent.
func (format Format) Write(out *bufio.Writer, info *ipvs.Info, totals *ipvs.Stats, t *reconcile.Table) error {
	w := &writer{out: out}
	for _, f := range Families() {
		w.family = f.Name
		format.writeHeader(w, f)
		f.writeSamples(w, &input{t, info, totals})
	}
	_, err := out.WriteString("# EOF\n")
	return err
}

// writeHeader writes the lines that precede the samples of f. In the Prometheus format,
// a family has the name of its samples. In OpenMetrics, its name lacks the suffix _total
// or _info of its samples; with _info, its type is info, which Prometheus lacks.
func (format Format) writeHeader(w *writer, f Family) {
	name, typ := f.Name, f.Type
	if format == OpenMetrics {
		name = strings.TrimSuffix(name, "_total")
		if stem, ok := strings.CutSuffix(name, "_info"); ok {
			name, typ = stem, "info"
		}
	}
	w.headerLine("# HELP ", name, f.Help)
	w.headerLine("# TYPE ", name, typ)
	if i := strings.LastIndexByte(name, '_'); format == OpenMetrics && (name[i+1:] == "bytes" || name[i+1:] == "seconds") {
		w.headerLine("# UNIT ", name, name[i+1:])
	}
}

// A writer writes samples, one per line.
type writer struct {
	out    *bufio.Writer
	family string // the name of the samples
	sample []byte // the line that is being built
}

func (w *writer) headerLine(prefix, name, text string) {
	w.out.WriteString(prefix)
	w.out.WriteString(name)
	w.out.WriteByte(' ')
	w.out.WriteString(text)
	w.out.WriteByte('\n')
}

// startSample starts a sample. Append its labels, then call endSample.
func (w *writer) startSample() { w.sample = append(w.sample[:0], w.family...) }

// label appends a label with a value that may need escaping.
func (w *writer) label(name, value string) {
	w.startLabel(name)
	w.sample = appendEscaped(w.sample, value)
	w.sample = append(w.sample, '"')
}

// uintLabel appends a label with a numeric value.
func (w *writer) uintLabel(name string, n uint64) {
	w.startLabel(name)
	w.sample = strconv.AppendUint(w.sample, n, 10)
	w.sample = append(w.sample, '"')
}

// addrLabel appends a label with an address as its value.
func (w *writer) addrLabel(name string, a netip.Addr) {
	w.startLabel(name)
	w.sample = append(a.AppendTo(w.sample), '"')
}

func (w *writer) startLabel(name string) {
	if len(w.sample) == len(w.family) {
		w.sample = append(w.sample, '{')
	} else {
		w.sample = append(w.sample, ',')
	}
	w.sample = append(append(w.sample, name...), `="`...)
}

// endSample completes the sample with its value and writes it.
func (w *writer) endSample(value uint64) {
	if len(w.sample) > len(w.family) {
		w.sample = append(w.sample, '}')
	}
	w.sample = strconv.AppendUint(append(w.sample, ' '), value, 10)
	w.out.Write(append(w.sample, '\n'))
}

// appendEscaped appends the value of a label. Interface names may contain nearly any
// byte; invalid UTF-8 is replaced by U+FFFD.
func appendEscaped(b []byte, value string) []byte {
	for _, r := range value {
		switch r {
		case '\\', '"':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, `\n`...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

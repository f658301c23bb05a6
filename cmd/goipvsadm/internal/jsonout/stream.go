// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

// A streamWriter writes a JSON object whose last member is an array, one array
// element at a time, so that memory use does not depend on the array's length.
type streamWriter struct {
	w       *bufio.Writer
	newline string // separator before each element and before the closing bracket
	buf     bytes.Buffer
	encoder *json.Encoder // writes to buf
	count   int           // number of elements written
}

// newStreamWriter writes the members of the object head and starts the array, whose
// member is called name.
func newStreamWriter(w *bufio.Writer, head any, name, newline string) (*streamWriter, error) {
	sw := &streamWriter{w: w, newline: newline}
	sw.encoder = newEncoder(&sw.buf)
	if err := sw.encoder.Encode(head); err != nil {
		return nil, err
	}
	prefix := bytes.TrimSuffix(sw.buf.Bytes(), []byte("}\n"))
	w.Write(prefix)
	if len(prefix) > 1 {
		w.WriteByte(',')
	}
	_, err := w.WriteString(`"` + name + `":[`)
	return sw, err
}

// add writes v as the next array element.
func (sw *streamWriter) add(v any) error {
	sw.buf.Reset()
	if err := sw.encoder.Encode(v); err != nil {
		return err
	}
	if sw.count > 0 {
		sw.w.WriteByte(',')
	}
	sw.count++
	sw.w.WriteString(sw.newline)
	_, err := sw.w.Write(bytes.TrimSuffix(sw.buf.Bytes(), []byte("\n")))
	return err
}

// end closes the array and the object.
func (sw *streamWriter) end() error {
	if sw.count > 0 {
		sw.w.WriteString(sw.newline)
	}
	_, err := sw.w.WriteString("]}\n")
	return err
}

// newEncoder returns an encoder that does not escape HTML characters.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

package jsonout

import (
	"bufio"
	"bytes"
	"encoding/json"
)

// An array is a document whose last member is an array that is written
// element by element, so that a document of any length needs no memory to
// speak of.
type streamWriter struct {
	w       *bufio.Writer
	newline string // before an element, and before the end
	element bytes.Buffer
	encoder *json.Encoder // into element
	n       int           // of elements written
}

// newArray begins a document with the members of head, an object, and then the
// array name.
func newArray(w *bufio.Writer, head any, name, newline string) (*streamWriter, error) {
	a := &streamWriter{w: w, newline: newline}
	a.encoder = newEncoder(&a.element)
	if err := a.encoder.Encode(head); err != nil {
		return nil, err
	}
	begin := bytes.TrimSuffix(a.element.Bytes(), []byte("}\n"))
	w.Write(begin)
	if len(begin) > 1 {
		w.WriteByte(',')
	}
	_, err := w.WriteString(`"` + name + `":[`)
	return a, err
}

// add writes an element.
func (a *streamWriter) add(v any) error {
	a.element.Reset()
	if err := a.encoder.Encode(v); err != nil {
		return err
	}
	if a.n > 0 {
		a.w.WriteByte(',')
	}
	a.n++
	a.w.WriteString(a.newline)
	_, err := a.w.Write(bytes.TrimSuffix(a.element.Bytes(), []byte("\n")))
	return err
}

// end ends the document.
func (a *streamWriter) end() error {
	if a.n > 0 {
		a.w.WriteString(a.newline)
	}
	_, err := a.w.WriteString("]}\n")
	return err
}

// newEncoder returns an encoder that writes < as <: nothing here goes into a
// web page.
func newEncoder(b *bytes.Buffer) *json.Encoder {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e
}

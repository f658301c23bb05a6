// SPDX-License-Identifier: MIT

package jsonout

import "bufio"

// A streamWriter writes a JSON object whose last member is an array, one array
// element at a time, so that memory use does not depend on the array's length.
type streamWriter struct {
	w       *bufio.Writer
	newline string  // separator before each element and before the closing bracket
	text    builder // buffer for an element
	count   int     // number of elements written
}

// newStreamWriter writes head, an object that has not been closed, and starts its last
// member, the array with the given name.
func newStreamWriter(w *bufio.Writer, head builder, name, newline string) (*streamWriter, error) {
	head.openArray(name)
	_, err := w.Write(head)
	return &streamWriter{w: w, newline: newline, text: head}, err
}

// add writes an object as the next array element. members appends its members.
func (sw *streamWriter) add(members func(b *builder)) error {
	sw.text = sw.text[:0]
	if sw.count > 0 {
		sw.text = append(sw.text, ',')
	}
	sw.count++
	sw.text = append(append(sw.text, sw.newline...), '{')
	members(&sw.text)
	sw.text.closeObject()
	_, err := sw.w.Write(sw.text)
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

// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// drawing is an SVG image under construction. All dimensions are in pixels.
type drawing struct{ b bytes.Buffer }

// newDrawing starts an image with a background color. title describes it for screen readers.
func newDrawing(width, height int, background, title string) *drawing {
	d := new(drawing)
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", width, height)
	fmt.Fprintf(&d.b, "<title>%s</title>\n", escapeXML(title))
	fmt.Fprintf(&d.b, `<rect width="%d" height="%d" rx="6" fill="%s"/>`+"\n", width, height, background)
	return d
}

func (d *drawing) rect(x, y, width, height float64, fill string) {
	fmt.Fprintf(&d.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, width, height, fill)
}

// text draws text with the given attributes. x and y are the left end of its baseline, or the right
// end with the attribute text-anchor="end".
func (d *drawing) text(x, y float64, attributes, text string) {
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" xml:space="preserve" %s>%s</text>`+"\n", x, y, attributes, escapeXML(text))
}

func (d *drawing) bytes() []byte {
	return append(d.b.Bytes(), "</svg>\n"...)
}

func escapeXML(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a Buffer returns no errors
	return b.String()
}

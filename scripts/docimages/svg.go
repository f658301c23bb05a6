package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// A drawing is an SVG picture in the making. Sizes are in pixels.
type drawing struct{ b bytes.Buffer }

// draw begins a picture of some size on a background. What it shows, in words, is for those
// who cannot see it.
func newDrawing(width, height int, background, words string) *drawing {
	d := new(drawing)
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", width, height)
	fmt.Fprintf(&d.b, "<title>%s</title>\n", escapeXML(words))
	fmt.Fprintf(&d.b, `<rect width="%d" height="%d" rx="6" fill="%s"/>`+"\n", width, height, background)
	return d
}

func (d *drawing) rect(x, y, width, height float64, fill string) {
	fmt.Fprintf(&d.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, width, height, fill)
}

// text writes text whose baseline begins, or ends with the anchor "end", at x and y, with
// further attributes.
func (d *drawing) text(x, y float64, attributes, text string) {
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" xml:space="preserve" %s>%s</text>`+"\n", x, y, attributes, escapeXML(text))
}

func (d *drawing) bytes() []byte {
	return append(d.b.Bytes(), "</svg>\n"...)
}

func escapeXML(text string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(text))
	return b.String()
}

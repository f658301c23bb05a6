package main

import (
	"fmt"
	"strings"

	"goipvsadm/scripts/testnet"
)

// The measures of a cell of the terminal, and its margin.
const (
	cellWidth  = 8.4
	cellHeight = 18
	margin     = 12
)

// palette has the colours that the program uses, by their numbers in ISO 6429.
var palette = map[string]string{
	"30": "#000000", "37": "#ffffff",
	"41": "#c01c28", "43": "#e5a50a", "45": "#a347ba",
}

// screenshot draws a screen, down to its last line that is not empty.
func screenshot(screen *testnet.Screen) []byte {
	lines := strings.Split(strings.TrimRight(screen.String(), "\n"), "\n")
	d := newDrawing(columns*cellWidth+2*margin, len(lines)*cellHeight+2*margin, "#1e1e1e",
		"A terminal on which goipvsadm --watch shows three services, with a server of weight 0 in yellow, one over its threshold in red, and one that lost its share in magenta")
	for row := range lines {
		x, y := float64(margin), float64(margin+row*cellHeight)
		for _, run := range screen.Colors(row) {
			width := cellWidth * float64(len(run.Text))
			fill, weight := "#d4d4d4", "normal"
			for colour := range strings.SplitSeq(run.Colors, ";") {
				switch {
				case colour == "1":
					weight = "bold"
				case strings.HasPrefix(colour, "3"):
					fill = palette[colour]
				case strings.HasPrefix(colour, "4"):
					d.rect(x, y, width, cellHeight, palette[colour])
				}
			}
			if text := strings.TrimRight(run.Text, " "); text != "" {
				d.text(x, y+13.5, fmt.Sprintf(`font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" font-weight="%s" fill="%s" textLength="%.1f"`,
					weight, fill, cellWidth*float64(len(text))), text)
			}
			x += width
		}
	}
	return d.bytes()
}

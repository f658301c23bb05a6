package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"goipvsadm/scripts/testnet"
)

// Dimensions of a character cell and of the margin, in pixels.
const (
	cellWidth  = 8.4
	cellHeight = 18
	margin     = 12
)

// palette maps the SGR color parameters (ISO 6429) that --watch uses to RGB.
var palette = map[string]string{
	"31": "#f66151", "33": "#e5a50a", "35": "#dc8add",
}

// screenshot draws a screen, without empty lines at the end.
func screenshot(screen *testnet.Screen) []byte {
	lines := strings.Split(strings.TrimRight(screen.String(), "\n"), "\n")
	d := newDrawing(columns*cellWidth+2*margin, len(lines)*cellHeight+2*margin, "#1e1e1e",
		"goipvsadm --watch in a terminal: three services, with the markers of a server of weight 0 in yellow, of one above its threshold in red, and of one whose share of traffic dropped in magenta")
	for row := range lines {
		x, y := float64(margin), float64(margin+row*cellHeight)
		for _, run := range screen.Colors(row) {
			width := cellWidth * float64(utf8.RuneCountInString(run.Text))
			fill, weight := "#d4d4d4", "normal"
			for color := range strings.SplitSeq(run.Colors, ";") {
				switch {
				case color == "1":
					weight = "bold"
				case strings.HasPrefix(color, "3"):
					fill = palette[color]
				}
			}
			if text := strings.TrimRight(run.Text, " "); text != "" {
				d.text(x, y+13.5, fmt.Sprintf(`font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" font-weight="%s" fill="%s" textLength="%.1f"`,
					weight, fill, cellWidth*float64(utf8.RuneCountInString(text))), text)
			}
			x += width
		}
	}
	return d.bytes()
}

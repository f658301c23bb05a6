// SPDX-License-Identifier: MIT

package cli

import (
	"io"
	"os"
	"strings"
	"testing"
)

func TestProgressLine(t *testing.T) {
	var screen strings.Builder
	columns := 80
	line := progressLine{w: &screen, width: func() int { return columns }}
	line.clear() // nothing to erase
	line.show("one")
	line.show("two")
	columns = 3
	line.show("three")
	line.clear()
	line.clear()
	if want := "\rone\x1b[K\rtwo\x1b[K\rth\x1b[K\r\x1b[K"; screen.String() != want {
		t.Errorf("wrote %q, want %q", screen.String(), want)
	}
}

func TestProgressLineNoTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var buffer strings.Builder
	for _, w := range []io.Writer{file, &buffer} {
		line := newProgressLine(w, w)
		line.show("text")
		line.clear()
	}
	if text, err := os.ReadFile(file.Name()); err != nil || len(text) != 0 || buffer.Len() != 0 {
		t.Errorf("wrote %q to a file (%v) and %q to a buffer, want nothing", text, err, buffer.String())
	}
}

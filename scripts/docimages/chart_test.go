package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadTable(t *testing.T) {
	const head = "text\n\n| a | b |\n|---|\n\n| work | ipvsadm | ours | ratio | floor |\n|---|--:|--:|--:|--:|\n"
	for _, tt := range []struct {
		name, readme string
		want         []result
		err          string
	}{
		{name: "table", readme: head + "| -L | 2.07 | 3.38 | 0.6 | 2 |\n| -R, 11,000 rules | 1,289 | 172 | 7 | 100 |\n\n| x |\n",
			want: []result{
				{"-L", figure{"2.07", 2.07}, figure{"3.38", 3.38}, figure{"2", 2}},
				{"-R, 11,000 rules", figure{"1,289", 1289}, figure{"172", 172}, figure{"100", 100}},
			}},
		{name: "no table", readme: "text\n", err: "no table with the columns ipvsadm, ours and floor"},
		{name: "empty table", readme: head, err: "no table with the columns ipvsadm, ours and floor"},
		{name: "invalid number", readme: head + "| -L | 2.07 | soon | 0.6 | 2 |\n", err: `invalid number of instructions: "soon" in | -L | 2.07 | soon | 0.6 | 2 |`},
		{name: "missing cell", readme: head + "| -L | 2.07 | 1 | 2 |\n", err: "4 cells in a table of 5 columns: | -L | 2.07 | 1 | 2 |"},
	} {
		got, err := readTable(tt.readme)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{}, figure{})); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.err)
		}
	}
}

// docs/how-fast.svg shows the current table in README.md.
func TestChartUpToDate(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	results, err := readTable(string(readme))
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../docs/how-fast.svg")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, chart(results)) {
		t.Error("docs/how-fast.svg is outdated: run make docs-chart")
	}
}

// README.md contains the images, and they are well-formed XML.
func TestImagesInREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docs/watch.svg", "docs/how-fast.svg"} {
		if !strings.Contains(string(readme), "("+name+")") {
			t.Errorf("README.md does not contain %s", name)
		}
		image, err := os.Open("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer image.Close()
		decoder := xml.NewDecoder(image)
		for err == nil {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

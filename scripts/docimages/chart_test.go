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
		{"a table", head + "| -L | 2.07 | 3.38 | 0.6 | 2 |\n| -R, 11,000 rules | 1,289 | 172 | 7 | 100 |\n\n| x |\n",
			[]result{
				{"-L", figure{"2.07", 2.07}, figure{"3.38", 3.38}, figure{"2", 2}},
				{"-R, 11,000 rules", figure{"1,289", 1289}, figure{"172", 172}, figure{"100", 100}},
			}, ""},
		{"none", "text\n", nil, "no table with the columns ipvsadm, ours and floor"},
		{"an empty one", head, nil, "no table with the columns ipvsadm, ours and floor"},
		{"no number", head + "| -L | 2.07 | soon | 0.6 | 2 |\n", nil, `no number of instructions: "soon" in | -L | 2.07 | soon | 0.6 | 2 |`},
		{"a cell too few", head + "| -L | 2.07 | 1 | 2 |\n", nil, "4 cells under 5 titles: | -L | 2.07 | 1 | 2 |"},
	} {
		got, err := readTable(tt.readme)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{}, figure{})); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.err)
		}
	}
}

// The chart is that of the table in README.
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
		t.Error("docs/how-fast.svg is older than the table in README.md: make docs-chart")
	}
}

// README shows the pictures, and they are XML.
func TestImagesInREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docs/watch.svg", "docs/how-fast.svg"} {
		if !strings.Contains(string(readme), "("+name+")") {
			t.Errorf("README.md does not show %s", name)
		}
		picture, err := os.Open("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer picture.Close()
		decoder := xml.NewDecoder(picture)
		for err == nil {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// SPDX-License-Identifier: MIT

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
		name, document string
		want           []result
		err            string
	}{
		{name: "table", document: head + "| -L | 2.07 | 3.38 | 0.6 | 2 |\n| -R, 11,000 rules | 1,289 | 172 | 7 | 100 |\n\n| x |\n",
			want: []result{
				{"-L", figure{"2.07", 2.07}, figure{"3.38", 3.38}, figure{"2", 2}},
				{"-R, 11,000 rules", figure{"1,289", 1289}, figure{"172", 172}, figure{"100", 100}},
			}},
		{name: "no table", document: "text\n", err: "no table with the columns ipvsadm, ours and floor"},
		{name: "empty table", document: head, err: "no table with the columns ipvsadm, ours and floor"},
		{name: "invalid number", document: head + "| -L | 2.07 | soon | 0.6 | 2 |\n", err: `invalid number of instructions: "soon" in | -L | 2.07 | soon | 0.6 | 2 |`},
		{name: "missing cell", document: head + "| -L | 2.07 | 1 | 2 |\n", err: "4 cells in a table of 5 columns: | -L | 2.07 | 1 | 2 |"},
	} {
		got, err := readTable(tt.document)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{}, figure{})); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.err)
		}
	}
}

// docs/how-fast.svg shows the current table in docs/PERFORMANCE.md.
func TestChartUpToDate(t *testing.T) {
	document, err := os.ReadFile("../../docs/PERFORMANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	results, err := readTable(string(document))
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

// The documents contain the images, which are well-formed XML.
func TestImagesInDocuments(t *testing.T) {
	for _, tt := range []struct{ document, link, image string }{
		{document: "README.md", link: "docs/watch.svg", image: "docs/watch.svg"},
		{document: "docs/PERFORMANCE.md", link: "how-fast.svg", image: "docs/how-fast.svg"},
	} {
		text, err := os.ReadFile("../../" + tt.document)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "("+tt.link+")") {
			t.Errorf("%s does not contain %s", tt.document, tt.link)
		}
		image, err := os.Open("../../" + tt.image)
		if err != nil {
			t.Fatal(err)
		}
		defer image.Close()
		decoder := xml.NewDecoder(image)
		for err == nil {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", tt.image, err)
		}
	}
}

// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// result is a row of the benchmark table.
type result struct {
	workload             string
	ipvsadm, ours, floor figure
}

// figure is a number of instructions.
type figure struct {
	text    string  // as in the table
	million float64 // in millions
}

// readTable finds the benchmark table in a document by its column titles and parses it.
func readTable(document string) ([]result, error) {
	lines := strings.Split(document, "\n")
	for i, line := range lines {
		titles := cells(line)
		ipvsadm, ours, floor := slices.Index(titles, "ipvsadm"), slices.Index(titles, "ours"), slices.Index(titles, "floor")
		if ipvsadm < 0 || ours < 0 || floor < 0 {
			continue
		}
		var results []result
		for _, line := range lines[min(i+2, len(lines)):] {
			row := cells(line)
			if row == nil {
				break
			}
			if len(row) != len(titles) {
				return nil, fmt.Errorf("%d cells in a table of %d columns: %s", len(row), len(titles), line)
			}
			r := result{workload: row[0]}
			for at, f := range map[int]*figure{ipvsadm: &r.ipvsadm, ours: &r.ours, floor: &r.floor} {
				million, err := strconv.ParseFloat(strings.ReplaceAll(row[at], ",", ""), 64)
				if err != nil || million <= 0 {
					return nil, fmt.Errorf("invalid number of instructions: %q in %s", row[at], line)
				}
				*f = figure{row[at], million}
			}
			results = append(results, r)
		}
		if len(results) > 0 {
			return results, nil
		}
	}
	return nil, errors.New("no table with the columns ipvsadm, ours and floor")
}

// cells returns the cells of a row of a Markdown table, or nil if line is not a row.
func cells(line string) []string {
	line = strings.TrimSpace(line)
	if len(line) < 2 || line[0] != '|' || line[len(line)-1] != '|' {
		return nil
	}
	all := strings.Split(line[1:len(line)-1], "|")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// Dimensions of the chart, in pixels.
const (
	chartWidth = 900
	barsStart  = 260 // x of the left end of bars
	barsEnd    = 660 // x of the right end of the longest bar
	chartTop   = 74
	rowHeight  = 34
)

const sans = `font-family="DejaVu Sans, Verdana, Arial, sans-serif"`

// ratio returns f divided by ipvsadm's figure.
func (r *result) ratio(f figure) float64 { return f.million / r.ipvsadm.million }

// chart draws goipvsadm's instructions relative to ipvsadm's, and the floor, for each workload.
func chart(results []result) []byte {
	const (
		gray, blue, orange = "#dfe3e8", "#2f6fb5", "#e08a00"
		small              = sans + ` font-size="12" fill="#24292f"`
	)
	longest := 1.0
	for _, r := range results {
		longest = max(longest, r.ratio(r.ours), r.ratio(r.floor))
	}
	scale := (barsEnd - barsStart) / longest
	d := newDrawing(chartWidth, chartTop+rowHeight*len(results)+14, "#ffffff", "Instructions executed by goipvsadm, relative to ipvsadm")
	d.text(14, 26, sans+` font-size="15" font-weight="bold" fill="#24292f"`, "Instructions of program and kernel, relative to ipvsadm (less is better)")
	for _, key := range []struct {
		x, width float64
		fill     string
		text     string
	}{
		{barsStart, 14, gray, "ipvsadm"},
		{barsStart + 95, 14, blue, "goipvsadm"},
		{barsStart + 205, 3, orange, "floor: empty Go program and bare messages"},
	} {
		d.rect(key.x, 42, key.width, 12, key.fill)
		d.text(key.x+key.width+6, 52, small, key.text)
	}
	for i, r := range results {
		y := float64(chartTop + rowHeight*i)
		d.text(barsStart-12, y+18, sans+` font-size="13" text-anchor="end" fill="#24292f"`, r.workload)
		d.rect(barsStart, y+3, scale, rowHeight-10, gray)
		d.rect(barsStart, y+7, scale*r.ratio(r.ours), rowHeight-18, blue)
		d.rect(barsStart+scale*r.ratio(r.floor)-1.5, y+3, 3, rowHeight-10, orange)
		d.text(barsEnd+12, y+18, small, fmt.Sprintf("%.0f %%: %s vs. %s million", 100*r.ratio(r.ours), r.ours.text, r.ipvsadm.text))
	}
	d.rect(barsStart+scale-0.5, chartTop-4, 1, float64(rowHeight*len(results)), "#57606a")
	return d.bytes()
}

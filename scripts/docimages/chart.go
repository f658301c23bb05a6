package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A result is a row of the benchmark's table.
type result struct {
	work                 string
	ipvsadm, ours, floor figure
}

// A figure is a number of instructions as the table has it.
type figure struct {
	text    string
	million float64
}

// readTable finds the benchmark's table in a README, by the titles of its columns.
func readTable(readme string) ([]result, error) {
	lines := strings.Split(readme, "\n")
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
				return nil, fmt.Errorf("%d cells under %d titles: %s", len(row), len(titles), line)
			}
			r := result{work: row[0]}
			for at, f := range map[int]*figure{ipvsadm: &r.ipvsadm, ours: &r.ours, floor: &r.floor} {
				million, err := strconv.ParseFloat(strings.ReplaceAll(row[at], ",", ""), 64)
				if err != nil || million <= 0 {
					return nil, fmt.Errorf("no number of instructions: %q in %s", row[at], line)
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

// cells returns the cells of a row of a table, or nil.
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

// The chart's measures.
const (
	chartWidth = 900
	barsAt     = 260 // where bars begin
	barsEnd    = 660 // and where the longest ends
	chartTop   = 74
	rowHeight  = 34
)

const sans = `font-family="DejaVu Sans, Verdana, Arial, sans-serif"`

// part returns which part f is of what ipvsadm takes.
func (r *result) ratio(f figure) float64 { return f.million / r.ipvsadm.million }

// chart draws what ours takes of each work as a part of what ipvsadm takes, and the floor.
func chart(results []result) []byte {
	const (
		grey, blue, orange = "#dfe3e8", "#2f6fb5", "#e08a00"
		small              = sans + ` font-size="12" fill="#24292f"`
	)
	most := 1.0
	for _, r := range results {
		most = max(most, r.ratio(r.ours), r.ratio(r.floor))
	}
	scale := (barsEnd - barsAt) / most
	d := newDrawing(chartWidth, chartTop+rowHeight*len(results)+14, "#ffffff", "Instructions that goipvsadm takes, as a part of what ipvsadm takes")
	d.text(14, 26, sans+` font-size="15" font-weight="bold" fill="#24292f"`, "Instructions, of program and kernel together: ipvsadm = 100 %, less is better")
	for _, key := range []struct {
		x, width float64
		fill     string
		text     string
	}{
		{barsAt, 14, grey, "ipvsadm"},
		{barsAt + 95, 14, blue, "goipvsadm"},
		{barsAt + 205, 3, orange, "floor: an empty Go program, the same messages"},
	} {
		d.rect(key.x, 42, key.width, 12, key.fill)
		d.text(key.x+key.width+6, 52, small, key.text)
	}
	for i, r := range results {
		y := float64(chartTop + rowHeight*i)
		d.text(barsAt-12, y+18, sans+` font-size="13" text-anchor="end" fill="#24292f"`, r.work)
		d.rect(barsAt, y+3, scale, rowHeight-10, grey)
		d.rect(barsAt, y+7, scale*r.ratio(r.ours), rowHeight-18, blue)
		d.rect(barsAt+scale*r.ratio(r.floor)-1.5, y+3, 3, rowHeight-10, orange)
		d.text(barsEnd+12, y+18, small, fmt.Sprintf("%.0f %%: %s instead of %s million", 100*r.ratio(r.ours), r.ours.text, r.ipvsadm.text))
	}
	d.rect(barsAt+scale-0.5, chartTop-4, 1, float64(rowHeight*len(results)), "#57606a")
	return d.bytes()
}

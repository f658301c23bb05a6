// SPDX-License-Identifier: MIT

package tablefmt

import "strconv"

const spaces = "                                "

// pad appends blanks until b has at least width bytes after the first start bytes.
func pad(b []byte, start, width int) []byte {
	for missing := start + width - len(b); missing > 0; missing -= len(spaces) {
		b = append(b, spaces[:min(missing, len(spaces))]...)
	}
	return b
}

// padRight appends s, padded with blanks on the right to width.
func padRight(b []byte, s string, width int) []byte {
	return pad(append(b, s...), len(b), width)
}

// padRightUint appends v, padded with blanks on the right to width.
func padRightUint(b []byte, v uint64, width int) []byte {
	return pad(strconv.AppendUint(b, v, 10), len(b), width)
}

// padLeftUint appends v, padded with blanks on the left to width.
func padLeftUint(b []byte, v uint64, width int) []byte {
	digits := 1
	for rest := v; rest >= 10; rest /= 10 {
		digits++
	}
	return strconv.AppendUint(pad(b, len(b), width-digits), v, 10)
}

// units are the units of abbreviated numbers, largest first. A unit is used for
// numbers of at least min.
var units = [...]struct {
	min, divisor uint64
	suffix       byte
}{
	{1e14, 1e12, 'T'},
	{1e11, 1e9, 'G'},
	{1e9, 1e6, 'M'},
	{1e8, 1e3, 'K'},
}

// appendScaled appends v in nine columns, abbreviated unless exact is set. Abbreviated
// values are truncated, not rounded. The largest values fill all nine columns, without
// a blank before them.
func appendScaled(b []byte, v uint64, exact bool) []byte {
	if !exact && v >= units[len(units)-1].min {
		for i := range units {
			if u := &units[i]; v >= u.min {
				return append(padLeftUint(b, v/u.divisor, 8), u.suffix)
			}
		}
	}
	return padLeftUint(append(b, ' '), v, 8)
}

package tablefmt

import "strconv"

const blanks = "                                "

// pad appends blanks until b is width longer than it was at start.
func pad(b []byte, start, width int) []byte {
	for missing := start + width - len(b); missing > 0; missing -= len(blanks) {
		b = append(b, blanks[:min(missing, len(blanks))]...)
	}
	return b
}

// left appends s and blanks up to width.
func padRight(b []byte, s string, width int) []byte {
	return pad(append(b, s...), len(b), width)
}

// leftUint appends v and blanks up to width.
func leftUint(b []byte, v uint64, width int) []byte {
	return pad(strconv.AppendUint(b, v, 10), len(b), width)
}

// rightUint appends v with blanks before it up to width.
func rightUint(b []byte, v uint64, width int) []byte {
	digits := 1
	for rest := v; rest >= 10; rest /= 10 {
		digits++
	}
	return strconv.AppendUint(pad(b, len(b), width-digits), v, 10)
}

// units are the abbreviations of large numbers: a number is written in the
// last unit whose from it reaches.
var units = [...]struct {
	minWidth, unit uint64
	letter         byte
}{
	{1e14, 1e12, 'T'},
	{1e11, 1e9, 'G'},
	{1e9, 1e6, 'M'},
	{1e8, 1e3, 'K'},
}

// large appends v in nine columns, abbreviated unless exact. Units cut, they do
// not round, and the highest number of a unit may leave no blank before it.
func appendScaled(b []byte, v uint64, exact bool) []byte {
	if !exact && v >= units[len(units)-1].minWidth {
		for i := range units {
			if u := &units[i]; v >= u.minWidth {
				return append(rightUint(b, v/u.unit, 8), u.letter)
			}
		}
	}
	return rightUint(append(b, ' '), v, 8)
}

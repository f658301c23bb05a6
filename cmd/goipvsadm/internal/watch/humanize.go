package watch

import (
	"math"
	"strconv"
)

// units are the abbreviations of large numbers, in powers of 1000.
const units = "KMGTPE"

// amount writes a number of at most digits digits, or a larger one with three
// digits that count and a unit.
func (v *View) amount(n uint64, digits int) string {
	s := strconv.FormatUint(n, 10)
	if v.Exact || len(s) <= digits {
		return s
	}
	return abbreviate(float64(n))
}

// rate writes a number with a decimal where it is small.
func (v *View) rate(f float64) string {
	switch {
	case f < 9.95 && f != math.Trunc(f):
		return strconv.FormatFloat(f, 'f', 1, 64)
	case v.Exact || f < 99999.5:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return abbreviate(f)
}

func abbreviate(f float64) string {
	unit := -1
	for f >= 999.5 && unit < len(units)-1 {
		f /= 1000
		unit++
	}
	decimals := 0
	switch {
	case f < 9.995:
		decimals = 2
	case f < 99.95:
		decimals = 1
	}
	s := strconv.FormatFloat(f, 'f', decimals, 64)
	if unit >= 0 {
		s += units[unit : unit+1]
	}
	return s
}

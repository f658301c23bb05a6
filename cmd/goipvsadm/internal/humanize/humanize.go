// SPDX-License-Identifier: MIT

// Package humanize formats numbers for readers.
package humanize

import (
	"fmt"
	"strconv"
)

// Count formats n in groups of three digits, followed by noun in the singular or
// plural: 1 server, 1,000 servers. With an empty noun it formats the number only.
func Count[N int | uint32 | uint64](n N, noun string) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if noun == "" {
		return digits
	}
	if n != 1 {
		noun += "s"
	}
	return digits + " " + noun
}

// SI formats a non-negative number with three significant digits and, from 1000 on,
// a decimal prefix (K, M, G, T, P or E): 9.99M, 10.0M, 999K.
func SI(f float64) string {
	const prefixes = "KMGTPE"
	n := 0
	for f >= 999.5 && n < len(prefixes) {
		f /= 1000
		n++
	}
	decimals := 0
	switch {
	case f < 9.995:
		decimals = 2
	case f < 99.95:
		decimals = 1
	}
	s := strconv.FormatFloat(f, 'f', decimals, 64)
	if n > 0 {
		s += prefixes[n-1 : n]
	}
	return s
}

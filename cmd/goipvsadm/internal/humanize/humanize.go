// Package humanize formats numbers for readers.
package humanize

import "fmt"

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

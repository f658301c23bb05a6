// SPDX-License-Identifier: MIT

package sched

import "strings"

// Engines lists the persistence engines in the kernel, each implemented by the
// module ip_vs_pe_NAME.
var Engines = []string{"sip"}

// SimilarSchedulers returns the names of the schedulers that resemble name, which
// may be misspelled. If name is the name of a scheduler, it returns only name.
func SimilarSchedulers(name string) []string {
	names := make([]string, len(All))
	for i := range All {
		names[i] = All[i].Name
	}
	return similar(name, names)
}

// SimilarEngines is like SimilarSchedulers for persistence engines.
func SimilarEngines(name string) []string { return similar(name, Engines) }

// similar returns the names with the smallest distance to name, which is converted
// to lower case. The distance may be at most 1, or 2 if name has more than three
// characters.
func similar(name string, names []string) (found []string) {
	least := 1 // smallest distance so far, or the limit
	if len(name) > 3 {
		least = 2
	}
	for _, n := range names {
		switch d := distance(strings.ToLower(name), n); {
		case d < least:
			least, found = d, []string{n}
		case d == least:
			found = append(found, n)
		}
	}
	return found
}

// distance returns the number of characters that have to be inserted, removed,
// replaced or swapped with their neighbor to turn a into b.
func distance(a, b string) int {
	// Three successive rows of the matrix that has the distance between each
	// prefix of a and each prefix of b; row is the current one.
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// SPDX-License-Identifier: MIT

package scenarios

import (
	"strconv"
	"strings"
)

// serviceStats holds the first counters of a line of ipvsadm -L -n --stats.
type serviceStats struct {
	conns, inPackets, outPackets int
}

// parseStats parses the output of ipvsadm -L -n --stats. The keys of the result are addresses or
// firewall marks. Lines with abbreviated numbers (12K) are skipped.
func parseStats(listing string) map[string]serviceStats {
	lines := make(map[string]serviceStats)
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		if len(fields) != 7 {
			continue
		}
		var numbers [3]int
		var err error
		for i := range numbers {
			if numbers[i], err = strconv.Atoi(fields[2+i]); err != nil {
				break
			}
		}
		if err == nil {
			lines[fields[1]] = serviceStats{numbers[0], numbers[1], numbers[2]}
		}
	}
	return lines
}

// countEntries counts the lines of ipvsadm -L -n -c whose protocol, state, source, virtual address
// and destination match the patterns. A pattern may end with "*", which matches any text.
func countEntries(listing string, patterns []string) int {
	count := 0
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] == "pro" {
			continue
		}
		// fields[1] is the remaining time.
		if matches(fields[0], patterns[0]) && allMatch(fields[2:6], patterns[1:]) {
			count++
		}
	}
	return count
}

func allMatch(fields, patterns []string) bool {
	for i, pattern := range patterns {
		if !matches(fields[i], pattern) {
			return false
		}
	}
	return true
}

func matches(field, pattern string) bool {
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	return field == pattern || isPrefix && strings.HasPrefix(field, prefix)
}

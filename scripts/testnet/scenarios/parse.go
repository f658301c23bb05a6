package scenarios

import (
	"strconv"
	"strings"
)

// stats is a line of ipvsadm -L -n --stats. It reads exact numbers only, not those
// shortened to thousands.
type serviceStats struct {
	conns, inPackets, outPackets int
}

// parseStats reads ipvsadm -L -n --stats into lines by address (or mark).
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

// countEntries counts the lines of ipvsadm -L -n -c whose protocol, state, source,
// virtual and destination address match: "*" matches all, and "10.0.0.1:*" any port.
func countEntries(listing string, matching []string) int {
	count := 0
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] == "pro" {
			continue
		}
		// The second field is the time left.
		if matches(fields[0], matching[0]) && allMatch(fields[2:6], matching[1:]) {
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
	prefix, any := strings.CutSuffix(pattern, "*")
	return field == pattern || any && strings.HasPrefix(field, prefix)
}

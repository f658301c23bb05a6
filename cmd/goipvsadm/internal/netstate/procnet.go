package netstate

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// procNet is relative to the thread because the threads of a Go program may be
// in different network namespaces. /proc/sys/net always follows the thread
// that opens it.
const procNet = "/proc/thread-self/net/"

// Sysctl reads a numeric sysctl by its path below /proc/sys, such as
// "net/ipv4/ip_forward". The error is fs.ErrNotExist if it does not exist.
func Sysctl(path string) (int, error) {
	b, err := os.ReadFile("/proc/sys/" + path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil {
		return 0, fmt.Errorf("/proc/sys/%s: %w", path, err)
	}
	return n, nil
}

// ReversePathDrops returns the number of packets that rp_filter has dropped.
func ReversePathDrops() (uint64, error) {
	b, err := os.ReadFile(procNet + "netstat")
	if err != nil {
		return 0, err
	}
	return netstatCounter(string(b), "TcpExt:", "IPReversePathFilter")
}

// netstatCounter returns a counter of /proc/net/netstat. Each group has two
// lines, the names and the values; both start with the name of the group.
func netstatCounter(text, group, name string) (uint64, error) {
	column := -1
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] != group:
		case column < 0:
			column = slices.Index(fields, name)
		case column < len(fields):
			return strconv.ParseUint(fields[column], 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s in /proc/net/netstat", name)
}

// ConntrackInvalid returns the number of packets that connection tracking has
// classified as INVALID. The error is fs.ErrNotExist if conntrack is not
// loaded.
func ConntrackInvalid() (uint64, error) {
	b, err := os.ReadFile(procNet + "stat/nf_conntrack")
	if err != nil {
		return 0, err
	}
	return conntrackCounter(string(b), "invalid")
}

// conntrackCounter returns the sum over all CPUs of a counter of
// /proc/net/stat/nf_conntrack: a header line, then one line of hexadecimal
// numbers per CPU.
func conntrackCounter(text, name string) (sum uint64, err error) {
	header, lines, _ := strings.Cut(text, "\n")
	column := slices.Index(strings.Fields(header), name)
	if column < 0 {
		return 0, fmt.Errorf("no column %s in /proc/net/stat/nf_conntrack", name)
	}
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if column >= len(fields) {
			continue
		}
		n, err := strconv.ParseUint(fields[column], 16, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/net/stat/nf_conntrack: %w", err)
		}
		sum += n
	}
	return sum, nil
}

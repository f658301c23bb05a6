// SPDX-License-Identifier: MIT

package netstate

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// procNet is the /proc/net of the calling thread: the threads of a Go program
// may be in different network namespaces. /proc/sys/net is always that of the
// calling thread.
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
	n, err := groupCounter(string(b), "TcpExt:", "IPReversePathFilter")
	if err != nil {
		return 0, fmt.Errorf("/proc/net/netstat: %w", err)
	}
	return n, nil
}

// groupCounter returns a counter from text with the format of /proc/net/netstat
// and /proc/net/snmp. Each group has two lines, the names and the values; both
// start with the name of the group.
func groupCounter(text, group, name string) (uint64, error) {
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
	return 0, fmt.Errorf("no counter %s", name)
}

// ConntrackInvalid returns the number of packets that connection tracking has
// classified as INVALID. The error is fs.ErrNotExist if conntrack is not
// loaded.
func ConntrackInvalid() (uint64, error) {
	b, err := os.ReadFile(procNet + "stat/nf_conntrack")
	if err != nil {
		return 0, err
	}
	n, err := perCPUCounter(string(b), "invalid")
	if err != nil {
		return 0, fmt.Errorf("/proc/net/stat/nf_conntrack: %w", err)
	}
	return n, nil
}

// perCPUCounter returns the sum over all CPUs of a counter from text with the
// format of the files in /proc/net/stat: a header line, then one line of
// hexadecimal numbers per CPU.
func perCPUCounter(text, name string) (sum uint64, err error) {
	header, lines, _ := strings.Cut(text, "\n")
	column := slices.Index(strings.Fields(header), name)
	if column < 0 {
		return 0, fmt.Errorf("no counter %s", name)
	}
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if column >= len(fields) {
			continue
		}
		n, err := strconv.ParseUint(fields[column], 16, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// SPDX-License-Identifier: MIT

package netstate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Counters are packet counters of the IP stack. A counter that the kernel does
// not have is 0.
type Counters struct {
	ResetsSent      uint64 // TCP resets sent by this machine itself
	FragmentsFailed uint64 // packets dropped because they exceeded an MTU and must not be fragmented
	MartianSources  uint64 // packets received with an impossible source address, in all network namespaces
	ConntrackDrops  uint64 // packets dropped because connection tracking could not create an entry, as when its table is full
}

// ReadCounters reads the counters.
func ReadCounters() (Counters, error) {
	var c Counters
	snmp, err := os.ReadFile(procNet + "snmp")
	if err != nil {
		return c, err
	}
	for _, counter := range []struct {
		value       *uint64
		group, name string
	}{
		{&c.ResetsSent, "Tcp:", "OutRsts"},
		{&c.FragmentsFailed, "Ip:", "FragFails"},
	} {
		if *counter.value, err = groupCounter(string(snmp), counter.group, counter.name); err != nil {
			return c, fmt.Errorf("/proc/net/snmp: %w", err)
		}
	}
	for _, counter := range []struct {
		value      *uint64
		file, name string
	}{
		{&c.MartianSources, "rt_cache", "in_martian_src"},
		{&c.ConntrackDrops, "nf_conntrack", "drop"},
	} {
		text, err := os.ReadFile(procNet + "stat/" + counter.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return c, err
		}
		if *counter.value, err = perCPUCounter(string(text), counter.name); err != nil {
			return c, fmt.Errorf("/proc/net/stat/%s: %w", counter.file, err)
		}
	}
	return c, nil
}

// Since returns the increase of the counters since an earlier reading.
func (c Counters) Since(old Counters) Counters {
	return Counters{
		ResetsSent:      since(c.ResetsSent, old.ResetsSent),
		FragmentsFailed: since(c.FragmentsFailed, old.FragmentsFailed),
		MartianSources:  since(c.MartianSources, old.MartianSources),
		ConntrackDrops:  since(c.ConntrackDrops, old.ConntrackDrops),
	}
}

// since returns the increase of a counter, or 0 if it was zeroed.
func since(now, old uint64) uint64 {
	if old > now {
		return 0
	}
	return now - old
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

// SPDX-License-Identifier: MIT

package netstate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Counters are packet counters of the IP stack. A counter that the kernel does
// not have is 0.
type Counters struct {
	ResetsSent      uint64 // TCP resets sent by this machine itself
	FragmentsFailed uint64 // packets dropped because they exceeded an MTU and must not be fragmented
	MartianSources  uint64 // packets received with an impossible source address, in all network namespaces
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
	cache, err := os.ReadFile(procNet + "stat/rt_cache")
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if c.MartianSources, err = perCPUCounter(string(cache), "in_martian_src"); err != nil {
		return c, fmt.Errorf("/proc/net/stat/rt_cache: %w", err)
	}
	return c, nil
}

// Since returns the increase of the counters since an earlier reading.
func (c Counters) Since(old Counters) Counters {
	return Counters{
		ResetsSent:      since(c.ResetsSent, old.ResetsSent),
		FragmentsFailed: since(c.FragmentsFailed, old.FragmentsFailed),
		MartianSources:  since(c.MartianSources, old.MartianSources),
	}
}

// since returns the increase of a counter, or 0 if it was zeroed.
func since(now, old uint64) uint64 {
	if old > now {
		return 0
	}
	return now - old
}

// ModuleLoaded reports whether a kernel module is loaded, or is built in and has
// parameters. Other built-in modules are not in /sys/module.
func ModuleLoaded(name string) bool {
	_, err := os.Stat("/sys/module/" + name)
	return err == nil
}

// protocolVRRP is the IP protocol of VRRP, in hexadecimal.
const protocolVRRP = "0070"

// HasVRRPSocket reports whether a program of this network namespace sends or
// receives VRRP advertisements.
func HasVRRPSocket() (bool, error) {
	for _, name := range []string{"raw", "raw6"} {
		b, err := os.ReadFile(procNet + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		if containsRawSocket(string(b), protocolVRRP) {
			return true, nil
		}
	}
	return false, nil
}

// containsRawSocket reports whether a table of raw sockets has one for a
// protocol, which the kernel prints in place of the local port.
func containsRawSocket(table, protocol string) bool {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasSuffix(fields[1], ":"+protocol) {
			return true
		}
	}
	return false
}

// AdvertisedDefaultLinks returns the names of the links that have an IPv6
// default route from a router advertisement.
func AdvertisedDefaultLinks() ([]string, error) {
	b, err := os.ReadFile(procNet + "ipv6_route")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return advertisedDefaults(string(b)), err
}

// rtfAddrconf is the flag of routes that router advertisements have added
// (RTF_ADDRCONF).
const rtfAddrconf = 0x40000

// advertisedDefaults returns the links of default routes from router
// advertisements. The table has the format of /proc/net/ipv6_route: destination,
// prefix length, source, source prefix length, next hop, metric, references,
// uses, flags and link.
func advertisedDefaults(table string) []string {
	var links []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 10 || strings.Trim(fields[0], "0") != "" || fields[1] != "00" {
			continue
		}
		var flags uint32
		if _, err := fmt.Sscanf(fields[8], "%x", &flags); err == nil && flags&rtfAddrconf != 0 && !slices.Contains(links, fields[9]) {
			links = append(links, fields[9])
		}
	}
	return links
}

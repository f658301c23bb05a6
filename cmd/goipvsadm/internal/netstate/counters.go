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
	ResetsSent      uint64 // TCP resets that this machine itself has sent
	FragmentsFailed uint64 // packets that were too large for their route and must not be fragmented
	MartianSources  uint64 // received with an impossible source; counted for all network namespaces
}

// ReadCounters reads the counters.
func ReadCounters() (Counters, error) {
	var c Counters
	snmp, err := os.ReadFile(procNet + "snmp")
	if err != nil {
		return c, err
	}
	if c.ResetsSent, err = netstatCounter(string(snmp), "Tcp:", "OutRsts"); err != nil {
		return c, fmt.Errorf("/proc/net/snmp: %w", err)
	}
	if c.FragmentsFailed, err = netstatCounter(string(snmp), "Ip:", "FragFails"); err != nil {
		return c, fmt.Errorf("/proc/net/snmp: %w", err)
	}
	cache, err := os.ReadFile(procNet + "stat/rt_cache")
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	c.MartianSources, err = conntrackCounter(strings.ReplaceAll(string(cache), "\t", " "), "in_martian_src")
	return c, err
}

// Since returns the increase of the counters since an earlier reading.
func (c Counters) Since(old Counters) Counters {
	return Counters{
		ResetsSent:      since(c.ResetsSent, true, func() uint64 { return old.ResetsSent }),
		FragmentsFailed: since(c.FragmentsFailed, true, func() uint64 { return old.FragmentsFailed }),
		MartianSources:  since(c.MartianSources, true, func() uint64 { return old.MartianSources }),
	}
}

// ModuleLoaded reports whether a kernel module that has parameters is loaded or
// built in.
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
// protocol, which is printed in place of the local port.
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

// rtfAddrconf is the flag of routes from router advertisements (RTF_ADDRCONF).
const rtfAddrconf = 0x40000

// advertisedDefaults parses /proc/net/ipv6_route: destination, prefix length,
// source, its length, next hop, metric, references, uses, flags, device.
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

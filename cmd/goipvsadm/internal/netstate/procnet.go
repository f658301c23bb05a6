// SPDX-License-Identifier: MIT

package netstate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
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

// ModuleLoaded reports whether a kernel module is loaded, or is built in and has
// parameters. Other built-in modules are not in /sys/module.
func ModuleLoaded(name string) bool {
	_, err := os.Stat("/sys/module/" + name)
	return err == nil
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

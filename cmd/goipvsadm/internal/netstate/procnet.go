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

// procNet is /proc/net of the calling thread's network namespace. /proc/net itself is
// that of the process's main thread, whereas /proc/sys/net is that of the caller.
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

// AdvertisedDefaultLinks returns the names of the links whose IPv6 default route a
// router advertisement has added.
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

// advertisedDefaults returns the links of the default routes that router advertisements
// have added to a table. Its columns are those of /proc/net/ipv6_route: destination,
// prefix length, source, source prefix length, next hop, metric, references, uses,
// flags and link.
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

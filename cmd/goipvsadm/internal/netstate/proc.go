package netstate

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// netDir is relative to the thread: a program's threads may be in different
// network namespaces. What is below /proc/sys/net is of the thread that opens
// it, always.
const netDir = "/proc/thread-self/net/"

// Sysctl reads a kernel variable that is a number, by its path below
// /proc/sys, such as "net/ipv4/ip_forward". The error is fs.ErrNotExist for
// one that is not there.
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

// ReversePathDrops returns how many packets were dropped because their source
// is not reached by the link on which they came.
func ReversePathDrops() (uint64, error) {
	b, err := os.ReadFile(netDir + "netstat")
	if err != nil {
		return 0, err
	}
	return netstat(string(b), "TcpExt:", "IPReversePathFilter")
}

// netstat returns a counter of /proc/net/netstat: lines come in pairs, the
// names and then the numbers, both with the group in front.
func netstat(text, group, name string) (uint64, error) {
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

// InvalidPackets returns how many packets netfilter's connection tracking
// found to belong to no connection. The error is fs.ErrNotExist where nothing
// is tracked.
func ConntrackInvalid() (uint64, error) {
	b, err := os.ReadFile(netDir + "stat/nf_conntrack")
	if err != nil {
		return 0, err
	}
	return conntrackStat(string(b), "invalid")
}

// conntrackStat returns a counter of /proc/net/stat/nf_conntrack: a line with
// the names, and one of hexadecimal numbers a processor.
func conntrackStat(text, name string) (sum uint64, err error) {
	titles, rest, _ := strings.Cut(text, "\n")
	column := slices.Index(strings.Fields(titles), name)
	if column < 0 {
		return 0, fmt.Errorf("no column %s in /proc/net/stat/nf_conntrack", name)
	}
	for line := range strings.Lines(rest) {
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

// A Socket is one that waits for clients. Its address is 0.0.0.0 or :: where
// it waits on all.
type Socket struct {
	Protocol uint16 // IPPROTO_TCP or IPPROTO_UDP
	AddrPort netip.AddrPort
}

// The states of sockets in /proc/net, in hexadecimal: TCP_LISTEN, and
// TCP_CLOSE, in which a UDP socket is that is not connected.
const (
	tcpListen = "0A"
	tcpClose  = "07"
)

// Listening returns the sockets that wait for TCP connections or UDP datagrams
// of anybody.
func ListeningSockets() ([]Socket, error) {
	var all []Socket
	for _, table := range []struct {
		file     string
		protocol uint16
		state    string
	}{
		{"tcp", unix.IPPROTO_TCP, tcpListen},
		{"tcp6", unix.IPPROTO_TCP, tcpListen},
		{"udp", unix.IPPROTO_UDP, tcpClose},
		{"udp6", unix.IPPROTO_UDP, tcpClose},
	} {
		f, err := os.Open(netDir + table.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		found, err := sockets(f, table.protocol, table.state)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("/proc/net/%s: %w", table.file, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// sockets returns those in a state. A table begins with a title; of TCP's, those
// that listen come first, and there may be a million behind them.
func sockets(r io.Reader, protocol uint16, state string) ([]Socket, error) {
	var found []Socket
	lines := bufio.NewScanner(r)
	lines.Scan()
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 {
			continue
		}
		if fields[3] != state {
			if protocol == unix.IPPROTO_TCP {
				break
			}
			continue
		}
		if ap, ok := socketAddress(fields[1]); ok {
			found = append(found, Socket{protocol, ap})
		}
	}
	return found, lines.Err()
}

// socketAddress reads ADDRESS:PORT, where the address is words of eight
// hexadecimal digits, each in the order of the processor.
func socketAddress(s string) (netip.AddrPort, bool) {
	words, port, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	var raw []byte
	for ; len(words) >= 8; words = words[8:] {
		word, err := strconv.ParseUint(words[:8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(n)), ok && words == ""
}

// A Process is a program that runs.
type Process struct {
	ID   int
	Name string // as /proc/PID/comm has it, at most 15 bytes
}

// Processes returns those processes in the thread's network namespace that
// have one of the given names.
func Processes(names ...string) ([]Process, error) {
	here, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]bool)
	for _, name := range names {
		wanted[name] = true
	}
	var processes []Process
	for _, file := range files {
		b, err := os.ReadFile(file)
		name := strings.TrimSuffix(string(b), "\n")
		if err != nil || !wanted[name] {
			continue // it has ended
		}
		directory := filepath.Dir(file)
		if there, err := os.Readlink(directory + "/ns/net"); err != nil || there != here {
			continue
		}
		id, err := strconv.Atoi(filepath.Base(directory))
		if err == nil {
			processes = append(processes, Process{id, name})
		}
	}
	return processes, nil
}

// Memory returns how much memory the machine has, in bytes.
func Memory() (uint64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, err
	}
	return uint64(info.Totalram) * uint64(info.Unit), nil
}

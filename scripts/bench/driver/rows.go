// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

type request = netlinkmsg.Message

// speedRows returns the workloads for which the instructions of the two programs
// are compared.
func speedRows(connections int) []*row {
	table := ruleSet{services: 1000, servers: 10}
	fortyServers := ruleSet{services: 1, servers: 40}
	namedServers := ruleSet{services: 1, servers: 500}
	newService := func(i int) *netlinkmsg.Service { return ruleSet{}.service(i) }
	return []*row{
		{
			name: "-L --timeout, one of 40", target: "≥ 0.7", repeat: 40, reuseNamespace: true,
			args:    fixedArgs("-L --timeout"),
			request: func(int) request { return request{Command: netlinkmsg.GetConfig} },
		},
		{
			name: "-A, one of 40", target: "≥ 0.7", repeat: 40,
			args: func(i int) []string {
				return []string{"-A", "-t", newService(i).AddrPort.String(), "-s", "wrr"}
			},
			request: func(i int) request {
				return request{Command: netlinkmsg.NewService, Service: newService(i)}
			},
		},
		{
			name: "-e, one of 40", target: "≥ 0.7", repeat: 40,
			prepare: fortyServers.add,
			args: func(i int) []string {
				return []string{"-e", "-t", fortyServers.service(0).AddrPort.String(), "-r", fortyServers.server(0, i).AddrPort.String(), "-m", "-w", "7"}
			},
			request: func(i int) request {
				return request{Command: netlinkmsg.SetDestination, Service: fortyServers.service(0), Destination: fortyServers.server(0, i)}
			},
		},
		restoreRow("-R, 11,000 rules", "≥ 2.4", table, nil),
		restoreRow("-R, 11,000 rules, after -C", "≥ 3", table, table.addAndClear),
		restoreRow("-R, 110,000 rules", "≥ 2.4", ruleSet{services: 10000, servers: 10}, nil),
		listRow("-L -n", table),
		listRow("-S -n", table),
		listRow("-L -n --stats", table),
		connectionsRow("-L -n -c", connections),
		// This workload mostly waits. A millisecond of waiting counts as one million
		// instructions.
		{
			name: "-L, 500 servers, DNS of 50 ms", target: "≥ 40", reuseNamespace: true,
			prepare: func() error {
				if err := serveDNS(); err != nil {
					return err
				}
				return namedServers.add()
			},
			args: fixedArgs("-L"),
			floor: func() error {
				if err := namedServers.list(); err != nil {
					return err
				}
				return queryDNS(namedServers)
			},
		},
	}
}

// timedRows returns the workloads with parallel work, for which elapsed time is
// measured.
func timedRows() []*row {
	table := ruleSet{services: 1000, servers: 10}
	return []*row{
		restoreRow("-R, 11,000 rules", "–", table, nil),
	}
}

// memoryRows returns the workloads for which the memory of goipvsadm is limited.
// They do not run ipvsadm.
func memoryRows() []*row {
	const limit = 32 << 10
	restore := restoreRow("-R, 1,000,000 rules", "–", ruleSet{services: 90910, servers: 10}, nil)
	rows := []*row{restore}
	for _, options := range []string{"-L -n -c", "-L -n -c --client 10.64.0.1", "-L -n -c --count"} {
		rows = append(rows, connectionsRow(options, 1000000))
	}
	for _, r := range rows {
		r.oursOnly, r.peakLimit, r.peakWhileTimed, r.extra = true, limit, true, nil
	}
	return rows
}

func restoreRow(name, target string, rules ruleSet, prepare func() error) *row {
	var prepared [][]byte
	return &row{
		name: name, target: target,
		extraPause: time.Duration(rules.size()) * 10 * time.Microsecond,
		prepare:    prepare,
		input:      rules.restoreInput(),
		args:       fixedArgs("-R"),
		floor: func() error {
			return withSocket(func(s *socket) error { return rules.send(s, &prepared) })
		},
	}
}

func listRow(options string, rules ruleSet) *row {
	return &row{
		name: options, target: "≥ 2.3", reuseNamespace: true,
		prepare: rules.add,
		args:    fixedArgs(options),
		floor:   rules.list,
	}
}

// expiryColumn matches the remaining times of connections, which change between
// listings.
var expiryColumn = regexp.MustCompile(`(?m)^(...) \d+:\d\d `)

func connectionsRow(options string, n int) *row {
	return &row{
		name: fmt.Sprintf("%s, %d connections", options, n), target: "≥ 5", reuseNamespace: true, peakWhileTimed: true,
		prepare:   func() error { return fillConnectionTable(n) },
		args:      fixedArgs(options),
		floor:     readConnectionTable,
		normalize: func(b []byte) []byte { return expiryColumn.ReplaceAll(b, []byte("$1 ")) },
		extra: func(r *row) error {
			const lines = 3 // two header lines and the first connection
			ipvsadmTime, err := firstLines(lines, ipvsadmPath, strings.Fields(options)...)
			if err != nil {
				return err
			}
			goipvsadmTime, err := firstLines(lines, goipvsadmPath, strings.Fields(options)...)
			if err != nil {
				return err
			}
			r.notes = append(r.notes, fmt.Sprintf("first connection after %s, ipvsadm %s", formatCost(goipvsadmTime, 1), formatCost(ipvsadmTime, 1)))
			return nil
		},
	}
}

// fixedArgs returns a function that returns the same arguments for each run.
func fixedArgs(s string) func(int) []string {
	return func(int) []string { return strings.Fields(s) }
}

// commandRequests returns the encoded requests of a command: the lookup of the
// family, GetInfo and r.
func commandRequests(r request) ([]byte, error) {
	f, err := lookupFamily()
	if err != nil {
		return nil, err
	}
	b := append([]byte{}, f.request...)
	b = appendMessage(b, request{Command: netlinkmsg.GetInfo}, f.id, netlink.Request, 2)
	flags := netlink.Request
	if r.Command != netlinkmsg.GetConfig {
		flags |= netlink.Acknowledge
	}
	return appendMessage(b, r, f.id, flags, 3), nil
}

func withSocket(f func(*socket) error) error {
	s, err := dial()
	if err != nil {
		return err
	}
	defer s.close()
	return f(s)
}

// add adds the rules to the table of the namespace.
func (r ruleSet) add() error {
	var prepared [][]byte
	return withSocket(func(s *socket) error { return r.send(s, &prepared) })
}

// addAndClear adds the rules and clears the table. The kernel keeps the removed
// servers in a list for minutes, and searches the list for each added server.
func (r ruleSet) addAndClear() error {
	if err := r.add(); err != nil {
		return err
	}
	return runSilent(ipvsadmPath, "-C")
}

// list reads the table with the same requests as a listing.
func (r ruleSet) list() error {
	return withSocket(func(s *socket) error {
		m := netlinkmsg.Message{Command: netlinkmsg.GetInfo}
		if err := s.roundTrip(appendMessage(nil, m, s.family, netlink.Request, 1)); err != nil {
			return err
		}
		for _, b := range r.listRequests(s.family) {
			if err := s.readDump(b); err != nil {
				return err
			}
		}
		return nil
	})
}

package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// speedRows is the work by which the two programs are compared. Short commands
// come first, since they suffer most from what the kernel still clears away of
// earlier rows, and of them the one that leaves nothing.
func speedRows(connections int) []*row {
	table := ruleSet{services: 1000, servers: 10}
	farm := ruleSet{services: 1, servers: 500}
	forty := ruleSet{services: 1, servers: 40}
	newService := func(i int) *netlinkmsg.Service { return ruleSet{}.service(i) }
	return []*row{
		{
			name: "-L --timeout, 40 in a row", target: "≥ 2", repeat: 40, keep: true,
			args:  words("-L --timeout"),
			floor: one(func(int) netlinkmsg.Message { return netlinkmsg.Message{Command: netlinkmsg.GetConfig} }),
		},
		{
			name: "-A, 40 in a row", target: "≥ 2", repeat: 40,
			args: func(i int) []string {
				return []string{"-A", "-t", newService(i).AddrPort.String(), "-s", "wrr"}
			},
			floor: one(func(i int) netlinkmsg.Message {
				return netlinkmsg.Message{Command: netlinkmsg.NewService, Service: newService(i)}
			}),
		},
		{
			name: "-e, 40 in a row", target: "≥ 2", repeat: 40,
			prepare: forty.add,
			args: func(i int) []string {
				return []string{"-e", "-t", forty.service(0).AddrPort.String(), "-r", forty.server(0, i).AddrPort.String(), "-m", "-w", "7"}
			},
			floor: one(func(i int) netlinkmsg.Message {
				return netlinkmsg.Message{Command: netlinkmsg.SetDestination, Service: forty.service(0), Destination: forty.server(0, i)}
			}),
		},
		restoreRow("-R, 11,000 rules", "≥ 10", table),
		restoreRow("-R, 110,000 rules", "≥ 10", ruleSet{services: 10000, servers: 10}),
		listRow("-L -n", table),
		listRow("-S -n", table),
		listRow("-L -n --stats", table),
		{
			name: "-L, 500 servers, DNS of 50 ms", target: "≥ 50", keep: true,
			prepare: func() error {
				if err := serveDNS(); err != nil {
					return err
				}
				return farm.add()
			},
			args: words("-L"),
			floor: func(int) error {
				if err := farm.list(); err != nil {
					return err
				}
				return askDNS(farm)
			},
		},
		connectionsRow(connections),
	}
}

// memoryRows is the work that must fit into a small memory.
func memoryRows() []*row {
	const limit = 32 << 10
	restore := restoreRow("-R, 1,000,000 rules", "–", ruleSet{services: 90910, servers: 10})
	list := connectionsRow(1000000)
	for _, r := range []*row{restore, list} {
		r.alone, r.limit, r.long, r.extra = true, limit, true, nil
	}
	return []*row{restore, list}
}

func restoreRow(name, target string, rules ruleSet) *row {
	var prepared [][]byte
	return &row{
		name: name, target: target,
		settle: time.Duration(rules.size()) * 10 * time.Microsecond,
		input:  rules.text(),
		args:   words("-R"),
		floor: func(int) error {
			return withSocket(func(s *socket) error { return rules.send(s, &prepared) })
		},
		extra: func(r *row) error {
			above := median(r.times[1]) - median(r.times[2])
			r.notes = append(r.notes, fmt.Sprintf("%.1f µs a rule above the floor", above.Seconds()*1e6/float64(rules.size())))
			return nil
		},
	}
}

func listRow(options string, rules ruleSet) *row {
	return &row{
		name: options, target: "≥ 2.2", keep: true,
		prepare: rules.add,
		args:    words(options),
		floor:   func(int) error { return rules.list() },
	}
}

// The expiry goes on from one listing to the next.
var expiry = regexp.MustCompile(`(?m)^(...) \d+:\d\d `)

func connectionsRow(n int) *row {
	const options = "-L -n -c"
	return &row{
		name: fmt.Sprintf("%s, %d connections", options, n), target: "≥ 1.5", keep: true, long: true,
		prepare: func() error { return connect(n) },
		args:    words(options),
		floor:   func(int) error { return readConnections() },
		compare: func(b []byte) []byte { return expiry.ReplaceAll(b, []byte("$1 ")) },
		extra: func(r *row) error {
			const lines = 3 // two of title, and the first connection
			their, err := firstLines(lines, theirs, strings.Fields(options)...)
			if err != nil {
				return err
			}
			our, err := firstLines(lines, ours, strings.Fields(options)...)
			if err != nil {
				return err
			}
			r.notes = append(r.notes, fmt.Sprintf("first connection after %s ms, ipvsadm %s ms", millis(our), millis(their)))
			return nil
		},
	}
}

// words is the arguments of each run.
func words(s string) func(int) []string {
	return func(int) []string { return strings.Fields(s) }
}

// one is the floor of a command that comes down to one message.
func one(m func(i int) netlinkmsg.Message) func(int) error {
	return func(i int) error {
		return withSocket(func(s *socket) error {
			m := m(i)
			return s.exchange(m.Append(nil, s.family, netlink.Request|netlink.Acknowledge, 1))
		})
	}
}

func withSocket(f func(*socket) error) error {
	s, err := dial()
	if err != nil {
		return err
	}
	defer s.close()
	return f(s)
}

// add adds the rules to the namespace's table.
func (r ruleSet) add() error {
	var prepared [][]byte
	return withSocket(func(s *socket) error { return r.send(s, &prepared) })
}

// list reads the table as a listing does.
func (r ruleSet) list() error {
	return withSocket(func(s *socket) error {
		m := netlinkmsg.Message{Command: netlinkmsg.GetInfo}
		if err := s.exchange(m.Append(nil, s.family, netlink.Request, 1)); err != nil {
			return err
		}
		for _, b := range r.requests(s.family) {
			if err := s.drain(b); err != nil {
				return err
			}
		}
		return nil
	})
}

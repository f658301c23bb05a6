// SPDX-License-Identifier: MIT

// Generation of random cases: valid and slightly invalid command lines. The same seed always
// generates the same cases.

package difftest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Generator generates cases from a seed.
type Generator struct {
	seed, generated uint64 // generated is the number of cases generated so far
	*rand.Rand
	addresses []string
}

// NewGenerator returns a Generator with the given seed.
func NewGenerator(seed uint64) *Generator {
	return &Generator{seed: seed}
}

// option is a command-line option.
type option struct {
	short, long string
	value       func(*Generator) string // generates its argument; nil if it has none
}

var options = []option{
	{short: "n", long: "numeric"},
	{short: "c", long: "connection"},
	{short: "t", long: "tcp-service", value: (*Generator).address},
	{short: "u", long: "udp-service", value: (*Generator).address},
	{long: "sctp-service", value: (*Generator).address},
	{short: "f", long: "fwmark-service", value: (*Generator).mark},
	{short: "s", long: "scheduler", value: (*Generator).scheduler},
	{short: "p", long: "persistent", value: (*Generator).number},
	{short: "M", long: "netmask", value: (*Generator).netmask},
	{short: "r", long: "real-server", value: (*Generator).address},
	{short: "g", long: "gatewaying"},
	{short: "i", long: "ipip"},
	{short: "m", long: "masquerading"},
	{short: "w", long: "weight", value: (*Generator).number},
	{short: "x", long: "u-threshold", value: (*Generator).number},
	{short: "y", long: "l-threshold", value: (*Generator).number},
	{short: "X", long: "exact"},
	{short: "o", long: "ops"},
	{short: "6", long: "ipv6"},
	{short: "b", long: "sched-flags", value: (*Generator).flags},
	{long: "pe", value: (*Generator).engine},
	{long: "mcast-interface", value: (*Generator).iface},
	{long: "mcast-group", value: (*Generator).group},
	{long: "mcast-port", value: (*Generator).number},
	{long: "mcast-ttl", value: (*Generator).number},
	{long: "syncid", value: (*Generator).number},
	{long: "sync-maxlen", value: (*Generator).number},
	{long: "timeout"},
	{long: "daemon"},
	{long: "stats"},
	{long: "rate"},
	{long: "thresholds"},
	{long: "persistent-conn"},
	{long: "nosort"},
	{long: "sort"},
	{long: "tun-info"},
	{long: "tun-type", value: (*Generator).tunnel},
	{long: "tun-port", value: (*Generator).number},
	{long: "tun-nocsum"},
	{long: "tun-csum"},
	{long: "tun-remcsum"},
}

// commands are the commands and the long names of the options that are valid with each; "service"
// stands for all options that select a service.
var commands = []struct{ short, long, options string }{
	{"A", "add-service", "service scheduler persistent netmask ops pe sched-flags"},
	{"E", "edit-service", "service scheduler persistent netmask ops pe sched-flags"},
	{"D", "delete-service", "service"},
	{"C", "clear", ""},
	{"L", "list", "service numeric connection timeout daemon stats rate thresholds persistent-conn nosort sort tun-info exact syncid"},
	{"l", "list", "numeric stats exact"},
	{"Z", "zero", "service"},
	{"a", "add-server", "service real-server gatewaying ipip masquerading weight u-threshold l-threshold tun-type tun-port tun-nocsum tun-csum tun-remcsum"},
	{"e", "edit-server", "service real-server gatewaying ipip masquerading weight u-threshold l-threshold tun-type tun-port tun-nocsum tun-csum tun-remcsum"},
	{"d", "delete-server", "service real-server"},
	{"R", "restore", ""},
	{"S", "save", "numeric"},
	{"", "set", ""},
	{"", "start-daemon", "mcast-interface mcast-group mcast-port mcast-ttl syncid sync-maxlen"},
	{"", "stop-daemon", "syncid"},
	{"h", "help", ""},
	{"v", "version", ""},
}

// Case generates the next case.
func (g *Generator) Case() Case {
	g.Rand = rand.New(rand.NewPCG(g.seed, g.generated))
	c := Case{Name: fmt.Sprintf("seed %d, case %d", g.seed, g.generated)}
	g.generated++
	g.addresses = orderedAddresses
	var lines [][]string
	switch n := g.IntN(10); {
	case n < 4:
		for range 1 + g.IntN(3) {
			lines = append(lines, g.randomLine())
		}
	case n < 8:
		if g.oneIn(2) {
			g.addresses = unorderedAddresses
		}
		lines = g.plausibleSession()
		lines = append(lines, g.listCommand(), g.listCommand())
	default:
		lines = g.plausibleSession()
		if g.oneIn(3) {
			lines = slices.Insert(lines, g.IntN(len(lines)+1), g.randomLine())
		}
		if g.oneIn(3) {
			lines = append(lines, g.listCommand())
		}
		lines = slices.DeleteFunc(lines, isStopDaemon)
		c.Commands = append(c.Commands, Command{Args: []string{"ipvsadm", g.pick("-R", "--restore")}, Stdin: g.restoreInput(lines)})
		return c
	}
	for _, line := range lines {
		c.Commands = append(c.Commands, Command{Args: append([]string{"ipvsadm"}, line...)})
	}
	return c
}

// isStopDaemon reports whether a command line stops a sync daemon. User-Mode Linux hangs if a
// daemon is stopped immediately after its start, as can happen within one -R.
func isStopDaemon(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "--stop-daemon") })
}

// CommandLines returns the number of command lines of a case, including those on standard input.
func (c Case) CommandLines() int {
	n := len(c.Commands)
	for _, command := range c.Commands {
		n += strings.Count(command.Stdin, "\n")
	}
	return n
}

// serviceArgs returns the options that select one of a few services.
func (g *Generator) serviceArgs() []string {
	switch g.IntN(6) {
	case 0:
		return []string{"-f", g.pick("1", "5", "9")}
	case 1:
		return []string{"-f", g.pick("1", "5"), "-6"}
	case 2:
		return []string{g.pick("-t", "-u"), "[" + g.pick(ipv6Addresses...) + "]:" + g.pick(ports[:6]...)}
	}
	return []string{g.pick("-t", "-t", "-u", "--sctp-service"), g.pick(g.addresses...) + ":" + g.pick(ports[:6]...)}
}

// plausibleSession generates command lines that build and change a table. It mutates some of them.
func (g *Generator) plausibleSession() [][]string {
	var lines [][]string
	add := func(words ...string) {
		odds := 8
		if words[0] == "-A" {
			odds = 20 // later command lines depend on it
		}
		if g.oneIn(odds) {
			words = g.mutate(words)
		}
		if !isKnownDifference(words) {
			lines = append(lines, words)
		}
	}
	for range 1 + g.IntN(3) {
		service := g.serviceArgs()
		add(slices.Concat([]string{g.pick("-A", "-A", "-A", "--add-service")}, service, g.serviceOptions())...)
		var servers []string
		for range g.IntN(4) {
			server := g.pick(g.addresses...)
			// The server usually has the address family of the service.
			if strings.Contains(service[1], "[") != g.oneIn(10) || service[len(service)-1] == "-6" {
				server = "[" + g.pick(ipv6Addresses...) + "]"
			}
			if strings.HasPrefix(server, "[") && !g.oneIn(4) || g.oneIn(2) {
				server += ":" + g.pick(ports[:6]...)
			}
			servers = append(servers, server)
			add(slices.Concat([]string{g.pick("-a", "-a", "--add-server")}, service, []string{"-r", server}, g.serverOptions())...)
		}
		for range g.IntN(3) {
			switch g.IntN(6) {
			case 0:
				add(slices.Concat([]string{"-E"}, service, g.serviceOptions())...)
			case 1:
				add(slices.Concat([]string{g.pick("-Z", "-D")}, service)...)
			case 2:
				add(g.pick("-Z", "-C", "--zero", "-Z"))
			default:
				if len(servers) > 0 {
					edit := slices.Concat([]string{g.pick("-e", "-e", "-a", "-d")}, service, []string{"-r", g.pick(servers...)})
					if edit[0] != "-d" {
						edit = append(edit, g.serverOptions()...)
					}
					add(edit...)
				}
			}
		}
	}
	if g.oneIn(12) {
		add("--set", g.number(), g.number(), g.number())
	}
	if g.oneIn(15) {
		state := g.pick("master", "backup")
		add("--start-daemon", state, "--mcast-interface", "lo", "--syncid", g.number())
		add(g.pick("--stop-daemon", "--start-daemon"), g.pick("master", "backup"))
	}
	return lines
}

func (g *Generator) serviceOptions() []string {
	var words []string
	scheduler := ""
	if !g.oneIn(3) {
		scheduler = g.scheduler()
		words = append(words, "-s", scheduler)
	}
	if g.oneIn(3) {
		words = append(words, g.pick("-p", "--persistent"))
		if g.oneIn(2) {
			words = append(words, g.number())
		}
		if g.oneIn(3) {
			words = append(words, "-M", g.netmask())
		}
		if g.oneIn(4) {
			words = append(words, "--pe", g.engine())
		}
	}
	if g.oneIn(16) {
		words = append(words, g.pick("-o", "--ops"))
	}
	if g.oneIn(5) {
		words = append(words, "-b", g.flags())
	}
	return words
}

func (g *Generator) serverOptions() []string {
	var words []string
	switch g.IntN(5) {
	case 0:
		words = append(words, "-g")
	case 1, 2:
		words = append(words, g.pick("-m", "--masquerading"))
	case 3:
		words = append(words, g.pick("-i", "--ipip"))
		tunnel := "ipip"
		if g.oneIn(2) {
			tunnel = g.tunnel()
			words = append(words, "--tun-type", tunnel)
		}
		// The options usually belong to the tunnel type.
		if (tunnel == "gue") != g.oneIn(12) {
			words = append(words, "--tun-port", g.number())
		}
		if (tunnel != "ipip") != g.oneIn(12) && g.oneIn(2) {
			words = append(words, g.pick("--tun-csum", "--tun-nocsum", "--tun-remcsum"))
		}
	}
	if g.oneIn(2) {
		words = append(words, "-w", g.number())
	}
	if g.oneIn(4) {
		words = append(words, "-x", g.number())
		if g.oneIn(2) {
			words = append(words, "-y", g.number())
		}
	}
	return words
}

func (g *Generator) listCommand() []string {
	switch g.IntN(12) {
	case 0:
		return []string{g.pick("-S", "--save")}
	case 1:
		return []string{g.pick("-S", "-Sn"), g.pick("-n", "--sort")}
	case 2:
		return []string{"-L", g.pick("--timeout", "--daemon", "-c", "-cn")}
	case 3:
		return nil
	}
	words := []string{g.pick("-L", "-l", "--list", "-Ln", "-ln", "-Ln", "-Ln")}
	if g.oneIn(4) {
		words = append(words, g.serviceArgs()...)
	}
	for range g.IntN(4) {
		words = append(words, g.pick(listFlags...))
	}
	return words
}

// mutate deletes, replaces or truncates one word of a command line, or inserts one or more.
func (g *Generator) mutate(words []string) []string {
	words = slices.Clone(words)
	at := 1 + g.IntN(len(words))
	switch g.IntN(5) {
	case 0:
		return slices.Delete(words, min(at, len(words)-1), min(at, len(words)-1)+1)
	case 1:
		if at < len(words) {
			words[at] = g.number()
		}
		return words
	case 2:
		if at < len(words) && words[at] != "" {
			words[at] = words[at][:len(words[at])-1]
		}
		return words
	}
	return slices.Insert(words, at, strings.Fields(g.pick(extraWords...))...)
}

// randomLine generates a command line, without known differences, whose options need not be valid
// with the command.
func (g *Generator) randomLine() []string {
	for {
		words := g.drawRandomLine()
		if !isKnownDifference(words) {
			return words
		}
	}
}

func (g *Generator) drawRandomLine() []string {
	command := commands[g.IntN(len(commands))]
	if g.oneIn(3) {
		command = commands[g.IntN(10)] // one of those for services and servers
	}
	first := "--" + command.long
	if command.short != "" && g.oneIn(2) {
		first = "-" + command.short
	}
	words := []string{first}
	switch command.long {
	case "set":
		for range []int{3, 3, 3, 3, 3, 2, 4, 0, 1}[g.IntN(9)] {
			words = append(words, g.number())
		}
	case "start-daemon", "stop-daemon":
		state := g.pick("master", "master", "backup", "backup", "foo", "")
		if g.oneIn(2) {
			words = append(words, state)
		} else {
			words[0] += "=" + state
		}
	}
	valid := strings.Fields(command.options)
	if slices.Contains(valid, "service") && !g.oneIn(8) {
		services := slices.DeleteFunc(slices.Clone(options), func(o option) bool { return !o.isService() })
		words = g.appendOption(words, services[g.IntN(len(services))])
	}
	for _, o := range options {
		isValid := slices.Contains(valid, o.long)
		odds := 60
		switch {
		case isValid && o.long == "real-server":
			odds = 1
		case isValid:
			odds = 5
		}
		if g.oneIn(odds) {
			words = g.appendOption(words, o)
		}
	}
	if g.oneIn(6) {
		words = slices.Insert(words, 1+g.IntN(len(words)), strings.Fields(g.pick(extraWords...))...)
	}
	if g.oneIn(40) {
		words = slices.Insert(words, 0, strings.Fields(g.pick(extraWords...))...)
	}
	return words
}

// isService reports whether the option selects a service.
func (o option) isService() bool {
	return strings.HasSuffix(o.long, "-service")
}

// appendOption appends an option in one of the forms in which it can be written.
func (g *Generator) appendOption(words []string, o option) []string {
	if o.value == nil {
		last := words[len(words)-1]
		switch {
		case o.short == "" || g.oneIn(3):
			return append(words, "--"+o.long)
		case g.oneIn(3) && len(last) == 2 && last[0] == '-' && last[1] != '-':
			words[len(words)-1] += o.short
			return words
		}
		return append(words, "-"+o.short)
	}
	value := o.value(g)
	if o.long == "persistent" && g.oneIn(3) {
		return append(words, g.pick("-p", "--persistent"))
	}
	name := "--" + o.long
	if o.short != "" && !g.oneIn(3) {
		name = "-" + o.short
		if g.oneIn(5) {
			return append(words, name+value)
		}
	}
	if g.oneIn(4) {
		return append(words, name+"="+value)
	}
	return append(words, name, value)
}

// restoreInput formats command lines as input of -R, with variations in white space.
func (g *Generator) restoreInput(lines [][]string) string {
	var b strings.Builder
	for i, words := range lines {
		if slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "#") }) {
			continue // only goipvsadm has comments
		}
		if g.oneIn(8) {
			b.WriteString(g.pick("ipvsadm ", "  ", "\t", "\n", "ipvsadm\t", " \r\n"))
		}
		b.WriteString(strings.Join(words, g.pick(" ", " ", " ", "  ", "\t")))
		if g.oneIn(10) {
			b.WriteString(g.pick(" ", "\r", "\t"))
		}
		if i < len(lines)-1 || !g.oneIn(8) {
			b.WriteString("\n")
		}
	}
	// ipvsadm ignores a last line that ends with several blanks instead of a newline.
	input := b.String()
	if trimmed := strings.TrimRight(input, " \t\r"); len(input) > len(trimmed)+1 {
		return trimmed
	}
	return input
}

// SPDX-License-Identifier: MIT

package netstate

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ParseIPTables parses the output of iptables-save -c. Tool is the program that changes the
// rules, and family is ip or ip6.
func ParseIPTables(text, tool, family string) []Chain {
	var chains []Chain
	table := ""
	index := make(map[string]int) // position in chains of each chain of the current table
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
			clear(index)
		case strings.HasPrefix(line, ":"):
			fields := strings.Fields(line[1:])
			if len(fields) < 2 {
				continue
			}
			c := Chain{Tool: tool, Family: family, Table: table, Name: fields[0], Drops: fields[1] == "DROP"}
			if fields[1] != "-" {
				c.Hook, c.Priority = strings.ToLower(c.Name), iptablesPriority(table, c.Name)
			}
			if len(fields) > 2 {
				c.PolicyPackets = parseCounter(fields[2])
			}
			index[c.Name] = len(chains)
			chains = append(chains, c)
		case strings.HasPrefix(line, "[") || strings.HasPrefix(line, "-A "):
			counters, rest, _ := strings.Cut(line, "-A ")
			name, rest, _ := strings.Cut(rest, " ")
			if i, ok := index[name]; ok {
				r := parseIPTablesRule(splitQuoted(rest))
				r.Text = "-A " + strings.TrimSpace(name+" "+rest)
				r.Packets = parseCounter(strings.TrimSpace(counters))
				chains[i].Rules = append(chains[i].Rules, r)
			}
		}
	}
	return chains
}

// iptablesPriority returns the priority at its hook of a base chain of iptables.
func iptablesPriority(table, chain string) int {
	switch table {
	case "raw":
		return -300
	case "mangle":
		return -150
	case "nat":
		if chain == "PREROUTING" || chain == "OUTPUT" {
			return -100
		}
		return 100
	case "security":
		return 50
	}
	return 0
}

// parseCounter returns the number of packets of a counter: [PACKETS:BYTES].
func parseCounter(s string) uint64 {
	packets, _, _ := strings.Cut(strings.TrimPrefix(s, "["), ":")
	n, _ := strconv.ParseUint(packets, 10, 64)
	return n
}

// splitQuoted splits a rule into words. Words in quotation marks, such as
// comments, may contain spaces.
func splitQuoted(s string) []string {
	var words []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if s[0] == '"' {
			end := 1
			for end < len(s) && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(s))
			words = append(words, s[1:end])
			s = s[min(end+1, len(s)):]
			continue
		}
		word, rest, _ := strings.Cut(s, " ")
		words, s = append(words, word), rest
	}
	return words
}

// A packetField is a property of a packet that a condition compares. It returns
// false if the property is unknown.
type packetField[T any] func(*Packet) (T, bool)

func protocolOf(p *Packet) (uint16, bool)   { return p.Protocol, p.Protocol != 0 }
func sourceOf(p *Packet) (netip.Addr, bool) { return p.Source.Addr(), p.Source.Addr().IsValid() }
func destinationOf(p *Packet) (netip.Addr, bool) {
	return p.Destination.Addr(), p.Destination.Addr().IsValid()
}
func sourcePortOf(p *Packet) (uint16, bool) { return p.Source.Port(), p.Source.Port() != 0 }
func destinationPortOf(p *Packet) (uint16, bool) {
	return p.Destination.Port(), p.Destination.Port() != 0
}
func inLinkOf(p *Packet) (string, bool)  { return p.InLink, p.InLink != "" }
func outLinkOf(p *Packet) (string, bool) { return p.OutLink, p.OutLink != "" }
func stateOf(p *Packet) (string, bool)   { return p.State, p.State != "" }

// compare returns the condition that a property of the packet matches or, if negated,
// does not match.
func compare[T any](field packetField[T], negated bool, matches func(T) bool) condition {
	return func(p *Packet) match {
		v, ok := field(p)
		switch {
		case !ok:
			return matchMaybe
		case matches(v) != negated:
			return matchYes
		}
		return matchNo
	}
}

// parseProtocol returns the number of a protocol with the given name or number,
// or 0 if it is unknown.
func parseProtocol(s string) uint16 {
	switch strings.ToLower(s) {
	case "tcp":
		return unix.IPPROTO_TCP
	case "udp":
		return unix.IPPROTO_UDP
	case "sctp":
		return unix.IPPROTO_SCTP
	case "icmp":
		return unix.IPPROTO_ICMP
	case "ipv6-icmp", "icmpv6":
		return unix.IPPROTO_ICMPV6
	case "udplite":
		return unix.IPPROTO_UDPLITE
	case "ipencap":
		return unix.IPPROTO_IPIP
	case "gre":
		return unix.IPPROTO_GRE
	case "vrrp":
		return 112
	case "esp":
		return unix.IPPROTO_ESP
	case "ah":
		return unix.IPPROTO_AH
	}
	n, _ := strconv.ParseUint(s, 10, 16)
	return uint16(n)
}

// parseIPTablesRule parses the words of a rule after the name of its chain.
func parseIPTablesRule(words []string) Rule {
	var r Rule
	negated := false
	add := func(c condition) { r.conditions = append(r.conditions, c) }
	for len(words) > 0 {
		option := words[0]
		words = words[1:]
		if option == "!" {
			negated = true
			continue
		}
		value := ""
		if len(words) > 0 {
			value = words[0]
		}
		values := 1 // number of words that belong to the option
		switch option {
		case "-s", "-d":
			field := sourceOf
			if option == "-d" {
				field = destinationOf
			}
			if prefix, ok := parseRulePrefix(value); ok {
				add(compare(field, negated, prefix.Contains))
			} else {
				add(unknownCondition)
			}
		case "-p":
			if n := parseProtocol(value); n != 0 {
				add(compare(protocolOf, negated, func(p uint16) bool { return p == n }))
			} else if value != "all" {
				add(unknownCondition)
			}
		case "-i", "-o":
			field := inLinkOf
			if option == "-o" {
				field = outLinkOf
			}
			add(compare(field, negated, func(name string) bool { return matchesLink(value, name) }))
		case "--dport", "--dports", "--destination-ports":
			add(compare(destinationPortOf, negated, func(p uint16) bool { return containsPort(value, p) }))
		case "--sport", "--sports", "--source-ports":
			add(compare(sourcePortOf, negated, func(p uint16) bool { return containsPort(value, p) }))
		case "--state", "--ctstate":
			add(compare(stateOf, negated, func(s string) bool { return slices.Contains(strings.Split(value, ","), s) }))
		case "--dst-type":
			not := negated
			add(func(p *Packet) match {
				switch {
				case value != "LOCAL" || !p.Destination.Addr().IsValid():
					return matchMaybe
				case p.Local != not:
					return matchYes
				}
				return matchNo
			})
		case "-m":
			if !slices.Contains([]string{"tcp", "udp", "sctp", "multiport", "state", "conntrack", "comment", "addrtype"}, value) {
				add(unknownCondition)
			}
		case "--comment":
		case "-j", "-g":
			r.setIPTablesTarget(option == "-g", value, words[min(1, len(words)):])
			return r
		default:
			add(unknownCondition)
			values = 0
			for values < len(words) && !strings.HasPrefix(words[values], "-") && words[values] != "!" {
				values++
			}
		}
		words = words[min(values, len(words)):]
		negated = false
	}
	return r
}

// targetVerdict returns the verdict of a target of iptables. It returns false
// for MARK, whose verdict depends on its options, and for the name of a chain.
func targetVerdict(target string) (v Verdict, ok bool) {
	switch target {
	case "ACCEPT":
		return Accept, true
	case "DROP":
		return Drop, true
	case "REJECT":
		return Reject, true
	case "RETURN":
		return Return, true
	case "DNAT", "REDIRECT":
		return Translate, true
	case "SNAT", "MASQUERADE":
		return SourceNAT, true
	case "LOG", "NFLOG", "CT", "CONNMARK", "TCPMSS", "TTL", "HL", "DSCP", "TOS", "CHECKSUM", "NOTRACK", "TRACE", "AUDIT", "CLASSIFY", "SET":
		return Continue, true
	case "NFQUEUE", "QUEUE", "TPROXY", "SYNPROXY":
		return OtherTarget, true
	}
	return Continue, false
}

// setIPTablesTarget sets the verdict of a rule from its target and the options
// of the target.
func (r *Rule) setIPTablesTarget(isGoto bool, target string, options []string) {
	if v, ok := targetVerdict(target); ok {
		r.Verdict = v
		return
	}
	switch target {
	case "MARK":
		r.Verdict = OtherTarget
		for i := 0; i+1 < len(options); i++ {
			value, mask, hasMask := strings.Cut(options[i+1], "/")
			n, err := strconv.ParseUint(value, 0, 32)
			if err != nil || options[i] != "--set-xmark" && options[i] != "--set-mark" && options[i] != "--or-mark" {
				continue
			}
			r.Verdict, r.Mark, r.Mask = SetMark, uint32(n), ^uint32(0)
			if hasMask {
				m, _ := strconv.ParseUint(mask, 0, 32)
				r.Mask = uint32(m)
			}
		}
	default:
		r.Verdict, r.Target = Jump, target
		if isGoto {
			r.Verdict = Goto
		}
	}
}

// parseRulePrefix parses an address with an optional prefix length or netmask.
func parseRulePrefix(s string) (netip.Prefix, bool) {
	address, mask, hasMask := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := addr.BitLen()
	if hasMask {
		if bits, err = strconv.Atoi(mask); err != nil {
			return netip.Prefix{}, false // a netmask, which iptables-save prints only if it is not a prefix
		}
	}
	p := netip.PrefixFrom(addr, bits)
	return p, p.IsValid()
}

// matchesLink reports whether a link's name matches a pattern: the same name, or
// the beginning of the name followed by "+".
func matchesLink(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "+"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// containsPort reports whether a list of ports and ranges contains a port.
func containsPort(list string, port uint16) bool {
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(part, ":")
		if !isRange {
			high = low
		}
		if low == "" {
			low = "0"
		}
		if high == "" {
			high = "65535"
		}
		a, errA := strconv.ParseUint(low, 10, 16)
		b, errB := strconv.ParseUint(high, 10, 16)
		if errA == nil && errB == nil && uint64(port) >= a && uint64(port) <= b {
			return true
		}
	}
	return false
}

// SPDX-License-Identifier: MIT

package netstate

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Objects in the output of nft -j.
type (
	nftObject struct {
		Chain *nftChain `json:"chain"`
		Rule  *nftRule  `json:"rule"`
	}

	nftChain struct {
		Family, Table, Name, Hook, Policy string
		Prio                              json.Number
	}

	nftRule struct {
		Family, Table, Chain string
		Expr                 []map[string]json.RawMessage
	}

	nftMatch struct {
		Op          string
		Left, Right json.RawMessage
	}

	// An nftLeft is the left side of a match, or the key of a mangle statement.
	nftLeft struct {
		Payload *struct{ Protocol, Field string }
		Meta    *struct{ Key string }
		CT      *struct{ Key string } `json:"ct"`
	}
)

// parseNFT parses the output of nft -j list ruleset. Chains of families other
// than ip, ip6 and inet are omitted.
func parseNFT(text []byte) ([]Chain, error) {
	var document struct{ Nftables []nftObject }
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("output of nft: %w", err)
	}
	var chains []Chain
	index := make(map[[3]string]int)
	for _, o := range document.Nftables {
		switch {
		case o.Chain != nil && slices.Contains([]string{"ip", "ip6", "inet"}, o.Chain.Family):
			c := o.Chain
			priority, _ := c.Prio.Int64()
			index[[3]string{c.Family, c.Table, c.Name}] = len(chains)
			chains = append(chains, Chain{Tool: "nft", Family: c.Family, Table: c.Table, Name: c.Name, Hook: c.Hook,
				Priority: int(priority), Drops: c.Policy == "drop"})
		case o.Rule != nil:
			if i, ok := index[[3]string{o.Rule.Family, o.Rule.Table, o.Rule.Chain}]; ok {
				chains[i].Rules = append(chains[i].Rules, parseNFTRule(o.Rule))
			}
		}
	}
	return chains, nil
}

func parseNFTRule(rule *nftRule) Rule {
	var r Rule
	var text []string
	for _, statement := range rule.Expr {
		for name, value := range statement {
			text = append(text, r.addNFTStatement(name, value))
		}
	}
	r.Text = strings.Join(slices.DeleteFunc(text, func(s string) bool { return s == "" }), " ")
	return r
}

// addNFTStatement adds a statement to a rule and returns its text, or "" if the text of
// the rule omits it.
func (r *Rule) addNFTStatement(name string, value json.RawMessage) string {
	// Many statements have the name of an iptables target in lower case.
	if v, ok := targetVerdict(strings.ToUpper(name)); ok {
		if v != Continue {
			r.Verdict = v
		}
		return name
	}
	switch name {
	case "match":
		var m nftMatch
		_ = json.Unmarshal(value, &m)
		c, text := parseNFTMatch(&m)
		r.conditions = append(r.conditions, c)
		return text
	case "counter":
		var counter struct{ Packets uint64 }
		if json.Unmarshal(value, &counter) == nil {
			r.Packets = counter.Packets
		}
		return ""
	case "jump", "goto":
		var target struct{ Target string }
		_ = json.Unmarshal(value, &target)
		r.Verdict, r.Target = Jump, target.Target
		if name == "goto" {
			r.Verdict = Goto
		}
		return name + " " + target.Target
	case "mangle":
		var mangle struct {
			Key   nftLeft
			Value json.RawMessage
		}
		_ = json.Unmarshal(value, &mangle)
		if mangle.Key.Meta == nil || mangle.Key.Meta.Key != "mark" {
			return "mangle"
		}
		n, err := strconv.ParseUint(string(mangle.Value), 10, 32)
		if err != nil {
			r.Verdict = OtherTarget
			return "meta mark set ..."
		}
		r.Verdict, r.Mark, r.Mask = SetMark, uint32(n), ^uint32(0)
		return fmt.Sprintf("meta mark set %#x", n)
	case "quota", "comment":
	case "vmap", "fwd", "dup":
		r.Verdict = OtherTarget
	default: // limit, xt and others
		r.conditions = append(r.conditions, unknownCondition)
	}
	return name
}

// parseNFTMatch returns the condition of a match and its text.
func parseNFTMatch(m *nftMatch) (condition, string) {
	var left nftLeft
	if json.Unmarshal(m.Left, &left) != nil || m.Op != "==" && m.Op != "!=" && m.Op != "in" {
		return unknownCondition, "..."
	}
	negated := m.Op == "!="
	right, words, ok := parseNFTSet(m.Right)
	var c condition
	name := ""
	switch {
	case left.Payload != nil:
		name = left.Payload.Protocol + " " + left.Payload.Field
		protocol := parseProtocol(left.Payload.Protocol)
		switch left.Payload.Field {
		case "saddr":
			c = compare(sourceOf, negated, right.containsAddr)
		case "daddr":
			c = compare(destinationOf, negated, right.containsAddr)
		case "sport", "dport":
			field := sourcePortOf
			if left.Payload.Field == "dport" {
				field = destinationPortOf
			}
			port := compare(field, negated, right.containsNumber)
			c = func(p *Packet) match {
				if protocol != 0 && p.Protocol != 0 && p.Protocol != protocol {
					return matchNo
				}
				return port(p)
			}
		case "protocol", "nexthdr":
			c = compare(protocolOf, negated, right.containsProtocol)
		}
	case left.Meta != nil:
		name = left.Meta.Key
		switch left.Meta.Key {
		case "iifname", "iif":
			c = compare(inLinkOf, negated, right.containsLink)
		case "oifname", "oif":
			c = compare(outLinkOf, negated, right.containsLink)
		case "l4proto":
			c = compare(protocolOf, negated, right.containsProtocol)
		case "nfproto", "protocol":
			c = compare(familyOf, negated, right.containsFamily)
		}
	case left.CT != nil && left.CT.Key == "state":
		name = "ct state"
		c = compare(stateOf, negated, func(s string) bool { return slices.Contains(right.words, strings.ToLower(s)) })
	}
	if c == nil || !ok {
		c = unknownCondition
	}
	if name == "" {
		name = "..."
	}
	op := " "
	if negated {
		op = " != "
	}
	return c, name + op + words
}

func familyOf(p *Packet) (string, bool) {
	addr := p.Destination.Addr()
	if !addr.IsValid() {
		addr = p.Source.Addr()
	}
	if addr.Is4() {
		return "ipv4", addr.IsValid()
	}
	return "ipv6", addr.IsValid()
}

// An nftSet is the right side of a match.
type nftSet struct {
	words    []string    // names, numbers and addresses
	ranges   [][2]string // ranges of numbers or addresses, including both ends
	prefixes []netip.Prefix
}

func (s *nftSet) containsAddr(a netip.Addr) bool {
	for _, r := range s.ranges {
		low, errLow := netip.ParseAddr(r[0])
		high, errHigh := netip.ParseAddr(r[1])
		if errLow == nil && errHigh == nil && low.Compare(a) <= 0 && a.Compare(high) <= 0 {
			return true
		}
	}
	return slices.Contains(s.words, a.String()) ||
		slices.ContainsFunc(s.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (s *nftSet) containsNumber(n uint16) bool {
	for _, r := range s.ranges {
		low, errLow := strconv.Atoi(r[0])
		high, errHigh := strconv.Atoi(r[1])
		if errLow == nil && errHigh == nil && low <= int(n) && int(n) <= high {
			return true
		}
	}
	return slices.Contains(s.words, strconv.Itoa(int(n)))
}

func (s *nftSet) containsProtocol(n uint16) bool {
	return slices.ContainsFunc(s.words, func(w string) bool { return parseProtocol(w) == n })
}

func (s *nftSet) containsLink(name string) bool {
	return slices.ContainsFunc(s.words, func(w string) bool { return matchesLink(strings.ReplaceAll(w, "*", "+"), name) })
}

// containsFamily reports whether a set contains a family: "ipv4" or "ipv6" in matches of
// nfproto, which are "ip" and "ip6" in matches of protocol.
func (s *nftSet) containsFamily(family string) bool {
	protocol := "ip"
	if family == "ipv6" {
		protocol = "ip6"
	}
	return slices.Contains(s.words, family) || slices.Contains(s.words, protocol)
}

// parseNFTSet parses the right side of a match. It returns false if that contains other
// elements than words, ranges and prefixes, such as a named set.
func parseNFTSet(value json.RawMessage) (s *nftSet, text string, ok bool) {
	s, ok = new(nftSet), true
	var texts []string
	for _, v := range nftElements(value) {
		var word string
		var number json.Number
		var object struct {
			Range  []json.RawMessage
			Prefix *struct {
				Addr string
				Len  int
			}
		}
		switch {
		case json.Unmarshal(v, &word) == nil:
			s.words = append(s.words, word)
			ok = ok && !strings.HasPrefix(word, "@")
			texts = append(texts, word)
		case json.Unmarshal(v, &number) == nil:
			s.words = append(s.words, number.String())
			texts = append(texts, number.String())
		case json.Unmarshal(v, &object) == nil && len(object.Range) == 2:
			low, high := strings.Trim(string(object.Range[0]), `"`), strings.Trim(string(object.Range[1]), `"`)
			s.ranges = append(s.ranges, [2]string{low, high})
			texts = append(texts, low+"-"+high)
		case object.Prefix != nil:
			if addr, err := netip.ParseAddr(object.Prefix.Addr); err == nil {
				s.prefixes = append(s.prefixes, netip.PrefixFrom(addr, object.Prefix.Len))
			}
			texts = append(texts, fmt.Sprintf("%s/%d", object.Prefix.Addr, object.Prefix.Len))
		default:
			ok = false
			texts = append(texts, "...")
		}
	}
	text = strings.Join(texts, ", ")
	if len(texts) > 1 {
		text = "{ " + text + " }"
	}
	return s, text, ok
}

// nftElements returns the elements of a set or list, or the value itself.
func nftElements(value json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		return list
	}
	var object struct{ Set []json.RawMessage }
	if json.Unmarshal(value, &object) == nil && object.Set != nil {
		return object.Set
	}
	return []json.RawMessage{value}
}

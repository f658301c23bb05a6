// SPDX-License-Identifier: MIT

package netstate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/ipvs/subprocess"
)

// A Firewall contains the packet filter rules of a network namespace.
type Firewall struct {
	Chains []Chain

	// Legacy is set if new rules should be added by iptables-legacy: it is installed,
	// and the kernel has no nf_tables or has legacy tables.
	Legacy bool

	visits int // rules that Evaluate has visited so far
}

// A Chain is a chain of rules.
type Chain struct {
	Tool   string // program with which the chain is changed, such as iptables-legacy or nft
	Family string // ip, ip6 or inet
	Table  string
	Name   string

	// Hook is the hook of a base chain in lower case, such as "input", or "".
	Hook          string
	Priority      int
	Drops         bool   // whether the policy is drop
	PolicyPackets uint64 // packets that reached the end of the chain; always 0 with nft
	Rules         []Rule
}

// A Rule is a rule of a chain.
type Rule struct {
	Text    string // as its tool prints it
	Packets uint64 // 0 without a counter
	Verdict Verdict
	Target  string // chain of Jump and Goto
	Mark    uint32 // mark that SetMark sets
	Mask    uint32 // bits of the mark that SetMark changes

	conditions []condition
}

// A Verdict is what a rule does with a packet.
type Verdict uint8

// Verdicts. Only Accept, Drop, Reject and Translate end the evaluation of the
// base chain.
const (
	Continue Verdict = iota // has no effect on the path of the packet
	Accept
	Drop
	Reject
	Translate   // changes the destination: DNAT or REDIRECT
	SourceNAT   // changes the source: SNAT or MASQUERADE
	SetMark     // sets the firewall mark
	Jump        // continues in another chain, and after that with the next rule
	Goto        // continues in another chain, and does not come back to this one
	Return      // leaves the chain
	OtherTarget // has an unknown effect; the packet may continue with the next rule
)

// A Packet describes a packet for which rules are evaluated. Zero fields are
// unknown.
type Packet struct {
	Protocol            uint16
	Source, Destination netip.AddrPort
	InLink, OutLink     string
	State               string // connection tracking state, such as NEW
	Local               bool   // whether the destination is an address of this machine
}

// A match is the result of comparing a packet with a condition.
type match uint8

const (
	matchNo match = iota
	matchMaybe
	matchYes
)

// A condition is a condition of a rule.
type condition func(*Packet) match

// unknownCondition stands for a condition that this package cannot evaluate.
func unknownCondition(*Packet) match { return matchMaybe }

// match compares a packet with all conditions of a rule.
func (r *Rule) match(p *Packet) match {
	result := matchYes
	for _, c := range r.conditions {
		result = min(result, c(p))
		if result == matchNo {
			break
		}
	}
	return result
}

// An Outcome is a verdict that a packet may get at a hook.
type Outcome struct {
	Verdict Verdict // Accept, Drop, Reject, Translate or SetMark
	Chain   *Chain
	Rule    *Rule // nil for the policy of Chain
	Certain bool  // whether the packet certainly gets the verdict
}

// maxVisits limits the number of rules that all calls of Evaluate visit.
const maxVisits = 2_000_000

// Evaluate returns the outcomes that a packet may have in the base chains of a hook, in
// the order of the chains and rules. It omits Accept. It returns nil if there are too many
// rules.
func (f *Firewall) Evaluate(hook string, p *Packet) []Outcome {
	family := "ip"
	if addr := p.Destination.Addr(); addr.Is6() || !addr.IsValid() && p.Source.Addr().Is6() {
		family = "ip6"
	}
	var base []*Chain
	for i := range f.Chains {
		c := &f.Chains[i]
		if c.Hook == hook && (c.Family == family || c.Family == "inet") {
			base = append(base, c)
		}
	}
	slices.SortStableFunc(base, func(a, b *Chain) int { return cmp.Compare(a.Priority, b.Priority) })
	var all []Outcome
	for _, c := range base {
		w := walk{firewall: f, base: c, packet: p, certain: true}
		if !w.chain(c, 0) {
			w.add(Outcome{Verdict: policyVerdict(c), Chain: c})
		}
		if f.visits > maxVisits {
			return nil
		}
		for _, o := range w.outcomes {
			if o.Verdict != Accept {
				all = append(all, o)
			}
		}
	}
	return all
}

func policyVerdict(c *Chain) Verdict {
	if c.Drops {
		return Drop
	}
	return Accept
}

// A walk is the evaluation of a packet in a base chain.
type walk struct {
	firewall *Firewall
	base     *Chain
	packet   *Packet
	certain  bool // whether the packet certainly reaches the current rule
	ends     int  // rules visited so far that may have ended the evaluation
	outcomes []Outcome
}

// add adds an outcome, which is certain if no earlier rule may have ended the
// evaluation.
func (w *walk) add(o Outcome) {
	o.Certain = w.certain
	w.outcomes = append(w.outcomes, o)
}

// maxDepth limits the depth of jumps; the kernel rejects loops.
const maxDepth = 16

// chain evaluates a chain and reports whether the evaluation certainly ends in it. If
// no rule of the chain can end the evaluation, the packet reaches the next rule after the
// chain as certainly as it reached the chain.
func (w *walk) chain(c *Chain, depth int) (ended bool) {
	certain, ends := w.certain, w.ends
	ended = w.rules(c, depth)
	if w.ends == ends {
		w.certain = certain
	}
	return ended
}

// rules evaluates the rules of a chain.
func (w *walk) rules(c *Chain, depth int) (ended bool) {
	mayLeave := false // whether the packet may have left the chain by Return or Goto
	for i := range c.Rules {
		if w.firewall.visits++; w.firewall.visits > maxVisits {
			return true
		}
		r := &c.Rules[i]
		m := r.match(w.packet)
		if m == matchNo {
			continue
		}
		before := w.certain
		if m == matchMaybe {
			w.certain = false
		}
		switch r.Verdict {
		case Continue, SourceNAT:
			w.certain = before
		case Accept, Drop, Reject, Translate:
			w.add(Outcome{Verdict: r.Verdict, Chain: c, Rule: r})
			w.ends++
			if m == matchYes {
				return !mayLeave
			}
		case SetMark:
			w.add(Outcome{Verdict: SetMark, Chain: c, Rule: r})
			w.certain = before
		case Jump, Goto:
			target := w.firewall.chainNamed(c, r.Target)
			if target == nil || depth == maxDepth {
				w.certain = false
				w.ends++
				break
			}
			ends := w.ends
			ended := w.chain(target, depth+1)
			switch {
			case m == matchMaybe && r.Verdict == Goto:
				mayLeave = true
			case m == matchMaybe && w.ends == ends:
				w.certain = before
			case m == matchMaybe:
			case ended || r.Verdict == Goto && depth > 0:
				return ended && !mayLeave
			case r.Verdict == Goto:
				w.add(Outcome{Verdict: policyVerdict(w.base), Chain: w.base})
				return true
			}
		case Return:
			if m == matchYes {
				return false
			}
			mayLeave = true
		case OtherTarget:
			w.certain = false
			w.ends++
		}
	}
	return false
}

// chainNamed returns the chain with the given name in the table of another
// chain, or nil.
func (f *Firewall) chainNamed(from *Chain, name string) *Chain {
	for i := range f.Chains {
		if c := &f.Chains[i]; c.Name == name && c.Table == from.Table && c.Family == from.Family && c.Tool == from.Tool {
			return c
		}
	}
	return nil
}

// Since replaces the counters by their increase since an earlier reading. They become 0
// if old is nil, in chains that had another number of rules, and in rules that have
// changed.
func (f *Firewall) Since(old *Firewall) {
	for i := range f.Chains {
		c := &f.Chains[i]
		var before *Chain
		if old != nil {
			for j := range old.Chains {
				o := &old.Chains[(i+j)%len(old.Chains)] // usually at the same index
				if o.Tool == c.Tool && o.Family == c.Family && o.Table == c.Table && o.Name == c.Name {
					before = o
					break
				}
			}
		}
		same := before != nil && len(before.Rules) == len(c.Rules)
		policyPackets := uint64(0)
		if same {
			policyPackets = since(c.PolicyPackets, before.PolicyPackets)
		}
		c.PolicyPackets = policyPackets
		for j := range c.Rules {
			r := &c.Rules[j]
			packets := uint64(0)
			if same && before.Rules[j].Text == r.Text {
				packets = since(r.Packets, before.Rules[j].Packets)
			}
			r.Packets = packets
		}
	}
}

// toolTimeout is the time limit for each program that prints rules.
const toolTimeout = 5 * time.Second

// ReadFirewall reads the packet filter rules by running the installed iptables-save
// programs and nft. It runs a program only if its tables exist, since the program would
// otherwise make the kernel load a module. If some rules cannot be read, it returns the
// others and an error.
func ReadFirewall() (*Firewall, error) {
	f := new(Firewall)
	usesLegacy := false
	var errs []error
	for _, v := range []struct{ family, names, prefix string }{
		{"ip", "ip_tables_names", "iptables"},
		{"ip6", "ip6_tables_names", "ip6tables"},
	} {
		names, err := os.ReadFile(procNet + v.names)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			continue
		}
		if len(bytes.Fields(names)) == 0 {
			continue
		}
		text, tool, err := runTool([]string{v.prefix + "-legacy-save", v.prefix + "-save"}, "-c")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		tool = strings.TrimSuffix(tool, "-save")
		f.Chains = append(f.Chains, ParseIPTables(string(text), tool, v.family)...)
		usesLegacy = true
	}
	f.Legacy = lookPath("iptables-legacy") != "" && (usesLegacy || !nfTablesLoaded())
	if !nfTablesLoaded() {
		return f, errors.Join(errs...)
	}
	text, _, err := runTool([]string{"nft"}, "-j", "list", "ruleset")
	if err != nil {
		return f, errors.Join(append(errs, err)...)
	}
	chains, err := parseNFT(text)
	if err != nil {
		return f, errors.Join(append(errs, err)...)
	}
	// nft does not print the details of some matches of iptables-nft.
	for _, v := range []struct{ family, prefix string }{{"ip", "iptables"}, {"ip6", "ip6tables"}} {
		if !slices.ContainsFunc(chains, func(c Chain) bool { return c.Family == v.family && isIPTablesTable(c.Table) }) {
			continue
		}
		text, tool, err := runTool([]string{v.prefix + "-nft-save"}, "-c")
		if err != nil {
			continue
		}
		compat := ParseIPTables(string(text), strings.TrimSuffix(tool, "-save"), v.family)
		for _, c := range compat {
			chains = slices.DeleteFunc(chains, func(n Chain) bool { return n.Family == c.Family && n.Table == c.Table })
		}
		f.Chains = append(f.Chains, compat...)
	}
	f.Chains = append(f.Chains, chains...)
	return f, errors.Join(errs...)
}

// isIPTablesTable reports whether a table has a name that iptables uses.
func isIPTablesTable(name string) bool {
	return slices.Contains([]string{"raw", "mangle", "nat", "filter", "security"}, name)
}

// nfTablesLoaded reports whether the kernel has nf_tables, without loading it.
func nfTablesLoaded() bool {
	_, err := os.Stat("/sys/module/nf_tables")
	return err == nil
}

// runTool runs the first program of names that is installed, and returns its output and
// its name.
func runTool(names []string, args ...string) (output []byte, name string, err error) {
	for _, name := range names {
		program := lookPath(name)
		if program == "" {
			continue
		}
		env := append(os.Environ(), "LC_ALL=C", "XTABLES_LOCKFILE=/dev/null")
		output, stderr, err := subprocess.Run(program, args, env, toolTimeout)
		switch {
		case errors.Is(err, subprocess.ErrTimeout):
			return nil, name, fmt.Errorf("%s: no output within %v", name, toolTimeout)
		case err != nil && len(stderr) > 0:
			first, _, _ := strings.Cut(string(stderr), "\n")
			return nil, name, fmt.Errorf("%s: %s", name, first)
		case err != nil:
			return nil, name, fmt.Errorf("%s: %w", name, err)
		}
		return output, name, nil
	}
	return nil, "", fmt.Errorf("%s: not installed", names[0])
}

// lookPath returns the path of a program in $PATH, /usr/sbin or /sbin, or "" if it is not
// installed. The $PATH of unprivileged users often lacks the sbin directories.
func lookPath(name string) string {
	for _, dir := range append(strings.Split(os.Getenv("PATH"), ":"), "/usr/sbin", "/sbin") {
		file := dir + "/" + name
		info, err := os.Stat(file)
		if path.IsAbs(dir) && err == nil && info.Mode().IsRegular() && unix.Access(file, unix.X_OK) == nil {
			return file
		}
	}
	return ""
}

// Find returns the rules of all chains with the given verdict that a packet may match.
// It does not set Certain.
func (f *Firewall) Find(v Verdict, p *Packet) []Outcome {
	var found []Outcome
	for i := range f.Chains {
		c := &f.Chains[i]
		for j := range c.Rules {
			if r := &c.Rules[j]; r.Verdict == v && r.match(p) != matchNo {
				found = append(found, Outcome{Verdict: v, Chain: c, Rule: r})
			}
		}
	}
	return found
}

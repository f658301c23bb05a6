// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

// rpFilter reports strict reverse path filtering that drops packets of
// services. The counter of drops includes unrelated packets: it is evidence
// only together with packets of clients, or replies of servers, that IPVS does
// not receive.
func rpFilter(f *Facts, report func(Finding)) {
	if f.ReversePathDrops < minUnanswered {
		return
	}
	var links []string // links with strict filtering that may be dropping packets
	addIfStrict := func(l *netstate.Link) bool {
		mode, _ := f.linkSysctl("rp_filter", l.Name)
		if mode != 1 || !l.Up || l.Loopback {
			return false
		}
		if !slices.Contains(links, l.Name) {
			links = append(links, l.Name)
		}
		return true
	}
	for i := range f.Services {
		s := &f.Services[i]
		a := f.Arrivals[s.ServiceKey]
		if a == nil || a.Packets < minUnanswered || s.hasTraffic() || !a.Clients[0].Is4() {
			continue
		}
		if addIfStrict(f.link(a.Link)) {
			f.explained[s.ServiceKey] = true
		}
	}
	// Replies of servers may be received on any link. Each SYN causes at least one
	// reply: if there are fewer drops than packets sent, the replies are missing for
	// another reason.
	var silent []netip.Addr
	f.eachServer(func(s *Service, d *Server) {
		if d.AddrPort.Addr().Is4() && f.sendsNoReplies(s, d) && d.Delta != nil && f.ReversePathDrops >= d.Delta.InPackets {
			silent = append(silent, d.AddrPort.Addr())
		}
	})
	if len(silent) > 0 {
		for i := range f.Links {
			addIfStrict(&f.Links[i])
		}
	}
	if len(links) == 0 {
		return
	}
	for _, addr := range silent {
		f.suppressHost(addr)
	}
	var paths []string
	for _, name := range links {
		paths = append(paths, linkSysctlPath(name, "rp_filter"))
	}
	report(Finding{
		Evidence: fmt.Sprintf("%s dropped in this sample; rp_filter is strict on %s",
			humanize.Count(f.ReversePathDrops, "packet"), strings.Join(links, ", ")),
		Remedies: []Remedy{f.sysctlRemedy(2, paths...)},
	})
}

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

// tunnelKinds are the kinds of links that decapsulate packets of clients.
var tunnelKinds = []string{"ipip", "ip6tnl", "sit", "gre", "fou"}

func rpFilter(f *Facts, report func(Finding)) {
	if f.ReversePathDrops == 0 {
		return
	}
	var links []string // strict links that may be dropping packets
	addIfStrict := func(l *netstate.Link) {
		mode, _ := f.linkSysctl("rp_filter", l.Name)
		if mode == 1 && l.Up && !l.Loopback && !slices.Contains(links, l.Name) {
			links = append(links, l.Name)
		}
	}
	// Packets of clients are received on the link of a VIP, but the default route
	// may use another.
	defaultRoute, ok := f.Routes[testNetAddr(netip.IPv4Unspecified())]
	for i := range f.Services {
		s := &f.Services[i]
		for _, l := range f.linksWithAddr(s.AddrPort.Addr()) {
			if s.Mark == 0 && ok && defaultRoute.Link != l.Index {
				addIfStrict(l)
			}
		}
	}
	for i := range f.Links {
		if l := &f.Links[i]; slices.Contains(tunnelKinds, l.Kind) {
			addIfStrict(l)
		}
	}
	// Replies of servers may be received on any link. Each SYN causes at least one
	// reply, so fewer drops than packets sent have another cause.
	var silent []netip.Addr
	f.eachServer(func(s *Service, d *Server) {
		if d.AddrPort.Addr().Is4() && noReplies(s, d) && d.Delta != nil && f.ReversePathDrops >= d.Delta.InPackets {
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
		f.suppress(addr)
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

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/ipvs"
)

// serviceChecks look at how the services are set up.
var serviceChecks = []Check{
	{"no-servers", Error, "the service has no servers",
		"all its connections are refused",
		noServers},
	{"all-weights-zero", Error, "no server gets new connections",
		"a server with weight 0 keeps its connections and gets no other",
		allWeightsZero},
	{"scheduler-none", Error, "the service has no scheduler",
		"nothing chooses a server for a new connection",
		schedulerNone},
	{"weights-ignored", Hint, "the weights make no difference",
		"the scheduler knows no weight but 0",
		weightsIgnored},
	{"failover-equal", Warning, "two servers have the same weight",
		"the scheduler goes by the highest weight; which of the two comes first is left to chance",
		failoverEqual},
	{"mark-never-seen", Warning, "no packet ever had this mark",
		"the firewall is to mark the packets before they reach IPVS, and they must be for the director or have a local route",
		markNeverSeen},
	{"persistence-netmask-zero", Warning, "all clients are on one server",
		"with a persistence netmask of 0 they are all of one network, and so one client",
		persistenceNetmaskZero},
	{"expire-quiescent-template", Hint, "clients stay with a server of weight 0",
		"persistence brings them back to it, with new connections too; with expire_quiescent_template they go to another",
		expireQuiescentTemplate},
}

func noServers(f *Facts, found func(Finding)) {
	for i := range f.Services {
		if s := &f.Services[i]; len(s.Servers) == 0 {
			add := fmt.Sprintf("%s -a %s -r SERVER", f.Program, serviceOptions(f, s))
			found(s.serviceFinding("the table has none", f.localCommand("%s", add), f.removeService(s)))
		}
	}
}

func allWeightsZero(f *Facts, found func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if len(s.Servers) == 0 || slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Weight > 0 }) {
			continue
		}
		d := &s.Servers[0]
		found(s.serviceFinding(fmt.Sprintf("the weights of %s are 0", humanize.Count(len(s.Servers), "server")),
			f.edit(s, d, func(d *ipvs.Destination) { d.Weight = 1 })))
	}
}

func schedulerNone(f *Facts, found func(Finding)) {
	for i := range f.Services {
		if s := &f.Services[i]; s.Scheduler == "none" || s.Scheduler == "" {
			found(s.serviceFinding("its scheduler is none", f.editService(s, func(s *ipvs.Service) { s.Scheduler = "wlc" })))
		}
	}
}

// weighted returns what does the same as a scheduler, and heeds weights; or ""
// for one that heeds them itself.
func weightedVariant(scheduler string) string {
	switch scheduler {
	case "rr":
		return "wrr"
	case "lc":
		return "wlc"
	case "dh":
		return "lblc"
	}
	return ""
}

func weightsIgnored(f *Facts, found func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		better := weightedVariant(s.Scheduler)
		if better == "" {
			continue
		}
		var weights []uint32
		for _, d := range s.Servers {
			if d.Weight > 0 && !slices.Contains(weights, d.Weight) {
				weights = append(weights, d.Weight)
			}
		}
		if len(weights) > 1 {
			found(s.serviceFinding(fmt.Sprintf("the scheduler is %s, the weights are %d, %d …", s.Scheduler, weights[0], weights[1]),
				f.editService(s, func(s *ipvs.Service) { s.Scheduler = better })))
		}
	}
}

func failoverEqual(f *Facts, found func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.Scheduler != "fo" && s.Scheduler != "ovf" {
			continue
		}
		first := make(map[uint32]*Server)
		highest := uint32(0)
		for j := range s.Servers {
			highest = max(highest, s.Servers[j].Weight)
		}
		for j := range s.Servers {
			d := &s.Servers[j]
			other := first[d.Weight]
			if d.Weight == 0 || other == nil {
				first[d.Weight] = d
				continue
			}
			found(s.serviceFinding(fmt.Sprintf("%s and %s have weight %d", other.AddrPort, d.AddrPort, d.Weight),
				f.edit(s, other, func(d *ipvs.Destination) { d.Weight = highest + 1 })))
			break
		}
	}
}

func markNeverSeen(f *Facts, found func(Finding)) {
	others := slices.ContainsFunc(f.Services, func(s Service) bool { return s.Stats.InPackets > 0 })
	for i := range f.Services {
		s := &f.Services[i]
		if s.Mark == 0 || s.Stats.InPackets+s.Stats.Conns > 0 || !others || len(s.Servers) == 0 {
			continue
		}
		tables := "iptables"
		if s.Family == ipvs.IPv6 {
			tables = "ip6tables"
		}
		found(s.serviceFinding("its counters are 0, while other services have traffic",
			f.localCommand("%s -t mangle -A PREROUTING -d ADDRESS -p tcp --dport PORT -j MARK --set-mark %d", tables, s.Mark),
			f.removeService(s)))
	}
}

func persistenceNetmaskZero(f *Facts, found func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		open := 0
		for _, d := range s.Servers {
			if d.Weight > 0 {
				open++
			}
		}
		if s.Flags&ipvs.Persistent == 0 || s.Netmask != ipvs.AllClients || open < 2 {
			continue
		}
		busy := slices.MaxFunc(s.Servers, func(a, b Server) int { return int(a.Conns.Total) - int(b.Conns.Total) })
		all := 0
		for _, d := range s.Servers {
			all += d.Conns.Total
		}
		found(s.serviceFinding(fmt.Sprintf("the netmask is 0; %d of %s are on %s", busy.Conns.Total, humanize.Count(all, "connection"), busy.AddrPort.Addr()),
			f.editService(s, func(s *ipvs.Service) { s.Netmask = ipvs.FullNetmask(s.Family) })))
	}
}

func expireQuiescentTemplate(f *Facts, found func(Finding)) {
	const path = "net/ipv4/vs/expire_quiescent_template"
	if !f.sysctl(path, 0) {
		return
	}
	for i := range f.Services {
		s := &f.Services[i]
		if s.Flags&ipvs.Persistent == 0 {
			continue
		}
		for j := range s.Servers {
			if d := &s.Servers[j]; d.Weight == 0 && d.PersistentConns > 0 {
				found(s.serverFinding(d, fmt.Sprintf("%s brought back to a server of weight 0", humanize.Count(d.PersistentConns, "client")), f.sysctlRemedy(1, path)))
			}
		}
	}
}

// serviceOptions returns the options that name a service.
func serviceOptions(f *Facts, s *Service) string {
	_, options, _ := strings.Cut(f.removeService(s).Command, " -D ")
	return options
}

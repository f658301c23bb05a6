// SPDX-License-Identifier: MIT

package watch

import (
	"bytes"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A row shows a service, or a server of it.
type row struct {
	service    *sampler.Service
	server     *sampler.Destination // nil in the row of a service
	totalConns uint64               // connections of all servers of the service

	// The following fields are set by fillRow.
	label      []byte // the address and, for a service, its configuration
	addressLen int    // length of the address in label
	alert      Alert
}

// share returns the server's fraction of the connections of its service. ok is false
// if r shows a service or if the service has no connections. Inactive connections are
// included, because the kernel counts all UDP connections as inactive.
func (r *row) share() (share float64, ok bool) {
	if r.server == nil || r.totalConns == 0 {
		return 0, false
	}
	return float64(connCount(r.server)) / float64(r.totalConns), true
}

// connCount returns the number of active and inactive connections of d.
func connCount(d *sampler.Destination) uint64 {
	return uint64(d.ActiveConns) + uint64(d.InactiveConns)
}

// totalConns returns the sum of connCount over the servers of s.
func totalConns(s *sampler.Service) (total uint64) {
	for i := range s.Destinations {
		total += connCount(&s.Destinations[i])
	}
	return total
}

// rows returns the rows of sample that match the filter, without the fields that fillRow
// sets. matching is the number of services with such rows, plus the number of services
// that sample omits.
func (v *View) rows(sample *sampler.Sample) (rows []row, matching int) {
	services := sample.Services
	if v.Top > 0 {
		services = services[:min(v.Top, len(services))]
	}
	for i := range services {
		s := &services[i]
		first, total := len(rows), totalConns(s)
		rows = append(rows, row{service: s, totalConns: total})
		wholeService := v.matchesFilter(&rows[first])
		for j := range s.Destinations {
			server := row{service: s, server: &s.Destinations[j], totalConns: total}
			if wholeService || v.matchesFilter(&server) {
				rows = append(rows, server)
			}
		}
		if !wholeService && len(rows) == first+1 {
			rows = rows[:first]
			continue
		}
		matching++
	}
	return rows, matching + v.countSelected(sample) - len(services)
}

// matchesFilter reports whether the label of r, by name or numeric, contains the filter.
// Case is ignored.
func (v *View) matchesFilter(r *row) bool {
	if v.filter == "" {
		return true
	}
	filter := strings.ToLower(v.filter)
	for _, names := range []tablefmt.Namer{resolve.Numeric{}, v.Names} {
		view := View{Names: names}
		filled := *r
		view.fillRow(&filled)
		if strings.Contains(strings.ToLower(string(filled.label)), filter) {
			return true
		}
	}
	return false
}

// visibleRows returns the rows that fit in height lines, with all fields set. A negative
// height means unlimited. matching is the number of services as returned by rows. If not
// all rows fit, the last line is reserved for hidden, a text with the number of hidden
// rows. If the first visible row would be a server, it is replaced by the row of its
// service.
func (v *View) visibleRows(rows []row, matching, height int) (visible []row, hidden string) {
	serviceRows := 0
	for i := range rows {
		if rows[i].server == nil {
			serviceRows++
		}
	}
	unread := matching - serviceRows // services that the sample omits
	if height < 0 || len(rows)+unread <= height {
		v.offset = 0
		return v.fillRows(rows), ""
	}
	capacity := height - 1
	v.offset = max(0, min(v.offset, len(rows)-capacity))
	end := min(v.offset+capacity, len(rows))
	visible = slices.Clone(rows[v.offset:end])
	if len(visible) > 0 && visible[0].server != nil {
		visible[0] = row{service: visible[0].service, totalConns: visible[0].totalConns}
	}
	// Servers below the last visible row are counted up to the next service.
	serversBelow, servicesBelow := 0, unread
	for i := end; i < len(rows); i++ {
		switch {
		case rows[i].server == nil:
			servicesBelow++
		case servicesBelow == unread:
			serversBelow++
		}
	}
	var counts []string
	if v.offset > 0 {
		counts = append(counts, humanize.Count(v.offset, "line")+" above")
	}
	if serversBelow > 0 {
		counts = append(counts, humanize.Count(serversBelow, "more server"))
	}
	if servicesBelow > 0 {
		counts = append(counts, humanize.Count(servicesBelow, "more service"))
	}
	return v.fillRows(visible), "... " + strings.Join(counts, ", ")
}

func (v *View) fillRows(rows []row) []row {
	for i := range rows {
		v.fillRow(&rows[i])
	}
	return rows
}

// fillRow sets the label and the alert of r.
func (v *View) fillRow(r *row) {
	names := asciiNamer{v.Names}
	if r.server == nil {
		t := tablefmt.Table{Names: names}
		r.label = bytes.TrimSpace(t.AppendService(r.label[:0], &ipvs.Service{ServiceKey: r.service.ServiceKey}))
		r.addressLen = len(r.label)
		r.label = bytes.TrimSpace(t.AppendService(r.label[:0], &r.service.Service))
		return
	}
	r.label = names.Append(append(r.label[:0], "  -> "...), r.server.AddrPort, r.service.Protocol)
	r.addressLen = len(r.label)
	if v.alert != nil {
		r.alert = v.alert(r.service.ServiceKey, r.server)
		r.label[0] = alertStyles[r.alert].sign
	}
}

// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"math"
	"net/netip"

	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
)

// The JSON objects in the report of --doctor.
type (
	report struct {
		Verdict     string        `json:"verdict"`
		LookedAt    lookedAt      `json:"looked_at"`
		NotLookedAt []unavailable `json:"not_looked_at"`
		Probes      []probe       `json:"probes,omitempty"`
	}

	lookedAt struct {
		Services       int     `json:"services"`
		Servers        int     `json:"servers"`
		Connections    int     `json:"connections"`
		AllConnections bool    `json:"all_connections"`
		Interfaces     int     `json:"interfaces"`
		Seconds        float64 `json:"seconds"`
		Probed         bool    `json:"probed"`
	}

	unavailable struct {
		What   string `json:"what"`
		Reason string `json:"reason"`
	}

	probe struct {
		Address      netip.Addr `json:"address"`
		Port         uint16     `json:"port,omitzero"`
		By           string     `json:"by"`
		Outcome      string     `json:"outcome"`
		Milliseconds float64    `json:"milliseconds"`
	}

	finding struct {
		ID           string      `json:"id"`
		Severity     string      `json:"severity"`
		Title        string      `json:"what"`
		Service      *serviceKey `json:"service,omitempty"`
		Server       *serverKey  `json:"server,omitempty"`
		MoreServices int         `json:"more_services"`
		More         []subject   `json:"also,omitempty"`
		Evidence     string      `json:"seen"`
		Explanation  string      `json:"why"`
		Causes       []string    `json:"causes,omitempty"`
		Remedies     []remedy    `json:"do"`
	}

	subject struct {
		Service *serviceKey `json:"service,omitempty"`
		Server  *serverKey  `json:"server,omitempty"`
	}

	serverKey struct {
		Address netip.Addr `json:"address"`
		Port    uint16     `json:"port"`
		Forward string     `json:"forward"`
	}

	remedy struct {
		Host     string     `json:"on,omitempty"`
		Command  string     `json:"command,omitempty"`
		Commands [][]string `json:"commands,omitempty"`
		Advice   string     `json:"advice,omitempty"`
	}
)

// Findings writes the report of --doctor, with one finding per line.
func Findings(w *bufio.Writer, f *doctor.Facts, findings []doctor.Finding) error {
	r := report{
		Verdict: doctor.Verdict(f, findings),
		LookedAt: lookedAt{
			Services:       len(f.Services),
			Connections:    f.Connections,
			AllConnections: f.AllConnections,
			Interfaces:     len(f.Links),
			Seconds:        math.Round(f.Elapsed.Seconds()*10) / 10,
			Probed:         f.Probed,
		},
		NotLookedAt: []unavailable{},
	}
	for i := range f.Services {
		r.LookedAt.Servers += len(f.Services[i].Servers)
	}
	for _, u := range f.Unavailable {
		r.NotLookedAt = append(r.NotLookedAt, unavailable{u.What, u.Reason})
	}
	for i := range f.ProbeResults {
		r.Probes = append(r.Probes, newProbe(&f.ProbeResults[i]))
	}
	sw, err := newStreamWriter(w, r, "findings", "\n")
	if err != nil {
		return err
	}
	for i := range findings {
		v := newFinding(&findings[i])
		if err := sw.add(&v); err != nil {
			return err
		}
	}
	return sw.end()
}

func newProbe(r *netprobe.Result) probe {
	v := probe{Address: r.AddrPort.Addr(), Port: r.AddrPort.Port(), By: "tcp", Milliseconds: math.Round(float64(r.After.Microseconds())/100) / 10}
	if r.ICMP {
		v.By = "echo"
	}
	v.Outcome = map[netprobe.Outcome]string{netprobe.Answered: "answered", netprobe.Refused: "refused", netprobe.Silent: "silent"}[r.Outcome]
	return v
}

func newFinding(x *doctor.Finding) finding {
	v := finding{
		ID:           x.Check.ID,
		Severity:     x.Severity.String(),
		Title:        x.Check.Title,
		MoreServices: x.MoreServices(),
		Evidence:     x.Evidence,
		Explanation:  x.Check.Explanation,
		Causes:       x.Causes,
	}
	s := newSubject(&x.Subject)
	v.Service, v.Server = s.Service, s.Server
	for i := range x.More {
		v.More = append(v.More, newSubject(&x.More[i]))
	}
	for i := range x.Remedies {
		r := &x.Remedies[i]
		v.Remedies = append(v.Remedies, remedy{r.Host, r.CommandLine(), r.Commands, r.Advice})
	}
	return v
}

func newSubject(x *doctor.Subject) (s subject) {
	if k := x.Service; k != nil {
		s.Service = newServiceKey(k)
	}
	if d := x.Server; d != nil {
		s.Server = &serverKey{d.AddrPort.Addr(), d.AddrPort.Port(), lowerName(d.Method)}
	}
	return s
}

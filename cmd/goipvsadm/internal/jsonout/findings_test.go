// SPDX-License-Identifier: MIT

package jsonout_test

import (
	"bufio"
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// A findingsReport is a report and the JSON that is expected for it.
type findingsReport struct {
	name     string
	facts    doctor.Facts
	findings []doctor.Finding
	want     string
}

// reports are an empty report and one with all members: findings about the
// director, a service and a server, and probes.
var reports = func() []findingsReport {
	check := doctor.Check{ID: "a-check", Severity: doctor.Warning, Title: "what", Explanation: "why"}
	web, mark := ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), ipvs.MarkKey(7, ipvs.IPv6)
	server := &ipvs.Destination{AddrPort: ap("10.0.0.1:80"), Method: ipvs.DirectRouting}
	remedies := []doctor.Remedy{{Commands: [][]string{{"this", "<a>"}, {"true"}}}, {Host: "10.0.0.1", Advice: "or that"}}
	return []findingsReport{
		{
			name: "empty",
			want: `{"verdict":"no problems found","looked_at":{"services":0,"servers":0,"connections":0,"all_connections":false,"interfaces":0,"seconds":0,"probed":false},` +
				`"not_looked_at":[],"findings":[]}` + "\n",
		},
		{
			name: "all members",
			facts: doctor.Facts{
				Services:       []doctor.Service{{Servers: make([]doctor.Server, 3)}},
				Links:          make([]netstate.Link, 2),
				Elapsed:        2500 * time.Millisecond,
				Connections:    4,
				AllConnections: true,
				Probed:         true,
				Unavailable:    []doctor.Unavailable{{What: "connections", Reason: "permission denied"}},
				ProbeResults: []netprobe.Result{
					{Target: netprobe.Target{AddrPort: ap("10.0.0.1:80")}, Outcome: netprobe.Answered, After: 1500 * time.Microsecond},
					{Target: netprobe.Target{AddrPort: ap("[fd00::1]:0"), ICMP: true}, After: 2 * time.Second},
				},
			},
			findings: []doctor.Finding{
				{Check: &check, Severity: doctor.Warning, Evidence: "seen", Remedies: remedies},
				{Check: &check, Severity: doctor.Hint, Subject: doctor.Subject{Service: &mark}, Evidence: "seen",
					Causes: []string{"one", "two"}, Remedies: remedies[1:]},
				{Check: &check, Severity: doctor.Error, Subject: doctor.Subject{Service: &web, Server: server},
					More: []doctor.Subject{{Service: &mark, Server: server}}, Evidence: "seen", Remedies: remedies[1:]},
			},
			want: `{"verdict":"1 error, 1 warning, 1 hint; not everything could be examined","looked_at":{"services":1,"servers":3,"connections":4,"all_connections":true,"interfaces":2,"seconds":2.5,"probed":true},` +
				`"not_looked_at":[{"what":"connections","reason":"permission denied"}],` +
				`"probes":[{"address":"10.0.0.1","port":80,"by":"tcp","outcome":"answered","milliseconds":1.5},` +
				`{"address":"fd00::1","by":"echo","outcome":"silent","milliseconds":2000}],"findings":[` + "\n" +
				`{"id":"a-check","severity":"warning","what":"what","more_services":0,"seen":"seen","why":"why",` +
				`"do":[{"command":"this '<a>' && true","commands":[["this","<a>"],["true"]]},{"on":"10.0.0.1","advice":"or that"}]},` + "\n" +
				`{"id":"a-check","severity":"hint","what":"what","service":{"family":"ipv6","mark":7},"more_services":0,` +
				`"seen":"seen","why":"why","causes":["one","two"],"do":[{"on":"10.0.0.1","advice":"or that"}]},` + "\n" +
				`{"id":"a-check","severity":"error","what":"what","service":{"family":"ipv4","protocol":"tcp","address":"192.0.2.1","port":80},` +
				`"server":{"address":"10.0.0.1","port":80,"forward":"route"},"more_services":1,` +
				`"also":[{"service":{"family":"ipv6","mark":7},"server":{"address":"10.0.0.1","port":80,"forward":"route"}}],` +
				`"seen":"seen","why":"why","do":[{"on":"10.0.0.1","advice":"or that"}]}` + "\n]}\n",
		},
	}
}()

func TestFindings(t *testing.T) {
	for _, tt := range reports {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			w := bufio.NewWriter(&b)
			if err := jsonout.Findings(w, &tt.facts, tt.findings); err != nil {
				t.Fatal(err)
			}
			w.Flush()
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if err := jsonouttest.Validate(b.Bytes()); err != nil {
				t.Error(err)
			}
		})
	}
}

// SPDX-License-Identifier: MIT

package tablefmt

import (
	"net/netip"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/conncount"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

func TestAppendCounts(t *testing.T) {
	ap := netip.MustParseAddrPort
	for _, tt := range []struct {
		name    string
		servers []conncount.Server
		want    string
	}{
		{name: "no connections", want: `IPVS connections by server and state
pro server                total
    total                     0
`},
		{
			name: "states and templates",
			servers: []conncount.Server{
				{AddrPort: ap("10.0.0.11:0"), Templates: 1},
				{Protocol: ipvs.TCP, AddrPort: ap("10.0.0.11:80"), Connections: 1234567, States: map[string]uint64{"ESTABLISHED": 1234000, "TIME_WAIT": 567}},
				{Protocol: ipvs.TCP, AddrPort: ap("[2001:db8:1234:5678:9abc::12]:8080"), Connections: 2, Templates: 3, States: map[string]uint64{"SYN_RECV": 2}},
			},
			want: `IPVS connections by server and state
pro server                               total SYN_RECV ESTABLISHED TIME_WAIT templates
IP  10.0.0.11:0                              0        0           0         0         1
TCP 10.0.0.11:80                       1234567        0     1234000       567         0
TCP [2001:db8:1234:5678:9abc::12]:8080       2        2           0         0         3
    total                              1234569        2     1234000       567         4
`,
		},
	} {
		if got := string(AppendCounts(nil, tt.servers, resolve.Numeric{})); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, got, tt.want)
		}
	}
}

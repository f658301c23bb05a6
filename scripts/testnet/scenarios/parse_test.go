// SPDX-License-Identifier: MIT

package scenarios

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStats(t *testing.T) {
	const listing = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.168.2.110:80                   40      200      198    15240    16320
  -> 192.168.1.11:80                    40      200      198    15240    16320
FWM  10                                  3      12K        7        8        9
FWM  11                                  3       12        7        8        9
`
	want := map[string]serviceStats{
		"192.168.2.110:80": {40, 200, 198},
		"192.168.1.11:80":  {40, 200, 198},
		"11":               {3, 12, 7},
	}
	if diff := cmp.Diff(want, parseStats(listing), cmp.AllowUnexported(serviceStats{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCountEntries(t *testing.T) {
	const listing = `IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:59  ESTABLISHED 172.16.100.1:60972 172.16.100.10:80   172.16.100.22:80
TCP 01:59  FIN_WAIT    172.16.100.1:60974 172.16.100.10:80   172.16.100.21:80
IP  59:59  ASSURED     172.16.100.1:0     0.0.0.10:0         172.16.100.22:0
`
	for _, tt := range []struct {
		name  string
		entry []string
		want  int
	}{
		{name: "exact", entry: []string{"TCP", "ESTABLISHED", "172.16.100.1:60972", "172.16.100.10:80", "172.16.100.22:80"}, want: 1},
		{name: "any port", entry: []string{"TCP", "*", "172.16.100.1:*", "172.16.100.10:80", "*"}, want: 2},
		{name: "different state", entry: []string{"TCP", "SYN_RECV", "172.16.100.1:60972", "172.16.100.10:80", "172.16.100.22:80"}, want: 0},
		{name: "different server", entry: []string{"TCP", "ESTABLISHED", "172.16.100.1:60972", "172.16.100.10:80", "172.16.100.2:80"}, want: 0},
		{name: "firewall mark", entry: []string{"IP", "*", "172.16.100.1:0", "0.0.0.10:0", "172.16.100.22:0"}, want: 1},
		{name: "header ignored", entry: []string{"*", "*", "*", "*", "*"}, want: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := countEntries(listing, tt.entry); got != tt.want {
				t.Errorf("%d entries, want %d", got, tt.want)
			}
		})
	}
}

// SPDX-License-Identifier: MIT

package tablefmt

import (
	"net/netip"
	"testing"

	"goipvsadm/ipvs"
)

func TestAppendTimeouts(t *testing.T) {
	got := string(AppendTimeouts(nil, &ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 2678400}))
	if want := "Timeout (tcp tcpfin udp): 900 120 2678400\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAppendDaemon(t *testing.T) {
	for _, tt := range []struct {
		name   string
		daemon ipvs.Daemon
		want   string
	}{
		{
			name:   "Linux 4.3 and later",
			daemon: ipvs.Daemon{State: ipvs.Master, Interface: "lo", SyncID: 255, MaxLen: 1472, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1},
			want:   "master sync daemon (mcast=lo, syncid=255, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n",
		}, {
			name:   "IPv6 group",
			daemon: ipvs.Daemon{State: ipvs.Backup, Interface: "averylongname15", MaxLen: 65507, Group: netip.MustParseAddr("ff02::5"), Port: 65535, TTL: 255},
			want:   "backup sync daemon (mcast=averylongname15, syncid=0, maxlen=65507, group=ff02::5, port=65535, ttl=255)\n",
		}, {
			name:   "before Linux 4.3",
			daemon: ipvs.Daemon{State: ipvs.Backup, Interface: "eth0", SyncID: 7},
			want:   "backup sync daemon (mcast=eth0, syncid=7)\n",
		},
	} {
		if got := string(AppendDaemon(nil, &tt.daemon)); got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

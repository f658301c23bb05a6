// SPDX-License-Identifier: MIT

package cli

import (
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// TestTop checks that --top without --watch sorts by the kernel's rates.
func TestTop(t *testing.T) {
	got := run(unsortedKernel(), "", "goipvsadm", "-L", "-n", "--top", "1", "--rate")
	want := "" +
		"IP Virtual Server version 1.2.1 (size=4096)\n" +
		"Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n" +
		"  -> RemoteAddress:Port\n" +
		"TCP  192.0.2.1:2                         2        2        0        0        0\n" +
		"  -> 198.51.100.1:80                     0        0        0        0        0\n" +
		"  -> 198.51.100.2:80                     0        0        0        0        0\n"
	if got != (result{0, want, ""}) {
		t.Errorf("--top 1: %+v, want\n%s", got, want)
	}
}

// TestListServer checks which services --server selects, and that --top applies to
// them.
func TestListServer(t *testing.T) {
	newKernel := func() *ipvstest.FakeKernel {
		k := unsortedKernel()
		k.Table[0].Destinations = append(k.Table[0].Destinations, ipvs.Destination{AddrPort: netip.MustParseAddrPort("198.51.100.3:80")})
		k.Table[1].Destinations = append(k.Table[1].Destinations, ipvs.Destination{AddrPort: netip.MustParseAddrPort("198.51.100.3:81")})
		return k
	}
	for _, tt := range []struct{ options, want string }{
		{options: "--server 198.51.100.1", want: "1:123 2:12 3:123"},
		{options: "--server 198.51.100.3", want: "1:123 3:123"},
		{options: "--server 198.51.100.3:81", want: "1:123"},
		{options: "--server 198.51.100.3 --top 1", want: "1:123"},
		{options: "--server 198.51.100.3 -t 192.0.2.1:3", want: "3:123"},
		{options: "--server 198.51.100.3 -t 192.0.2.1:2"},
	} {
		got := run(newKernel(), "", words("goipvsadm -L -j "+tt.options)...)
		var document tableDocument
		jsonouttest.Decode(t, []byte(got.stdout), &document)
		if outline := document.outline(); outline != tt.want || got.status != 0 {
			t.Errorf("%s: %s, status %d, want %s", tt.options, outline, got.status, tt.want)
		}
	}
	got := run(newKernel(), "", "goipvsadm", "-L", "-n", "--server", "198.51.100.3:81")
	want := "" +
		"IP Virtual Server version 1.2.1 (size=4096)\n" +
		"Prot LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
		"TCP  192.0.2.1:1 rr\n" +
		"  -> 198.51.100.1:80              Masq    1      0          0         \n" +
		"  -> 198.51.100.2:80              Masq    1      0          0         \n" +
		"  -> 198.51.100.3:81              Masq    0      0          0         \n"
	if got != (result{0, want, ""}) {
		t.Errorf("text: %+v, want\n%s", got, want)
	}
	if got := run(newKernel(), "", "goipvsadm", "-L", "--metrics", "--server", "198.51.100.3:81"); strings.Count(got.stdout, "\nipvs_service_info{") != 1 {
		t.Errorf("metrics: %s", got.stdout)
	}
}

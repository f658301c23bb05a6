// SPDX-License-Identifier: MIT

package command

import (
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/ipvs"
)

func TestParseFilter(t *testing.T) {
	ap, prefix := netip.MustParseAddrPort, netip.MustParsePrefix
	for _, tt := range []struct {
		line string
		want ipvs.ConnectionFilter
	}{
		{line: "--server 10.0.0.2", want: ipvs.ConnectionFilter{Destination: ap("10.0.0.2:0")}},
		{line: "--server=10.0.0.2:8080", want: ipvs.ConnectionFilter{Destination: ap("10.0.0.2:8080")}},
		{line: "--server web1:http", want: ipvs.ConnectionFilter{Destination: ap("10.1.1.1:80")}},
		{line: "--server 10.0.0.2:tftp", want: ipvs.ConnectionFilter{Destination: ap("10.0.0.2:69")}},
		{line: "--server fd00::5", want: ipvs.ConnectionFilter{Destination: ap("[fd00::5]:0")}},
		{line: "--server [fd00::5]", want: ipvs.ConnectionFilter{Destination: ap("[fd00::5]:0")}},
		{line: "--server [fd00::5]:443", want: ipvs.ConnectionFilter{Destination: ap("[fd00::5]:443")}},
		{line: "--vip 10.0.0.1:80", want: ipvs.ConnectionFilter{VIP: ap("10.0.0.1:80")}},
		{line: "--vip localhost", want: ipvs.ConnectionFilter{VIP: ap("127.0.0.1:0")}},
		{line: "--client 10.0.0.3", want: ipvs.ConnectionFilter{Client: prefix("10.0.0.3/32")}},
		{line: "--client web1", want: ipvs.ConnectionFilter{Client: prefix("10.1.1.1/32")}},
		{line: "--client ::ffff:10.0.0.3", want: ipvs.ConnectionFilter{Client: prefix("10.0.0.3/32")}},
		{line: "--client fd00::7", want: ipvs.ConnectionFilter{Client: prefix("fd00::7/128")}},
		{line: "--client [fd00::7]", want: ipvs.ConnectionFilter{Client: prefix("fd00::7/128")}},
		{line: "--client 10.0.0.3/8", want: ipvs.ConnectionFilter{Client: prefix("10.0.0.3/8")}},
		{line: "--client fd00::/64", want: ipvs.ConnectionFilter{Client: prefix("fd00::/64")}},
		{line: "--state established", want: ipvs.ConnectionFilter{State: "ESTABLISHED"}},
		{line: "--state syn-recv", want: ipvs.ConnectionFilter{State: "SYN_RECV"}},
		{line: "--state C-Sent", want: ipvs.ConnectionFilter{State: "C-SENT"}},
		{line: "--client 10.0.0.3 --state UDP --vip 10.0.0.1 --server 10.0.0.2", want: ipvs.ConnectionFilter{
			Client: prefix("10.0.0.3/32"), State: "UDP", VIP: ap("10.0.0.1:0"), Destination: ap("10.0.0.2:0")}},
	} {
		var c Command
		if err := testParser(t).Parse(splitWords("-L -c "+tt.line), &c); err != nil || c.Filter != tt.want {
			t.Errorf("%s: %+v, %v, want %+v", tt.line, c.Filter, err, tt.want)
		}
	}
}

// TestParseFilterInvalid checks that the error of an invalid value is one line that
// names the option and what it takes.
func TestParseFilterInvalid(t *testing.T) {
	for _, tt := range []struct{ option, value, want string }{
		{option: "--server", value: "", want: "HOST[:PORT]"},
		{option: "--server", value: "80", want: "HOST[:PORT]"},
		{option: "--server", value: "10.0.0.2:", want: "HOST[:PORT]"},
		{option: "--server", value: "10.0.0.2:65536", want: "HOST[:PORT]"},
		{option: "--server", value: "10.0.0.2:nonsense", want: "HOST[:PORT]"},
		{option: "--server", value: "no-such-host", want: "HOST[:PORT]"},
		{option: "--server", value: "[fd00::5", want: "HOST[:PORT]"},
		{option: "--server", value: "[]", want: "HOST[:PORT]"},
		{option: "--server", value: "10.0.0.0/24", want: "HOST[:PORT]"},
		{option: "--vip", value: "nonsense", want: "HOST[:PORT]"},
		{option: "--client", value: "10.0.0.3:80", want: "ADDRESS[/PREFIX]"},
		{option: "--client", value: "10.0.0.3/33", want: "ADDRESS[/PREFIX]"},
		{option: "--client", value: "10/8", want: "ADDRESS[/PREFIX]"},
		{option: "--client", value: "10.0.0.0/255.0.0.0", want: "ADDRESS[/PREFIX]"},
		{option: "--client", value: "::ffff:10.0.0.0/104", want: "ADDRESS[/PREFIX]"},
		{option: "--client", value: "no-such-host", want: "ADDRESS[/PREFIX]"},
		{option: "--state", value: "", want: "NONE, SYN_SENT,"},
		{option: "--state", value: "OPEN", want: "ESTABLISHED, FIN_WAIT,"},
	} {
		var c Command
		got := errorText(testParser(t).Parse([]string{"-L", "-c", tt.option + "=" + tt.value}, &c))
		if !strings.HasPrefix(got, tt.option+" takes ") || !strings.Contains(got, tt.want) || !strings.HasSuffix(got, ", not `"+tt.value+"'") || strings.Contains(got, "\n") {
			t.Errorf("%s=%s: %q", tt.option, tt.value, got)
		}
	}
}

// SPDX-License-Identifier: MIT

package cli

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvsadm/netlinkmsg"
)

// sharedServerRules has services, three of which have the server 198.51.100.1.
const sharedServerRules = "-A -t 192.0.2.1:80 -s rr\n" +
	"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 3 -x 20 -y 10\n" +
	"-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 1\n" +
	"-A -t 192.0.2.1:443 -s wrr -p 60\n" +
	"-a -t 192.0.2.1:443 -r 198.51.100.1:8443 -m -w 1\n" +
	"-A -u 192.0.2.1:53 -s rr\n" +
	"-a -u 192.0.2.1:53 -r 198.51.100.2:53 -m -w 1\n" +
	"-A -f 7 -s rr\n" +
	"-a -f 7 -r 198.51.100.1:0 -g -w 5\n"

// sharedServerRulesWith returns sharedServerRules with each old string replaced by the
// new one that follows it.
func sharedServerRulesWith(pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(sharedServerRules)
}

func TestAllServices(t *testing.T) {
	const (
		mark  = "server 198.51.100.1:0 of FWM 7 IPv4: "
		http  = "server 198.51.100.1:80 of TCP 192.0.2.1:80: "
		https = "server 198.51.100.1:8443 of TCP 192.0.2.1:443: "

		httpRule  = "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 3 -x 20 -y 10\n"
		httpsRule = "-a -t 192.0.2.1:443 -r 198.51.100.1:8443 -m -w 1\n"
		markRule  = "-a -f 7 -r 198.51.100.1:0 -g -w 5\n"

		removed = http + "removed\n" + https + "removed\n" + mark + "removed\n3 services: 3 removed\n"
	)
	for _, tt := range []struct {
		line  string
		want  result
		after string // rules; "" stands for sharedServerRules
	}{
		{
			line: "-e -r 198.51.100.1 --all-services -w 5",
			want: result{stdout: http + "weight changed from 3 to 5\n" + https + "weight changed from 1 to 5\n" + mark + "unchanged\n" +
				"3 services: 2 changed, 1 unchanged\n"},
			after: sharedServerRulesWith("-w 3", "-w 5", "8443 -m -w 1", "8443 -m -w 5"),
		},
		{
			line: "-e -r 198.51.100.1 --all-services --keep -m -x 0 -y 0",
			want: result{stdout: http + "upper threshold changed from 20 to 0, lower threshold changed from 10 to 0\n" +
				https + "unchanged\n" + mark + "forwarding method changed from Route to Masq\n" +
				"3 services: 2 changed, 1 unchanged\n"},
			after: sharedServerRulesWith("-x 20 -y 10", "", " -x 20 -y 10", "", "-g", "-m"),
		},
		{
			line:  "-e -r 198.51.100.1:8443 --all-services -w 9",
			want:  result{stdout: https + "weight changed from 1 to 9\n1 service: 1 changed\n"},
			after: sharedServerRulesWith("8443 -m -w 1", "8443 -m -w 9"),
		},
		{
			line:  "-e -r 198.51.100.1:0 --all-services -w 9",
			want:  result{stdout: mark + "weight changed from 5 to 9\n1 service: 1 changed\n"},
			after: sharedServerRulesWith("-w 5", "-w 9"),
		},
		{
			line: "-e -r 198.51.100.1 --all-services -g",
			want: result{status: 2, stderr: https + "without -m, a server must have the port of the service, 443\nnothing was changed\n"},
		},
		{
			line: "-e -r 198.51.100.1 --all-services -x 5",
			want: result{status: 2, stderr: http + "lower threshold exceeds upper threshold\nnothing was changed\n"},
		},
		{
			line: "-e -r 198.51.100.1 --all-services --tun-port 7",
			want: result{status: 2, stderr: http + "Tunnel options conflict with forward method\nnothing was changed\n"},
		},
		{line: "-d -r 198.51.100.1 --all-services", want: result{stdout: removed}, after: sharedServerRulesWith(httpRule, "", httpsRule, "", markRule, "")},
		{line: "-d -r 198.51.100.1 --all-services --drain", want: result{stdout: removed}, after: sharedServerRulesWith(httpRule, "", httpsRule, "", markRule, "")},
		{
			line:  "-d -r 198.51.100.1:80 --all-services -j",
			want:  result{stdout: `{"results":[` + "\n" + `{"service":{"family":"ipv4","protocol":"tcp","address":"192.0.2.1","port":80},"server":{"address":"198.51.100.1","port":80},"result":"removed","text":"removed"}` + "\n]}\n"},
			after: sharedServerRulesWith(httpRule, ""),
		},
		{line: "-d --all-services --drain=5m -r 198.51.100.1:80", want: result{stdout: http + "removed\n1 service: 1 removed\n"}, after: sharedServerRulesWith(httpRule, "")},

		{line: "-d -r 198.51.100.9 --all-services", want: result{status: 255, stderr: "no service has the server 198.51.100.9\n"}},
		{line: "-d -r 198.51.100.1:9 --all-services --drain", want: result{status: 255, stderr: "no service has the server 198.51.100.1:9 (it has the port 0, 80, 8443)\n"}},
		{line: "-e -r [2001:db8::1]:80 --all-services -w 0", want: result{status: 255, stderr: "no service has the server [2001:db8::1]:80\n"}},
		{
			line: "-e -r ::ffff:198.51.100.1 --all-services -w 0",
			want: result{status: 255, stderr: "server address ::ffff:198.51.100.1 is IPv4-mapped (use 198.51.100.1)\n"},
		},
		{
			line: "-e -r 198.51.100.1 --all-services",
			want: result{status: 2, stderr: "no option to edit: 'all-services' requires at least one of -g, -i, -m, -w, -x, -y and the tunnel options\n"},
		},
		{
			line: "-e -r 198.51.100.1 --all-services -w x",
			want: result{status: 2, stderr: "illegal weight specified\n"},
		},
		{
			line: "-e -t 192.0.2.1:80 -r 198.51.100.1 --all-services -w 1",
			want: result{status: 2, stderr: "The option 'all-services' conflicts with the 'service-address' option in the 'edit-server' command\n"},
		},
		{
			line: "-d --all-services",
			want: result{status: 2, stderr: "You need to supply the 'real-server' option for the 'delete-server' command\n"},
		},
		{
			line: "-a -r 198.51.100.1 --all-services",
			want: result{status: 2, stderr: "You need to supply the 'service-address' option for the 'add-server' command\n"},
		},
		{
			line: "-d -r 198.51.100.1 --all-services --keep",
			want: result{status: 2, stderr: "Illegal 'keep' option with the 'delete-server' command\n"},
		},
	} {
		for _, name := range []string{"ipvsadm", "goipvsadm"} {
			t.Run(tt.line+" as "+name, func(t *testing.T) {
				k := kernelWith(t, sharedServerRules)
				before := savedRules(t, k)
				if got := run(k, "", words(name+" "+tt.line)...); got != tt.want {
					t.Errorf("got  %+v\nwant %+v", got, tt.want)
				}
				after := before
				if tt.after != "" {
					after = savedRules(t, kernelWith(t, tt.after))
				}
				if got := savedRules(t, k); got != after {
					t.Errorf("table:\n%swant:\n%s", got, after)
				}
			})
		}
	}
}

// TestAllServicesError makes the requests for one service fail, or changes its server
// after it was read. The server must be edited in, or removed from, the other services.
func TestAllServicesError(t *testing.T) {
	const http = "server 198.51.100.1:80 of TCP 192.0.2.1:80: "
	for _, tt := range []struct {
		name    string
		line    string
		failing netlinkmsg.Command
		changes bool // another program sets the weight to 0
		want    result
		weights string // of the server in each service afterwards, - if it was removed
	}{
		{
			name: "edit fails", line: "-e -r 198.51.100.1 --all-services -w 9", failing: netlinkmsg.SetDestination,
			want: result{255, "3 services: 2 changed, 1 not changed\n", http + "Permission denied (you must be root)\n"}, weights: "9 3 9",
		},
		{
			name: "server changed", line: "-e -r 198.51.100.1 --all-services -w 9", changes: true,
			want: result{255, "3 services: 2 changed, 1 not changed\n", http + "changed by another program; not overwritten\n"}, weights: "9 0 9",
		},
		{
			name: "removal fails", line: "-d -r 198.51.100.1 --all-services", failing: netlinkmsg.DelDestination,
			want: result{255, "3 services: 2 removed, 1 not removed\n", http + "Permission denied (you must be root)\n"}, weights: "- 3 -",
		},
		{
			name: "removal after a drain fails", line: "-d -r 198.51.100.1 --all-services --drain", failing: netlinkmsg.DelDestination,
			want: result{255, "3 services: 2 removed, 1 not removed\n", http + "Permission denied (you must be root)\n"}, weights: "- 3 -",
		},
		{
			name: "drain fails", line: "-d -r 198.51.100.1 --all-services --drain", failing: netlinkmsg.SetDestination,
			want: result{255, "3 services: 2 removed, 1 not removed\n", http + "Permission denied (you must be root)\n"}, weights: "- 3 -",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, sharedServerRules)
			readings := 0
			k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				isHTTP := m.Service != nil && m.Service.AddrPort.Port() == 80
				if isHTTP && m.Command == tt.failing {
					return syscall.EPERM
				}
				if isHTTP && m.Command == netlinkmsg.GetDestination && tt.changes {
					if readings++; readings == 2 {
						k.Modify(func() { k.Table[0].Destinations[0].Weight = 0 })
					}
				}
				return 0
			}
			got := run(k, "", words("goipvsadm "+tt.line)...)
			// The lines of the other services are as in TestAllServices.
			lines := strings.SplitAfter(got.stdout, "\n")
			got.stdout = lines[len(lines)-2]
			if got != tt.want || len(lines) != 4 {
				t.Errorf("got  %+v (%d lines)\nwant %+v", got, len(lines)-1, tt.want)
			}
			k.Intercept = nil
			rules := savedRules(t, k)
			for i, head := range []string{"-a -f 7 -r 198.51.100.1:0 -g -w ", "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w ", "-a -t 192.0.2.1:443 -r 198.51.100.1:8443 -m -w "} {
				weight := "-"
				if _, after, ok := strings.Cut(rules, head); ok {
					weight, _, _ = strings.Cut(strings.ReplaceAll(after, "\n", " "), " ")
				}
				if want := strings.Fields(tt.weights)[i]; weight != want {
					t.Errorf("%s%s, want %s", head, weight, want)
				}
			}
		})
	}
}

// TestAllServicesInterrupted sends a signal while the server is drained.
func TestAllServicesInterrupted(t *testing.T) {
	k := kernelWith(t, sharedServerRules)
	for i := range k.Table {
		k.Table[i].Destinations[0].ActiveConns = 2
	}
	polls := 0
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination && m.Service.Mark == 7 {
			if polls++; polls == 3 {
				syscall.Kill(syscall.Getpid(), syscall.SIGHUP)
				time.Sleep(10 * time.Millisecond)
			}
		}
		return 0
	}
	want := result{129, "server 198.51.100.1:80 of TCP 192.0.2.1:80: not removed; weight restored\n" +
		"server 198.51.100.1:8443 of TCP 192.0.2.1:443: not removed; weight restored\n" +
		"server 198.51.100.1:0 of FWM 7 IPv4: not removed; weight restored\n" +
		"3 services: 3 not removed\n", ""}
	if got := run(k, "", "goipvsadm", "-d", "-r", "198.51.100.1", "--all-services", "--drain"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	k.Intercept = nil
	if got, want := savedRules(t, k), savedRules(t, kernelWith(t, sharedServerRules)); got != want {
		t.Errorf("table:\n%swant:\n%s", got, want)
	}
}

// TestAllServicesTimeout checks the counts of cut connections.
func TestAllServicesTimeout(t *testing.T) {
	k := kernelWith(t, sharedServerRules)
	for i := range k.Table {
		k.Table[i].Destinations[0].ActiveConns = 2
	}
	k.Table[1].Destinations[0].PersistentConns = 3
	k.Table[3].Destinations[0].ActiveConns = 0
	want := result{0, "server 198.51.100.1:80 of TCP 192.0.2.1:80: removed after 1 s; connections cut: 2 active\n" +
		"server 198.51.100.1:8443 of TCP 192.0.2.1:443: removed after 1 s; connections cut: 2 active, 3 persistent\n" +
		"server 198.51.100.1:0 of FWM 7 IPv4: removed\n" +
		"3 services: 3 removed\n", ""}
	if got := run(k, "", "goipvsadm", "-d", "-r", "198.51.100.1", "--all-services", "--drain=1"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// SPDX-License-Identifier: MIT

package cli

import (
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

func TestKeep(t *testing.T) {
	const (
		service   = "-A -t 192.0.2.1:80 -s sh -p 600 -M 255.255.255.0 --pe sip -b sh-fallback\n"
		onePacket = "-A -u 192.0.2.1:53 -s rr -o\n"
		allPorts  = "-A -t 192.0.2.1:0 -s rr -p 60\n"
		natHead   = "-a -t 192.0.2.1:80 -r 198.51.100.1:8080 -m"
		nat       = natHead + " -w 3 -x 20 -y 10\n"
		gueHead   = "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i"
		gue       = gueHead + " -w 3 --tun-type gue --tun-port 5555 --tun-csum\n"
	)
	const edit = "-e -t 192.0.2.1:80 -r 198.51.100.1 --keep "
	const editNAT = "-e -t 192.0.2.1:80 -r 198.51.100.1:8080 --keep "
	for _, tt := range []struct {
		line          string
		before, after string // rules
		want          result
	}{
		{line: "-E -t 192.0.2.1:80 --keep -s mh", before: service, after: "-A -t 192.0.2.1:80 -s mh -p 600 -M 255.255.255.0 --pe sip\n"},
		{line: "-E -t 192.0.2.1:80 -s sh --keep", before: service, after: service},
		{line: "-E -t 192.0.2.1:80 --keep -p 60", before: service, after: strings.Replace(service, "600", "60", 1)},
		{line: "-E -t 192.0.2.1:80 --keep -M 255.255.0.0", before: service, after: strings.Replace(service, "255.0 --pe", "0.0 --pe", 1)},
		{line: "-E -t 192.0.2.1:80 --keep -b sh-port", before: service, after: strings.Replace(service, "sh-fallback", "sh-port", 1)},
		{line: "-E -t 192.0.2.1:80 --keep -p", before: oneService, after: "-A -t 192.0.2.1:80 -s rr -p 360\n"},
		{line: "-E -u 192.0.2.1:53 --keep -s wrr", before: onePacket, after: "-A -u 192.0.2.1:53 -s wrr -o\n"},
		{line: "-E -t 192.0.2.1 --keep -s wrr", before: allPorts, after: "-A -t 192.0.2.1:0 -s wrr -p 60\n"},
		{
			line: "-E -t 192.0.2.1:80 --keep -b mh-port", before: service, after: service,
			want: result{status: 2, stderr: "incompatible scheduler flag `mh-port'\n"},
		},
		{
			line: "-E -t 192.0.2.1:80 --keep -b nosuch", before: service, after: service,
			want: result{status: 2, stderr: "invalid scheduler flag `nosuch'\n"},
		},
		{
			line: "-E -t 192.0.2.1:80 --keep", before: service, after: service,
			want: result{status: 2, stderr: "no option to edit: 'keep' requires at least one of -s, -p, -M, --pe, -o and -b\n"},
		},
		{
			line: "-E -t 192.0.2.1:80 --keep -s nosuch", before: service, after: service,
			want: result{status: 255, stderr: "service TCP 192.0.2.1:80: Scheduler or persistence engine not found: nosuch, sip\n"},
		},
		{
			line: "-E -t 192.0.2.2:80 --keep -s rr", before: service, after: service,
			want: result{status: 255, stderr: "service TCP 192.0.2.2:80: No such service\n"},
		},
		{
			line: "-A -t 192.0.2.2:80 --keep", before: service, after: service,
			want: result{status: 2, stderr: "Illegal 'keep' option with the 'add-service' command\n"},
		},

		{line: editNAT + "-w 5", before: oneService + nat, after: oneService + natHead + " -w 5 -x 20 -y 10\n"},
		{line: editNAT + "-x 30", before: oneService + nat, after: oneService + natHead + " -w 3 -x 30 -y 10\n"},
		{line: editNAT + "-y 0", before: oneService + nat, after: oneService + natHead + " -w 3 -x 20\n"},
		{line: editNAT + "-m -w 0", before: oneService + nat, after: oneService + natHead + " -w 0 -x 20 -y 10\n"},
		{line: edit + "-w 5", before: oneService + gue, after: strings.Replace(oneService+gue, "-w 3", "-w 5", 1)},
		{line: edit + "-i -w 5", before: oneService + gue, after: strings.Replace(oneService+gue, "-w 3", "-w 5", 1)},
		{line: edit + "--tun-port 6666", before: oneService + gue, after: strings.Replace(oneService+gue, "5555", "6666", 1)},
		{line: edit + "--tun-nocsum", before: oneService + gue, after: strings.Replace(oneService+gue, "--tun-csum", "--tun-nocsum", 1)},
		{line: edit + "--tun-type gre", before: oneService + gue, after: oneService + gueHead + " -w 3 --tun-type gre --tun-nocsum\n"},
		{line: edit + "-m", before: oneService + gue, after: oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 3\n"},
		{line: "-e -t 192.0.2.1:80 -r 198.51.100.1:8080 --keep -g", before: oneService + gue, after: oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 3\n"},
		{
			line: edit + "--tun-remcsum --tun-type gre", before: oneService + gue, after: oneService + gue,
			want: result{status: 2, stderr: "Illegal 'tun-remcsum' option with the 'gre' tunnel type\n"},
		},
		{
			line: edit + "--tun-port 5", before: oneServer, after: oneServer,
			want: result{status: 2, stderr: "Tunnel options conflict with forward method\n"},
		},
		{
			line: edit + "-i --tun-type gue", before: oneServer, after: oneServer,
			want: result{status: 2, stderr: "You need to supply the 'tun-port' option for the 'gue' tunnel type\n"},
		},
		{
			line: editNAT + "-x 5", before: oneService + nat, after: oneService + nat,
			want: result{status: 255, stderr: "server 198.51.100.1:8080 of TCP 192.0.2.1:80: lower threshold exceeds upper threshold\n"},
		},
		{
			line: strings.TrimSpace(editNAT), before: oneService + nat, after: oneService + nat,
			want: result{status: 2, stderr: "no option to edit: 'keep' requires at least one of -g, -i, -m, -w, -x, -y and the tunnel options\n"},
		},
		{
			line: edit + "-w 5", before: oneService + nat, after: oneService + nat,
			want: result{status: 255, stderr: "server 198.51.100.1:80 of TCP 192.0.2.1:80: No such destination (it has the port 8080)\n"},
		},
		{
			line: "-e -t 192.0.2.1:80 -r 198.51.100.1:8080 -w 5", before: oneService + nat, after: oneService + nat,
			want: result{status: 255, stderr: "server 198.51.100.1:80 of TCP 192.0.2.1:80: No such destination (port 8080 requires -m or --keep)\n"},
		},
		{
			line: "-e -f 7 -r 198.51.100.1 --keep -w 5", before: oneService + nat, after: oneService + nat,
			want: result{status: 255, stderr: "server 198.51.100.1:0 of FWM 7 IPv4: Service not defined\n"},
		},
		{
			line: "-e -t 192.0.2.1:80 -r ::ffff:198.51.100.1 --keep -w 5", before: oneServer, after: oneServer,
			want: result{status: 255, stderr: "server [::ffff:198.51.100.1]:80 of TCP 192.0.2.1:80: server address ::ffff:198.51.100.1 is IPv4-mapped (use 198.51.100.1)\n"},
		},
	} {
		t.Run(tt.line, func(t *testing.T) {
			k := kernelWith(t, tt.before)
			if got := run(k, "", words("goipvsadm "+tt.line)...); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got := savedRules(t, k); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

// TestKeepChangedMeanwhile edits a service or a server that another program changes
// after it was read.
func TestKeepChangedMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		command    netlinkmsg.Command // the request that reads it
		stderr     string
		after      string // rules
	}{
		{
			name: "goipvsadm", line: "-e -t 192.0.2.1:80 -r 198.51.100.1 --keep -x 9", command: netlinkmsg.GetDestination,
			stderr: "server 198.51.100.1:80 of TCP 192.0.2.1:80: changed by another program; not overwritten\n",
			after:  oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 0\n",
		},
		{
			name: "ipvsadm", line: "-e -t 192.0.2.1:80 -r 198.51.100.1 --keep -x 9", command: netlinkmsg.GetDestination,
			stderr: "changed by another program; not overwritten\n",
			after:  oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 0\n",
		},
		{
			name: "goipvsadm", line: "-E -t 192.0.2.1:80 --keep -s wrr", command: netlinkmsg.GetService,
			stderr: "service TCP 192.0.2.1:80: changed by another program; not overwritten\n",
			after:  strings.Replace(oneServer, "-s rr", "-s sh", 1),
		},
	} {
		t.Run(tt.line, func(t *testing.T) {
			k := kernelWith(t, oneServer)
			readings := 0
			k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				if m.Command == tt.command {
					if readings++; readings == 2 {
						k.Modify(func() {
							if tt.command == netlinkmsg.GetService {
								k.Table[0].Service.Scheduler = "sh"
							} else {
								k.Table[0].Destinations[0].Weight = 0
							}
						})
					}
				}
				return 0
			}
			if got, want := run(k, "", words(tt.name+" "+tt.line)...), (result{255, "", tt.stderr}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			k.Intercept = nil
			if got := savedRules(t, k); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

// TestKeepRules runs edits that keep values as rules, between changes that are sent in
// batches.
func TestKeepRules(t *testing.T) {
	k := new(ipvstest.FakeKernel)
	const rules = "-A -t 192.0.2.1:80 -s rr -p 60\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.1 -m -x 9\n" +
		"-e -t 192.0.2.1:80 -r 198.51.100.1 --keep -w 4\n" +
		"-e -t 192.0.2.1:80 -r 198.51.100.2 --keep -w 4\n" +
		"-E -t 192.0.2.1:80 --keep -s wrr\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.3 -g\n" +
		"-e -r 198.51.100.3 --all-services -w 7\n" +
		"-e -t 192.0.2.1:80 -r 198.51.100.3 --keep --tun-port 5\n"
	want := result{255, "server 198.51.100.3:80 of TCP 192.0.2.1:80: weight changed from 1 to 7\n1 service: 1 changed\n",
		"line 4: server 198.51.100.2:80 of TCP 192.0.2.1:80: No such destination\n" +
			"line 8: Tunnel options conflict with forward method\n"}
	if got := run(k, rules, "goipvsadm", "-R"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	const after = "-A -t 192.0.2.1:80 -s wrr -p 60\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 4 -x 9\n" +
		"-a -t 192.0.2.1:80 -r 198.51.100.3:80 -g -w 7\n"
	if got := savedRules(t, k); got != after {
		t.Errorf("table:\n%swant:\n%s", got, after)
	}
}

// TestEditWarning checks which edits without --keep cause a warning, that the edit is
// the same as ipvsadm's, and that ipvsadm neither warns nor reads the table.
func TestEditWarning(t *testing.T) {
	const (
		service   = "-A -t 192.0.2.1:80 -s sh -p 600 -M 255.255.255.0 --pe sip -b sh-port\n"
		onePacket = "-A -u 192.0.2.1:53 -s rr -o\n"
		gue       = oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i -w 3 --tun-type gue --tun-port 5555 --tun-remcsum\n"
		gre       = oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i -w 3 --tun-type gre --tun-csum\n"
		edit      = "-e -t 192.0.2.1:80 -r 198.51.100.1 "
		server    = "server 198.51.100.1:80 of TCP 192.0.2.1:80: "
		web       = "service TCP 192.0.2.1:80: "
	)
	for _, tt := range []struct {
		before string // rules
		line   string
		want   string // warning
	}{
		{before: oneServer, line: edit + "-w 5", want: server + "forwarding method changed from Masq to Route"},
		{before: gue, line: edit + "-w 5", want: server + "forwarding method changed from Tunnel (gue port 5555 remcsum) to Route"},
		{before: gue, line: edit + "-i -w 5", want: server + "encapsulation changed from gue port 5555 remcsum to ipip"},
		{before: gre, line: edit + "-i -w 5", want: server + "encapsulation changed from gre csum to ipip"},
		{before: gue, line: edit + "-i --tun-type gre"},
		{before: gue, line: edit + "-m"},
		{before: oneServer, line: edit + "-g"},
		{before: oneServer, line: edit + "-i"},
		{before: oneServer, line: edit + "-m -w 5"},
		{before: oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 1\n", line: edit + "-w 5"},
		{before: service, line: "-E -t 192.0.2.1:80 -s sh",
			want: web + "persistence of 600 s removed, scheduler flags sh-port removed"},
		{before: service, line: "-E -t 192.0.2.1:80 -p 600",
			want: web + "scheduler changed from sh to wlc, netmask changed from 255.255.255.0 to 255.255.255.255, persistence engine sip removed"},
		{before: service, line: "-E -t 192.0.2.1:80 -s sh -p 9 -M 255.255.255.0 --pe sip -b sh-fallback"},
		{before: service, line: "-E -t 192.0.2.1:80 -s mh -p 9 -M 255.255.0.0 --pe sip"},
		{before: onePacket, line: "-E -u 192.0.2.1:53 -s rr", want: "service UDP 192.0.2.1:53: one-packet scheduling removed"},
		{before: oneService, line: "-E -t 192.0.2.1:80 -s rr"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			k, reference := kernelWith(t, tt.before), kernelWith(t, tt.before)
			want := result{}
			if tt.want != "" {
				want.stderr = "warning: " + tt.want + " (use --keep to keep what is not given)\n"
			}
			if got := run(k, "", words("goipvsadm "+tt.line)...); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if got := run(reference, "", words("ipvsadm "+tt.line)...); got != (result{}) {
				t.Errorf("as ipvsadm: %+v", got)
			}
			if n := len(reference.Requests); n != 2 { // GetInfo and the edit
				t.Errorf("ipvsadm sends %d requests, want 2", n)
			}
			if got, want := savedRules(t, k), savedRules(t, reference); got != want {
				t.Errorf("table:\n%sas ipvsadm:\n%s", got, want)
			}
		})
	}
	t.Run("local server", func(t *testing.T) {
		k := kernelWith(t, oneServer)
		k.Table[0].Destinations[0].Method = ipvs.Local
		if got := run(k, "", words("goipvsadm "+edit+"-w 5")...); got != (result{}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("method named", func(t *testing.T) {
		k := kernelWith(t, oneServer)
		run(k, "", words("goipvsadm "+edit+"-m -w 5")...)
		if n := len(k.Requests); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
	t.Run("edit fails", func(t *testing.T) {
		k := kernelWith(t, oneServer)
		want := result{255, "", server + "lower threshold exceeds upper threshold\n"}
		if got := run(k, "", words("goipvsadm "+edit+"-y 5")...); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
	t.Run("rule", func(t *testing.T) {
		k := kernelWith(t, oneServer)
		if got := run(k, edit+"-w 5\n", "goipvsadm", "-R"); got != (result{}) {
			t.Errorf("got %+v", got)
		}
	})
}

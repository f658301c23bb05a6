// SPDX-License-Identifier: MIT

//go:build kernel

// Tests with health checkers: ldirectord, which runs ipvsadm and parses its output, and
// keepalived, which configures the kernel directly.

package integration

import (
	"path/filepath"
	"strings"
	"testing"
)

// ldirectord removes a stopped server, or sets its weight to 0 if quiescent=yes, and reverts this
// when the server is restarted.
func TestLdirectord(t *testing.T) {
	const (
		service = "-A -t 10.1.1.2:80 -s wrr -p 600\n"
		server1 = "-a -t 10.1.1.2:80 -r 192.168.7.1:80 -m -w "
		server2 = "-a -t 10.1.1.2:80 -r 192.168.7.2:80 -m -w "
	)
	for _, tt := range []struct{ quiescent, server1Down string }{
		{quiescent: "yes", server1Down: server1 + "0\n"},
		{quiescent: "no"},
	} {
		t.Run("quiescent="+tt.quiescent, func(t *testing.T) {
			r := newReplacementTest(t)
			t.Cleanup(r.mountOverIpvsadm(r.comparer.Ours))
			r.serve("server1")
			r.serve("server2")
			config := r.write("ldirectord.cf", strings.ReplaceAll(`checktimeout=2
checkinterval=1
autoreload=no
quiescent=`+tt.quiescent+`
virtual=10.1.1.2:80
	real=192.168.7.1:80 masq 3
	real=192.168.7.2:80 masq 2
	service=http
	scheduler=wrr
	persistent=600
	protocol=tcp
	checktype=negotiate
	request="/"
	receive="server"
`, "\t", "        "))
			r.start("ldirectord", "-d", config, "start")
			r.expectTable(service + server1 + "3\n" + server2 + "2\n")
			r.stopServer("server1")
			r.expectTable(service + tt.server1Down + server2 + "2\n")
			r.serve("server1")
			r.expectTable(service + server1 + "3\n" + server2 + "2\n")
		})
	}
}

// Both programs list a table configured by keepalived identically.
func TestKeepalived(t *testing.T) {
	r := newReplacementTest(t)
	r.serve("server1")
	r.serve("server2")
	config := r.write("keepalived.conf", `
virtual_server 10.1.1.2 80 {
    delay_loop 1
    lb_algo rr
    lb_kind DR
    persistence_timeout 600
    persistence_granularity 255.255.255.0
    protocol TCP
    real_server 192.168.7.1 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 192.168.7.2 80 {
        weight 2
        uthreshold 100
        lthreshold 50
        inhibit_on_failure
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
virtual_server 10.1.1.2 53 {
    delay_loop 1
    lb_algo sh
    sh-port
    sh-fallback
    lb_kind NAT
    protocol UDP
    ops
    real_server 192.168.7.1 53 {
    }
}
virtual_server fwmark 7 {
    delay_loop 1
    lb_algo mh
    mh-port
    lb_kind TUN
    real_server 192.168.7.1 0 {
        TCP_CHECK {
            connect_port 80
            connect_timeout 3
        }
    }
}
virtual_server fd07::99 443 {
    delay_loop 1
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    real_server fd07::2 443 {
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
`)
	dir := t.TempDir()
	r.start("keepalived", "--dont-fork", "--log-console", "--check", "--use-file", config,
		"--pid", filepath.Join(dir, "pid"), "--checkers_pid", filepath.Join(dir, "checkers.pid"))
	tt := &trafficTest{t: t, comparer: r.comparer, network: r.network}
	all := `-A -t 10.1.1.2:80 -s rr -p 600 -M 255.255.255.0
-a -t 10.1.1.2:80 -r 192.168.7.1:80 -g -w 1
-a -t 10.1.1.2:80 -r 192.168.7.2:80 -g -w 2
-A -u 10.1.1.2:53 -s sh -o -b sh-fallback,sh-port
-a -u 10.1.1.2:53 -r 192.168.7.1:53 -m -w 1
-A -t [fd07::99]:443 -s wlc
-a -t [fd07::99]:443 -r [fd07::2]:443 -m -w 1
-A -f 7 -s mh -b mh-port
-a -f 7 -r 192.168.7.1:0 -i -w 1 --tun-type ipip
`
	r.expectTable(all)
	tt.compareListings()
	tt.expectMatch(tt.compare("-L", "-n", "--thresholds"), `192.168.7.2:80 +100 +50 `)
	r.stopServer("server2")
	r.expectTable(strings.NewReplacer("192.168.7.2:80 -g -w 2", "192.168.7.2:80 -g -w 0", "-a -t [fd07::99]:443 -r [fd07::2]:443 -m -w 1\n", "").Replace(all))
	tt.compareListings()
}

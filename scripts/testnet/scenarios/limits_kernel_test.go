// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of what the manual states about thresholds and timeouts.

package scenarios

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvsadm/scripts/testnet"
)

// expectServerConns waits until the server has the given numbers of connections.
func (r *runner) expectServerConns(server string, active, inactive int) {
	want := fmt.Sprintf("%d %d", active, inactive)
	r.eventually("connections of "+server, func() error {
		for line := range strings.Lines(r.runQuiet("director", "ipvsadm -L -n")) {
			if f := strings.Fields(line); len(f) == 6 && f[1] == server && f[4]+" "+f[5] == want {
				return nil
			}
		}
		return fmt.Errorf("not %s", want)
	})
}

// A server with as many connections as its upper threshold, closed ones included, gets no more
// until it has fewer than its lower threshold or, by default, than three quarters of the upper one.
func TestThresholds(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	services := []struct {
		service, server, options string
		resumesAt                int // connections
		conns                    []net.Conn
	}{
		{service: "192.168.2.110:7", server: "192.168.1.11:7", options: "-x 4", resumesAt: 2},
		{service: "192.168.2.110:8", server: "192.168.1.11:8", options: "-x 4 -y 2", resumesAt: 1},
	}
	s := Scenario{Name: "thresholds", Plan: natPlan, steps: func(r *runner) {
		client := r.clientFrom("client", "")
		for i := range services {
			s := &services[i]
			r.echo("web1", s.server, false)
			r.runOnDirector(
				"ipvsadm -A -t "+s.service+" -s rr",
				"ipvsadm -a -t "+s.service+" -r "+s.server+" -m "+s.options,
			)
			for range 4 {
				s.conns = append(s.conns, r.echoConn(s.service, false))
			}
			r.expectServerConns(s.server, 4, 0)
			r.expectRefused(client, "http://"+s.service+"/")
		}
		// In the first round, one connection too many remains.
		for round := range 2 {
			for i := range services {
				s := &services[i]
				remaining := s.resumesAt + 1 - round
				for _, conn := range s.conns[remaining:] {
					if r.err == nil {
						// The entry of a connection that is reset expires after 10 seconds.
						if err := errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close()); err != nil {
							r.failf("close: %w", err)
						}
					}
				}
				r.expectServerConns(s.server, remaining, len(s.conns)-remaining)
				r.expectRefused(client, "http://"+s.service+"/")
				s.conns = s.conns[:remaining]
			}
			for i := range services {
				s := &services[i]
				r.expectServerConns(s.server, len(s.conns), 0)
				r.run("director", "ipvsadm -L -n --thresholds -t "+s.service)
				if round == 0 {
					r.expectRefused(client, "http://"+s.service+"/")
					continue
				}
				for len(s.conns) < 4 {
					s.conns = append(s.conns, r.echoConn(s.service, false))
				}
				r.expectRefused(client, "http://"+s.service+"/")
			}
		}
	}}
	if err := s.Run(t.Output(), tool); err != nil {
		t.Fatal(err)
	}
}

// idleTimeout is the idle timeout of the director in TestIdleTimeout, in seconds. Go sends
// keep-alives every 15 seconds by default.
const idleTimeout = 6

// After the idle timeout, a connection whose client and server send no keep-alives is reset.
// Keep-alives of either one prevent this, even if the replies bypass the director.
func TestIdleTimeout(t *testing.T) {
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	for _, tt := range []struct {
		name, service, method string
		servers               []string
		plan                  testnet.Plan
	}{
		{name: "nat", plan: natPlan, service: "192.168.2.110", method: "-m", servers: []string{"192.168.1.11", "192.168.1.12"}},
		{name: "dr", plan: drPlan, service: "172.16.100.10", method: "-g", servers: []string{"172.16.100.21", "172.16.100.22"}},
		{name: "tun", plan: tunPlan, service: "10.0.2.10", method: "-i", servers: []string{"10.0.3.11", "10.0.4.12"}},
	} {
		s := Scenario{Name: tt.name, Plan: tt.plan, steps: func(r *runner) {
			for port, keepAlive := range []bool{false, true} {
				r.runOnDirector(
					fmt.Sprintf("ipvsadm -A -t %s:%d -s rr", tt.service, 7+port),
					fmt.Sprintf("ipvsadm -a -t %s:%d -r %s %s", tt.service, 7+port, tt.servers[port], tt.method),
				)
				r.echo(fmt.Sprintf("web%d", port+1), fmt.Sprintf(":%d", 7+port), keepAlive)
			}
			idle := r.echoConn(tt.service+":7", false)
			clientSends := r.echoConn(tt.service+":7", true)
			serverSends := r.echoConn(tt.service+":8", false)
			// A connection gets the new timeout with its next packet.
			r.runOnDirector(fmt.Sprintf("ipvsadm --set %d 0 0", idleTimeout))
			for _, conn := range []net.Conn{idle, clientSends, serverSends} {
				if err := exchange(conn); r.err == nil && err != nil {
					r.failf("%w", err)
				}
			}
			r.eventually("expiration", func() error {
				if listing := r.runQuiet("director", "ipvsadm -L -n -c"); strings.Count(listing, "ESTABLISHED") > 2 {
					return errors.New("the idle connection has not expired")
				}
				return nil
			})
			r.run("director", "ipvsadm -L -n -c")
			for _, conn := range []struct {
				name string
				conn net.Conn
			}{{"client", clientSends}, {"server", serverSends}} {
				if err := exchange(conn.conn); r.err == nil && err != nil {
					r.failf("with keep-alives of the %s: %w", conn.name, err)
				}
			}
			if err := exchange(idle); r.err == nil && !errors.Is(err, syscall.ECONNRESET) {
				r.failf("on the idle connection: %v, want %w", err, syscall.ECONNRESET)
			}
		}}
		t.Run(tt.name, func(t *testing.T) {
			if err := s.Run(t.Output(), tool); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// everySecond sends keep-alives on idle connections every second.
var everySecond = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 100}

// echo starts a server on a host that echoes lines. If keepAlive is set, the server sends keep-alives
// every second.
func (r *runner) echo(host, address string, keepAlive bool) {
	if r.err != nil {
		return
	}
	config := net.ListenConfig{KeepAlive: -1}
	if keepAlive {
		config.KeepAlive, config.KeepAliveConfig = 0, everySecond
	}
	var listener net.Listener
	err := r.network.Host(host).Do(func() (err error) {
		listener, err = config.Listen(context.Background(), "tcp", address)
		return err
	})
	if err != nil {
		r.failf("echo server on %s: %w", host, err)
		return
	}
	r.closers = append(r.closers, listener)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				_, _ = io.Copy(conn, conn) // until the client closes the connection
				conn.Close()
			}()
		}
	}()
}

// echoConn opens a connection to an echo server and exchanges a line. If keepAlive is set, the
// client sends keep-alives every second.
func (r *runner) echoConn(address string, keepAlive bool) net.Conn {
	if r.err != nil {
		return nil
	}
	conn, err := r.network.Host("client").Dial(context.Background(), "tcp", netip.Addr{}, address)
	if err == nil {
		r.closers = append(r.closers, conn)
		config := net.KeepAliveConfig{Enable: keepAlive, Idle: -1, Interval: -1, Count: -1}
		if keepAlive {
			config = everySecond
		}
		err = conn.(*net.TCPConn).SetKeepAliveConfig(config)
	}
	if err == nil {
		err = exchange(conn)
	}
	if err != nil {
		r.failf("connection to %s: %w", address, err)
	}
	return conn
}

// exchange sends a line and reads it back.
func exchange(conn net.Conn) error {
	if conn == nil {
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(testnet.TestTimeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return err
	}
	_, err := bufio.NewReader(conn).ReadString('\n')
	return err
}

// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// hasSCTP reports whether the kernel supports SCTP.
var hasSCTP = sync.OnceValue(func() bool {
	return exec.Command("modprobe", "sctp").Run() == nil
})

// serveUDP starts a server on a host that returns each datagram. With direct routing or
// a tunnel, the address must be that of the service: a socket for all addresses would
// reply from another address of the host.
func (tb *testbed) serveUDP(host, address string) {
	tb.t.Helper()
	conn := tb.listenUDP(host, address)
	go func() {
		b := make([]byte, 64)
		for {
			n, from, err := conn.ReadFrom(b)
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err == nil:
				conn.WriteTo(b[:n], from)
			}
		}
	}()
}

// listenUDP opens a UDP socket on a host.
func (tb *testbed) listenUDP(host, address string) net.PacketConn {
	tb.t.Helper()
	var conn net.PacketConn
	err := tb.network.Host(host).Do(func() (err error) {
		conn, err = net.ListenPacket("udp", address)
		return err
	})
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.t.Cleanup(func() { conn.Close() })
	return conn
}

// receiveUDP makes the servers receive datagrams without replies.
func (tb *testbed) receiveUDP() {
	tb.t.Helper()
	for _, host := range []string{"web1", "web2"} {
		tb.listenUDP(host, ":514")
	}
}

// startUDP makes a client send datagrams from fixed ports until the test ends.
func (tb *testbed) startUDP(address string) {
	tb.t.Helper()
	var conns []net.Conn
	err := tb.network.Host("client").Do(func() error {
		for range 4 {
			conn, err := net.Dial("udp", address)
			if err != nil {
				return err
			}
			conns = append(conns, conn)
		}
		return nil
	})
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.repeat(300*time.Millisecond, func(context.Context) {
		for _, conn := range conns {
			conn.Write([]byte("x")) // an error is the reply to an earlier datagram
		}
	})
	tb.t.Cleanup(func() {
		for _, conn := range conns {
			conn.Close()
		}
	})
}

// sctpSocket opens a non-blocking SCTP socket on a host.
func (tb *testbed) sctpSocket(host string) (fd int, err error) {
	err = tb.network.Host(host).Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
		return err
	})
	return fd, err
}

// serveSCTPAtBoth starts servers on web1 and web2.
func (tb *testbed) serveSCTPAtBoth() {
	tb.serveSCTP("web1", 9000)
	tb.serveSCTP("web2", 9000)
}

// serveSCTP starts a server on a host that accepts connections and closes them when
// their clients do.
func (tb *testbed) serveSCTP(host string, port int) {
	tb.t.Helper()
	fd, err := tb.sctpSocket(host)
	if err == nil {
		err = errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Port: port}), unix.Listen(fd, 100))
	}
	if err != nil {
		tb.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		var accepted []int
		for ctx.Err() == nil {
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
			if conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC); err == nil {
				accepted = append(accepted, conn)
			}
		}
		for _, conn := range append(accepted, fd) {
			unix.Close(conn)
		}
	}()
	tb.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// startSCTP makes the client connect to an address repeatedly until the test ends.
func (tb *testbed) startSCTP(address string) {
	to := netip.MustParseAddrPort(address)
	var connecting sync.WaitGroup
	tb.t.Cleanup(connecting.Wait)
	tb.repeat(200*time.Millisecond, func(context.Context) {
		fd, err := tb.sctpSocket("client")
		if err != nil {
			return
		}
		unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
		connecting.Go(func() {
			time.Sleep(2500 * time.Millisecond)
			unix.Close(fd)
		})
	})
}

// reconnect makes the client connect to an address repeatedly from the same ports.
func (tb *testbed) reconnect(address string, ports ...int) {
	to := netip.MustParseAddrPort(address)
	var connecting sync.WaitGroup
	tb.t.Cleanup(connecting.Wait)
	tb.repeat(500*time.Millisecond, func(context.Context) {
		connecting.Wait()
		for _, port := range ports {
			var fd int
			err := tb.network.Host("client").Do(func() (err error) {
				fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
				return err
			})
			if err != nil {
				return
			}
			connecting.Go(func() {
				defer unix.Close(fd)
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
				unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // no TIME_WAIT
				if unix.Bind(fd, &unix.SockaddrInet4{Port: port}) != nil {
					return
				}
				unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
				unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 1500)
			})
		}
	})
}

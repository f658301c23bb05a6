// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/testnet"
)

// Size of the terminal.
const (
	columns = 100
	rows    = 17
)

// rules are the rules of the displayed table. The weight of the last server is reduced during
// the recording.
const rules = `
	-A -t 192.0.2.10:80 -s wrr
	-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 3
	-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m -w 2
	-a -t 192.0.2.10:80 -r 10.0.0.13:80 -m -w 0
	-A -t 192.0.2.10:8080 -s lc
	-a -t 192.0.2.10:8080 -r 10.0.0.11:8080 -m -x 20 -y 10
	-a -t 192.0.2.10:8080 -r 10.0.0.12:8080 -m
	-A -u 192.0.2.53:53 -s wrr
	-a -u 192.0.2.53:53 -r 10.0.0.12:53 -m -w 10
	-a -u 192.0.2.53:53 -r 10.0.0.13:53 -m -w 10
`

// watchImage draws a screenshot of --watch under traffic. It must run on a throwaway kernel.
func watchImage() ([]byte, error) {
	if err := unix.Sethostname([]byte("lb1")); err != nil {
		return nil, err
	}
	tool, err := testnet.NewTool()
	if err != nil {
		return nil, err
	}
	defer tool.Close()
	network, err := testnet.Build(testnet.Plan{
		{Name: "client", Gateway: "192.0.2.1", Links: []testnet.Link{{To: "outside", Addresses: []string{"192.0.2.2/24"}}}},
		{Name: "director", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []testnet.Link{
			{To: "outside", Addresses: []string{"192.0.2.1/24", "192.0.2.10/24", "192.0.2.53/24"}},
			{To: "inside", Addresses: []string{"10.0.0.1/24"}},
		}},
		{Name: "one", Gateway: "10.0.0.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.0.0.11/24"}}}},
		{Name: "two", Gateway: "10.0.0.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.0.0.12/24"}}}},
		{Name: "three", Gateway: "10.0.0.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.0.0.13/24"}}}},
	})
	if err != nil {
		return nil, err
	}
	defer network.Close()
	for _, name := range []string{"one", "two", "three"} {
		server, err := network.Host(name).Serve(name, ":80", ":8080")
		if err != nil {
			return nil, err
		}
		defer server.Close()
		conn, err := echoUDP(network.Host(name))
		if err != nil {
			return nil, err
		}
		defer conn.Close()
	}
	s := &watchScene{tool: tool, director: network.Host("director"), client: testnet.Client{Netns: network.Host("client")}}
	screen, err := s.record()
	if err != nil {
		return nil, err
	}
	return screenshot(screen), nil
}

// echoUDP starts a server that echoes datagrams to UDP port 53 of a host.
func echoUDP(host *testnet.Netns) (conn net.PacketConn, err error) {
	err = host.Do(func() error {
		conn, err = net.ListenPacket("udp", ":53")
		return err
	})
	if err != nil {
		return nil, err
	}
	go func() {
		var b [512]byte
		for {
			n, from, err := conn.ReadFrom(b[:])
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(b[:n], from)
		}
	}()
	return conn, nil
}

// watchScene is the network in which the screenshot is taken.
type watchScene struct {
	tool     *testnet.Tool
	director *testnet.Netns
	client   testnet.Client
}

// shell runs a command line on the director.
func (s *watchScene) shell(line string) error {
	_, err := s.tool.ShellStatus(s.director, line, 0)
	return err
}

// record generates traffic, runs --watch until all kinds of alerts are on the screen, and returns
// the screen.
func (s *watchScene) record() (*testnet.Screen, error) {
	// A short UDP timeout, so that the share of traffic drops quickly with the weight.
	if err := errors.Join(s.shell("ipvsadm --set 0 0 1"), s.shell("ipvsadm -R <<-RULES"+strings.ReplaceAll(rules, "\t", "")+"RULES")); err != nil {
		return nil, err
	}
	for range 50 {
		conn, _, err := s.client.OpenKeepAlive("http://192.0.2.10:8080/")
		if err != nil {
			return nil, err
		}
		defer conn.Close()
	}
	defer s.traffic()()

	cmd := exec.Command(filepath.Join(s.tool.Bin, "ipvsadm"), "-Ln", "--watch=2")
	cmd.Env = append(cmd.Environ(), "TERM=xterm-256color", "NO_COLOR=", "LC_ALL=C.UTF-8")
	terminal, err := s.director.Terminal(columns, rows, cmd)
	if err != nil {
		return nil, err
	}
	screen := new(testnet.Screen)
	screen.Resize(columns, rows)
	isReduced := false
	deadline := time.Now().Add(2 * testnet.TestTimeout)
	for frames := 1; time.Now().Before(deadline); frames++ {
		frame, err := terminal.ReadUntil("\x1b[J")
		if err != nil {
			return nil, err
		}
		screen.Write([]byte(frame))
		text := screen.String()
		switch {
		case screen.Err != "":
			return nil, fmt.Errorf("%s on the screen:\n%s", screen.Err, text)
		case !isReduced && frames > 8 && strings.Count(text, "50%") == 2 && !strings.Contains(text, " - "):
			isReduced = true
			if err := s.shell("ipvsadm -e -u 192.0.2.53:53 -r 10.0.0.13:53 -m -w 1"); err != nil {
				return nil, err
			}
		case strings.Contains(text, "\nv -> 10.0.0.13:53") && strings.Contains(text, "\n^ -> 10.0.0.11:8080") && strings.Contains(text, "\n0 -> 10.0.0.13:80"):
			if err := terminal.Type("q"); err != nil {
				return nil, err
			}
			_, _, err := terminal.Wait()
			return screen, err
		}
	}
	return nil, fmt.Errorf("timeout while waiting for alerts on the screen:\n%s", screen)
}

// traffic sends HTTP requests and UDP datagrams until stop is called.
func (s *watchScene) traffic() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, load := range []func(){
		func() { _, _ = s.client.Get("http://192.0.2.10/") },
		func() {
			if conn, err := s.client.Netns.Dial(context.Background(), "udp", s.client.Source, "192.0.2.53:53"); err == nil {
				_, _ = conn.Write([]byte("?"))
				_ = conn.SetReadDeadline(time.Now().Add(time.Second))
				_, _ = conn.Read(make([]byte, 1))
				conn.Close()
			}
			time.Sleep(5 * time.Millisecond)
		},
	} {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					load()
				}
			}
		})
	}
	return func() {
		close(done)
		wg.Wait()
	}
}

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

	"goipvsadm/scripts/testnet"
)

// The terminal in the picture.
const (
	columns = 100
	rows    = 17
)

// rules are the table in the picture. While it is watched, the last server loses weight.
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

// watchPicture shows --watch with traffic, on a throwaway kernel.
func watchPicture() ([]byte, error) {
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
		names, err := echoUDP(network.Host(name))
		if err != nil {
			return nil, err
		}
		defer names.Close()
	}
	s := &watchScene{tool: tool, director: network.Host("director"), client: testnet.Client{Netns: network.Host("client")}}
	screen, err := s.play()
	if err != nil {
		return nil, err
	}
	return screenshot(screen), nil
}

// answer answers every datagram to port 53 of a host with itself.
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
			conn.WriteTo(b[:n], from)
		}
	}()
	return conn, nil
}

// A scene is what goes on while the picture is taken.
type watchScene struct {
	tool     *testnet.Tool
	director *testnet.Netns
	client   testnet.Client
}

func (s *watchScene) shell(line string) error {
	result, err := s.tool.Shell(s.director, line)
	if err == nil && result.Status != 0 {
		err = fmt.Errorf("%s: status %d: %s", line, result.Status, result.Stderr)
	}
	return err
}

// play makes traffic, and returns a screen on which each of the marks is seen.
func (s *watchScene) play() (*testnet.Screen, error) {
	// Connections of UDP are over soon, so that a share may be lost at once.
	if err := errors.Join(s.shell("ipvsadm --set 0 0 1"), s.shell("ipvsadm -R <<-RULES"+strings.ReplaceAll(rules, "\t", "")+"RULES")); err != nil {
		return nil, err
	}
	for range 50 {
		held, _, err := s.client.OpenKeepAlive("http://192.0.2.10:8080/")
		if err != nil {
			return nil, err
		}
		defer held.Close()
	}
	defer s.traffic()()

	cmd := exec.Command(filepath.Join(s.tool.Bin, "ipvsadm"), "-Ln", "--watch=2")
	cmd.Env = append(cmd.Environ(), "TERM=xterm-256color", "NO_COLOR=")
	terminal, err := s.director.Terminal(columns, rows, cmd)
	if err != nil {
		return nil, err
	}
	screen := new(testnet.Screen)
	screen.Resize(columns, rows)
	lighter := false
	for deadline := time.Now().Add(2 * testnet.TestTimeout); time.Now().Before(deadline); {
		frame, err := terminal.ReadUntil("\x1b[J")
		if err != nil {
			return nil, err
		}
		screen.Write([]byte(frame))
		text := screen.String()
		switch {
		case screen.Err != "":
			return nil, fmt.Errorf("%s on\n%s", screen.Err, text)
		case !lighter && strings.Count(text, "50%") == 2 && !strings.Contains(text, " - "):
			lighter = true
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
	return nil, fmt.Errorf("not all that was to be shown is on\n%s", screen)
}

// traffic makes requests and sends datagrams until it is told to stop.
func (s *watchScene) traffic() (stop func()) {
	over := make(chan struct{})
	var ended sync.WaitGroup
	for _, load := range []func(){
		func() { s.client.Get("http://192.0.2.10/") },
		func() {
			if conn, err := s.client.Netns.Dial(context.Background(), "udp", s.client.Source, "192.0.2.53:53"); err == nil {
				conn.Write([]byte("?"))
				conn.SetReadDeadline(time.Now().Add(time.Second))
				conn.Read(make([]byte, 1))
				conn.Close()
			}
			time.Sleep(5 * time.Millisecond)
		},
	} {
		ended.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					load()
				}
			}
		})
	}
	return func() {
		close(over)
		ended.Wait()
	}
}

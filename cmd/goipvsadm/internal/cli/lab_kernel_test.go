// SPDX-License-Identifier: MIT

//go:build kernel

package cli_test

import (
	"testing"

	"goipvsadm/scripts/testnet"
)

// A lab is a network with a director and a client.
type lab struct {
	t        *testing.T
	tool     *testnet.Tool
	network  *testnet.Network
	director *testnet.Netns
	client   testnet.Client
}

// newLab builds the network and starts an HTTP server on port 80 of each of httpHosts.
func newLab(t *testing.T, plan testnet.Plan, httpHosts ...string) *lab {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	network, err := testnet.Build(plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	for _, name := range httpHosts {
		server, err := network.Host(name).Serve(name, ":80")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
	}
	return &lab{t, tool, network, network.Host("director"), testnet.Client{Netns: network.Host("client")}}
}

// shell runs a shell command on the director and checks its exit status.
func (l *lab) shell(line string, status int) testnet.Result {
	l.t.Helper()
	result, err := l.tool.ShellStatus(l.director, line, status)
	if err != nil {
		l.t.Fatal(err)
	}
	return result
}

// sendDatagram sends a UDP datagram from the client.
func (l *lab) sendDatagram(to, text string) {
	l.t.Helper()
	conn, err := l.client.Netns.Dial(l.t.Context(), "udp", l.client.Source, to)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		l.t.Fatal(err)
	}
}

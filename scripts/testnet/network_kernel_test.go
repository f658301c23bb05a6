// SPDX-License-Identifier: MIT

//go:build kernel

package testnet

import (
	"maps"
	"testing"
)

// twoHosts is a plan of two hosts on one IPv4 and IPv6 network.
var twoHosts = Plan{
	{Name: "here", Links: []Link{{To: "lan", Addresses: []string{"10.9.0.1/24", "fd09::1/64"}}}},
	{Name: "there", Links: []Link{{To: "lan", Addresses: []string{"10.9.0.2/24", "fd09::2/64"}}}},
}

func TestBuildHTTP(t *testing.T) {
	network, err := Build(twoHosts)
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	client := Client{Netns: network.Host("here")}

	if _, err := client.Get("http://10.9.0.2/"); err == nil {
		t.Error("got a response, but no server is running")
	}
	server, err := network.Host("there").Serve("web", ":80", ":443")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, url := range []string{"http://10.9.0.2/", "http://[fd09::2]/", "https://10.9.0.2/"} {
		counts, err := client.CountResponses(url, 3)
		if err != nil || !maps.Equal(counts, ResponseCounts{"web": 3}) {
			t.Errorf("%s: %v, %v; want web 3", url, counts, err)
		}
	}
	if _, err := (Client{Netns: network.Host("there")}).Get("http://10.9.0.1/"); err == nil {
		t.Error("the server is also reachable in the client's namespace")
	}
}

// Open connections and downloads last until the server is closed; then Get and Read return an error.
func TestKeepAliveAndDownload(t *testing.T) {
	network, err := Build(twoHosts)
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	server, err := network.Host("there").Serve("web", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := Client{Netns: network.Host("here")}

	conn, name, err := client.OpenKeepAlive("http://10.9.0.2/")
	if err != nil || name != "web" {
		t.Fatalf("OpenKeepAlive: %q, %v, want web", name, err)
	}
	defer conn.Close()
	download, err := client.Download("http://10.9.0.2")
	if err != nil || download.ServerName != "web" {
		t.Fatalf("download: %+v, %v, want one from web", download, err)
	}
	defer download.Close()
	for range 3 {
		if name, err := conn.Get(); err != nil || name != "web" {
			t.Fatalf("request on the open connection: %q, %v, want web", name, err)
		}
		if err := download.Read(100_000); err != nil {
			t.Fatalf("download: %v", err)
		}
	}

	server.Close()
	restarted, err := network.Host("there").Serve("web", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer restarted.Close()
	if name, err := conn.Get(); err == nil {
		t.Errorf("the connection outlived its server: %q", name)
	}
	if err := download.Read(10_000_000); err == nil {
		t.Error("the download outlived its server")
	}
}

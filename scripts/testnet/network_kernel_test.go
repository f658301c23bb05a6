//go:build kernel

package testnet

import (
	"maps"
	"testing"
)

// pair is two hosts in one network, which has IPv6 as well.
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
		t.Error("an answer without a server")
	}
	server, err := network.Host("there").Serve("web", ":80", ":443")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, url := range []string{"http://10.9.0.2/", "http://[fd09::2]/", "https://10.9.0.2/"} {
		tally, err := client.CountResponses(url, 3)
		if err != nil || !maps.Equal(tally, ResponseCounts{"web": 3}) {
			t.Errorf("%s: %v, %v; want web 3", url, tally, err)
		}
	}
	if _, err := (Client{Netns: network.Host("there")}).Get("http://10.9.0.1/"); err == nil {
		t.Error("the server answers in the client's namespace as well")
	}
}

// Held connections and downloads go on as long as the server, and tell when they end.
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

	held, name, err := client.OpenKeepAlive("http://10.9.0.2/")
	if err != nil || name != "web" {
		t.Fatalf("hold: %q, %v", name, err)
	}
	defer held.Close()
	download, err := client.Download("http://10.9.0.2")
	if err != nil || download.ServerName != "web" {
		t.Fatalf("download: %v, %v", download, err)
	}
	defer download.Close()
	for range 3 {
		if name, err := held.Get(); err != nil || name != "web" {
			t.Fatalf("over the held connection: %q, %v", name, err)
		}
		if err := download.Read(100_000); err != nil {
			t.Fatalf("download: %v", err)
		}
	}

	server.Close()
	again, err := network.Host("there").Serve("web", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if name, err := held.Get(); err == nil {
		t.Errorf("the held connection outlived its server: %q", name)
	}
	if err := download.Read(10_000_000); err == nil {
		t.Error("the download outlived its server")
	}
}

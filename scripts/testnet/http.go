package testnet

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Server is an HTTP server inside a namespace. It answers every request with its name,
// and /download with its name over and over, line by line, as long as it is read.
type Server struct {
	http http.Server
}

// Serve starts a server that listens on the given addresses (":80", "10.0.0.1:8080") of
// the namespace; on port 443 it speaks TLS.
func (n *Netns) Serve(name string, addresses ...string) (*Server, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, name)
	})
	mux.HandleFunc("/download", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := fmt.Fprintln(w, name); err != nil {
				return
			}
		}
	})
	server := &Server{}
	server.http.Handler = mux
	server.http.ErrorLog = log.New(io.Discard, "", 0)
	for _, address := range addresses {
		var listener net.Listener
		err := n.Do(func() (err error) {
			listener, err = net.Listen("tcp", address)
			return err
		})
		if err != nil {
			server.Close()
			return nil, fmt.Errorf("serve %s: %w", name, err)
		}
		if strings.HasSuffix(address, ":443") {
			listener = tls.NewListener(listener, serverTLS())
		}
		go server.http.Serve(listener)
	}
	return server, nil
}

// Close stops the server and cuts its connections.
func (s *Server) Close() error {
	return s.http.Close()
}

// Client makes HTTP requests from inside a namespace.
type Client struct {
	Netns  *Netns
	Source netip.Addr // the address to connect from; zero for the one the route says
}

func (c Client) transport(keep bool) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: !keep,
		TLSClientConfig:   clientTLS(),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.Netns.Dial(ctx, network, c.Source, address)
		},
	}
}

// Get makes one request over a connection of its own, and returns the name of the server
// that answered.
func (c Client) Get(url string) (string, error) {
	return getBody(&http.Client{Transport: c.transport(false), Timeout: TestTimeout}, url)
}

func getBody(client *http.Client, url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return strings.TrimSuffix(string(body), "\n"), err
}

// Ask makes so many requests, one after the other, each over a new connection, and
// counts who answered.
func (c Client) CountResponses(url string, times int) (ResponseCounts, error) {
	tally := make(ResponseCounts)
	for range times {
		name, err := c.Get(url)
		if err != nil {
			return tally, err
		}
		tally[name]++
	}
	return tally, nil
}

// Held is a connection that stays open between requests.
type KeepAliveConn struct {
	client    *http.Client
	transport *http.Transport
	url       string
	dials     int
}

// Hold opens a connection and makes a first request over it; the name of the server
// that answered comes with it.
func (c Client) OpenKeepAlive(url string) (*KeepAliveConn, string, error) {
	transport := c.transport(true)
	held := &KeepAliveConn{client: &http.Client{Transport: transport, Timeout: TestTimeout}, transport: transport, url: url}
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if held.dials++; held.dials > 1 {
			return nil, errors.New("the connection was lost")
		}
		return dial(ctx, network, address)
	}
	name, err := held.Get()
	return held, name, err
}

// Get makes another request over the connection. It fails if the connection is gone.
func (h *KeepAliveConn) Get() (string, error) {
	return getBody(h.client, h.url)
}

// Close closes the connection.
func (h *KeepAliveConn) Close() {
	h.transport.CloseIdleConnections()
}

// Download is a long download under way.
type Download struct {
	ServerName string // who sends it
	conn       net.Conn
	body       io.ReadCloser
	lines      *bufio.Reader
}

// Download starts to fetch the endless /download of a server at, for example,
// http://10.0.0.1.
func (c Client) Download(url string) (*Download, error) {
	download := &Download{}
	transport := c.transport(false)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		download.conn, err = dial(ctx, network, address)
		return download.conn, err
	}
	response, err := (&http.Client{Transport: transport}).Get(url + "/download")
	if err != nil {
		return nil, err
	}
	download.body, download.lines = response.Body, bufio.NewReader(response.Body)
	name, err := download.lines.ReadString('\n')
	if err != nil {
		response.Body.Close()
		return nil, err
	}
	download.ServerName = strings.TrimSuffix(name, "\n")
	return download, nil
}

// Read fetches so many more lines, and checks that they come from the same server.
func (d *Download) Read(lines int) error {
	if err := d.conn.SetReadDeadline(time.Now().Add(TestTimeout)); err != nil {
		return err
	}
	for range lines {
		line, err := d.lines.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.TrimSuffix(line, "\n") != d.ServerName {
			return fmt.Errorf("a download from %s went on with %q", d.ServerName, line)
		}
	}
	return nil
}

// Close breaks the download off.
func (d *Download) Close() error {
	return d.body.Close()
}

// Tally is how often each server answered.
type ResponseCounts map[string]int

// String is "web1 20, web2 20", or "nobody".
func (t ResponseCounts) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, t[name]))
	}
	if len(parts) == 0 {
		return "nobody"
	}
	return strings.Join(parts, ", ")
}

// Total is the number of answers.
func (t ResponseCounts) Total() int {
	total := 0
	for _, count := range t {
		total += count
	}
	return total
}

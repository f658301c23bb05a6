// SPDX-License-Identifier: MIT

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

// Server is an HTTP server inside a namespace. It responds to every request with its name. The
// response to /download repeats the name, one per line, until the client closes the connection.
type Server struct {
	http http.Server
}

// Serve starts a server that listens on the given addresses (":80", "10.0.0.1:8080") of
// the namespace. Port 443 uses TLS.
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
		go func() { _ = server.http.Serve(listener) }() // until Close
	}
	return server, nil
}

// Close stops the server and closes its connections.
func (s *Server) Close() error {
	return s.http.Close()
}

// Client makes HTTP requests from inside a namespace.
type Client struct {
	Netns  *Netns
	Source netip.Addr // local address of connections; the zero Addr leaves the choice to the kernel
}

// transport returns a transport that connects from the namespace. keepAlive allows more than one
// request per connection.
func (c Client) transport(keepAlive bool) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: !keepAlive,
		TLSClientConfig:   clientTLS(),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.Netns.Dial(ctx, network, c.Source, address)
		},
	}
}

// Get makes one request on a new connection and returns the name of the server that
// responded.
func (c Client) Get(url string) (string, error) {
	return getBody(&http.Client{Transport: c.transport(false), Timeout: TestTimeout}, url)
}

// getBody makes a request and returns the body of the response without the final newline.
func getBody(client *http.Client, url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return strings.TrimSuffix(string(body), "\n"), err
}

// CountResponses makes n sequential requests, each on a new connection, and counts the
// responses by server.
func (c Client) CountResponses(url string, n int) (ResponseCounts, error) {
	counts := make(ResponseCounts)
	for range n {
		name, err := c.Get(url)
		if err != nil {
			return counts, err
		}
		counts[name]++
	}
	return counts, nil
}

// KeepAliveConn is an HTTP connection that stays open between requests.
type KeepAliveConn struct {
	client    *http.Client
	transport *http.Transport
	url       string
	dials     int // number of attempts to connect
}

// OpenKeepAlive opens a connection and makes one request on it. It returns the connection and the
// name of the server that responded.
func (c Client) OpenKeepAlive(url string) (*KeepAliveConn, string, error) {
	transport := c.transport(true)
	conn := &KeepAliveConn{client: &http.Client{Transport: transport, Timeout: TestTimeout}, transport: transport, url: url}
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if conn.dials++; conn.dials > 1 {
			return nil, errors.New("connection lost")
		}
		return dial(ctx, network, address)
	}
	name, err := conn.Get()
	return conn, name, err
}

// Get makes another request on the connection. It fails if the connection was closed.
func (c *KeepAliveConn) Get() (string, error) {
	return getBody(c.client, c.url)
}

// Close closes the connection.
func (c *KeepAliveConn) Close() {
	c.transport.CloseIdleConnections()
}

// Download is an endless download in progress.
type Download struct {
	ServerName string // name of the sending server
	conn       net.Conn
	body       io.ReadCloser
	lines      *bufio.Reader
}

// Download starts the endless download of /download from url, such as http://10.0.0.1.
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

// Read reads n more lines and checks that they come from the same server.
func (d *Download) Read(n int) error {
	if err := d.conn.SetReadDeadline(time.Now().Add(TestTimeout)); err != nil {
		return err
	}
	for range n {
		line, err := d.lines.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.TrimSuffix(line, "\n") != d.ServerName {
			return fmt.Errorf("download from %s continued with %q", d.ServerName, line)
		}
	}
	return nil
}

// Close aborts the download.
func (d *Download) Close() error {
	return d.body.Close()
}

// ResponseCounts maps server names to numbers of responses.
type ResponseCounts map[string]int

// String formats the counts as "web1 20, web2 20", or as "none" if there are none.
func (c ResponseCounts) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, c[name]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// Total returns the number of responses.
func (c ResponseCounts) Total() int {
	total := 0
	for _, count := range c {
		total += count
	}
	return total
}

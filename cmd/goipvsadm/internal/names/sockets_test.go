package names

import (
	"context"
	"net"
	"testing"
	"time"
)

// A socket is used again after an answer, and never after a question that had
// none.
func TestSockets(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	senders := make(chan string, 10)
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			senders <- from.String()
			if string(b[:n]) != "silence" {
				server.WriteTo(b[:n], from)
			}
		}
	}()

	var s sockets
	ask := func(question string) (sender string, answered bool) {
		t.Helper()
		c, err := s.dial(context.Background(), "udp4", server.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, ok := c.(net.PacketConn); !ok {
			t.Fatal("the resolver would take it for a stream")
		}
		if _, err := c.Write([]byte(question)); err != nil {
			t.Fatal(err)
		}
		patience := 10 * time.Second
		if question == "silence" {
			patience = 50 * time.Millisecond
		}
		c.SetDeadline(time.Now().Add(patience))
		_, err = c.Read(make([]byte, 512))
		return <-senders, err == nil
	}
	first, _ := ask("one")
	if second, ok := ask("two"); !ok || second != first {
		t.Errorf("the second question: from %s, answered %v; the first from %s", second, ok, first)
	}
	if third, ok := ask("silence"); ok || third != first {
		t.Errorf("the third question: from %s, answered %v", third, ok)
	}
	if fourth, ok := ask("four"); !ok || fourth == first {
		t.Errorf("the socket of an unanswered question was used again: %s, answered %v", fourth, ok)
	}
}

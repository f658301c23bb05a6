package nltest

import (
	"bytes"
	"strings"
	"testing"
)

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"> 0x\n", "? 00\n", "\n"} {
		if calls, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("Read(%q) = %v", text, calls)
		}
	}
}

// A set-timeouts message and an error answer in both byte orders.
func TestTurn(t *testing.T) {
	little := []byte{
		24, 0, 0, 0, 28, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 12, 1, 0, 0, 8, 0, 4, 0, 1, 2, 3, 4,
		20, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff,
	}
	little[0] = 28
	big := []byte{
		0, 0, 0, 28, 0, 28, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 12, 1, 0, 0, 0, 8, 0, 4, 4, 3, 2, 1,
		0, 0, 0, 20, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe,
	}
	if got := swapEndian(bytes.Clone(little)); !bytes.Equal(got, big) {
		t.Errorf("turn =\n%v, want\n%v", got, big)
	}
}

func TestReplayKeepsToTheRecording(t *testing.T) {
	r := &Replay{Calls: []Packet{{Sent: true, Data: []byte{1, 2}}, {Data: []byte{3}}}}
	buf := make([]byte, 8)
	if _, err := r.Receive(buf); err == nil {
		t.Error("received before anything was sent")
	}
	if err := r.Send([]byte{1, 3}); err == nil {
		t.Error("sent other bytes than the recording has")
	}
	if n, err := r.Receive(buf); n != 1 || buf[0] != 3 || err != nil {
		t.Errorf("Receive = %d, %v", n, err)
	}
	if err := r.Send(nil); err == nil {
		t.Error("sent more than the recording has")
	}
}

// SPDX-License-Identifier: MIT

package nltest

import (
	"bytes"
	"strings"
	"testing"
)

func TestReadInvalid(t *testing.T) {
	for _, text := range []string{"> 0x\n", "? 00\n", "\n"} {
		if packets, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("Read(%q) = %v, want an error", text, packets)
		}
	}
}

func TestSwapEndian(t *testing.T) {
	little := []byte{
		// SetConfig with a TCP timeout
		28, 0, 0, 0, 28, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 12, 1, 0, 0, 8, 0, 4, 0, 1, 2, 3, 4,
		// SetInfo with a version
		28, 0, 0, 0, 28, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 14, 1, 0, 0, 8, 0, 1, 0, 1, 2, 1, 0,
		// DelService of a firewall mark
		40, 0, 0, 0, 28, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 20, 0, 1, 0x80, 6, 0, 1, 0, 2, 0, 0, 0, 8, 0, 5, 0, 7, 0, 0, 0,
		// error ENOENT
		20, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff,
	}
	big := []byte{
		0, 0, 0, 28, 0, 28, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 12, 1, 0, 0, 0, 8, 0, 4, 4, 3, 2, 1,
		0, 0, 0, 28, 0, 28, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 14, 1, 0, 0, 0, 8, 0, 1, 0, 1, 2, 1,
		0, 0, 0, 40, 0, 28, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 3, 1, 0, 0, 0, 20, 0x80, 1, 0, 6, 0, 1, 0, 2, 0, 0, 0, 8, 0, 5, 0, 0, 0, 7,
		0, 0, 0, 20, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe,
	}
	if got := swapEndian(bytes.Clone(little)); !bytes.Equal(got, big) {
		t.Errorf("swapEndian =\n%v, want\n%v", got, big)
	}
}

func TestReplayUnexpectedCall(t *testing.T) {
	r := &Replay{Packets: []Packet{{Sent: true, Data: []byte{1, 2}}, {Data: []byte{3}}}}
	buf := make([]byte, 8)
	if _, err := r.Receive(buf); err == nil {
		t.Error("Receive before Send: no error")
	}
	if err := r.Send([]byte{1, 3}); err == nil {
		t.Error("Send of bytes that differ from the recording: no error")
	}
	if n, err := r.Receive(buf); n != 1 || buf[0] != 3 || err != nil {
		t.Errorf("Receive = %d, %v, want the packet 03", n, err)
	}
	if err := r.Send(nil); err == nil {
		t.Error("Send after the last packet: no error")
	}
}

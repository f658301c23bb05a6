package netlinkmsg

import (
	"bytes"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
)

// What package genetlink asks, and what it understands, is what is due.
func TestFamily(t *testing.T) {
	const id = 30
	var asked netlink.Message
	var answers []genetlink.Message
	serve := genltest.ServeFamily(genetlink.Family{ID: id, Version: FamilyVersion, Name: FamilyName}, nil)
	c := genltest.Dial(func(g genetlink.Message, n netlink.Message) (_ []genetlink.Message, err error) {
		asked = n
		answers, err = serve(g, n)
		return answers, err
	})
	defer c.Close()
	if _, err := c.GetFamily(FamilyName); err != nil {
		t.Fatal(err)
	}

	f, rest, err := Next(AppendFamilyRequest(nil, asked.Header.Flags, asked.Header.Sequence))
	if err != nil || len(rest) > 0 {
		t.Fatalf("Next: %v, %d bytes left", err, len(rest))
	}
	asked.Header.PID = 0 // which the kernel fills in
	if f.Header != asked.Header || !bytes.Equal(f.Body, asked.Data) {
		t.Errorf("request %+v % x, want %+v % x", f.Header, f.Body, asked.Header, asked.Data)
	}

	answer, err := answers[0].MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeFamily(answer); got != id || err != nil {
		t.Errorf("DecodeFamily = %d, %v", got, err)
	}
}

func TestDecodeFamilyRefuses(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", "netlinkmsg: message of 0 bytes has no generic netlink header"},
		{"no attributes", "\x01\x02\x00\x00", "netlinkmsg: family: no number"},
		{"a broken attribute", "\x01\x02\x00\x00\x06\x00", "netlinkmsg: family: 2 stray bytes after the last attribute"},
		{"a number cut short", string(append([]byte{1, 2, 0, 0}, appendUint8(nil, 1, 7)[:5]...)),
			"netlinkmsg: family: attribute 1 has 1 bytes where 2 are due"},
	} {
		if id, err := DecodeFamily([]byte(tt.body)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %d, %v, want %s", tt.name, id, err, tt.want)
		}
	}
}

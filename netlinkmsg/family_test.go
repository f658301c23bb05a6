// SPDX-License-Identifier: MIT

package netlinkmsg

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// TestAppendFamilyRequest compares the request with the encoding of package netlink.
func TestAppendFamilyRequest(t *testing.T) {
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.CTRL_ATTR_FAMILY_NAME, Data: []byte("IPVS\x00")}})
	if err != nil {
		t.Fatal(err)
	}
	data := append([]byte{unix.CTRL_CMD_GETFAMILY, 1, 0, 0}, attributes...)
	want, err := netlink.Message{
		Header: netlink.Header{Length: uint32(headerLen + len(data)), Type: unix.GENL_ID_CTRL, Flags: netlink.Request | netlink.Acknowledge, Sequence: 7},
		Data:   data,
	}.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if got := AppendFamilyRequest([]byte("before"), netlink.Request|netlink.Acknowledge, 7); !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestDecodeFamilyID(t *testing.T) {
	reply := func(attributes ...netlink.Attribute) []byte {
		b, err := netlink.MarshalAttributes(attributes)
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{unix.CTRL_CMD_NEWFAMILY, 2, 0, 0}, b...)
	}
	name := netlink.Attribute{Type: unix.CTRL_ATTR_FAMILY_NAME, Data: []byte("IPVS\x00")}
	id := netlink.Attribute{Type: unix.CTRL_ATTR_FAMILY_ID, Data: native.AppendUint16(nil, 30)}
	for _, tt := range []struct {
		name string
		body []byte
		want uint16
		err  string // part of the error; "" for none
	}{
		{name: "family", body: reply(name, id, netlink.Attribute{Type: unix.CTRL_ATTR_OPS | netlink.Nested, Data: make([]byte, 20)}), want: 30},
		{name: "no ID", body: reply(name), err: "no family ID"},
		{name: "short ID", body: reply(netlink.Attribute{Type: unix.CTRL_ATTR_FAMILY_ID, Data: []byte{1}}), err: "attribute 1"},
		{name: "short header", body: []byte{1, 2, 0}, err: "3 bytes"},
	} {
		got, err := DecodeFamilyID(tt.body)
		if got != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %d, %v; want %d, %q", tt.name, got, err, tt.want, tt.err)
		}
	}
}

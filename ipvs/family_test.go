// SPDX-License-Identifier: MIT

package ipvs

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// A familySocket replies to successive family lookups with an ID of 30 or an
// error.
type familySocket struct {
	t       *testing.T
	results []syscall.Errno // 0 for success
	replies [][]byte
}

func (s *familySocket) Send(b []byte) error {
	f, _, err := netlinkmsg.Split(b)
	if err != nil {
		s.t.Fatal(err)
	}
	errno := s.results[0]
	s.results = s.results[1:]
	if errno == 0 {
		// CTRL_CMD_NEWFAMILY with the attribute CTRL_ATTR_FAMILY_ID.
		id := append([]byte{1, 2, 0, 0}, binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint32(nil, 0), 30)...)
		binary.NativeEndian.PutUint16(id[4:], 6)
		binary.NativeEndian.PutUint16(id[6:], 1)
		s.reply(f.Header.Type, f.Header.Sequence, append(id, 0, 0))
	}
	s.reply(netlink.Error, f.Header.Sequence, binary.NativeEndian.AppendUint32(nil, -uint32(errno)))
	return nil
}

func (s *familySocket) reply(typ netlink.HeaderType, seq uint32, data []byte) {
	b, err := netlink.Message{Header: netlink.Header{Length: uint32(nlmsgHeaderLen + len(data)), Type: typ, Sequence: seq}, Data: data}.MarshalBinary()
	if err != nil {
		s.t.Fatal(err)
	}
	s.replies = append(s.replies, b)
}

func (s *familySocket) Receive(b []byte) (int, error) {
	if len(s.replies) == 0 {
		return 0, ErrTimeout
	}
	n := copy(b, s.replies[0])
	s.replies = s.replies[1:]
	return n, nil
}

func (s *familySocket) Close() error { return nil }

func TestFindFamily(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lookups []syscall.Errno
		loads   int // number of calls of loadModule; -1 for a nil function
		want    error
		text    string
	}{
		{name: "present", lookups: []syscall.Errno{0}},
		{name: "after loading the module", lookups: []syscall.Errno{syscall.ENOENT, 0}, loads: 1},
		{name: "no module", lookups: []syscall.Errno{syscall.ENOENT, syscall.ENOENT}, loads: 1,
			want: ErrNoIPVS, text: "ipvs: get netlink family: kernel does not support IPVS"},
		{name: "without modprobe", lookups: []syscall.Errno{syscall.ENOENT}, loads: -1, want: ErrNoIPVS},
		{name: "permission denied", lookups: []syscall.Errno{syscall.EPERM},
			want: fs.ErrPermission, text: "ipvs: get netlink family: operation not permitted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewClient(&familySocket{t: t, results: tt.lookups}, 0)
			loads := 0
			loadModule := func() { loads++ }
			if tt.loads < 0 {
				loadModule = nil
			}
			id, err := c.findFamily(loadModule)
			if (id == 30) != (err == nil) || loads != max(0, tt.loads) || !errors.Is(err, tt.want) {
				t.Errorf("family %d, %v, module loaded %d times; want error %v, %d times", id, err, loads, tt.want, max(0, tt.loads))
			}
			if tt.text != "" && err.Error() != tt.text {
				t.Errorf("error = %q, want %q", err, tt.text)
			}
		})
	}
}

// silentSocket never replies.
type silentSocket struct{}

func (silentSocket) Send([]byte) error           { return nil }
func (silentSocket) Receive([]byte) (int, error) { return 0, ErrTimeout }
func (silentSocket) Close() error                { return nil }

func TestFindFamilyTimeout(t *testing.T) {
	if _, err := NewClient(silentSocket{}, 0).findFamily(nil); !errors.Is(err, ErrTimeout) {
		t.Errorf("error %v, want %v", err, ErrTimeout)
	}
}

// SPDX-License-Identifier: MIT

package main

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"goipvsadm/netlinkmsg"
)

// socket is a blocking generic netlink socket that is used with plain system
// calls and one buffer.
type socket struct {
	fd     int
	family uint16
	buf    []byte
}

// receiveBuffer is the size of the buffer for replies with which dumps are fastest
// (see package ipvs).
const receiveBuffer = 8<<10 - 320

func dial() (*socket, error) {
	family, err := lookupFamily()
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("opening netlink socket: %w", err)
	}
	s := &socket{fd: fd, family: family.id, buf: make([]byte, receiveBuffer)}
	if err := s.roundTrip(family.request); err != nil {
		return nil, fmt.Errorf("looking up the IPVS family: %w", err)
	}
	return s, nil
}

func (s *socket) close() { unix.Close(s.fd) }

// familyInfo is the ID of the IPVS family, which does not change until the machine
// is rebooted, and the encoded request that looks it up.
type familyInfo struct {
	id      uint16
	request []byte
}

var lookupFamily = sync.OnceValues(func() (familyInfo, error) {
	c, err := genetlink.Dial(nil)
	if err != nil {
		return familyInfo{}, fmt.Errorf("opening generic netlink: %w", err)
	}
	defer c.Close()
	f, err := c.GetFamily(netlinkmsg.FamilyName)
	if err != nil {
		return familyInfo{}, fmt.Errorf("looking up the IPVS family: %w", err)
	}
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{{
		Type: unix.CTRL_ATTR_FAMILY_NAME, Data: []byte(netlinkmsg.FamilyName + "\x00"),
	}})
	if err != nil {
		return familyInfo{}, err
	}
	data := append([]byte{unix.CTRL_CMD_GETFAMILY, 1, 0, 0}, attributes...)
	request, err := netlink.Message{
		Header: netlink.Header{Length: uint32(16 + len(data)), Type: unix.GENL_ID_CTRL, Flags: netlink.Request, Sequence: 1},
		Data:   data,
	}.MarshalBinary()
	return familyInfo{f.ID, request}, err
})

func (s *socket) send(b []byte) error {
	if _, err := unix.Write(s.fd, b); err != nil {
		return fmt.Errorf("sending %d bytes: %w", len(b), err)
	}
	return nil
}

// readReply reads one message. An error reported by the kernel is returned as an
// error.
func (s *socket) readReply() (netlinkmsg.Frame, error) {
	n, err := unix.Read(s.fd, s.buf)
	if err != nil {
		return netlinkmsg.Frame{}, fmt.Errorf("reading a reply: %w", err)
	}
	f, _, err := netlinkmsg.Split(s.buf[:n])
	if err == nil && f.Header.Type == netlink.Error {
		var errno unix.Errno
		if errno, err = f.Errno(); err == nil && errno != 0 {
			err = errno
		}
	}
	return f, err
}

// roundTrip sends encoded messages and waits for one reply, which is the
// acknowledgement of the last message or the error of an earlier one.
func (s *socket) roundTrip(b []byte) error {
	if err := s.send(b); err != nil {
		return err
	}
	_, err := s.readReply()
	return err
}

// readDump sends a dump request and reads the complete reply. Only the types of
// the messages are decoded.
func (s *socket) readDump(request []byte) error {
	if err := s.send(request); err != nil {
		return err
	}
	for {
		n, err := unix.Read(s.fd, s.buf)
		if err != nil {
			return fmt.Errorf("reading a dump: %w", err)
		}
		for b := s.buf[:n]; len(b) >= 16; {
			switch netlink.HeaderType(binary.NativeEndian.Uint16(b[4:])) {
			case netlink.Done:
				return nil
			case netlink.Error:
				return fmt.Errorf("dump failed: %w", unix.Errno(-int32(binary.NativeEndian.Uint32(b[16:]))))
			}
			b = b[min((int(binary.NativeEndian.Uint32(b))+3)&^3, len(b)):]
		}
	}
}

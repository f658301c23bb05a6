// SPDX-License-Identifier: MIT

package netlinkmsg

import (
	"fmt"

	"github.com/mdlayher/netlink"
)

// The generic netlink family of IPVS (IPVS_GENL_NAME, IPVS_GENL_VERSION).
const (
	FamilyName    = "IPVS"
	FamilyVersion = 1
)

// Command is a command of the family (IPVS_CMD_*).
type Command uint8

// The commands. The kernel replies to GetInfo with SetInfo, to GetConfig with
// SetConfig, and to GetService, GetDestination and GetDaemon with NewService,
// NewDestination and NewDaemon.
const (
	NewService Command = iota + 1
	SetService
	DelService
	GetService
	NewDestination
	SetDestination
	DelDestination
	GetDestination
	NewDaemon
	DelDaemon
	GetDaemon
	SetConfig
	GetConfig
	SetInfo
	GetInfo
	Zero
	Flush
)

// commands describes the commands. If full is set, the service or destination of
// the command is sent with its configuration, otherwise only with its key.
var commands = [...]struct {
	name string
	full bool
}{
	NewService:     {"add service", true},
	SetService:     {"edit service", true},
	DelService:     {"delete service", false},
	GetService:     {"get service", false},
	NewDestination: {"add destination", true},
	SetDestination: {"edit destination", true},
	DelDestination: {"delete destination", false},
	GetDestination: {"get destinations", false},
	NewDaemon:      {"start daemon", false},
	DelDaemon:      {"stop daemon", false},
	GetDaemon:      {"get daemons", false},
	SetConfig:      {"set timeouts", false},
	GetConfig:      {"get timeouts", false},
	SetInfo:        {"set info", false},
	GetInfo:        {"get info", false},
	Zero:           {"zero counters", false},
	Flush:          {"flush", false},
}

// String returns a description of the command, such as "add service".
func (c Command) String() string {
	if int(c) < len(commands) && commands[c].name != "" {
		return commands[c].name
	}
	return fmt.Sprintf("Command(%d)", uint8(c))
}

// Timeouts are the times after which idle connections expire, in seconds. In
// SetConfig, 0 keeps the current value.
type Timeouts struct {
	TCP    uint32 // established TCP connections
	TCPFin uint32 // TCP connections after a FIN
	UDP    uint32 // UDP connections
}

// Info describes IPVS in the running kernel.
type Info struct {
	Version Version // version of IPVS, not of the kernel

	// ConnTableSize is the number of hash buckets of the connection table. Since
	// Linux 7.2 it is the current number, which is 0 before the first service is
	// added.
	ConnTableSize uint32
}

// The attributes of a message (IPVS_CMD_ATTR_*).
const (
	cmdService = iota + 1
	cmdDestination
	cmdDaemon
	cmdTimeoutTCP
	cmdTimeoutTCPFin
	cmdTimeoutUDP
)

// The attributes of SetInfo (IPVS_INFO_ATTR_*).
const (
	infoVersion = iota + 1
	infoConnTableSize
)

// Message is a command with its attributes. A nil field is not part of the
// message.
type Message struct {
	Command Command

	// Service is sent with its configuration by NewService and SetService. All
	// other commands send its key.
	Service *Service

	// Destination is sent with its configuration by NewDestination and
	// SetDestination, and with its address and port by DelDestination. Service is
	// the service it belongs to.
	Destination *Destination

	Daemon   *Daemon
	Timeouts *Timeouts
	Info     *Info
}

const (
	headerLen        = 16 // struct nlmsghdr
	genericHeaderLen = 4  // struct genlmsghdr: command, version, two bytes reserved
)

// Append appends m to b as a netlink message whose type is family, the ID that the
// kernel assigned to FamilyName. The port ID in the header is 0. Like AppendBody,
// Append returns b and an error if m cannot be encoded.
func (m *Message) Append(b []byte, family uint16, flags netlink.HeaderFlags, seq uint32) ([]byte, error) {
	start := len(b)
	out, err := m.AppendBody(appendHeader(b, family, flags, seq))
	if err != nil {
		return b, err
	}
	native.PutUint32(out[start:], uint32(len(out)-start))
	return out, nil
}

// AppendNoop appends a message of size bytes that the kernel only acknowledges, if
// flags request it (NLMSG_NOOP, RFC 3549 section 2.3.2). size must be a multiple of
// 4 and at least 16.
func AppendNoop(b []byte, size int, flags netlink.HeaderFlags, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, uint16(netlink.Noop), flags, seq)
	b = append(b, make([]byte, size-headerLen)...)
	native.PutUint32(b[start:], uint32(size))
	return b
}

// appendHeader appends a header with a length of 0; the caller sets the length.
func appendHeader(b []byte, typ uint16, flags netlink.HeaderFlags, seq uint32) []byte {
	b = native.AppendUint32(b, 0)
	b = native.AppendUint16(b, typ)
	b = native.AppendUint16(b, uint16(flags))
	b = native.AppendUint32(b, seq)
	return native.AppendUint32(b, 0)
}

// AppendBody appends the generic netlink header and the attributes of m to b. It
// returns b and an error if a name contains a NUL byte or has more than 255
// bytes, or if a netmask has more than 32 bits. All other values are sent as
// they are, for the kernel to check.
func (m *Message) AppendBody(b []byte) ([]byte, error) {
	out, err := m.appendBody(b)
	if err != nil {
		return b, fmt.Errorf("netlinkmsg: %s: %w", m.Command, err)
	}
	return out, nil
}

func (m *Message) appendBody(b []byte) (_ []byte, err error) {
	b = append(b, byte(m.Command), FamilyVersion, 0, 0)
	full := int(m.Command) < len(commands) && commands[m.Command].full
	if m.Service != nil {
		if b, err = m.Service.append(b, full && m.Destination == nil); err != nil {
			return nil, err
		}
	}
	if m.Destination != nil {
		b = m.Destination.append(b, full)
	}
	if m.Daemon != nil {
		if b, err = m.Daemon.append(b); err != nil {
			return nil, err
		}
	}
	if t := m.Timeouts; t != nil {
		b = appendUint32(b, cmdTimeoutTCP, t.TCP)
		b = appendUint32(b, cmdTimeoutTCPFin, t.TCPFin)
		b = appendUint32(b, cmdTimeoutUDP, t.UDP)
	}
	if m.Info != nil {
		b = appendUint32(b, infoVersion, uint32(m.Info.Version))
		b = appendUint32(b, infoConnTableSize, m.Info.ConnTableSize)
	}
	return b, nil
}

// Decode decodes a generic netlink header and attributes, as encoded by
// AppendBody or sent by the kernel, into m. It overwrites the values that m
// points to, and allocates those that are nil, so that a dump can be decoded into
// one Message without further allocations. Fields of m that are not part of the
// message remain unchanged.
//
// family is the address family of the service of a destination; it is used for
// kernels before 3.18, which do not send the family of destinations. Unknown
// attributes are ignored, and fields without an attribute are set to zero values. It
// is an error if an attribute is shorter than defined in linux/ip_vs.h, if an address
// has no family, or if a destination has no address. After an error, the values that
// m points to are undefined.
func (m *Message) Decode(b []byte, family Family) error {
	if len(b) < genericHeaderLen {
		return fmt.Errorf("netlinkmsg: %d bytes are too few for a generic netlink header", len(b))
	}
	m.Command = Command(b[0])
	var err error
	if m.Command == SetInfo {
		err = m.decodeInfo(b[genericHeaderLen:])
	} else {
		err = m.decode(b[genericHeaderLen:], family)
	}
	if err != nil {
		return fmt.Errorf("netlinkmsg: %s: %w", m.Command, err)
	}
	return nil
}

func (m *Message) decode(b []byte, family Family) error {
	var raw struct{ service, destination, daemon []byte }
	var timeouts Timeouts
	hasTimeouts := false
	var tooShort attributes
	a := attributes(b)
	for ; a.valid(); a = a.next() {
		switch a.typ() {
		case cmdService:
			raw.service = a.payload()
		case cmdDestination:
			raw.destination = a.payload()
		case cmdDaemon:
			raw.daemon = a.payload()
		case cmdTimeoutTCP:
			timeouts.TCP, hasTimeouts = a.uint32(&tooShort), true
		case cmdTimeoutTCPFin:
			timeouts.TCPFin, hasTimeouts = a.uint32(&tooShort), true
		case cmdTimeoutUDP:
			timeouts.UDP, hasTimeouts = a.uint32(&tooShort), true
		}
	}
	if err := a.err(tooShort); err != nil {
		return err
	}
	if raw.service != nil {
		if m.Service == nil {
			m.Service = new(Service)
		}
		if err := m.Service.decode(raw.service); err != nil {
			return fmt.Errorf("service: %w", err)
		}
		family = m.Service.Family
	}
	if raw.destination != nil {
		if m.Destination == nil {
			m.Destination = new(Destination)
		}
		if err := m.Destination.decode(raw.destination, family); err != nil {
			return fmt.Errorf("destination: %w", err)
		}
	}
	if raw.daemon != nil {
		if m.Daemon == nil {
			m.Daemon = new(Daemon)
		}
		if err := m.Daemon.decode(raw.daemon); err != nil {
			return fmt.Errorf("daemon: %w", err)
		}
	}
	if hasTimeouts {
		if m.Timeouts == nil {
			m.Timeouts = new(Timeouts)
		}
		*m.Timeouts = timeouts
	}
	return nil
}

// decodeInfo decodes the attributes of SetInfo, whose types are numbered
// separately.
func (m *Message) decodeInfo(b []byte) error {
	if m.Info == nil {
		m.Info = new(Info)
	}
	*m.Info = Info{}
	var tooShort attributes
	a := attributes(b)
	for ; a.valid(); a = a.next() {
		switch a.typ() {
		case infoVersion:
			m.Info.Version = Version(a.uint32(&tooShort))
		case infoConnTableSize:
			m.Info.ConnTableSize = a.uint32(&tooShort)
		}
	}
	return a.err(tooShort)
}

package netlinkmsg

import (
	"fmt"

	"github.com/mdlayher/netlink"
)

// The generic netlink family (IPVS_GENL_NAME, IPVS_GENL_VERSION).
const (
	FamilyName    = "IPVS"
	FamilyVersion = 1
)

// A Command is a command of the family (IPVS_CMD_*).
type Command uint8

// The commands. SetInfo is only seen in the answer to GetInfo.
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

// commands says what each command does, and whether it carries a service's or
// a destination's configuration or only the key.
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

// String returns what the command does, in words.
func (c Command) String() string {
	if int(c) < len(commands) && commands[c].name != "" {
		return commands[c].name
	}
	return fmt.Sprintf("Command(%d)", uint8(c))
}

// Timeouts are the life times of connections without traffic, in seconds.
// When set, 0 leaves a value as it is.
type Timeouts struct {
	TCP    uint32
	TCPFin uint32 // after a FIN
	UDP    uint32
}

// Info is what the kernel tells of its IPVS.
type Info struct {
	Version       Version
	ConnTableSize uint32 // hash buckets; since Linux 7.2 of this moment, and 0 before the first service
}

// Attributes of the first level (IPVS_CMD_ATTR_*).
const (
	cmdService = iota + 1
	cmdDestination
	cmdDaemon
	cmdTimeoutTCP
	cmdTimeoutTCPFin
	cmdTimeoutUDP
)

var cmdSizes = minLens{cmdTimeoutTCP: 4, cmdTimeoutTCPFin: 4, cmdTimeoutUDP: 4}

// Attributes of a SetInfo answer (IPVS_INFO_ATTR_*).
const (
	infoVersion = iota + 1
	infoConnTableSize
)

var infoSizes = minLens{infoVersion: 4, infoConnTableSize: 4}

// A Message is a command with what it carries; what it does not carry is nil.
type Message struct {
	Command Command

	// Service is sent whole with NewService and SetService; of the others
	// that name a service only its key is sent.
	Service *Service

	// Destination is sent whole with NewDestination and SetDestination, and
	// as its address and port with DelDestination. Service names its service.
	Destination *Destination

	Daemon   *Daemon
	Timeouts *Timeouts
	Info     *Info
}

const (
	headerLen        = 16 // struct nlmsghdr
	genericHeaderLen = 4  // struct genlmsghdr: command, version, two bytes reserved
)

// Append appends m to b as a netlink message to the generic netlink family
// with the number family, which the kernel assigns to the name FamilyName.
// The sender's port is left 0, for the kernel to fill in.
func (m *Message) Append(b []byte, family uint16, flags netlink.HeaderFlags, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, family, flags, seq)
	b = m.AppendBody(b)
	native.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// AppendNoop appends a message of size bytes, a multiple of 4, that has no
// effect (NLMSG_NOOP, RFC 3549 section 2.3.2). The kernel acknowledges it if
// asked to.
func AppendNoop(b []byte, size int, flags netlink.HeaderFlags, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, uint16(netlink.Noop), flags, seq)
	b = append(b, make([]byte, size-headerLen)...)
	native.PutUint32(b[start:], uint32(size))
	return b
}

// appendHeader appends a header whose length, of four bytes, is not known yet.
func appendHeader(b []byte, typ uint16, flags netlink.HeaderFlags, seq uint32) []byte {
	b = native.AppendUint32(b, 0)
	b = native.AppendUint16(b, typ)
	b = native.AppendUint16(b, uint16(flags))
	b = native.AppendUint32(b, seq)
	return native.AppendUint32(b, 0)
}

// AppendBody appends the generic netlink header and the attributes of m.
func (m *Message) AppendBody(b []byte) []byte {
	b = append(b, byte(m.Command), FamilyVersion, 0, 0)
	whole := int(m.Command) < len(commands) && commands[m.Command].full
	if m.Service != nil {
		b = m.Service.append(b, whole && m.Destination == nil)
	}
	if m.Destination != nil {
		b = m.Destination.append(b, whole)
	}
	if m.Daemon != nil {
		b = m.Daemon.append(b)
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
	return b
}

// Decode reads a generic netlink header and attributes into m: a request as
// Append makes it, or an answer of the kernel. It fills the values m points to
// and makes new ones only where m has none, so a caller that hands in the same
// Message again and again reads a dump without allocating.
//
// family is that of the destination's service; kernels before 3.18 do not send
// it along. Unknown attributes are skipped. An attribute that is missing
// leaves its zero value, one that is shorter than the ABI's is an error.
func (m *Message) Decode(b []byte, family Family) error {
	if len(b) < genericHeaderLen {
		return fmt.Errorf("netlinkmsg: message of %d bytes has no generic netlink header", len(b))
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
	var a attributes
	if err := a.parse(b, &cmdSizes); err != nil {
		return err
	}
	if a.has(cmdService) {
		if m.Service == nil {
			m.Service = new(Service)
		}
		if err := m.Service.decode(a.data(cmdService)); err != nil {
			return fmt.Errorf("service: %w", err)
		}
		family = m.Service.Family
	}
	if a.has(cmdDestination) {
		if m.Destination == nil {
			m.Destination = new(Destination)
		}
		if err := m.Destination.decode(a.data(cmdDestination), family); err != nil {
			return fmt.Errorf("destination: %w", err)
		}
	}
	if a.has(cmdDaemon) {
		if m.Daemon == nil {
			m.Daemon = new(Daemon)
		}
		if err := m.Daemon.decode(a.data(cmdDaemon)); err != nil {
			return fmt.Errorf("daemon: %w", err)
		}
	}
	if a.has(cmdTimeoutTCP) || a.has(cmdTimeoutTCPFin) || a.has(cmdTimeoutUDP) {
		if m.Timeouts == nil {
			m.Timeouts = new(Timeouts)
		}
		*m.Timeouts = Timeouts{
			TCP:    a.uint32(cmdTimeoutTCP),
			TCPFin: a.uint32(cmdTimeoutTCPFin),
			UDP:    a.uint32(cmdTimeoutUDP),
		}
	}
	return nil
}

// decodeInfo reads the one answer whose attributes are numbered differently.
func (m *Message) decodeInfo(b []byte) error {
	var a attributes
	if err := a.parse(b, &infoSizes); err != nil {
		return err
	}
	if m.Info == nil {
		m.Info = new(Info)
	}
	*m.Info = Info{
		Version:       Version(a.uint32(infoVersion)),
		ConnTableSize: a.uint32(infoConnTableSize),
	}
	return nil
}

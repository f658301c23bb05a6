//go:build kernel

// A name server for the comparison: it answers from a table, over UDP.

package integration

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"goipvsadm/scripts/testnet"
)

// Types of records.
const (
	typeA     = 1
	typeCNAME = 5
	typePTR   = 12
	typeAAAA  = 28
)

// A record is one answer. Data is a name, or an address for typeA and typeAAAA.
type record struct {
	rrType uint16
	data   string
}

// A zone has the records of a name in lower case; for a name that it does not have
// there is no such name, unless the name is in failing.
type dnsServer struct {
	records  map[string][]record
	servfail map[string]bool

	mu         sync.Mutex
	ptrQueries map[string]int // PTR questions
	ptrPorts   map[int]bool   // from which they came
}

// serve answers at 127.0.0.1:53 of a namespace until the test ends.
func (z *dnsServer) serve(t *testing.T, namespace *testnet.Netns) {
	t.Helper()
	z.ptrQueries, z.ptrPorts = make(map[string]int), make(map[int]bool)
	var conn *net.UDPConn
	err := namespace.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDP(buffer)
			if err != nil {
				return
			}
			conn.WriteToUDP(z.reply(buffer[:n], from.Port), from)
		}
	}()
}

// answer makes the reply to a query with one question, which came from a port.
func (z *dnsServer) reply(query []byte, port int) []byte {
	var labels []string
	end := 12
	for query[end] != 0 {
		size := int(query[end])
		labels = append(labels, strings.ToLower(string(query[end+1:end+1+size])))
		end += 1 + size
	}
	end += 5
	kind := binary.BigEndian.Uint16(query[end-4:])
	name := strings.Join(labels, ".")

	reply := append([]byte{}, query[:end]...)
	reply[2], reply[3] = 0x81, 0x80 // an answer; recursion was wanted and is there
	copy(reply[6:12], make([]byte, 6))
	records, known := z.records[name]
	z.mu.Lock()
	if kind == typePTR {
		z.ptrQueries[name]++
		z.ptrPorts[port] = true
	}
	z.mu.Unlock()
	switch {
	case z.servfail[name]:
		reply[3] |= 2
	case !known:
		reply[3] |= 3
	}
	owner := []byte{0xc0, 12}
	for len(records) > 0 {
		r := records[0]
		records = records[1:]
		if r.rrType != kind && r.rrType != typeCNAME {
			continue
		}
		data := r.encode()
		reply = append(reply, owner...)
		reply = binary.BigEndian.AppendUint16(reply, r.rrType)
		reply = append(reply, 0, 1, 0, 0, 0, 60)
		reply = binary.BigEndian.AppendUint16(reply, uint16(len(data)))
		reply = append(reply, data...)
		reply[7]++
		if r.rrType == typeCNAME {
			owner, records = data, z.records[r.data]
		}
	}
	return reply
}

func (r record) encode() []byte {
	if r.rrType == typeA || r.rrType == typeAAAA {
		return netip.MustParseAddr(r.data).AsSlice()
	}
	var data []byte
	for label := range strings.SplitSeq(r.data, ".") {
		data = append(append(data, byte(len(label))), label...)
	}
	return append(data, 0)
}

// SPDX-License-Identifier: MIT

//go:build kernel

// A DNS server that serves fixed records over UDP.

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

// Resource record types (RFC 1035, RFC 3596).
const (
	typeA     = 1
	typeCNAME = 5
	typePTR   = 12
	typeAAAA  = 28
)

// record is a resource record. data is an address for typeA and typeAAAA, otherwise a name.
type record struct {
	rrType uint16
	data   string
}

// dnsServer serves records. For other names, it returns NXDOMAIN.
type dnsServer struct {
	records  map[string][]record // by name in lower case
	servfail map[string]bool     // names for which it returns SERVFAIL

	mu         sync.Mutex
	ptrQueries map[string]int // number of PTR queries by name
	ptrPorts   map[int]bool   // source ports of PTR queries
}

// serve runs the server on 127.0.0.1:53 of a namespace until the test ends.
func (s *dnsServer) serve(t *testing.T, namespace *testnet.Netns) {
	t.Helper()
	s.ptrQueries, s.ptrPorts = make(map[string]int), make(map[int]bool)
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
			conn.WriteToUDP(s.response(buffer[:n], from.Port), from)
		}
	}()
}

// response returns the response to a query with one question, received from a source port.
func (s *dnsServer) response(query []byte, port int) []byte {
	var labels []string
	end := 12
	for query[end] != 0 {
		size := int(query[end])
		labels = append(labels, strings.ToLower(string(query[end+1:end+1+size])))
		end += 1 + size
	}
	end += 5
	rrType := binary.BigEndian.Uint16(query[end-4:])
	name := strings.Join(labels, ".")

	response := append([]byte{}, query[:end]...)
	response[2], response[3] = 0x81, 0x80 // QR, RD, RA
	copy(response[6:12], make([]byte, 6))
	records, known := s.records[name]
	s.mu.Lock()
	if rrType == typePTR {
		s.ptrQueries[name]++
		s.ptrPorts[port] = true
	}
	s.mu.Unlock()
	switch {
	case s.servfail[name]:
		response[3] |= 2
	case !known:
		response[3] |= 3
	}
	owner := []byte{0xc0, 12} // compressed: the name at offset 12, in the question
	for len(records) > 0 {
		r := records[0]
		records = records[1:]
		if r.rrType != rrType && r.rrType != typeCNAME {
			continue
		}
		data := r.encode()
		response = append(response, owner...)
		response = binary.BigEndian.AppendUint16(response, r.rrType)
		response = append(response, 0, 1, 0, 0, 0, 60) // class IN, TTL 60 s
		response = binary.BigEndian.AppendUint16(response, uint16(len(data)))
		response = append(response, data...)
		response[7]++
		if r.rrType == typeCNAME {
			owner, records = data, s.records[r.data]
		}
	}
	return response
}

// encode returns the record data in wire format.
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

// SPDX-License-Identifier: MIT

package ruleset

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
)

// Validate returns an error if the kernel rejects the rule c regardless of the
// contents of the table.
func Validate(c *command.Command) error {
	if err := ValidateServerAddr(c.Destination.AddrPort.Addr()); err != nil {
		return err
	}
	if c.Options.HasAny(command.Keep, command.AllServices) {
		return nil // depends on the table
	}
	var change ipvs.Change
	c.StoreChange(&change)
	if change.Op == 0 {
		return nil
	}
	return ValidateChange(&change)
}

// ValidateChange is like Validate for a change: it returns the reason why the kernel
// rejects the change regardless of its table, or nil.
func ValidateChange(c *ipvs.Change) error {
	err := c.Validate()
	if e := new(ipvs.Error); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// ValidateServerAddr returns an error for the address of a server if it is
// IPv4-mapped. The kernel rejects it in -a and -e, and -d cannot find it.
func ValidateServerAddr(addr netip.Addr) error {
	if addr.Is4In6() {
		return fmt.Errorf("server address %s is IPv4-mapped (use %s)", addr, addr.Unmap())
	}
	return nil
}

// Warnings returns a warning for each part of the rule c that the kernel accepts
// but that is probably not intended.
func Warnings(c *command.Command) (warnings []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	s := &c.Service
	switch c.Verb {
	case command.AddService, command.EditService:
		if addr := s.AddrPort.Addr(); addr.Is4In6() {
			warn("service address %s is IPv4-mapped and matches no packets (use %s)", addr, addr.Unmap())
		}
		if s.Flags&ipvs.Persistent == 0 && !c.Options.Has(command.Keep) {
			for _, o := range []command.Option{command.Netmask, command.PE} {
				if c.Options.Has(o) {
					warn("option '%s' has no effect without -p", o)
				}
			}
		}
		if c.Options.Has(command.Netmask) && s.Family == ipvs.IPv4 && s.Netmask != ipvs.ZeroNetmask {
			if text := netmaskWarning(uint32(s.Netmask)); text != "" {
				warn("%s", text)
			}
		}
	case command.AddServer, command.EditServer:
		if c.IgnoredPort != 0 {
			warn("port %d is ignored: without -m, the server has the port of the service, %d", c.IgnoredPort, c.Destination.AddrPort.Port())
		}
	}
	return warnings
}

// netmaskWarning returns a warning if an IPv4 netmask has a zero bit before a one
// bit, and "" otherwise.
func netmaskWarning(mask uint32) string {
	ones := bits.LeadingZeros32(^mask)
	if bits.OnesCount32(mask) == ones {
		return ""
	}
	text := fmt.Sprintf("netmask %s is not contiguous", ipv4(mask))
	if mask <= 32 { // -M 24
		text += fmt.Sprintf(" (did you mean %s?)", ipv4(^uint32(0)<<(32-mask)))
	}
	return text
}

func ipv4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
)

// The resolver of package net looks into the hosts file too, before or after
// it asks name servers, and cannot be kept from it. As a source of its own it
// is the DNS for what that file does not have; for the rest getent asks.

// dnsHost returns the IPv4 addresses that name servers have for a host.
func (d *Database) dnsHost(name string) (addrs []netip.Addr, st status) {
	if d.hosts().contains(name) {
		addrs, st = d.dnsHostViaGetent(name)
	} else {
		addrs, st = d.resolveHost(name)
	}
	if st == tryAgain {
		st = unavailable // the C library's word for name servers that fail
	}
	return addrs, st
}

// hiddenHost is dnsHost for a name that is in the hosts file.
func (d *Database) dnsHostViaGetent(name string) ([]netip.Addr, status) {
	addrs, ok := d.getent.host("dns", name)
	if len(addrs) > 0 {
		return addrs, success
	}
	if !ok {
		return nil, unavailable
	}
	// getent does not tell why there is nothing. A question for text, which no
	// hosts file has, does.
	_, err := d.resolver.LookupTXT(context.Background(), name)
	return nil, lookupStatus(0, err)
}

// dnsName returns the name that name servers have for an address. To the C
// library there is none where they fail, too.
func (d *Database) dnsName(addr netip.Addr) (name string, st status) {
	// As an IPv4-mapped address, which makes the same question, an IPv4 one is
	// not found in the hosts file, unless it stands there so.
	as6 := netip.AddrFrom16(addr.As16())
	if d.hosts().names[as6] == "" {
		name, _ = d.resolveName(as6.String())
	} else {
		name, _ = d.getent.name("dns", addr)
	}
	return name, lookupStatus(len(name), nil)
}

// resolveHost returns the IPv4 addresses that the resolver has for a host.
func (d *Database) resolveHost(name string) ([]netip.Addr, status) {
	addrs, err := d.resolver.LookupNetIP(context.Background(), "ip4", name)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, lookupStatus(len(addrs), err)
}

// resolveName returns the name that the resolver has for an address.
func (d *Database) resolveName(addr string) (string, status) {
	// Of several names some may be malformed: an error beside good ones.
	found, err := d.resolver.LookupAddr(context.Background(), addr)
	if len(found) == 0 {
		return "", lookupStatus(0, err)
	}
	return strings.TrimSuffix(found[0], "."), success
}

// resolved is the status of an answer with n of what was asked for.
func lookupStatus(n int, err error) status {
	var e *net.DNSError
	switch {
	case n > 0:
		return success
	case err == nil, errors.As(err, &e) && e.IsNotFound:
		return notFound
	case e != nil && e.Temporary():
		return tryAgain
	}
	return unavailable
}

// SPDX-License-Identifier: MIT

package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// net.Resolver always consults the hosts file as well. For the source dns it is
// therefore used only for names and addresses that the hosts file lacks; others are
// looked up with getent -s dns. net.Resolver does not support the environment variables
// of the C library's resolver (resolv.conf(5), hostname(7)) either: if one of them is
// set, getent is used.

// dnsHost returns the IPv4 addresses of a host in the DNS.
func (d *Database) dnsHost(name string) (addrs []netip.Addr, st status) {
	if d.hosts().contains(name) || d.hasEnv("LOCALDOMAIN", "HOSTALIASES", "RES_OPTIONS") {
		addrs, st = d.dnsHostViaGetent(name)
	} else {
		addrs, st = d.resolverHost(name)
	}
	if st == tryAgain {
		st = unavailable // as in the C library if name servers fail
	}
	return addrs, st
}

// hasEnv reports whether one of the environment variables is set. Even an empty
// LOCALDOMAIN replaces the search list.
func (d *Database) hasEnv(variables ...string) bool {
	return slices.ContainsFunc(variables, func(name string) bool {
		_, ok := d.lookupEnv(name)
		return ok
	})
}

// dnsHostViaGetent is dnsHost with getent.
func (d *Database) dnsHostViaGetent(name string) ([]netip.Addr, status) {
	addrs, ok := d.getent.hostAddrs("dns", name)
	if len(addrs) > 0 {
		return addrs, success
	}
	if !ok {
		return nil, unavailable
	}
	// getent does not distinguish an unknown name from a failed name server. A TXT
	// query does, and net.Resolver does not consult the hosts file for it.
	_, err := d.resolver.LookupTXT(context.Background(), name)
	return nil, lookupStatus(0, err)
}

// dnsName returns the name of an address in the DNS. As in the C library, the status is
// notFound even if name servers fail.
func (d *Database) dnsName(addr netip.Addr) (name string, st status) {
	// For an IPv4-mapped address, net.Resolver sends the same query as for the IPv4
	// address, but does not use the entries of the hosts file for the latter.
	mapped := netip.AddrFrom16(addr.As16())
	if d.hosts().names[mapped] == "" && !d.hasEnv("RES_OPTIONS") {
		name, _ = d.resolverName(mapped.String())
	} else {
		name, _ = d.getent.hostName("dns", addr)
	}
	return name, lookupStatus(len(name), nil)
}

// resolverHost returns the IPv4 addresses of a host from net.Resolver.
func (d *Database) resolverHost(name string) ([]netip.Addr, status) {
	addrs, err := d.resolver.LookupNetIP(context.Background(), "ip4", name)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, lookupStatus(len(addrs), err)
}

// resolverName returns the name of an address from net.Resolver.
func (d *Database) resolverName(addr string) (string, status) {
	// If only some of several names are malformed, LookupAddr returns the others
	// together with an error.
	names, err := d.resolver.LookupAddr(context.Background(), addr)
	if len(names) == 0 {
		return "", lookupStatus(0, err)
	}
	return strings.TrimSuffix(names[0], "."), success
}

// lookupStatus returns the status of a lookup with n results and an error.
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

// Package resolve turns the words of the command line into addresses and ports,
// and addresses and ports into the words of listings: numbers in the forms the
// C library takes and writes, and names from the hosts and services files and
// the DNS.
//
// Whoever writes numbers only never touches a file or a resolver.
package resolve

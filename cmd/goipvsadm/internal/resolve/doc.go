// SPDX-License-Identifier: MIT

// Package resolve converts between text and addresses or ports. It parses numbers
// in the forms that the C library accepts and formats them as the C library does.
// Names come from the hosts and services files, the DNS and the other sources
// of nsswitch.conf(5).
//
// Parsing and formatting numbers reads no files and sends no queries.
package resolve

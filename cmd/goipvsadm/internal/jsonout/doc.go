// SPDX-License-Identifier: MIT

// Package jsonout writes the output of the list, doctor and monitor commands, and the
// results of --all-services, as JSON. docs/goipvsadm.schema.json describes it. Members
// may be added, but existing ones keep their names and meanings.
//
// Each document is one object. Each service, connection, daemon and finding starts on a
// new line, except in the documents of --watch and --monitor, which are one line each.
// Addresses and ports are always numeric.
package jsonout

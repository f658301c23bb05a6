// Package jsonout writes what the list command shows as JSON, for programs to
// read. docs/goipvsadm.schema.json says what there is in it; it may grow, but
// nothing in it changes its name or meaning.
//
// Each document is one object. Of services, connections and daemons each
// stands on a line of its own. Addresses are always numbers, since names say
// less and may change.
package jsonout

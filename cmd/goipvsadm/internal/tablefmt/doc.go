// SPDX-License-Identifier: MIT

// Package tablefmt formats the output of the list command as ipvsadm does: the
// table of services and destinations in all its formats, the connection table,
// the timeouts and the sync daemons. It also formats the connection counts, which
// ipvsadm lacks.
//
// Rows are appended to a buffer of the caller one at a time, so that a table of any
// size can be written while it is read. Column widths and trailing blanks are part
// of the format: scripts split these listings by column.
package tablefmt

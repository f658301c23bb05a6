// Package tablefmt writes what the list command shows: the table of services
// and destinations in its several formats, the connections, the time-outs and
// the daemons.
//
// Everything is appended to a buffer of the caller's, row by row, so that a
// table of any size can be written as it comes. Widths and trailing blanks are
// part of the format: scripts cut these listings into columns.
package tablefmt

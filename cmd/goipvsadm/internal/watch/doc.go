// Package watch shows the table of services again and again, with what went on
// between two readings: in place on a terminal, and one listing after another
// where there is none.
package watch

// SPDX-License-Identifier: MIT

// Package watch displays the table of services and their rates periodically: in place
// on a terminal, otherwise as a sequence of listings.
package watch

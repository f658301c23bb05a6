// SPDX-License-Identifier: MIT

// Package watch displays services with their rates, or connections, periodically: in
// place on a terminal, otherwise as a sequence of listings.
package watch

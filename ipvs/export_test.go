// SPDX-License-Identifier: MIT

package ipvs

// Internals for tests in package ipvs_test.
const (
	BatchSize       = batchSize
	MaxDumpAttempts = maxDumpAttempts
)

var ErrIncompleteReply = errIncompleteReply

// SetPortID sets the port ID to which replies must be addressed.
func (c *Client) SetPortID(id uint32) { c.portID = id }

// AppendRow is appendRow.
func AppendRow[T any](list []T, row *T) []T { return appendRow(list, row) }

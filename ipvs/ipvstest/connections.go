// SPDX-License-Identifier: MIT

package ipvstest

import (
	"iter"

	"goipvsadm/ipvs"
)

// ConnectionSeq yields connections and then err, unless it is nil, like
// ipvs.Client.Connections.
func ConnectionSeq(connections []ipvs.Connection, err error) iter.Seq2[ipvs.Connection, error] {
	return func(yield func(ipvs.Connection, error) bool) {
		for _, c := range connections {
			if !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(ipvs.Connection{}, err)
		}
	}
}

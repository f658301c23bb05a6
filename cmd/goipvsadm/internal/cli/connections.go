// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"errors"
	"io/fs"
	"iter"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/conncount"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// listConnections executes -L -c.
func (inv *invocation) listConnections(cmd *command.Command) int {
	inv.stdout.Flush() // the text listing bypasses this buffer
	err := inv.writeConnections(cmd)
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return exitOK
	}
	inv.connectionsError(err)
	return exitListError
}

// connectionsError reports an error of reading the connections.
func (inv *invocation) connectionsError(err error) {
	if file := new(fs.PathError); errors.As(err, &file) && file.Op == "open" {
		inv.errorf("cannot open file /proc/net/ip_vs_conn")
	} else {
		inv.errorf("%v", err)
	}
}

// connections returns the connections to list.
func (inv *invocation) connections(cmd *command.Command) iter.Seq2[ipvs.Connection, error] {
	return cmd.Filter.Select(inv.client.Connections())
}

// writeConnections writes the connections, or their counts by server and state.
func (inv *invocation) writeConnections(cmd *command.Command) error {
	switch {
	case cmd.Options.Has(command.JSON):
		return jsonConnections(inv.stdout, cmd, inv.connections(cmd), time.Time{})
	case cmd.Options.Has(command.Count):
		counts, err := conncount.Count(inv.connections(cmd))
		if err == nil {
			inv.stdout.Write(tablefmt.AppendCounts(nil, counts, inv.namer(cmd)))
		}
		return err
	}
	return tablefmt.Connections(inv.rawStdout, inv.connections(cmd), inv.namer(cmd), cmd.Options.Has(command.PersistentConn))
}

// jsonConnections writes the connections, or their counts by server and state, as
// JSON. If t is not zero, the document begins with the time t and is written on one
// line.
func jsonConnections(out *bufio.Writer, cmd *command.Command, connections iter.Seq2[ipvs.Connection, error], t time.Time) error {
	if !cmd.Options.Has(command.Count) {
		return jsonout.Connections(out, connections, t)
	}
	counts, err := conncount.Count(connections)
	if err != nil {
		return err
	}
	return jsonout.Counts(out, counts, t)
}

// condition describes in words which connections, or services, the options of -L
// select.
func condition(cmd *command.Command) string {
	f := &cmd.Filter
	if !cmd.Options.Has(command.Connection) {
		if !f.Destination.IsValid() {
			return ""
		}
		return "with server " + endpointText(f.Destination)
	}
	var words []string
	switch {
	case f.Client.IsSingleIP():
		words = append(words, "from", f.Client.Addr().String())
	case f.Client.IsValid():
		words = append(words, "from", f.Client.String())
	}
	switch {
	case f.Protocol != 0:
		words = append(words, "to", f.Protocol.String(), endpointText(f.VIP))
	case f.VIP.IsValid():
		words = append(words, "to", endpointText(f.VIP))
	}
	if f.Destination.IsValid() {
		words = append(words, "on", endpointText(f.Destination))
	}
	if f.State != "" {
		words = append(words, "in", f.State)
	}
	return strings.Join(words, " ")
}

// endpointText returns ap numerically, without the port if it is 0.
func endpointText(ap netip.AddrPort) string {
	if ap.Port() == 0 {
		return ap.Addr().String()
	}
	return string(resolve.AppendNumeric(nil, ap))
}

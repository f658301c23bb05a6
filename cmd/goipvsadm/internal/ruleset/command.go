package ruleset

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
)

// Append appends the line that says c: one that adds, edits or removes a
// service, a server or a daemon, or sets the time-outs. An edit names all that
// it leaves behind, so that the line alone tells the outcome. It panics if c is
// another command.
func Append(b []byte, c *command.Command, n tablefmt.Namer) []byte {
	if !isRule(c.Verb) {
		panic(fmt.Sprintf("the command %s is not a rule", c.Verb))
	}
	word := c.Verb.Flag()
	switch c.Verb {
	case command.AddService, command.EditService:
		return appendService(b, word, &c.Service, n)
	case command.AddServer, command.EditServer:
		return appendDestination(b, word, &c.Service, &c.Destination, n)
	case command.SetTimeouts:
		return AppendTimeouts(b, &c.Timeouts)
	case command.StartDaemon:
		return AppendDaemon(b, &c.Daemon)
	}
	b = append(b, word...)
	switch c.Verb {
	case command.DeleteService:
		b = appendKey(b, &c.Service.ServiceKey, n)
	case command.DeleteServer:
		b = appendDestinationKey(b, &c.Service, &c.Destination, n)
	case command.StopDaemon:
		b = append(append(b, ' '), c.Daemon.State.String()...)
	}
	return append(b, '\n')
}

// isRule reports whether a command adds, edits or removes a service, a server or
// a daemon, or sets the timeouts.
func isRule(v command.Verb) bool {
	return v.IsChange() && v != command.Flush && v != command.Zero
}

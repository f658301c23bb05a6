package ruleset

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
)

// commands are the words of the commands that rules are made of.
var commands = [...]string{
	command.AddService:    "-A",
	command.EditService:   "-E",
	command.DeleteService: "-D",
	command.AddServer:     "-a",
	command.EditServer:    "-e",
	command.DeleteServer:  "-d",
	command.SetTimeouts:   "--set",
	command.StartDaemon:   "--start-daemon",
	command.StopDaemon:    "--stop-daemon",
}

// Append appends the line that says c: one that adds, edits or removes a
// service, a server or a daemon, or sets the time-outs. An edit names all that
// it leaves behind, so that the line alone tells the outcome. It panics if c is
// another command.
func Append(b []byte, c *command.Command, n tablefmt.Namer) []byte {
	word := ""
	if int(c.Verb) < len(commands) {
		word = commands[c.Verb]
	}
	if word == "" {
		panic(fmt.Sprintf("the command %s is no rule", c.Verb))
	}
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

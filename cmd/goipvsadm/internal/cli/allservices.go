// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// allServices executes -e or -d with --all-services, which edits or removes a server in
// every service that has it.
func (inv *invocation) allServices(cmd *command.Command) int {
	server := cmd.Destination.AddrPort
	if err := ruleset.ValidateServerAddr(server.Addr()); err != nil {
		inv.errorf("%v", err)
		return exitKernelError
	}
	found, err := inv.client.DestinationsWithAddr(server.Addr())
	if err != nil {
		inv.errorf("%s", kernelMessage(cmd.Verb, err))
		return exitKernelError
	}
	var all []ipvs.Destination
	for i := range found {
		all = append(all, found[i].Destination)
	}
	report := &serverReport{invocation: inv, server: string(resolve.AppendNumeric(nil, server))}
	if cmd.AnyPort {
		report.server = string(resolve.AppendAddr(nil, server.Addr()))
	} else {
		found = slices.DeleteFunc(found, func(d ipvs.ServiceDestination) bool { return d.Destination.AddrPort != server })
	}
	if len(found) == 0 {
		inv.errorf("no service has the server %s%s", report.server, portsHint(server.Addr(), all))
		return exitKernelError
	}
	tablefmt.SortServiceDestinations(found)
	if cmd.Verb == command.EditServer {
		return report.edit(cmd, found)
	}
	report.begin(cmd)
	defer report.end()
	if cmd.Options.Has(command.Drain) {
		return inv.drainServers(cmd, keysOf(found), report)
	}
	return report.remove(keysOf(found))
}

func keysOf(list []ipvs.ServiceDestination) []ipvs.DestinationKey {
	keys := make([]ipvs.DestinationKey, len(list))
	for i := range list {
		keys[i] = keyOf(&list[i])
	}
	return keys
}

func keyOf(d *ipvs.ServiceDestination) ipvs.DestinationKey {
	return ipvs.DestinationKey{Service: d.Service.ServiceKey, AddrPort: d.Destination.AddrPort}
}

// A serverResult is what --all-services did with a server in one service.
type serverResult uint8

const (
	resultChanged serverResult = iota
	resultUnchanged
	resultNotChanged // because of an error
	resultRemoved
	resultNotRemoved // because of an error or a signal
)

// String returns the result as shown in the totals.
func (r serverResult) String() string {
	return [...]string{"changed", "unchanged", "not changed", "removed", "not removed"}[r]
}

// A serverReport reports the result in each service and the totals.
type serverReport struct {
	*invocation
	server   string           // the server as given on the command line
	json     *jsonout.Results // nil for text
	services map[ipvs.ServiceKey]bool
	counts   [resultNotRemoved + 1]int
}

// begin begins the report of cmd.
func (r *serverReport) begin(cmd *command.Command) {
	if cmd.Options.Has(command.JSON) {
		r.json, _ = jsonout.NewResults(r.stdout) // Run reports errors of stdout
	}
}

// printResult prints the result of a server on standard output.
func (r *serverReport) printResult(key ipvs.DestinationKey, result serverResult, text string, cut *jsonout.CutConns) {
	if r.json == nil {
		fmt.Fprintf(r.stdout, "%s: %s\n", serverName(key), text)
	}
	r.record(key, result, text, cut)
}

// printError prints an error about a server on standard error.
func (r *serverReport) printError(key ipvs.DestinationKey, result serverResult, text string) {
	r.errorf("%s: %s", serverName(key), text)
	r.record(key, result, text, nil)
}

// record counts the result of a server, and writes it as JSON if that is requested.
func (r *serverReport) record(key ipvs.DestinationKey, result serverResult, text string, cut *jsonout.CutConns) {
	if r.services == nil {
		r.services = make(map[ipvs.ServiceKey]bool)
	}
	r.services[key.Service] = true
	r.counts[result]++
	if r.json != nil {
		_ = r.json.Add(&jsonout.Result{Server: key, Result: result.String(), Text: text, Cut: cut})
	}
}

// end prints the totals, such as "3 services: 2 removed, 1 not removed".
func (r *serverReport) end() {
	if r.json != nil {
		_ = r.json.End()
		return
	}
	var totals []string
	for result, n := range r.counts {
		if n > 0 {
			totals = append(totals, humanize.Count(n, "")+" "+serverResult(result).String())
		}
	}
	fmt.Fprintf(r.stdout, "%s: %s\n", humanize.Count(len(r.services), "service"), strings.Join(totals, ", "))
}

// serverMessage returns the message for an error of the kernel about a server. Unlike
// subjectMessage, it returns the same message under every name of the program.
func serverMessage(verb command.Verb, key ipvs.DestinationKey, err error) string {
	s := subjectOfServer(key)
	return s.message(verb, err)
}

// remove removes a server from the services and returns the exit status.
func (r *serverReport) remove(keys []ipvs.DestinationKey) int {
	status := exitOK
	for _, key := range keys {
		if err := r.client.RemoveDestination(key.Service, key.AddrPort); err != nil {
			r.printError(key, resultNotRemoved, serverMessage(command.DeleteServer, key, err))
			status = exitKernelError
			continue
		}
		r.printResult(key, resultRemoved, "removed", nil)
	}
	return status
}

// edit edits a server in the services and returns the exit status. If the edit is
// invalid for one of them, it changes nothing.
func (r *serverReport) edit(cmd *command.Command, found []ipvs.ServiceDestination) int {
	edits := make([]command.Command, len(found))
	for i := range found {
		edits[i] = *cmd
		edits[i].Service.ServiceKey = found[i].Service.ServiceKey
		edits[i].Destination.AddrPort = found[i].Destination.AddrPort
		err := edits[i].KeepServer(&found[i].Destination)
		if err == nil {
			var change ipvs.Change
			edits[i].StoreChange(&change)
			err = ruleset.ValidateChange(&change)
		}
		if err != nil {
			r.errorf("%s: %v\nnothing was changed", serverName(keyOf(&found[i])), err)
			return exitUsage
		}
	}
	r.begin(cmd)
	defer r.end()
	status := exitOK
	for i := range found {
		if !r.editOne(&edits[i], &found[i]) {
			status = exitKernelError
		}
	}
	return status
}

// editOne edits a server in one service and reports whether that succeeded.
func (r *serverReport) editOne(edit *command.Command, current *ipvs.ServiceDestination) bool {
	key := keyOf(current)
	changes := serverChanges(&current.Destination, &edit.Destination)
	if len(changes) == 0 {
		r.printResult(key, resultUnchanged, "unchanged", nil)
		return true
	}
	if err := r.client.CompareAndUpdateDestination(key.Service, current.Destination, edit.Destination); err != nil {
		r.printError(key, resultNotChanged, serverMessage(command.EditServer, key, err))
		return false
	}
	r.printResult(key, resultChanged, strings.Join(changes, ", "), nil)
	return true
}

// SPDX-License-Identifier: MIT

package cli

import (
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
)

// TestCondition checks the text that describes the filter in the title of --watch.
func TestCondition(t *testing.T) {
	for _, tt := range []struct{ options, want string }{
		{options: "-L"},
		{options: "-L --server 10.0.0.2", want: "with server 10.0.0.2"},
		{options: "-L --server [fd00::2]:80", want: "with server [fd00::2]:80"},
		{options: "-L -c"},
		{options: "-L -c --server 10.0.0.2", want: "on 10.0.0.2"},
		{options: "-L -c -t 10.0.0.1:80 --client 10.0.0.0/8", want: "from 10.0.0.0/8 to TCP 10.0.0.1:80"},
		{options: "-L -c --state close --vip fd00::1 --server 10.0.0.2:80 --client 10.0.0.3", want: "from 10.0.0.3 to fd00::1 on 10.0.0.2:80 in CLOSE"},
	} {
		p := command.NewParser("goipvsadm", resolve.System())
		p.ServiceConnections = true
		var cmd command.Command
		if err := p.Parse(words(tt.options), &cmd); err != nil {
			t.Fatalf("%s: %v", tt.options, err)
		}
		if got := condition(&cmd); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.options, got, tt.want)
		}
	}
}

// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// open connects to the kernel. It reports errors and returns the exit status.
func (inv *invocation) open(netns string, options ...ipvs.Option) int {
	err := inv.connect(netns, options...)
	if e := new(ipvs.NetNSError); errors.As(err, &e) {
		return inv.netnsError(netns, e)
	}
	if errors.Is(err, ipvs.ErrNotLoaded) {
		inv.errorf("the kernel module ip_vs is not loaded: run `modprobe ip_vs' or add a service")
		return exitUsage
	}
	if err != nil {
		text := "Can't initialize ipvs: " + dialMessage(err)
		if !inv.isGoipvsadm || !errors.Is(err, os.ErrPermission) {
			text += "\nAre you sure that IP Virtual Server is built in the kernel or as module?"
		}
		inv.errorf("%s", text)
		return exitUsage
	}
	return exitOK
}

// connect sets client and info. netns is the name or path of a network
// namespace; "" stands for the caller's.
func (inv *invocation) connect(netns string, options ...ipvs.Option) (err error) {
	options = append(options, inNetNS(netns)...)
	options = append(options, ipvs.WithModprobeOutput(inv.files.stderr))
	if inv.client, err = inv.dial(options...); err != nil {
		return err
	}
	inv.info, err = inv.client.Info()
	return err
}

// inNetNS returns the option for a network namespace, or no option for "".
func inNetNS(netns string) []ipvs.Option {
	if netns == "" {
		return nil
	}
	return []ipvs.Option{ipvs.WithNetNS(netns)}
}

// netnsError reports that the network namespace cannot be entered.
func (inv *invocation) netnsError(netns string, err *ipvs.NetNSError) int {
	text := fmt.Sprintf("cannot open network namespace %q: %s", netns, strerror(err.Errno))
	if err.Tried != nil {
		text += " (tried " + strings.Join(err.Tried, ", ") + ")"
	}
	inv.errorf("%s", termsafe.Escape(text))
	return exitUsage
}

package app

import (
	"bufio"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// runOffline runs a command line where no name server is asked.
func runOffline(k *ipvstest.Kernel, stdin string, args ...string) result {
	db := names.NewDatabase(os.DevNull, os.DevNull, &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server here")
	}})
	var stdout, stderr strings.Builder
	p := &program{
		stdin: strings.NewReader(stdin), direct: &stdout, stdout: bufio.NewWriter(&stdout), stderr: &stderr, dial: k.Dial,
		names: db, parser: command.NewParser("ipvsadm", db),
	}
	status := p.run(args)
	p.stdout.Flush()
	return result{status, stdout.String(), stderr.String()}
}

// Whatever the rules are, --check and --apply agree about their mistakes, and
// a table that --apply could make has nothing left to be done.
func FuzzApply(f *testing.F) {
	f.Add("")
	f.Add("# nothing\n\n")
	f.Add(oneServer)
	f.Add(oneServer + oneServer)
	f.Add("-a -f 1 -r 192.0.2.1:0\n-A -f 1 -6\n-A --foo\n-R\n--set 1 2\n")
	r := rand.New(rand.NewPCG(1, 1))
	for range 10 {
		f.Add(randomRules(r))
	}
	f.Fuzz(func(t *testing.T, rules string) {
		k := &ipvstest.Kernel{Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}}
		check := runOffline(k, rules, "--check")
		if check.status != 0 && check.status != 2 || check.stdout != "" || (check.status == 0) != (check.stderr == "") || len(k.Requests) > 0 {
			t.Fatalf("--check: %+v", check)
		}
		apply := runOffline(k, rules, "--apply", "--allow-empty")
		if apply.status == 0 && apply.stderr != "" || check.status == 2 && apply.status != 2 || apply.status == 2 && len(k.Changes()) > 0 {
			t.Fatalf("--check: %+v, and --apply: %+v", check, apply)
		}
		if apply.status != 0 {
			return
		}
		if again := runOffline(k, rules, "--diff", "--allow-empty"); again != (result{}) {
			t.Fatalf("there is something left: %+v", again)
		}
	})
}

// SPDX-License-Identifier: MIT

package cli

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/netlinkmsg"
)

// weightOutline formats the servers in the weight metric like
// tableDocument.outline.
func weightOutline(text string) string {
	var words []string
	last := ""
	for _, m := range regexp.MustCompile(`(?m)^ipvs_server_weight\{.*,port="(\d+)",server_address="198\.51\.100\.(\d)"`).FindAllStringSubmatch(text, -1) {
		if m[1] != last {
			words = append(words, m[1]+":")
			last = m[1]
		}
		words[len(words)-1] += m[2]
	}
	return strings.Join(words, " ")
}

func TestMetrics(t *testing.T) {
	k := unsortedKernel()
	for _, tt := range []struct{ options, want string }{
		{options: "--metrics", want: "1:12 2:12 3:12"},
		{options: "--metrics=prometheus", want: "1:12 2:12 3:12"},
		{options: "--metrics=openmetrics", want: "1:12 2:12 3:12"},
		{options: "--metrics --nosort", want: "3:21 1:21 2:21"},
		{
			options: "--metrics -n --stats --rate --exact --thresholds --persistent-conn --tun-info",
			want:    "1:12 2:12 3:12",
		},
		{options: "--metrics -t 192.0.2.1:2", want: "2:12"},
		{options: "--metrics --top 2", want: "2:12 1:12"},
	} {
		got := run(k, "", words("goipvsadm -L "+tt.options)...)
		if got.status != 0 || got.stderr != "" || !strings.HasSuffix(got.stdout, "\n# EOF\n") {
			t.Fatalf("%s: %+v", tt.options, got)
		}
		if servers := weightOutline(got.stdout); servers != tt.want {
			t.Errorf("%s: %s, want %s", tt.options, servers, tt.want)
		}
		if want := "ipvs_timeout_seconds{timeout=\"tcp\"} 900\n"; !strings.Contains(got.stdout, want) {
			t.Errorf("%s: no %s", tt.options, want)
		}
	}
}

func TestMetricsFormats(t *testing.T) {
	k := unsortedKernel()
	prometheus := run(k, "", "goipvsadm", "-L", "--metrics")
	if got := run(k, "", "goipvsadm", "-L", "--metrics=prometheus"); got != prometheus || !strings.Contains(got.stdout, "# TYPE ipvs_info gauge\n") {
		t.Errorf("--metrics=prometheus: %+v", got)
	}
	if got := run(k, "", "goipvsadm", "-L", "--metrics=openmetrics"); !strings.Contains(got.stdout, "# TYPE ipvs info\n") {
		t.Errorf("--metrics=openmetrics: %+v", got)
	}
	if got := run(k, "", "goipvsadm", "-L", "--metrics=json"); got != (result{2, "", "illegal metrics format specified\n"}) {
		t.Errorf("--metrics=json: %+v", got)
	}
}

func TestMetricsConflictingOptions(t *testing.T) {
	for _, option := range []string{"-j", "--watch", "-c", "--timeout", "--daemon"} {
		got := run(unsortedKernel(), "", "goipvsadm", "-L", "--metrics", option)
		if got.status != 2 || got.stdout != "" || !strings.Contains(got.stderr, "options conflicts in the list command") {
			t.Errorf("%s: %+v", option, got)
		}
	}
}

// TestMetricsKernelError checks that nothing is printed if any request fails.
func TestMetricsKernelError(t *testing.T) {
	for _, failing := range []netlinkmsg.Command{
		netlinkmsg.GetService, netlinkmsg.GetDestination, netlinkmsg.GetConfig, netlinkmsg.GetDaemon,
	} {
		k := unsortedKernel()
		k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
			if m.Command == failing {
				return syscall.ENOMEM
			}
			return 0
		}
		if got := run(k, "", "goipvsadm", "-L", "--metrics"); got != (result{1, "", "Memory allocation problem\n"}) {
			t.Errorf("%v: %+v", failing, got)
		}
	}
}

// TestMetricsNotLoaded checks that --metrics reports that the module is not loaded.
func TestMetricsNotLoaded(t *testing.T) {
	notLoaded := func(...ipvs.Option) (*ipvs.Client, error) {
		return nil, &ipvs.Error{Op: "find its netlink family", Err: ipvs.ErrNotLoaded, Errno: syscall.ENOPROTOOPT}
	}
	var stdout, stderr strings.Builder
	status := Run([]string{"goipvsadm", "-L", "--metrics"}, strings.NewReader(""), &stdout, &stderr, notLoaded)
	want := result{2, "", "the kernel module ip_vs is not loaded: run `modprobe ip_vs' or add a service\n"}
	if got := (result{status, stdout.String(), stderr.String()}); got != want {
		t.Errorf("--metrics: %+v, want %+v", got, want)
	}
}

package cli

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/netlinkmsg"
)

// weights are the servers of which there is a weight: "1:12 2:12".
func weights(text string) string {
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
	k := busy()
	for _, tt := range []struct{ options, want string }{
		{"--metrics", "1:12 2:12 3:12"},
		{"--metrics=prometheus", "1:12 2:12 3:12"},
		{"--metrics=openmetrics", "1:12 2:12 3:12"},
		{"--metrics --nosort", "3:21 1:21 2:21"},
		{"--metrics -n --stats --rate --exact --thresholds --persistent-conn --tun-info", "1:12 2:12 3:12"},
		{"--metrics -t 192.0.2.1:2", "2:12"},
		{"--metrics --top 2", "2:12 1:12"},
	} {
		got := run(k, "", append([]string{"goipvsadm", "-L"}, words(tt.options)...)...)
		if got.status != 0 || got.stderr != "" || !strings.HasSuffix(got.stdout, "\n# EOF\n") {
			t.Fatalf("%s: %+v", tt.options, got)
		}
		if servers := weights(got.stdout); servers != tt.want {
			t.Errorf("%s: %s, want %s", tt.options, servers, tt.want)
		}
		if want := "ipvs_timeout_seconds{timeout=\"tcp\"} 900\n"; !strings.Contains(got.stdout, want) {
			t.Errorf("%s lacks %s", tt.options, want)
		}
	}
}

func TestMetricsFormats(t *testing.T) {
	k := busy()
	plain := run(k, "", "goipvsadm", "-L", "--metrics")
	if got := run(k, "", "goipvsadm", "-L", "--metrics=prometheus"); got != plain || !strings.Contains(got.stdout, "# TYPE ipvs_info gauge\n") {
		t.Errorf("%+v", got)
	}
	if got := run(k, "", "goipvsadm", "-L", "--metrics=openmetrics"); !strings.Contains(got.stdout, "# TYPE ipvs info\n") {
		t.Errorf("%+v", got)
	}
	if got := run(k, "", "goipvsadm", "-L", "--metrics=json"); got != (result{2, "", "illegal metrics format specified\n"}) {
		t.Errorf("%+v", got)
	}
}

func TestMetricsConflicts(t *testing.T) {
	for _, option := range []string{"-j", "--watch", "-c", "--timeout", "--daemon"} {
		got := run(busy(), "", "goipvsadm", "-L", "--metrics", option)
		if got.status != 2 || got.stdout != "" || !strings.Contains(got.stderr, "options conflicts in the list command") {
			t.Errorf("%s: %+v", option, got)
		}
	}
}

// Where something was not read, nothing is printed.
func TestMetricsCutShort(t *testing.T) {
	for _, refused := range []netlinkmsg.Command{
		netlinkmsg.GetService, netlinkmsg.GetDestination, netlinkmsg.GetConfig, netlinkmsg.GetDaemon,
	} {
		k := busy()
		k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
			if m.Command == refused {
				return syscall.ENOMEM
			}
			return 0
		}
		if got := run(k, "", "goipvsadm", "-L", "--metrics"); got != (result{1, "", "Memory allocation problem\n"}) {
			t.Error(fmt.Sprint(refused), got)
		}
	}
}

// --metrics does not load the module, and reports that it is not loaded.
func TestMetricsNotLoaded(t *testing.T) {
	notLoaded := func(...ipvs.Option) (*ipvs.Client, error) {
		return nil, &ipvs.Error{Op: "find its netlink family", Err: ipvs.ErrNotLoaded, Errno: syscall.ENOPROTOOPT}
	}
	var stdout, stderr strings.Builder
	status := Run([]string{"goipvsadm", "-L", "--metrics"}, strings.NewReader(""), &stdout, &stderr, notLoaded)
	want := result{2, "", "the kernel module ip_vs is not loaded: run `modprobe ip_vs' or add a service\n"}
	if got := (result{status, stdout.String(), stderr.String()}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

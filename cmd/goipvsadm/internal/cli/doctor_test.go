// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

func TestDoctor(t *testing.T) {
	denied := func(*netlinkmsg.Message) syscall.Errno { return syscall.EPERM }
	for _, tt := range []struct {
		name, line string
		kernel     *ipvstest.FakeKernel
		status     int
		stdout     string // prefix
		stderr     string
	}{
		{
			name:   "missing service",
			line:   "--doctor -t 192.0.2.1:80",
			kernel: new(ipvstest.FakeKernel),
			status: 2,
			stderr: "No such service\n",
		},
		{
			name:   "option of another command",
			line:   "--doctor --stats",
			kernel: new(ipvstest.FakeKernel),
			status: 2,
			stderr: "Illegal 'stats' option with the 'doctor' command\n",
		},
		{
			name:   "option with another command",
			line:   "-L --probe",
			kernel: new(ipvstest.FakeKernel),
			status: 2,
			stderr: "Illegal 'probe' option with the 'list' command\n",
		},
		{
			name:   "unexpected argument",
			line:   "--doctor now",
			kernel: new(ipvstest.FakeKernel),
			status: 2,
			stderr: "unexpected argument now\n",
		},
		{
			name:   "no privilege",
			line:   "--doctor -n",
			kernel: &ipvstest.FakeKernel{Intercept: denied},
			status: 2,
			stdout: "not everything could be examined\nExamined 0 services with 0 servers, 0 connections",
		},
		{
			name:   "missing namespace",
			line:   "--doctor -N nosuch",
			status: 2,
			stderr: "cannot open network namespace \"nosuch\": No such file or directory\n",
		},
		{
			name:   "rules file missing",
			line:   "--doctor --rules /nosuch/rules",
			status: 2,
			stderr: "open /nosuch/rules: no such file or directory\n",
		},
		{
			name:   "rules with probes",
			line:   "--doctor --probe --rules -",
			status: 2,
			stderr: "The option 'rules' conflicts with the 'probe' option in the 'doctor' command\n",
		},
		{
			name:   "service missing in the rules",
			line:   "--doctor --rules - -t 192.0.2.1:80",
			status: 2,
			stderr: "service not defined in the rules\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dial := func(...ipvs.Option) (*ipvs.Client, error) {
				return nil, &ipvs.NetNSError{Path: "/run/netns/nosuch", Errno: syscall.ENOENT}
			}
			if tt.kernel != nil {
				dial = tt.kernel.Dial
			}
			var stdout, stderr strings.Builder
			status := Run(words("goipvsadm "+tt.line), strings.NewReader(""), &stdout, &stderr, dial)
			if status != tt.status || !strings.HasPrefix(stdout.String(), tt.stdout) || stderr.String() != tt.stderr {
				t.Errorf("status %d, %q, %q", status, stdout.String(), stderr.String())
			}
			if tt.stdout == "" && stdout.Len() > 0 {
				t.Errorf("stdout %q, want none", stdout.String())
			}
		})
	}
}

// TestDoctorWithoutIPVS checks that --doctor prints a report if there is no IPVS.
func TestDoctorWithoutIPVS(t *testing.T) {
	dial := func(...ipvs.Option) (*ipvs.Client, error) {
		return nil, &ipvs.Error{Op: "find", Err: ipvs.ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	}
	var stdout, stderr strings.Builder
	status := Run([]string{"goipvsadm", "--doctor"}, strings.NewReader(""), &stdout, &stderr, dial)
	if status != 2 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "\nNot examined: the table: Protocol not available\n") {
		t.Errorf("status %d, %q, %q", status, stdout.String(), stderr.String())
	}
	dial = func(...ipvs.Option) (*ipvs.Client, error) { return nil, errors.New("dial error") }
	stdout.Reset()
	if Run([]string{"goipvsadm", "--doctor"}, strings.NewReader(""), &stdout, &stderr, dial); !strings.Contains(stdout.String(), ": dial error\n") {
		t.Errorf("the report lacks the dial error: %q", stdout.String())
	}
}

func TestDoctorStatus(t *testing.T) {
	findings := func(severities ...doctor.Severity) (all []doctor.Finding) {
		for _, s := range severities {
			all = append(all, doctor.Finding{Severity: s})
		}
		return all
	}
	missing := []doctor.Unavailable{{What: "routes"}}
	for _, tt := range []struct {
		missing  []doctor.Unavailable
		findings []doctor.Finding
		want     int
	}{
		{},
		{findings: findings(doctor.Hint)},
		{findings: findings(doctor.Hint, doctor.Warning, doctor.Hint), want: 1},
		{findings: findings(doctor.Error), want: 1},
		{missing: []doctor.Unavailable{{What: "rules", Optional: true}}},
		{missing: missing, want: 2},
		{missing: missing, findings: findings(doctor.Hint), want: 2},
		{missing: missing, findings: findings(doctor.Warning), want: 1},
	} {
		if got := doctorStatus(&doctor.Facts{Unavailable: tt.missing}, tt.findings); got != tt.want {
			t.Errorf("unavailable %v, %d findings: status %d, want %d", tt.missing, len(tt.findings), got, tt.want)
		}
	}
}

// TestDoctorRules checks that --rules examines rules without connecting to the kernel.
func TestDoctorRules(t *testing.T) {
	for _, tt := range []struct {
		name, rules, service string
		status               int
		want                 []string // in standard output or error
	}{
		{name: "address not local and port without effect", status: 1,
			rules: "-A -t 203.0.113.77:80 -s rr\n-a -t 203.0.113.77:80 -r 127.0.0.1:8080 -g\n",
			want:  []string{"[vip-not-local]", "203.0.113.77 is on no interface", "[port-ignored]", "the rule names port 8080, but packets are sent to port 80"}},
		{name: "fallback flag", status: 1,
			rules: "-A -t 127.0.0.1:81 -s sh\n-a -t 127.0.0.1:81 -r 127.0.0.1:81 -g\n-a -t 127.0.0.1:81 -r 127.0.0.2:81 -g -w 0\n",
			want:  []string{"[hash-without-fallback]", "-b sh-fallback"}},
		{name: "one service", service: " -t 127.0.0.1:81", status: 1,
			rules: "-A -t 203.0.113.77:80 -s rr\n-A -t 127.0.0.1:81 -s rr\n", want: []string{"Examined 1 service ", "[no-servers]"}},
		{name: "no listener here", status: 1,
			rules: "-A -t 127.0.0.1:1 -s rr\n-a -t 127.0.0.1:1 -r 127.0.0.1:1 -g\n", want: []string{"[local-not-listening]"}},
		{name: "invalid rules", rules: "-A -t 127.0.0.1:81 -s rr\n-a -t 127.0.0.1:82 -r 127.0.0.1\n-x\n", status: 2,
			want: []string{"line 2: service not defined", "line 3: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dial := func(...ipvs.Option) (*ipvs.Client, error) {
				t.Error("the program connected to the kernel")
				return nil, ipvs.ErrNoIPVS
			}
			var stdout, stderr strings.Builder
			status := Run(words("goipvsadm --doctor -n --rules -"+tt.service), strings.NewReader(tt.rules), &stdout, &stderr, dial)
			output := stdout.String() + stderr.String()
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			for _, text := range tt.want {
				if !strings.Contains(output, text) {
					t.Errorf("no %q in\n%s", text, output)
				}
			}
		})
	}
}

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

// What the doctor is not asked for in the right way, and what it cannot do.
func TestDoctor(t *testing.T) {
	refuse := func(*netlinkmsg.Message) syscall.Errno { return syscall.EPERM }
	for _, tt := range []struct {
		name, line string
		kernel     *ipvstest.FakeKernel
		status     int
		stdout     string // begins so
		stderr     string
	}{
		{"a service that is not there", "--doctor -t 192.0.2.1:80", new(ipvstest.FakeKernel), 2, "", "No such service\n"},
		{"an option of others", "--doctor --stats", new(ipvstest.FakeKernel), 2, "", "Illegal 'stats' option with the 'doctor' command\n"},
		{"its option with others", "-L --probe", new(ipvstest.FakeKernel), 2, "", "Illegal 'probe' option with the 'list' command\n"},
		{"a word too many", "--doctor now", new(ipvstest.FakeKernel), 2, "", "unexpected argument now\n"},
		{"without privilege", "--doctor -n", &ipvstest.FakeKernel{Intercept: refuse}, 2, "not everything could be examined\nLooked at 0 services with 0 servers, 0 connections", ""},
		{"rules file missing", "--doctor --rules /nosuch/rules", nil, 2, "", "/nosuch/rules: no such file or directory\n"},
		{"rules and probes", "--doctor --probe --rules -", nil, 2, "", "The option 'rules' conflicts with the 'probe' option in the 'doctor' command\n"},
		{"rules for another service", "--doctor --rules - -t 192.0.2.1:80", nil, 2, "", "service not defined in the rules\n"},
		{"no such namespace", "--doctor -N nosuch", nil, 2, "", "cannot open network namespace \"nosuch\": No such file or directory\n"},
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
				t.Errorf("it says %q", stdout.String())
			}
		})
	}
}

// Without IPVS the reason is said, and the rest is looked at.
func TestDoctorWithoutIPVS(t *testing.T) {
	dial := func(...ipvs.Option) (*ipvs.Client, error) {
		return nil, &ipvs.Error{Op: "find", Err: ipvs.ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	}
	var stdout, stderr strings.Builder
	status := Run([]string{"goipvsadm", "--doctor"}, strings.NewReader(""), &stdout, &stderr, dial)
	if status != 2 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "\nNot looked at: the table: Protocol not available\n") {
		t.Errorf("status %d, %q, %q", status, stdout.String(), stderr.String())
	}
	dial = func(...ipvs.Option) (*ipvs.Client, error) { return nil, errors.New("of its own") }
	stdout.Reset()
	if Run([]string{"goipvsadm", "--doctor"}, strings.NewReader(""), &stdout, &stderr, dial); !strings.Contains(stdout.String(), ": of its own\n") {
		t.Errorf("%q", stdout.String())
	}
}

func TestDiagnosis(t *testing.T) {
	find := func(severities ...doctor.Severity) (findings []doctor.Finding) {
		for _, s := range severities {
			findings = append(findings, doctor.Finding{Severity: s})
		}
		return findings
	}
	unseen := []doctor.Unavailable{{What: "routes"}}
	for _, tt := range []struct {
		missing  []doctor.Unavailable
		findings []doctor.Finding
		want     int
	}{
		{nil, nil, 0},
		{nil, find(doctor.Hint), 0},
		{nil, find(doctor.Hint, doctor.Warning, doctor.Hint), 1},
		{nil, find(doctor.Error), 1},
		{[]doctor.Unavailable{{What: "rules", Optional: true}}, nil, 0},
		{unseen, nil, 2},
		{unseen, find(doctor.Hint), 2},
		{unseen, find(doctor.Warning), 1},
	} {
		if got := doctorStatus(&doctor.Facts{Unavailable: tt.missing}, tt.findings); got != tt.want {
			t.Errorf("%v, %d findings: %d, want %d", tt.missing, len(tt.findings), got, tt.want)
		}
	}
}

// TestDoctorRules examines rules without IPVS.
func TestDoctorRules(t *testing.T) {
	for _, tt := range []struct {
		name, rules, service string
		status               int
		want                 []string // in standard output or error
	}{
		{name: "address not local and port without effect", status: 1,
			rules: "-A -t 203.0.113.77:80 -s rr\n-a -t 203.0.113.77:80 -r 127.0.0.1:8080 -g\n",
			want:  []string{"[vip-not-local]", "203.0.113.77 is on no interface", "[port-ignored]", "the rule has port 8080, the service port 80"}},
		{name: "fallback flag", status: 1,
			rules: "-A -t 127.0.0.1:81 -s sh\n-a -t 127.0.0.1:81 -r 127.0.0.1:81 -g\n-a -t 127.0.0.1:81 -r 127.0.0.2:81 -g -w 0\n",
			want:  []string{"[hash-without-fallback]", "-b sh-fallback"}},
		{name: "one service", service: " -t 127.0.0.1:81", status: 1,
			rules: "-A -t 203.0.113.77:80 -s rr\n-A -t 127.0.0.1:81 -s rr\n", want: []string{"Looked at 1 service ", "[no-servers]"}},
		{name: "no listener here", status: 1,
			rules: "-A -t 127.0.0.1:1 -s rr\n-a -t 127.0.0.1:1 -r 127.0.0.1:1 -g\n", want: []string{"[local-not-listening]"}},
		{name: "invalid rules", rules: "-A -t 127.0.0.1:81 -s rr\n-a -t 127.0.0.1:82 -r 127.0.0.1\n-x\n", status: 2,
			want: []string{"line 2: service not defined", "line 3: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dial := func(...ipvs.Option) (*ipvs.Client, error) {
				t.Error("IPVS was used")
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

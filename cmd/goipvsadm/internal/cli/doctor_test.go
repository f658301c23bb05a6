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
			stdout: "not everything could be examined\nLooked at 0 services with 0 servers, 0 connections",
		},
		{
			name:   "missing namespace",
			line:   "--doctor -N nosuch",
			status: 2,
			stderr: "cannot open network namespace \"nosuch\": No such file or directory\n",
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

// TestDoctorWithoutIPVS checks that the other facts are still checked.
func TestDoctorWithoutIPVS(t *testing.T) {
	dial := func(...ipvs.Option) (*ipvs.Client, error) {
		return nil, &ipvs.Error{Op: "find", Err: ipvs.ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	}
	var stdout, stderr strings.Builder
	status := Run([]string{"goipvsadm", "--doctor"}, strings.NewReader(""), &stdout, &stderr, dial)
	if status != 2 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "\nNot looked at: the table: Protocol not available\n") {
		t.Errorf("status %d, %q, %q", status, stdout.String(), stderr.String())
	}
	dial = func(...ipvs.Option) (*ipvs.Client, error) { return nil, errors.New("dial error") }
	stdout.Reset()
	if Run([]string{"goipvsadm", "--doctor"}, strings.NewReader(""), &stdout, &stderr, dial); !strings.Contains(stdout.String(), ": dial error\n") {
		t.Errorf("%q", stdout.String())
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
			t.Errorf("%v, %d findings: %d, want %d", tt.missing, len(tt.findings), got, tt.want)
		}
	}
}

package command

import (
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"-A -t 10.0.0.1:80 -s rr -p 600 -M 255.255.255.0",
		"-A -f 5 -6 -b flag-1,flag-2 -o --pe sip",
		"-a -t [fd00::1]:80 -r [fd00::2]:8080 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
		"-L -ntest.x --stats --exact --",
		"--set 1 2 3",
		"--start-daemon master --mcast-interface lo --mcast-group ff02::1",
		"-Ln= - '' --numeric= --= -p -q",
		"-h",
	} {
		f.Add(line)
	}
	p := testParser(f)
	f.Fuzz(func(t *testing.T, line string) {
		var c Command
		err := p.Parse(strings.Split(line, " "), &c)
		if err == nil {
			describe(&c)
			return
		}
		if e, ok := err.(*Error); !ok || e.Text == "" {
			t.Errorf("%q: %T %q", line, err, err)
		}
	})
}

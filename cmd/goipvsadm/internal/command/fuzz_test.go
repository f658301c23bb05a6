// SPDX-License-Identifier: MIT

package command

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// differentialLines returns the command lines of the differential tests, as seed
// input. Their shell quoting is not removed.
func differentialLines(f *testing.F) []string {
	files, err := filepath.Glob("../../../../testdata/differential/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no command lines found: %v", err)
	}
	var lines []string
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			f.Fatal(err)
		}
		for s := bufio.NewScanner(file); s.Scan(); {
			if line, ok := strings.CutPrefix(s.Text(), "$ ipvsadm "); ok {
				lines = append(lines, line)
			}
		}
		file.Close()
	}
	return lines
}

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
	for _, line := range differentialLines(f) {
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
			t.Errorf("%q: error %q of type %T", line, err, err)
		}
	})
}

// TestParseLongLine checks that Parse allocates at most 64 bytes for each byte of a
// long line.
func TestParseLongLine(t *testing.T) {
	const size = 1 << 20
	p := testParser(t)
	for _, word := range []string{"-p ", "- ", "-n", "x", "--foo=", "1.", "[", ",", "=", "0", "-w 1 "} {
		repeated := strings.Repeat(word, size/len(word))
		for _, line := range []string{"-A -t " + repeated, "-A -b " + repeated, "-L " + repeated} {
			words := strings.Split(line, " ")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var c Command
			_ = p.Parse(words, &c)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 64*size {
				t.Errorf("%.20q…: %d bytes allocated for a line of %d bytes", line, n, len(line))
			}
		}
	}
}

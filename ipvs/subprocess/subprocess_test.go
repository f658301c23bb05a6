// SPDX-License-Identifier: MIT

package subprocess

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// longTimeout is never reached.
const longTimeout = 10 * time.Minute

// writeScript writes a shell script and returns its path.
func writeScript(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun(t *testing.T) {
	t.Setenv("INHERITED", "yes")
	for _, tt := range []struct {
		name           string
		script         string
		args, env      []string
		stdout, stderr string
		err            string // "" if no error is wanted
	}{
		{name: "output", script: `echo "$#:$1:$2"; echo warning >&2`, args: []string{"a b", "-s"}, stdout: "2:a b:-s\n", stderr: "warning\n"},
		{name: "empty stdin", script: "cat; echo end", stdout: "end\n"},
		{name: "inherited environment", script: "echo $INHERITED", stdout: "yes\n"},
		{name: "environment", script: "echo $INHERITED $X", env: []string{"X=1"}, stdout: "1\n"},
		{name: "exit status", script: "echo out; echo failure >&2; exit 3", stdout: "out\n", stderr: "failure\n", err: "exit status 3"},
		{name: "signal", script: "kill -KILL $$", err: "signal: killed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, err := Run(writeScript(t, tt.script), tt.args, tt.env, longTimeout)
			if string(stdout) != tt.stdout || string(stderr) != tt.stderr {
				t.Errorf("wrote %q and %q, want %q and %q", stdout, stderr, tt.stdout, tt.stderr)
			}
			exit := new(ExitError)
			if (err != nil) != (tt.err != "") || err != nil && (!errors.As(err, &exit) || err.Error() != tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestRunLongOutput(t *testing.T) {
	stdout, stderr, err := Run(writeScript(t, "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2"), nil, nil, longTimeout)
	if len(stdout) != 300000 || len(stderr) != 200000 || err != nil {
		t.Errorf("wrote %d and %d bytes, %v, want 300000 and 200000", len(stdout), len(stderr), err)
	}
}

func TestRunMissingProgram(t *testing.T) {
	if _, _, err := Run("/nonexistent/program", nil, nil, longTimeout); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

// TestRunTimeout checks that the program is killed although its child keeps the
// pipes open, and that the output until then is returned.
func TestRunTimeout(t *testing.T) {
	script := writeScript(t, "echo started\nsleep 30\n")
	var stdout []byte
	var err error
	for timeout := 250 * time.Millisecond; len(stdout) == 0 && timeout < longTimeout; timeout *= 2 { // until the program has time to start
		if stdout, _, err = Run(script, nil, nil, timeout); !errors.Is(err, ErrTimeout) {
			break
		}
	}
	if string(stdout) != "started\n" || !errors.Is(err, ErrTimeout) {
		t.Errorf("wrote %q, error %v, want the output and ErrTimeout", stdout, err)
	}
}

// TestRunChildKeepsPipe checks that Run does not wait for a child that outlives the
// program.
func TestRunChildKeepsPipe(t *testing.T) {
	stdout, _, err := Run(writeScript(t, "sleep 30 &\necho done\n"), nil, nil, longTimeout)
	if string(stdout) != "done\n" || err != nil {
		t.Errorf("wrote %q, error %v, want the output", stdout, err)
	}
}

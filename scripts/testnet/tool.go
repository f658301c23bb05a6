// SPDX-License-Identifier: MIT

package testnet

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Tool is the program under test, installed as ipvsadm, ipvsadm-save and ipvsadm-restore.
type Tool struct {
	Bin  string // directory of the three commands
	Work string // working directory of Shell
}

// NewTool creates a directory with links to the program under test, whose path is in the
// environment variable GOIPVSADM. The real ipvsadm is three programs: if this path with -save or
// -restore appended is also a program, the link of that name points to it.
func NewTool() (*Tool, error) {
	program := os.Getenv("GOIPVSADM")
	if program == "" {
		return nil, errors.New("GOIPVSADM is not set (path of the program under test)")
	}
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, fmt.Errorf("GOIPVSADM: %w", err)
	}
	if _, err := exec.LookPath(program); err != nil {
		return nil, fmt.Errorf("GOIPVSADM: %w", err)
	}
	work, err := os.MkdirTemp("", "tool")
	if err != nil {
		return nil, err
	}
	tool := &Tool{Bin: filepath.Join(work, "bin"), Work: work}
	if err := os.Mkdir(tool.Bin, 0o755); err != nil {
		return nil, err
	}
	for _, suffix := range []string{"", "-save", "-restore"} {
		target := program
		if _, err := os.Stat(program + suffix); err == nil {
			target = program + suffix
		}
		if err := os.Symlink(target, filepath.Join(tool.Bin, "ipvsadm"+suffix)); err != nil {
			return nil, err
		}
	}
	return tool, nil
}

// Close removes both directories.
func (t *Tool) Close() error {
	return os.RemoveAll(t.Work)
}

// Result is the output and exit status of a command.
type Result struct {
	Stdout, Stderr string
	Status         int
}

// Shell runs a shell command line inside a namespace, with the program under test as
// ipvsadm. It returns an error only if the command cannot be started.
func (t *Tool) Shell(n *Netns, line string) (Result, error) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = t.Work
	cmd.Env = append(os.Environ(), "PATH="+t.Bin+":"+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := n.Run(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{}, fmt.Errorf("%s: %w", line, err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, nil
}

// ShellStatus is like Shell, but also returns an error if the command does not exit with the
// given status.
func (t *Tool) ShellStatus(n *Netns, line string, status int) (Result, error) {
	result, err := t.Shell(n, line)
	if err == nil && result.Status != status {
		err = fmt.Errorf("%s: %s: exit status %d, want %d\n%s%s", n.Name, line, result.Status, status, result.Stdout, result.Stderr)
	}
	return result, err
}

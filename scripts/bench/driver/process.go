// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Input and output are files on a tmpfs, so that no other process runs at the
// same time.
const (
	inputFile   = "/tmp/in"
	outputFile  = "/tmp/out"
	requestFile = "/tmp/request"
)

// files are the standard input of a program and the file for its standard output and
// error.
type files struct{ in, out string }

// runProgram runs a program and returns its exit status. goipvsadm is run under
// the name ipvsadm. Without files, input and output are /dev/null.
func runProgram(program string, args []string, f *files) (int, error) {
	if f == nil {
		f = &files{os.DevNull, os.DevNull}
	}
	in, err := os.Open(f.in)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(f.out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	p, err := os.StartProcess(program, append([]string{argv0(program)}, args...), &os.ProcAttr{
		Files: []*os.File{in, out, out},
	})
	if err != nil {
		return 0, err
	}
	state, err := p.Wait()
	if err != nil {
		return 0, err
	}
	return state.ExitCode(), nil
}

func argv0(program string) string {
	if program == goipvsadmPath {
		program = ipvsadmPath
	}
	return filepath.Base(program)
}

// firstLines returns the time in which a program writes n lines, and then kills the
// program.
func firstLines(n int, program string, args ...string) (time.Duration, error) {
	cmd := exec.Command(program, args...)
	cmd.Args[0] = argv0(program)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for n > 0 {
		read, err := out.Read(buf)
		if err != nil {
			return 0, fmt.Errorf("reading from %s: %w", program, err)
		}
		n -= strings.Count(string(buf[:read]), "\n")
	}
	d := time.Since(begin)
	if err := cmd.Process.Kill(); err != nil {
		return 0, err
	}
	var killed *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &killed) {
		return 0, err
	}
	return d, nil
}

// runSilent runs a program. Its output is part of the error if it fails.
func runSilent(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", program, args, err, out)
	}
	return nil
}

// Until exec, the kernel counts the memory of the forking process as that of the
// child. Therefore the resources of a program are measured by a small process that
// starts it: the driver itself, run with usageCommand.
const (
	usageCommand = "usage"
	usageFile    = "/tmp/usage"
)

// usage is the exit status and the resource usage of a program.
type usage struct {
	code int           // exit status
	peak int64         // peak resident memory in KiB
	cpu  time.Duration // CPU time of the process, user and system
}

// peakMemory returns the peak resident memory of a program in KiB.
func peakMemory(program string, args []string, f *files) (int64, error) {
	u, err := measureUsage(program, args, f)
	if err == nil && u.code != 0 {
		err = fmt.Errorf("%s %v: exit status %d", program, args, u.code)
	}
	return u.peak, err
}

// measureUsage runs a program and returns its usage.
func measureUsage(program string, args []string, f *files) (u usage, err error) {
	code, err := runProgram("/bin/driver", append([]string{usageCommand, usageFile, program}, args...), f)
	if err != nil {
		return u, err
	}
	if code != 0 {
		return u, fmt.Errorf("running %s %v: exit status %d", program, args, code)
	}
	b, err := os.ReadFile(usageFile)
	if err != nil {
		return u, err
	}
	_, err = fmt.Sscan(string(b), &u.code, &u.peak, &u.cpu)
	return u, err
}

// runUsageProcess is the main function of the process that measureUsage starts. It
// does not return.
func runUsageProcess(result string, command []string) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Args[0] = argv0(command[0])
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); err == nil || errors.As(err, &exit) {
		state := cmd.ProcessState
		kib := int64(state.SysUsage().(*syscall.Rusage).Maxrss) // 32 bits on some machines
		err = os.WriteFile(result, fmt.Appendln(nil, state.ExitCode(), kib, int64(state.UserTime()+state.SystemTime())), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

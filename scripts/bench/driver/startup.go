// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startupCommand is the first argument of the driver that selects measureStartup.
const startupCommand = "start"

// insideVariable is set in the environment of the process that runs inside the new
// namespaces.
const insideVariable = "GOIPVSADM_BENCH_INSIDE"

// measureStartup prints the CPU time of short commands, each of which is a program with
// its arguments. It runs each command many times and prints the minimum, which hardly
// depends on the load of the machine. The commands run in a new network namespace, so
// that the machine's table is not touched, and modprobe, which they might run, is
// hidden.
func measureStartup(commands []string) error {
	if os.Getenv(insideVariable) == "" {
		cmd := exec.Command("/proc/self/exe", append([]string{startupCommand}, commands...)...)
		cmd.Env = append(os.Environ(), insideVariable+"=1")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET}
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		}
		return cmd.Run()
	}
	if err := hideModprobe(); err != nil {
		return err
	}
	if err := useOneCPU(); err != nil {
		return err
	}
	const rounds = 400
	minimum := make([]time.Duration, len(commands))
	for range rounds {
		for i, command := range commands {
			words := strings.Fields(command)
			cmd := exec.Command(words[0], words[1:]...)
			if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
				return err
			}
			if t := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); minimum[i] == 0 || t < minimum[i] {
				minimum[i] = t
			}
		}
	}
	fmt.Println("| command | CPU time, ms |")
	fmt.Println("|---|--:|")
	for i, command := range commands {
		words := strings.Fields(command)
		words[0] = filepath.Base(words[0])
		fmt.Printf("| %s | %s |\n", strings.Join(words, " "), formatCost(minimum[i], 1))
	}
	return nil
}

// useOneCPU restricts this thread, and thus the programs that it starts, to one CPU, so
// that the threads of a Go program do not run in parallel.
func useOneCPU() error {
	runtime.LockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("reading the CPU affinity: %w", err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("setting the CPU affinity: %w", err)
	}
	return nil
}

// hideModprobe mounts a file that is not executable over modprobe.
func hideModprobe() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	path, err := filepath.EvalSymlinks("/sbin/modprobe")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := unix.Mount("/dev/null", path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("hiding modprobe: %w", err)
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startupCommand is the first argument of the driver that selects measureStartup.
const startupCommand = "start"

// insideVariable is set in the environment of the process that runs inside the new
// namespaces.
const insideVariable = "GOIPVSADM_BENCH_INSIDE"

// measureStartup prints the time of a short command for each program; the first
// one is ipvsadm. The programs run in a new network namespace, so that the
// machine's table is not changed. If the kernel has no IPVS, they exit as soon as
// they detect that; modprobe, which they would run, is hidden.
func measureStartup(programs []string) error {
	if os.Getenv(insideVariable) == "" {
		cmd := exec.Command("/proc/self/exe", append([]string{startupCommand}, programs...)...)
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
	const rounds = 400
	times := make([][]time.Duration, len(programs))
	for range rounds {
		for i, program := range programs {
			begin := time.Now()
			if _, err := runProgram(program, []string{"-L", "--timeout"}, nil); err != nil {
				return err
			}
			times[i] = append(times[i], time.Since(begin))
		}
	}
	fmt.Println("| startup, in ms | | ipvsadm / program |")
	fmt.Println("|---|--:|--:|")
	for i, program := range programs {
		fmt.Printf("| %s | %s | %s |\n", filepath.Base(program), formatCost(median(times[i]), 1), ratio(median(times[0]), median(times[i])))
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

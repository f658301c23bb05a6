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

// startCommand begins the arguments of the process that startOn prepares.
const startupCommand = "start"

// insideVariable tells that process that it is prepared.
const preparedVariable = "GOIPVSADM_BENCH_INSIDE"

// startOn prints what the start of programs takes on this machine's processor:
// a short command of each, the first of which is ipvsadm, in a network namespace
// of its own, so that the machine's table is never touched. Where the kernel has
// no IPVS the programs end when it says so; modprobe, which both would run then,
// is hidden from them.
func measureStartup(programs []string) error {
	if os.Getenv(preparedVariable) == "" {
		cmd := exec.Command("/proc/self/exe", append([]string{startupCommand}, programs...)...)
		cmd.Env = append(os.Environ(), preparedVariable+"=1")
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
	fmt.Println("| start, in ms | | ipvsadm's part of it |")
	fmt.Println("|---|--:|--:|")
	for i, program := range programs {
		fmt.Printf("| %s | %s | %s |\n", filepath.Base(program), formatCost(median(times[i]), 1), ratio(median(times[0]), median(times[i])))
	}
	return nil
}

// hideModprobe puts a file that cannot be run in its place.
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

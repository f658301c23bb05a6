// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/ipvs"
)

// saveUndo writes the rules that undo p to the file of --save-undo.
func (inv *invocation) saveUndo(cmd *command.Command, p *applyPlan) error {
	if isSameFile(cmd.UndoFile, inv.rulesFile(cmd)) {
		return fmt.Errorf("%s is the file of the rules to apply", cmd.UndoFile)
	}
	return replaceFile(cmd.UndoFile, undoRules(p))
}

// rulesFile returns the FileInfo of the file from which cmd reads rules, or nil if they
// do not come from a file.
func (inv *invocation) rulesFile(cmd *command.Command) fs.FileInfo {
	if cmd.File != "" {
		info, _ := os.Stat(cmd.File)
		return info
	}
	if file, ok := inv.stdin.(*os.File); ok {
		info, _ := file.Stat()
		return info
	}
	return nil
}

func isSameFile(name string, other fs.FileInfo) bool {
	info, err := os.Stat(name)
	return err == nil && other != nil && os.SameFile(info, other)
}

// undoRules returns the table before the changes of p as rules for --apply. They
// include the timeouts and the sync daemons only if p changes them.
func undoRules(p *applyPlan) []byte {
	setsTimeouts, setsDaemons := false, false
	var started []ipvs.DaemonState
	for c := range p.changes() {
		switch c.Op {
		case ipvs.OpSetTimeouts:
			setsTimeouts = true
		case ipvs.OpStartDaemon:
			setsDaemons, started = true, append(started, c.Daemon.State)
		case ipvs.OpStopDaemon:
			setsDaemons = true
		}
	}
	b := fmt.Appendf(nil, "# The table before --apply at %s, as rules for --apply.\n", time.Now().Format(time.RFC3339))
	if len(p.have.Services) == 0 {
		b = append(b, "# It had no services: --allow-empty is required.\n"...)
	}
	for _, state := range started {
		if len(p.have.Daemons) == 0 {
			b = fmt.Appendf(b, "# No sync daemon was running: also use --stop-daemon %s.\n", state)
		}
	}
	if setsTimeouts {
		b = ruleset.AppendTimeouts(b, &p.have.Timeouts)
	}
	format := ruleFormatter(resolve.Numeric{})
	for i := range p.have.Services {
		s := &p.have.Services[i]
		b = format.service(b, &s.Service)
		for j := range s.Destinations {
			b = format.destination(b, &s.Service, &s.Destinations[j])
		}
	}
	if setsDaemons {
		for i := range p.have.Daemons {
			b = ruleset.AppendDaemon(b, &p.have.Daemons[i])
		}
	}
	return b
}

// replaceFile writes a file atomically: at any time, the name refers to a complete
// file, the old or the new one. An existing file keeps its mode and owner.
func replaceFile(name string, contents []byte) error {
	target, err := followLinks(name)
	if err != nil {
		return err
	}
	old, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !old.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", name)
	}
	temporary := fmt.Sprintf("%s.%d.new", target, os.Getpid())
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer os.Remove(temporary) // fails after the rename
	defer file.Close()
	if old != nil {
		owner := old.Sys().(*syscall.Stat_t)
		if err := errors.Join(file.Chown(int(owner.Uid), int(owner.Gid)), file.Chmod(old.Mode().Perm())); err != nil {
			return err
		}
	}
	if _, err := bytes.NewReader(contents).WriteTo(file); err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, target)
}

// followLinks returns the name of the file to which a symbolic link leads, or name if
// it is not a link. It replaces filepath.EvalSymlinks, whose package would be
// initialized at every start.
func followLinks(name string) (string, error) {
	const maxLinks = 40 // the kernel's limit
	for range maxLinks {
		link, err := os.Readlink(name)
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
		if directory, _ := path.Split(name); !path.IsAbs(link) {
			link = directory + link
		}
		name = link
	}
	return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.ELOOP}
}

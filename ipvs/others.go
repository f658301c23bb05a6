// SPDX-License-Identifier: MIT

//go:build !linux

package ipvs

import (
	"errors"
	"fmt"
	"runtime"
)

// Dial returns an error that matches errors.ErrUnsupported: only Linux has IPVS.
// Programs can be compiled on other systems, and tested there with package
// ipvstest.
func Dial(...Option) (*Client, error) { return nil, errNotLinux("dial") }

func doInNetNS(path string, f func() error) error {
	if path == "" {
		return f()
	}
	return errNotLinux("open network namespace " + path)
}

func errNotLinux(op string) error {
	return fmt.Errorf("ipvs: %s: %w on %s", op, errors.ErrUnsupported, runtime.GOOS)
}

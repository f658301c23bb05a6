// SPDX-License-Identifier: MIT

package testnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ReferenceProgram returns the path of the real ipvsadm: the value of the environment variable
// IPVSADM_REFERENCE, or else the first ipvsadm in PATH or the usual directories that is not
// goipvsadm, which may also be installed under that name.
func ReferenceProgram() (string, error) {
	if path := os.Getenv("IPVSADM_REFERENCE"); path != "" {
		path, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("IPVSADM_REFERENCE: %w", err)
		}
		if isGoipvsadm(path) {
			return "", fmt.Errorf("IPVSADM_REFERENCE: %s is goipvsadm, not the real ipvsadm", path)
		}
		return path, nil
	}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/local/sbin", "/usr/sbin", "/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, "ipvsadm")); err == nil && filepath.IsAbs(path) && !isGoipvsadm(path) {
			return path, nil
		}
	}
	return "", errors.New("no ipvsadm found except goipvsadm: install the real one (Debian: apt-get install ipvsadm), or set IPVSADM_REFERENCE to its path")
}

// isGoipvsadm reports whether a program calls itself goipvsadm.
func isGoipvsadm(path string) bool {
	version, _ := exec.Command(path, "-v").CombinedOutput() // the real ipvsadm fails without IPVS
	return strings.Contains(string(version), "goipvsadm")
}

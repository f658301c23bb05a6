// SPDX-License-Identifier: MIT

package ipvs

// DoInNetNS calls f in the network namespace that WithNetNS(name) selects, or in
// the caller's if name is empty. Sockets that f opens and files that it opens
// below /proc/sys/net belong to that namespace; goroutines that f starts run in
// the original one. The error is a *NetNSError or the error of f.
func DoInNetNS(name string, f func() error) error {
	if name == "" {
		return f()
	}
	path, err := NetNSPath(name)
	if err != nil {
		return err
	}
	return doInNetNS(path, f)
}

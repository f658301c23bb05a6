// SPDX-License-Identifier: MIT

package faulttest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// All tests named in docs/RELIABILITY.md exist.
func TestReliabilityDocTests(t *testing.T) {
	page, err := os.ReadFile("../../docs/RELIABILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	tests := make(map[string]bool)
	err = filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range function.FindAllSubmatch(source, -1) {
			tests[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(names) == 0 {
		t.Error("docs/RELIABILITY.md names no tests")
	}
	for _, name := range names {
		if !tests[name[1]] {
			t.Errorf("docs/RELIABILITY.md: unknown test %s", name[1])
		}
	}
}

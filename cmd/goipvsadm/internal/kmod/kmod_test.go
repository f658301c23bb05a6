// SPDX-License-Identifier: MIT

package kmod

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name         string
		module       string // module to find; ip_vs_rr if ""
		file, text   string // the only file, and its contents
		found, known bool
	}{
		{name: "no directory of modules", file: "unrelated"},
		{name: "loaded", file: "sys/module/ip_vs_rr/refcnt", found: true, known: true},
		{name: "loadable", file: "lib/modules/6.1/modules.dep", text: "kernel/net/ip_vs.ko: a.ko\nkernel/net/ip_vs_rr.ko: kernel/net/ip_vs.ko\n", found: true, known: true},
		{name: "compressed", file: "lib/modules/6.1/modules.dep", text: "updates/ip_vs_rr.ko.zst:\n", found: true, known: true},
		{name: "built in", file: "lib/modules/6.1/modules.builtin", text: "kernel/net/netfilter/ipvs/ip_vs_rr.ko\n", found: true, known: true},
		{name: "dash", module: "ip_vs_my-own", file: "lib/modules/6.1/modules.dep", text: "extra/ip_vs_my-own.ko:\n", found: true, known: true},
		{name: "other modules", file: "lib/modules/6.1/modules.dep", text: "kernel/ip_vs_wrr.ko: kernel/my_ip_vs_rr.ko kernel/ip_vs_rrr.ko\n", known: true},
		{name: "modules of another kernel", file: "lib/modules/5.10/modules.dep", text: "kernel/net/ip_vs_rr.ko:\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Modules{Root: t.TempDir(), Release: "6.1"}
			path := filepath.Join(m.Root, tt.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			name := cmp.Or(tt.module, "ip_vs_rr")
			if found, known := m.Find(name); found != tt.found || known != tt.known {
				t.Errorf("found %v, known %v; want %v, %v", found, known, tt.found, tt.known)
			}
		})
	}
}

func TestRunning(t *testing.T) {
	if m := Running(); m.Release == "" || m.Directory() != "/lib/modules/"+m.Release {
		t.Errorf("Running() = %+v, with directory %s", m, m.Directory())
	}
}

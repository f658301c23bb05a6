// SPDX-License-Identifier: MIT

package ipvs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"goipvsadm/sched"
)

// TestTypesAreDocumented verifies that the comment of each alias of a struct lists the
// fields in the order of their declaration. go doc does not show the fields of an alias.
func TestTypesAreDocumented(t *testing.T) {
	declared := structs(t, "../netlinkmsg")
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			continue
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.TypeSpec)
			name := spec.Name.Name
			text := decl.Doc.Text()
			if !strings.Contains(text, name+" ") {
				t.Errorf("%s has no comment", name)
			}
			_, listed, found := strings.Cut(text, "\ttype "+name+" struct {\n")
			if want := declared[name]; want != nil {
				listed, _, _ = strings.Cut(listed, "\t}")
				if diff := gocmp.Diff(want, fieldsOf(t, "package p\ntype "+name+" struct {\n"+listed+"}")[name]); diff != "" {
					t.Errorf("%s (-declared +documented):\n%s", name, diff)
				}
				delete(declared, name)
			} else if found {
				t.Errorf("%s is documented as a struct, but is not one", name)
			}
		}
	}
	for name := range declared {
		if name != "Message" && name != "Frame" { // not part of the API
			t.Errorf("%s has no alias", name)
		}
	}
}

// structs returns the fields, with their types, of the exported structs in a
// directory.
func structs(t *testing.T, directory string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	all := make(map[string][]string)
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		collect(f, all)
	}
	return all
}

// fieldsOf returns the fields of the exported structs in a source file.
func fieldsOf(t *testing.T, source string) map[string][]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	collect(f, all)
	return all
}

// collect adds the fields of the exported structs in f to all.
func collect(f *ast.File, all map[string][]string) {
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || !spec.Name.IsExported() {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				typ := types.ExprString(field.Type)
				if len(field.Names) == 0 {
					all[spec.Name.Name] = append(all[spec.Name.Name], typ)
				}
				for _, name := range field.Names {
					all[spec.Name.Name] = append(all[spec.Name.Name], name.Name+" "+typ)
				}
			}
		}
		return true
	})
}

func TestSchedulerNameLengths(t *testing.T) {
	for _, s := range sched.All {
		if len(s.Name) > MaxNameLen {
			t.Errorf("scheduler name %q is longer than %d bytes", s.Name, MaxNameLen)
		}
	}
}

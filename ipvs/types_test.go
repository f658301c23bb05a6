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

// go doc shows of an alias only that it is one, so the fields stand in its
// comment: the same ones as in the declaration, in the same order.
func TestTypesAreDocumented(t *testing.T) {
	declared := structs(t, "../netlinkmsg")
	all := token.NewFileSet()
	file, err := parser.ParseFile(all, "types.go", nil, parser.ParseComments)
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
				t.Errorf("%s has no comment of its own", name)
			}
			_, shown, found := strings.Cut(text, "\ttype "+name+" struct {\n")
			if want := declared[name]; want != nil {
				shown, _, _ = strings.Cut(shown, "\t}")
				if diff := gocmp.Diff(want, fieldsOf(t, "package p\ntype "+name+" struct {\n"+shown+"}")[name]); diff != "" {
					t.Errorf("%s (-declared +documented):\n%s", name, diff)
				}
				delete(declared, name)
			} else if found {
				t.Errorf("%s is no struct", name)
			}
		}
	}
	for name := range declared {
		if name != "Message" && name != "Frame" { // of the wire alone
			t.Errorf("%s has no name here", name)
		}
	}
}

// structs returns the exported fields of the structs of a package with their
// types.
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

func TestSchedulerNamesFit(t *testing.T) {
	for _, s := range sched.All {
		if len(s.Name) > MaxNameLen {
			t.Errorf("scheduler name %q is longer than %d bytes", s.Name, MaxNameLen)
		}
	}
}

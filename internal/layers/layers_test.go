// Package layers holds the direction of data: which package may import which.
package layers

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/optc-lang/optc/"

// may lists, for each package of the module, the packages of the module that it may import. A trailing slash admits
// everything below. A package that is missing here fails the test: decide its layer first.
var may = map[string][]string{
	"lang":                    {},
	"runtime/elem":            {},
	"runtime":                 {"runtime/elem"},
	"runtime/matrix":          {"runtime/elem", "internal/gemm"}, // imported by generated code of rules that need it, and by what defines operators
	"internal/gemm":           {"runtime"},
	"tasks":                   {"runtime", "runtime/elem", "internal/gemm"},
	"stdlib":                  {},
	"compiler/elementary":     {"runtime/elem"},
	"compiler/elementary/gen": {"compiler/elementary"},
	"compiler/op":             {"runtime/elem", "runtime/matrix"},
	"compiler/ir":             {"lang", "compiler/op", "runtime/elem"},
	"compiler/derive":         {"compiler/op", "compiler/ir"},
	"compiler/check":          {"lang", "compiler/op", "compiler/ir", "compiler/derive"},
	"compiler/egraph":         {"lang", "compiler/op", "compiler/ir"},
	"compiler/pass":           {"lang", "compiler/op", "compiler/ir", "compiler/egraph", "runtime/elem"},
	"compiler/interp":         {"compiler/ir", "compiler/op", "runtime/elem", "runtime/matrix"},
	"compiler/property":       {"compiler/op", "compiler/ir", "compiler/derive", "compiler/interp"},
	"compiler":                {"compiler/derive", "lang", "compiler/check", "compiler/ir", "compiler/pass"},
	"codegen/target":          {"compiler"},
	"codegen/goasm":           {"compiler/elementary", "compiler/ir", "compiler/op", "runtime/elem"},
	"codegen/gosrc":           {"compiler/", "codegen/target", "runtime", "runtime/elem"},
	"codegen/python":          {"compiler", "compiler/ir", "compiler/op", "compiler/pass", "codegen/target"},
	"codegen":                 {"codegen/", "compiler"},
	"":                        {},
	"bench":                   {"lang", "compiler/", "codegen/", "internal/host", "internal/cost", "runtime", "runtime/elem", "stdlib", "bench/subject"},
	"bench/subject":           {"runtime", "internal/gemm"}, // a part of the programs that bench generates
	"cmd/optc":                {"lang", "compiler/", "codegen/", "runtime", "runtime/elem", "tasks", "stdlib", "internal/", ""},
}

// alone lists packages that import nothing outside the module and the standard library.
var alone = []string{"runtime/elem", "runtime", "runtime/matrix", "tasks", "internal/gemm", "compiler/op", "compiler/interp", "stdlib"}

// imports lists what each package of the module imports outside its tests, over all platforms.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if d.Name() == "testdata" || path != root && (strings.HasPrefix(d.Name(), ".") || nested(path)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(name)), ".")
		for _, imp := range file.Imports {
			out[dir] = append(out[dir], strings.Trim(imp.Path.Value, `"`))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// nested reports whether a folder is a module of its own.
func nested(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func TestLayers(t *testing.T) {
	seen := 0
	for name, paths := range imports(t) {
		if strings.HasPrefix(name, "internal/") && name != "internal/gemm" {
			continue // helpers of tests and of the command
		}
		allowed, ok := may[name]
		if !ok {
			t.Errorf("package %s has no layer", name)
			continue
		}
		seen++
		for _, imp := range paths {
			if inModule(imp) && !admits(allowed, local(imp)) {
				t.Errorf("%s imports %s", name, local(imp))
			}
		}
	}
	if seen < len(may) {
		t.Errorf("%d of %d packages found", seen, len(may))
	}
}

func TestAlone(t *testing.T) {
	all := imports(t)
	for _, name := range alone {
		for _, imp := range all[name] {
			if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !inModule(imp) {
				t.Errorf("%s imports the module %s", name, imp)
			}
		}
	}
}

func inModule(path string) bool { return strings.HasPrefix(path+"/", module) }

func local(path string) string { return strings.TrimSuffix(strings.TrimPrefix(path+"/", module), "/") }

func admits(allowed []string, name string) bool {
	for _, a := range allowed {
		if a == name || strings.HasSuffix(a, "/") && (strings.HasPrefix(name, a) || name == strings.TrimSuffix(a, "/")) {
			return true
		}
	}
	return false
}

// Package layers holds the direction of data: which package may import which.
package layers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/optc-lang/optc/"

// may lists, for each package of the module, the packages of the module that it may import. A trailing slash admits
// everything below. A package that is missing here fails the test: decide its layer first.
var may = map[string][]string{
	"lang":            {},
	"runtime/elem":    {},
	"runtime":         {"runtime/elem"},
	"internal/gemm":   {},
	"tasks":           {"runtime/elem", "internal/gemm"},
	"stdlib":          {},
	"compiler/op":     {"runtime/elem"},
	"compiler/ir":     {"lang", "compiler/op", "runtime/elem"},
	"compiler/check":  {"lang", "compiler/op", "compiler/ir"},
	"compiler/pass":   {"lang", "compiler/op", "compiler/ir", "runtime/elem"},
	"compiler/interp": {"compiler/ir", "compiler/op", "runtime/elem"},
	"compiler":        {"lang", "compiler/check", "compiler/ir", "compiler/pass"},
	"codegen/target":  {"compiler"},
	"codegen/goasm":   {"compiler/ir", "compiler/op", "runtime/elem"},
	"codegen/gosrc":   {"compiler/", "codegen/target", "runtime", "runtime/elem"},
	"codegen":         {"codegen/", "compiler"},
	"":                {},
	"cmd/optc":        {"lang", "compiler/", "codegen/", "runtime", "runtime/elem", "tasks", "stdlib", "internal/", ""},
}

// alone lists packages that import nothing outside the module and the standard library.
var alone = []string{"runtime/elem", "runtime", "tasks", "internal/gemm", "compiler/op", "compiler/interp", "stdlib"}

type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func list(t *testing.T) []pkg {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestLayers(t *testing.T) {
	seen := 0
	for _, p := range list(t) {
		name := local(p.ImportPath)
		if strings.HasPrefix(name, "internal/") && name != "internal/gemm" {
			continue // helpers of tests and of the command
		}
		allowed, ok := may[name]
		if !ok {
			t.Errorf("package %s has no layer", name)
			continue
		}
		seen++
		for _, imp := range p.Imports {
			if !inModule(imp) {
				continue
			}
			if !admits(allowed, local(imp)) {
				t.Errorf("%s imports %s", name, local(imp))
			}
		}
	}
	if seen < len(may)-1 {
		t.Errorf("%d of %d packages found", seen, len(may))
	}
}

func TestAlone(t *testing.T) {
	for _, p := range list(t) {
		for _, name := range alone {
			if local(p.ImportPath) != name {
				continue
			}
			for _, imp := range p.Imports {
				if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !inModule(imp) {
					t.Errorf("%s imports the module %s", name, imp)
				}
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

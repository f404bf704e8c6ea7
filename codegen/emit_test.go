package codegen_test

import (
	"bytes"
	"fmt"
	"go/format"
	"regexp"
	"strings"
	"testing"
)

// TestOutput asks of the generated files that they are formatted, that generating them again gives the same bytes, and
// that AVX2 functions use nothing beyond AVX2.
func TestOutput(t *testing.T) {
	for _, p := range open(t).packages {
		again := &generated{name: p.name, cases: p.cases}
		if err := again.compile(); err != nil {
			t.Fatal(err)
		}
		files, err := again.emit()
		if err != nil {
			t.Fatal(err)
		}
		functions := 0
		for i, f := range p.files {
			if f.Name != files[i].Name || !bytes.Equal(f.Data, files[i].Data) {
				t.Errorf("%s: generated twice, it differs", f.Name)
			}
			if strings.HasSuffix(f.Name, ".go") {
				if formatted, err := format.Source(f.Data); err != nil || !bytes.Equal(formatted, f.Data) {
					t.Errorf("%s is not formatted (%v)", f.Name, err)
				}
				continue
			}
			functions += checkAVX2(t, f.Name, string(f.Data))
		}
		if functions == 0 && !strings.HasPrefix(p.name, "regress") { // one that failed may have no loop
			t.Errorf("%s has no AVX2 function", p.name)
		}
	}
}

var (
	functionName = regexp.MustCompile(`(?m)^TEXT ·(\w+)\(SB\)`)
	beyondAVX2   = regexp.MustCompile(`\b(Z\d+|K\d+|[XY](1[6-9]|[23]\d))\b|\.BCST|\.Z\b|EVEX`)
	comments     = regexp.MustCompile(`//.*`)
)

// checkAVX2 checks the AVX2 functions of a file of assembly, and counts them.
func checkAVX2(t *testing.T, name, text string) int {
	n := 0
	starts := functionName.FindAllStringSubmatchIndex(text, -1)
	for i, at := range starts {
		symbol, end := text[at[2]:at[3]], len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		if !strings.HasSuffix(symbol, "AVX2") {
			continue
		}
		n++
		if found := beyondAVX2.FindString(comments.ReplaceAllString(text[at[0]:end], "")); found != "" {
			t.Errorf("%s: %s uses %s", name, symbol, found)
		}
	}
	return n
}

// TestVet vets the generated code, its assembly with the declarations included; in full mode for every kind of machine
// there is a difference for.
func TestVet(t *testing.T) {
	m := open(t)
	var packages []string
	for _, p := range m.packages {
		packages = append(packages, "./"+p.name)
	}
	m.goCommand(t, []string{"GOARCH=amd64"}, append([]string{"vet"}, packages...)...)
	if !*full {
		return
	}
	for _, platform := range []string{"linux/arm64", "linux/386", "js/wasm", "windows/amd64", "darwin/arm64"} {
		t.Run(strings.ReplaceAll(platform, "/", "_"), func(t *testing.T) {
			var os, arch string
			fmt.Sscanf(strings.Replace(platform, "/", " ", 1), "%s %s", &os, &arch)
			env := []string{"GOOS=" + os, "GOARCH=" + arch}
			m.goCommand(t, env, append([]string{"vet"}, packages...)...)
			if os == "linux" { // nothing that is generated depends on the system
				m.goCommand(t, env, append([]string{"build"}, packages...)...)
			}
		})
	}
}

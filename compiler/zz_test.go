package compiler_test

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/stdlib"
)

func TestZZ(t *testing.T) {
	text, _ := os.ReadFile(os.Getenv("ZZ"))
	u, d := compiler.Load(fstest.MapFS{"r.opt": {Data: text}}, "r.opt", stdlib.FS)
	if d.HasErrors() {
		t.Fatal(d)
	}
	for _, r := range u.Rules() {
		_, d, err := compiler.Compile(u, r, compiler.Settings{})
		t.Log(r, len(d), err)
	}
}

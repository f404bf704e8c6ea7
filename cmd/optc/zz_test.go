package main

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/stdlib"
)

func TestZZ(t *testing.T) {
	u := &unit{}
	src := `fn l1(u; lambda) = lambda*abs(u)
rule pr {
  hyper lr = 1e-3 in (0, inf)
  x <- prox(l1(; lambda = 0.1), x - lr*g; step = lr)
}`
	u.Unit, u.diags = compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(src)}}, "r.opt", stdlib.FS)
	r, diags, err := compiler.Compile(u.Unit, "pr", compiler.Settings{})
	fmt.Println(diags, err)
	for _, d := range r.Checked.Derivations {
		fmt.Printf("%+v\n", d)
		for _, c := range d.Cases {
			for _, v := range []*ir.Value{c.When, c.Value} {
				if v != nil {
					fmt.Println(r.Checked.Equations([]*ir.Value{v}, map[*ir.Value]string{v: "."}, map[*ir.Value]string{d.In: d.Name}))
				}
			}
		}
	}
}

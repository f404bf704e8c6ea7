package property_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/compiler/property"
	"github.com/optc-lang/optc/stdlib"
)

func TestDev(t *testing.T) {
	u, _ := compiler.Library(stdlib.FS)
	for _, name := range u.Rules() {
		if s := os.Getenv("RULE"); s != "" && s != name {
			continue
		}
		r, _, err := compiler.Compile(u, name, compiler.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		for _, class := range pass.Classes(r.Checked) {
			start := time.Now()
			decided := map[*ir.Value]bool{}
			for _, c := range class.Choices {
				decided[c.Cond] = c.Is
			}
			rep := property.Of(r.Checked, func(v *ir.Value) (bool, bool) {
				is, ok := decided[v]
				if !ok && v.Mask && v.Extent == ir.Tensor {
					return pass.Implied(class.Choices, v)
				}
				return is, ok
			})
			fmt.Printf("%s %v\n  loss %v\n  grads %v\n  weight %v\n  weights %v\n  lr %v\n  sym %+v\n  decays %+v\n  bound %+v\n  stab %+v\n", name, time.Since(start), rep.LossScale, rep.GradientScales, rep.WeightScale, rep.WeightScales, rep.LR, rep.Symmetry, rep.Decays, rep.Bound, rep.Stability)
		}
	}
}

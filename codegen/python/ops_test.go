package python

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/op"
)

// TestOperators: every row of the operator table that a checked program can hold has a form for both hosts.
func TestOperators(t *testing.T) {
	for i := range op.Table {
		o := &op.Table[i]
		switch o.Kind {
		case op.Elementwise:
			f, ok := forms[o.Name]
			if !ok {
				t.Errorf("%s has no form: give it one in ops.go", o.Name)
				continue
			}
			for _, text := range []string{f.text, f.number, f.torch, f.optax} {
				for _, arg := range []string{"$a", "$b", "$c"}[:o.Args] {
					if text != "" && strings.Count(text, arg) != 1 {
						t.Errorf("%s: %s does not stand once in %q", o.Name, arg, text)
					}
				}
				if name, _, ok := strings.Cut(strings.TrimPrefix(text, "_"), "("); ok && strings.HasPrefix(text, "_") && helpers[name].torch == "" {
					t.Errorf("%s: no helper %s", o.Name, name)
				}
			}
		case op.Array:
			if !inlineArrays[o.Name] && !slices.Contains(unsaid, o.Name) && (helpers[o.Name].torch == "" || helpers[o.Name].optax == "") {
				t.Errorf("%s has no helper for both hosts", o.Name)
			}
		case op.Order:
			if o.Expand == "" && (helpers[o.Name].torch == "" || helpers[o.Name+"_all"].optax == "") {
				t.Errorf("%s has no helper for both hosts", o.Name)
			}
		}
	}
	for name := range forms {
		if o, ok := op.Lookup(name); !ok || o.Kind != op.Elementwise {
			t.Errorf("the form %s is of no elementwise operator", name)
		}
	}
}

// TestBounds: what is computed with Python's own numbers stays within its bounds, so that it cannot raise.
func TestBounds(t *testing.T) {
	points := []float64{-3, -1, -0.5, 0, 1e-300, 0.25, 0.999, 1, 2, 7, 1e10}
	within := func(b bound, v float64) bool { return math.IsNaN(v) && b.nan || v >= b.lo && v <= b.hi }
	for i := range op.Table {
		o := &op.Table[i]
		if o.Kind != op.Elementwise || o.Mask || o.MaskArgs != 0 || o.Args > 2 {
			continue
		}
		for _, lo := range points {
			for _, hi := range points {
				if lo > hi {
					continue
				}
				b := bound{lo, hi, false}
				args := make([]bound, o.Args)
				for k := range args {
					args[k] = b
				}
				out := applyBound(o, args)
				for _, x := range []float64{lo, (lo + hi) / 2, hi} {
					for _, y := range []float64{lo, (lo + hi) / 2, hi} {
						if v := o.Eval([]float64{x, y}[:o.Args]); !within(out, v) {
							t.Errorf("%s(%v, %v) = %v is outside %v", o.Name, x, y, v, out)
						}
					}
				}
			}
		}
	}
}

package main

import (
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/stdlib"
)

// compileText compiles the one rule of a text.
func compileText(t *testing.T, text string) (*unit, *compiler.Rule) {
	t.Helper()
	u := &unit{}
	u.Unit, u.diags = compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
	r, err := u.compile(newConsole(), "r", compiler.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return u, r
}

// The roof of a rule moves what the rule moves, but for narrow states: those are arrays of the element type there.
func TestRoof(t *testing.T) {
	for _, c := range []struct {
		text       string
		rule, roof perDType
	}{
		{"state m = 0\nm <- 0.9*m + g\nx <- x - m", perDType{20, 40}, perDType{20, 40}},
		{"state m as bf16 = 0\nm <- 0.9*m + g\nx <- x - m", perDType{16, 28}, perDType{20, 40}},
		{"state m as f16 sr = 0\nm <- 0.9*m + g\nx <- x - m", perDType{16, 28}, perDType{20, 40}},
		{"state m as q8 = 0\nm <- 0.9*m + g\nx <- x - m", perDType{14.03125, 26.03125}, perDType{20, 40}},
		{"given h\ngiven s = load\nx <- x - g*h - s", perDType{20, 40}, perDType{20, 40}},
	} {
		_, r := compileText(t, "rule r {\n"+c.text+"\n}")
		roof := roofOf(r, 0)
		for _, s := range roof.Plan.Program.States {
			if s.As.Format != "" {
				t.Errorf("%s: the roof converts a state to %s", c.text, s.As.Format)
			}
		}
		if got := costOf(r.Plan, 0).Bytes; got != c.rule {
			t.Errorf("%s: %v bytes an element, want %v", c.text, got, c.rule)
		}
		if got := costOf(roof.Plan, 0).Bytes; got != c.roof {
			t.Errorf("%s: %v bytes an element of the roof, want %v", c.text, got, c.roof)
		}
	}
}

// The arrays of a bench are counted as they are stored.
func TestBenchArrays(t *testing.T) {
	_, r := compileText(t, "rule r {\ngiven h\ngiven k per row\nstate m as bf16 = 0\nstate v as q8 = 0\nm <- m + g\nv <- v + g*h\nx <- x - m*v*k\n}")
	cmd := benchCmd{DType: "f32"}
	const rows, cols = 64, 256
	n := rows * cols
	want := 4*n + 4*n + 4*n + 4*rows + 2*n + n + 4*n/256
	if got := cmd.arrays(r, 0, []int{rows, cols}); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}

// An operator's work is that of the loops that it is made of.
func TestArrayWork(t *testing.T) {
	pool := ir.NewPool()
	g := pool.Input("g")
	row := pool.Reduce(op.Must("sum"), g, ir.Row, nil)
	col := pool.Reduce(op.Must("sum"), g, ir.Col, nil)
	array := func(name string, args ...*ir.Value) *ir.Value {
		return pool.Array(op.Must(name), ir.Const, nil, args...)
	}
	gt := array("transpose", g)
	const r, c = 3, 50
	for name, test := range map[string]struct {
		v    *ir.Value
		want float64
	}{
		"outer":            {array("outer", row, col), 0},
		"transpose":        {gt, 0},
		"rows by rows":     {array("matmul", g, gt), r * c * r},
		"columns by cols":  {array("matmul", gt, g), c * r * c},
		"matrix by vector": {array("matmul", g, col), r * c},
		"vector by matrix": {array("matmul", row, g), r * c},
		"inverse":          {array("inv", array("matmul", g, gt)), r * r * r},
		"orthogonalize":    {array("orthogonalize", g, pool.Number(5)), r * c * r},
	} {
		if got := arrayWork(test.v, []int{r, c}); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

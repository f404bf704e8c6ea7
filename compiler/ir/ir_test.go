package ir_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/randrule"
)

func compile(t testing.TB, text string) *ir.Program {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", fstest.MapFS{})
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	p, diags := check.Rule(u, "r", check.Settings{})
	if p == nil {
		t.Fatalf("%v\n%s", diags, text)
	}
	p, err := pass.Run(p, pass.Program[:1], nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHashConsing(t *testing.T) {
	p := ir.NewPool()
	x, g := p.Input("x"), p.Input("g")
	equal := func(name string, a, b *ir.Value) {
		if a != b {
			t.Errorf("%s: two values", name)
		}
	}
	other := func(name string, a, b *ir.Value) {
		if a == b {
			t.Errorf("%s: one value", name)
		}
	}
	equal("inputs", x, p.Input("x"))
	equal("sums", p.Call("add", x, g), p.Call("add", g, x))
	other("differences", p.Call("sub", x, g), p.Call("sub", g, x))
	equal("numbers", p.Number(0.1), p.Number(0.1))
	other("zeros", p.Number(0), p.Number(math.Copysign(0, -1)))
	equal("NaNs", p.Number(math.NaN()), p.Number(math.NaN()))
	other("one and true", p.Number(1), p.Bool(true))
	equal("folded", p.Call("mul", p.Number(3), p.Number(2)), p.Number(6))
	equal("a folded comparison", p.Call("lt", p.Number(3), p.Number(2)), p.Bool(false))
	equal("a folded choice of masks", p.Call("where", p.Bool(true), p.Bool(false), p.Bool(true)), p.Bool(false))
	other("reductions", p.Reduce(op.Must("sum"), x, ir.Tensor, nil), p.Reduce(op.Must("sum"), x, ir.Model, nil))
	equal("a spread of an element", p.Spread(x, ir.Elem), x)
	t1 := p.Input("t")
	other("spreads", p.Spread(t1, ir.Group), p.Spread(t1, ir.Elem))
	other("states", p.Load(0), p.Load(1))
	if n := p.Call("add", t1, p.Number(1)); n.Extent != ir.Model || p.Call("add", n, x).Extent != ir.Elem {
		t.Error("an operator has the join of its operands' extents")
	}
}

// chain is a value so deep that nothing recursive survives it.
func chain(p *ir.Pool, n int) *ir.Value {
	v := p.Input("x")
	for range n {
		v = p.Call("sin", v)
	}
	return v
}

// TestDeepGraphs walks a chain of 100,000 values under a small stack.
func TestDeepGraphs(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20))
	const n = 100_000
	pool := ir.NewPool()
	p := &ir.Program{Name: "r", X: chain(pool, n), Pool: pool, States: []ir.State{{Name: "s", Extent: ir.Elem}}}
	p.States[0].New = p.X
	if got := len(ir.Reachable(p.X)); got != n+1 {
		t.Errorf("%d values are reachable", got)
	}
	if err := p.Verify(); err != nil {
		t.Error(err)
	}
	r := &ir.Rewriter{To: ir.NewPool()}
	r.Make = func(v *ir.Value, args []*ir.Value) *ir.Value { return r.To.Copy(v, args) }
	q := r.Program(p)
	if err := q.Verify(); err != nil || len(ir.Reachable(q.Roots()...)) != n+1 {
		t.Errorf("copied: %v", err)
	}
	if got := strings.Count(p.String(), "\n"); got != n+5 {
		t.Errorf("%d lines", got)
	}
	if !p.Reads("x") || p.Reads("g") {
		t.Error("what it reads")
	}
	if p = p.KeepStates([]bool{false}); len(p.States) != 0 || p.Verify() != nil {
		t.Error("a state is dropped")
	}
}

// TestDeepEquations prints a long chain.
func TestDeepEquations(t *testing.T) {
	pool := ir.NewPool()
	p := &ir.Program{Name: "r", X: chain(pool, 5000), Pool: pool}
	sines := 0
	for _, e := range p.Formula() {
		sines += strings.Count(e.Text, "sin(")
	}
	if sines != 5000 {
		t.Errorf("%d sines", sines)
	}
}

func TestVerifyRefuses(t *testing.T) {
	pool, foreign := ir.NewPool(), ir.NewPool()
	x := pool.Input("x")
	mask := pool.Call("lt", x, pool.Number(0))
	good := ir.Program{Name: "r", X: x, Pool: pool, States: []ir.State{{Name: "s", Extent: ir.Elem, New: x}}}
	if err := good.Verify(); err != nil {
		t.Fatal(err)
	}
	broken := func(v ir.Value) *ir.Value { // in the pool, past its constructors
		v.ID = len(pool.Values)
		pool.Values = append(pool.Values, &v)
		return &v
	}
	for want, change := range map[string]func(p *ir.Program){
		"no new x":                 func(p *ir.Program) { p.X = nil },
		"belongs to another pool":  func(p *ir.Program) { p.X = foreign.Input("x") },
		"is tensor, its new value": func(p *ir.Program) { p.States = []ir.State{{Name: "s", Extent: ir.Tensor, New: x}} },
		"takes a mask":             func(p *ir.Program) { p.States = []ir.State{{Name: "s", Extent: ir.Elem, New: mask}} },
		"sum of a mask": func(p *ir.Program) {
			p.X = broken(ir.Value{Kind: ir.Reduce, Op: op.Must("sum"), Args: []*ir.Value{mask}})
		},
		"no hyper 3":         func(p *ir.Program) { p.X = pool.Hyper(3) },
		"no state 7":         func(p *ir.Program) { p.X = pool.Load(7) },
		"no input y":         func(p *ir.Program) { p.X = pool.Input("y") },
		"add takes 2, has 1": func(p *ir.Program) { p.X = broken(ir.Value{Kind: ir.Apply, Op: op.Must("add"), Args: []*ir.Value{x}}) },
		"add: argument 2":    func(p *ir.Program) { p.X = pool.Call("add", x, mask) },
		"not: argument 1":    func(p *ir.Program) { p.X = pool.Call("not", x) },
		"where: argument 2":  func(p *ir.Program) { p.X = pool.Call("where", mask, mask, x) },
		"extent model, operands say": func(p *ir.Program) {
			p.X = broken(ir.Value{Kind: ir.Apply, Op: op.Must("neg"), Args: []*ir.Value{x}, Extent: ir.Model})
		},
		"extent tensor, operands say": func(p *ir.Program) { p.Eval = broken(ir.Value{Kind: ir.Input, Name: "loss", Extent: ir.Tensor}) },
	} {
		p := good
		change(&p)
		if err := p.Verify(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, have %v", want, err)
		}
	}
}

func TestPrinting(t *testing.T) {
	p := compile(t, `rule r {
  hyper lr = 1e-3 in (0, inf); hyper every = 5 in 1..10
  state m per tensor = 0.5
  state z = x
  m <- m + norm(g per model)*every
  let keep = x > -2.5
  x <- where(keep, x - lr*m*g, z)
  eval z
}`)
	want := `rule r
hyper 0 lr = 0.001 in (0, inf)
hyper 1 every = 5 in 1..10
state 0 m tensor = 0.5
state 1 z elem = 0
v0 elem = x
v1 const = -2.5
v2 elem mask = gt(v0, v1)  # keep
v3 group = lr
v4 tensor = m  # m
v5 elem = g
v6 elem = mul(v5, v5)
v7 model = sum(v6 per model)
v8 model = sqrt(v7)  # norm
v9 group = every
v10 group = mul(v8, v9)
v11 tensor = add(v4, v10)  # m
v12 group = mul(v3, v11)
`
	if got := p.String(); !strings.HasPrefix(got, want[:strings.Index(want, "v3")]) || !strings.Contains(got, "v8 model = sqrt(v7)") {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for v, text := range map[float64]string{
		math.Inf(1): "inf", math.Inf(-1): "-inf", 1e-8: "1e-08", 1e21: "1e21", 0.1: "0.1", -3: "-3", math.Copysign(0, -1): "-0",
		math.SmallestNonzeroFloat64: "5e-324", math.MaxFloat64: "1.7976931348623157e308",
	} {
		if got := ir.FormatNumber(v); got != text {
			t.Errorf("%v prints as %s", v, got)
		}
	}
}

func TestAdmits(t *testing.T) {
	inf := math.Inf(1)
	open := ir.HyperDecl{Lo: 0, Hi: 1, OpenLo: true, OpenHi: true}
	closed := ir.HyperDecl{Lo: 0, Hi: 1}
	whole := ir.HyperDecl{Lo: 1, Hi: inf, Integer: true}
	for _, c := range []struct {
		h    ir.HyperDecl
		v    float64
		want bool
	}{
		{open, 0, false}, {open, 1, false}, {open, 0.5, true}, {open, math.NaN(), false}, {closed, 0, true}, {closed, 1, true},
		{closed, math.Nextafter(1, 2), false}, {closed, math.Copysign(0, -1), true}, {closed, math.NaN(), false}, {closed, inf, false},
		{whole, 3, true}, {whole, 3.5, false}, {whole, 0, false},
	} {
		if got := c.h.Admits(c.v); got != c.want {
			t.Errorf("%v in %s: %v", c.v, c.h.Interval(), got)
		}
	}
	if s := open.Interval() + closed.Interval() + whole.Interval(); s != "(0, 1)[0, 1]1..inf" {
		t.Error(s)
	}
}

// TestEquationsMeanTheSame prints random rules as equations, reads those as a rule again, and compares the two runs.
func TestEquationsMeanTheSame(t *testing.T) {
	n := uint64(150)
	if testing.Short() {
		n = 30
	}
	compared := uint64(0)
	for seed := range n {
		p := compile(t, randrule.Plain("r", seed))
		if asks(p) {
			continue // equations are for people: a probe is a statement, and no equation of the language
		}
		compared++
		for i := range p.States {
			p.States[i].Name = fmt.Sprintf("state%d", i)
		}
		text := restate(p)
		q := compile(t, text)
		if d := differ(t, p, q, seed); d != "" {
			t.Fatalf("seed %d: %s\n%s\n%s", seed, d, text, p)
		}
	}
	if compared < n/10 {
		t.Errorf("only %d rules of %d are compared", compared, n)
	}
}

// asks reports whether a program has what equations cannot say in the language.
func asks(p *ir.Program) bool {
	for _, v := range ir.Reachable(append(p.Roots(), p.Eval)...) {
		if v.Kind != ir.Number && v.Kind != ir.Input && v.Kind != ir.Hyper && v.Kind != ir.Load && v.Kind != ir.Apply && v.Kind != ir.Reduce && v.Kind != ir.Size && v.Kind != ir.Spread {
			return true
		}
	}
	return false
}

// restate writes the program's equations as the body of a rule.
func restate(p *ir.Program) string {
	var b strings.Builder
	names := map[*ir.Value]string{p.X: "new_x"}
	roots := p.Roots()
	for _, v := range ir.Reachable(roots...) {
		_, operator := op.Lookup(v.Label)
		if _, input := ir.Inputs[v.Label]; operator || input {
			v.Label = "" // a line for people may be called norm or g, a `let` may not
		}
	}
	leaves := map[*ir.Value]string{}
	for i, s := range p.States {
		leaves[p.Pool.Load(i)] = s.Name
		if names[s.New] == "" {
			names[s.New] = fmt.Sprintf("new_state%d", i)
		}
	}
	b.WriteString("rule r {\n")
	for _, h := range p.Hypers {
		fmt.Fprintf(&b, "hyper %s = %s in %s\n", h.Name, ir.FormatNumber(h.Default), h.Interval())
	}
	for _, s := range p.States {
		fmt.Fprintf(&b, "state %s per %s = %s\n", s.Name, s.Extent, ir.FormatNumber(s.Init))
	}
	for _, e := range p.Equations(roots, names, leaves) {
		if e.Extent == ir.Const {
			fmt.Fprintf(&b, "let %s = %s\n", e.Name, e.Text)
		} else {
			fmt.Fprintf(&b, "let %s per %s = %s\n", e.Name, e.Extent, e.Text)
		}
	}
	fmt.Fprintf(&b, "x <- %s\n", names[p.X])
	for _, s := range p.States {
		fmt.Fprintf(&b, "%s <- %s\n", s.Name, names[s.New])
	}
	b.WriteString("}\n")
	return b.String()
}

func differ(t *testing.T, p, q *ir.Program, seed uint64) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	var tensors []interp.Tensor
	for i, shape := range randrule.Shapes(r) {
		tensors = append(tensors, interp.Tensor{Shape: shape, Group: i % 2})
	}
	a, b := interp.New[float32](p, tensors, 2), interp.New[float32](q, tensors, 2)
	for i := range a.Params {
		randrule.Fill(r, a.Params[i], 40)
		copy(b.Params[i], a.Params[i])
	}
	for step := range 2 {
		var g [][]float32
		for i := range tensors {
			g = append(g, make([]float32, len(a.Params[i])))
			randrule.Fill(r, g[i], 40)
		}
		a.Step(g, 0.5)
		b.Step(g, 0.5)
		for i := range a.Params {
			for j, x := range a.Params[i] {
				if y := b.Params[i][j]; math.Float32bits(x) != math.Float32bits(y) && (x == x || y == y) {
					return fmt.Sprintf("step %d: x[%d][%d] is %v, of the equations %v", step+1, i, j, x, y)
				}
			}
		}
	}
	return ""
}

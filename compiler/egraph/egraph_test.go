package egraph_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/egraph"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/randrule"
)

// program is rule r of a text after the exact rewrites.
func program(t *testing.T, text string) *ir.Program {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", fstest.MapFS{})
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	p, diags := check.Rule(u, "r", check.Settings{})
	if p == nil {
		t.Fatalf("%v\n%s", diags, text)
	}
	for _, ps := range pass.Program {
		p = ps.Run(p)
		if ps.Name == "simplify" {
			break
		}
	}
	return p
}

// best is the cheapest form of a program, itself if there is none cheaper.
func best(t *testing.T, p *ir.Program, l egraph.Limits) *ir.Program {
	t.Helper()
	forms, st := egraph.Programs(p, l)
	if st.Broken {
		t.Error("the rewrites contradict each other")
	}
	before := egraph.CostOf(p).Total()
	for _, q := range forms {
		if err := q.Verify(); err != nil {
			t.Fatal(err)
		}
		if q.X.Extent != p.X.Extent {
			t.Errorf("x is %s, was %s", q.X.Extent, p.X.Extent)
		}
		for i := range p.States {
			if q.States[i].New.Extent != p.States[i].New.Extent {
				t.Errorf("state %s is %s, was %s", p.States[i].Name, q.States[i].New.Extent, p.States[i].New.Extent)
			}
		}
		if now := egraph.CostOf(q).Total(); now >= before {
			t.Errorf("costs %d, was %d", now, before)
		}
	}
	if len(forms) == 0 {
		return p
	}
	return forms[0]
}

// TestPrograms holds what comes out of small rules, extents included.
func TestPrograms(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"a zero keeps its extent", "state m = g; m <- 0*(m + g); x <- x - m - g", "x <- x - g; m <- 0"},
		{"a sum of zeros", "x <- x - g*sum(g - g)", "x <- x"},
		{"a factor leaves the sum", "hyper c = 2 in (0, inf)\nx <- x - norm(c*g)", "x <- x - c*sqrt(sum(g^2))"},
		{"how many are summed", "hyper c = 2 in (0, inf)\nlet u = 0*g + c; x <- x - g*sum(u)", "x <- x - g*(c*numel(x))"},
		{"one barrier for two", "let s = 1/norm(g); x <- x - norm(s*g)", "x <- x - 1"},
		{"rows and columns", "x <- x - (sum(g per row)*0 + sum(g per col)*0)", "x <- x"},
		{"a sign is proved", "hyper b = 0.9 in [0, 1)\nstate v = 0; v <- b*v + (1 - b)*g^2; x <- x - sqrt(v)*sqrt(v)", "v <- b*v + (1 - b)*g^2; x <- x - v"},
		{"a sign is not proved", "state v = 0; v <- v + g; x <- x - sqrt(v)*sqrt(v)", "v <- v + g; u = sqrt(v); x <- x - u^2"},
		{"infinity is no number", "hyper c = inf in [1, inf]\nlet d = min(inf, c); x <- x - g*(inf*0 + 1) + d", ""},
		{"nothing to gain", "hyper lr = 1 in (0, inf)\nx <- x - lr*g", "x <- x - lr*g"},
	} {
		p := program(t, "rule r {\n"+c.body+"\n}\n")
		q := best(t, p, pass.Saturation())
		var lines []string
		for _, e := range q.Formula() {
			lines = append(lines, e.String())
		}
		if got := strings.Join(lines, "; "); c.want != "" && got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestDeterministic holds that the same program gives the same forms, and that limits are kept.
func TestDeterministic(t *testing.T) {
	for seed := range uint64(4) {
		text := randrule.Text("r", seed)
		l := pass.Saturation()
		l.Nodes = 2000
		a, stA := egraph.Programs(program(t, text), l)
		b, stB := egraph.Programs(program(t, text), l)
		if stA != stB || len(a) != len(b) {
			t.Fatalf("seed %d: %+v and %+v", seed, stA, stB)
		}
		for i := range a {
			if a[i].String() != b[i].String() {
				t.Errorf("seed %d: form %d differs", seed, i)
			}
		}
	}
}

// TestLimits holds that a saturation ends where it is told to, and that a program too large is left alone.
func TestLimits(t *testing.T) {
	text := "rule r { x <- x - (((g + 1)*(g + 2))*((g + 3)*(g + 4)))*(((x + 1)*(x + 2))*((x + 3)*(x + 4))) }"
	for _, nodes := range []int{100, 500, 3000} {
		l := pass.Saturation()
		l.Nodes = nodes
		_, st := egraph.Programs(program(t, text), l)
		if st.Nodes > nodes+20 || st.Saturated {
			t.Errorf("%d nodes allowed: %+v", nodes, st)
		}
	}
	l := pass.Saturation()
	l.Applications = 50
	if _, st := egraph.Programs(program(t, text), l); st.Applications > 50 {
		t.Errorf("50 applications allowed: %+v", st)
	}
	pool := ir.NewPool()
	v := pool.Input("x")
	for range 30_000 {
		v = pool.Call("sin", pool.Call("add", v, pool.Input("g")))
	}
	if forms, st := egraph.Programs(&ir.Program{Name: "r", X: v, Pool: pool}, pass.Saturation()); len(forms) > 0 || st.Nodes > 0 {
		t.Errorf("a chain of 60,000 values: %+v", st)
	}
	if egraph.Simplify(pool, v, pass.Saturation()) != v {
		t.Error("a chain of 60,000 values has become shorter")
	}
}

// TestContradictions holds that nothing is concluded from rewrites that make two numbers equal.
func TestContradictions(t *testing.T) {
	pool := ir.NewPool()
	x := pool.Input("x")
	v := pool.Call("add", pool.Call("mul", x, pool.Number(2)), pool.Number(3))
	l := egraph.Limits{Rules: egraph.Compile([]egraph.Rule{
		{Name: "wrong", From: "a*2", To: "a"}, {Name: "also wrong", From: "a + 3", To: "5"}, {Name: "as wrong", From: "a + 3", To: "6"},
	})}
	if got := egraph.Simplify(pool, v, l); got != v {
		t.Errorf("got %v", got)
	}
	if equal, st := egraph.Equal(pool, pool.Number(1), pool.Number(2), l); equal || st.Broken {
		t.Errorf("1 and 2: %v %+v", equal, st)
	}
	if equal, st := egraph.Equal(pool, v, pool.Number(1), l); equal || !st.Broken {
		t.Errorf("a contradiction: %v %+v", equal, st)
	}
}

// TestCongruence holds that equal operands make equal values, however deep.
func TestCongruence(t *testing.T) {
	pool := ir.NewPool()
	a, b := pool.Call("neg", pool.Call("neg", pool.Input("x"))), pool.Input("x")
	for range 200 {
		a, b = pool.Call("sin", a), pool.Call("sin", b)
	}
	l := egraph.Limits{Rules: egraph.Compile([]egraph.Rule{{Name: "neg-neg", From: "-(-a)", To: "a"}})}
	if equal, st := egraph.Equal(pool, a, b, l); !equal || st.Applications != 1 {
		t.Errorf("%v %+v", equal, st)
	}
	if equal, _ := egraph.Equal(pool, a, pool.Call("sin", b), l); equal {
		t.Error("sines of different depth are equal")
	}
}

// TestSimplify holds what is printed of derived formulas.
func TestSimplify(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"1*a + 0*b", "a"}, {"(a + b) - b", "a"}, {"a*b + a*c", "a*(b + c)"}, {"2*a - a", "a"}, {"(0.5/sqrt(a))*(2*sqrt(a))", "1"},
		{"exp(log(exp(a)))", "exp(a)"}, {"-(-1*a)", "a"}, {"(a*b)/b", "a"}, {"a/(1/b)", "a*b"}, {"where(a > b, a, b)", "max(a, b)"},
		{"sign(a)*abs(a) - a", "0"}, {"a + b", "a + b"}, {"a - -3*b", "a + 3*b"}, {"b + (a - b)/(1 + 0)", "a"}, {"sin(a)*sin(a) + cos(a)*cos(a)", "1"},
		{"exp(a)/(1 + exp(a))*(1 + exp(-a))", "1"}, {"sqrt(a)*sqrt(a)", "sqrt(a)*sqrt(a)"}, {"a*(1e300*1e300)", "a*(1e300*1e300)"},
	} {
		pool := ir.NewPool()
		pool.SetGivens([]ir.Extent{ir.Elem, ir.Elem, ir.Elem})
		names := map[string]*ir.Value{"a": pool.Given(0), "b": pool.Given(1), "c": pool.Given(2)}
		p := &ir.Program{Pool: pool, Givens: []ir.GivenDecl{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
		text := func(v *ir.Value) string {
			return p.Equations([]*ir.Value{v}, map[*ir.Value]string{v: "y"}, nil)[0].Text
		}
		v := pool.Build(ir.ParseFormula(c.from), names)
		l := pass.Saturation()
		l.Nodes = 2000
		got := egraph.Simplify(pool, v, l)
		if got.Extent != v.Extent {
			t.Errorf("%s: extent %s, was %s", c.from, got.Extent, v.Extent)
		}
		if want := text(pool.Spread(pool.Build(ir.ParseFormula(c.to), names), v.Extent)); text(got) != want {
			t.Errorf("%s: %s, want %s", c.from, text(got), want)
		}
	}
}

// smooth are operators that are defined everywhere, and how random formulas use them.
var smooth = []string{
	"add", "add", "sub", "mul", "mul", "neg", "abs", "max", "min", "tanh", "sigmoid", "softplus", "sin", "hypot", "cbrt", "where", "sqrt", "div", "log", "exp", "pow",
}

// randomValue is a formula of a depth whose partial operators have arguments for which they are defined.
func randomValue(r *rand.Rand, pool *ir.Pool, leaves []*ir.Value, depth int) *ir.Value {
	if depth == 0 || r.IntN(8) == 0 {
		if r.IntN(4) == 0 {
			return pool.Number([]float64{0, 1, 2, -1, 0.5, 3}[r.IntN(6)])
		}
		return leaves[r.IntN(len(leaves))]
	}
	part := func() *ir.Value { return randomValue(r, pool, leaves, depth-1) }
	positive := func() *ir.Value { return pool.Call("add", pool.Call("abs", part()), pool.Number(0.5)) }
	switch name := smooth[r.IntN(len(smooth))]; name {
	case "where":
		return pool.Call("where", pool.Call([]string{"gt", "le"}[r.IntN(2)], part(), part()), part(), part())
	case "sqrt", "log":
		return pool.Call(name, positive())
	case "div":
		return pool.Call("div", part(), positive())
	case "exp":
		return pool.Call("exp", pool.Call("tanh", part()))
	case "pow":
		return pool.Call("pow", positive(), pool.Number([]float64{0.5, 2, -1, 1.5}[r.IntN(4)]))
	default:
		if op.Must(name).Args == 1 {
			return pool.Call(name, part())
		}
		return pool.Call(name, part(), part())
	}
}

// number computes a value, and the size of the largest number on the way.
func number(v *ir.Value, leaves map[*ir.Value]float64) (float64, float64) {
	got, most := map[*ir.Value]float64{}, 1.0
	for _, n := range ir.Reachable(v) {
		switch x, leaf := leaves[n]; {
		case leaf:
			got[n] = x
		case n.Kind == ir.Number:
			got[n] = n.Num
		case n.Kind == ir.Spread:
			got[n] = got[n.Args[0]]
		default:
			var args []float64
			for _, a := range n.Args {
				args = append(args, got[a])
			}
			got[n] = n.Op.Eval(args)
		}
		most = max(most, math.Abs(got[n]))
	}
	return got[v], most
}

// TestSimplifyKeepsNumbers compares random formulas with what they are simplified to. At a step of a where or at a kink
// rounding may decide, so a formula may differ at one point, but not at two.
func TestSimplifyKeepsNumbers(t *testing.T) {
	shorter := 0
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 23))
		pool := ir.NewPool()
		pool.SetGivens([]ir.Extent{ir.Elem, ir.Elem, ir.Elem})
		leaves := []*ir.Value{pool.Given(0), pool.Given(1), pool.Given(2)}
		v := randomValue(r, pool, leaves, 5)
		l := pass.Saturation()
		l.Nodes = 1500
		got := egraph.Simplify(pool, v, l)
		if got != v {
			shorter++
		}
		wrong := 0
		var at string
		for range 40 {
			env := map[*ir.Value]float64{}
			for _, leaf := range leaves {
				env[leaf] = r.NormFloat64()
			}
			want, size := number(v, env)
			have, other := number(got, env)
			if size = max(size, other); !(math.Abs(want-have) <= 1e-9*size) && size < 1e6 {
				wrong++
				at = fmt.Sprintf("%v, was %v", have, want)
			}
		}
		if wrong > 1 {
			t.Errorf("seed %d: %d points of 40 differ: %s", seed, wrong, at)
		}
	}
	if shorter < 40 {
		t.Errorf("only %d of 80 formulas are shorter", shorter)
	}
}

// TestBadRules holds that a table with a defect is refused at once.
func TestBadRules(t *testing.T) {
	for _, r := range []egraph.Rule{
		{Name: "no operation", From: "a", To: "a*1"}, {Name: "unbound", From: "a*1", To: "b"}, {Name: "condition", From: "a*1", To: "a", When: "a + 1"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: %s -> %s is taken", r.Name, r.From, r.To)
				}
			}()
			egraph.Compile([]egraph.Rule{r})
		}()
	}
}

package property

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// line is a rule on a model of one number, whose loss is h*x^2/2: every reduction is the identity, every matrix a number.
// What such a model has no answer for is named in missing.
type line struct {
	p       *ir.Program // with the hyperparameter h as the last
	x       *ir.Value   // the new x
	states  []*ir.Value
	h       *ir.Value
	missing string
}

func newLine(p *ir.Program) *line {
	q := *p
	q.Hypers = append(append([]ir.HyperDecl(nil), p.Hypers...), ir.HyperDecl{Name: "h", Default: 1, OpenLo: true, Hi: 1e300})
	l := &line{p: &q, h: p.Pool.Hyper(len(p.Hypers))}
	var f *folder
	f = newFolder(p.Pool, nil)
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value { return f.make(l.one(v, args), l.oneArgs(v, args)) }}
	l.x = r.Value(p.X)
	for _, s := range p.States {
		l.states = append(l.states, r.Value(s.New))
	}
	return l
}

// oneArgs are the operands of what one gives for v.
func (l *line) oneArgs(v *ir.Value, args []*ir.Value) []*ir.Value { return l.one(v, args).Args }

// one is v for a single number.
func (l *line) one(v *ir.Value, args []*ir.Value) *ir.Value {
	pool := l.p.Pool
	square := func(u *ir.Value) *ir.Value {
		return pool.Call("mul", pool.Number(0.5), pool.Call("mul", l.h, pool.Call("mul", u, u)))
	}
	switch v.Kind {
	case ir.Input:
		switch v.Name {
		case "g":
			return pool.Call("mul", l.h, pool.Input("x"))
		case "loss":
			return square(pool.Input("x"))
		case "rows", "cols":
			return pool.Number(1)
		case "rank":
			return l.lacks(v, "number of dimensions")
		}
	case ir.Reduce:
		if v.Extent.IsArray() {
			return l.lacks(v, "rows and columns")
		}
		return args[0]
	case ir.Spread:
		return args[0]
	case ir.Size:
		return pool.Number(1)
	case ir.Probe:
		switch v.Name {
		case "grad":
			return pool.Call("mul", l.h, args[0])
		case "loss":
			return square(args[0])
		}
		return pool.Call("mul", l.h, args[1])
	case ir.Array:
		return l.array(v, args)
	case ir.Draw:
		return l.lacks(v, "random values")
	case ir.Given:
		return l.lacks(v, "input "+l.p.Givens[v.Index].Name)
	case ir.Named:
		return l.lacks(v, "name")
	case ir.Apply:
		return pool.Copy(v, args)
	}
	return v
}

func (l *line) array(v *ir.Value, args []*ir.Value) *ir.Value {
	pool := l.p.Pool
	if len(args) == 0 {
		return pool.Number(1)
	}
	switch v.Op.Name {
	case "transpose", "diag", "trace", "tril", "kth":
		return args[0]
	case "matmul", "outer":
		return pool.Call("mul", args[0], args[1])
	case "inv":
		return pool.Call("div", pool.Number(1), args[0])
	case "solve":
		return pool.Call("div", args[1], args[0])
	case "cholesky":
		return pool.Call("sqrt", args[0])
	case "inv_root":
		return pool.Call("pow", pool.Call("add", args[0], args[2]), pool.Call("div", pool.Number(-1), args[1]))
	case "eigvecs", "qr":
		return pool.Number(1)
	}
	return l.lacks(v, v.Op.Name)
}

func (l *line) lacks(v *ir.Value, what string) *ir.Value {
	if l.missing == "" {
		l.missing = what
	}
	if v.Mask {
		return l.p.Pool.Bool(false)
	}
	return l.p.Pool.Number(0)
}

// numbers are what a line is evaluated with.
type numbers struct {
	x, t   float64
	hypers []float64
	states []float64
}

// eval is each of some values.
func eval(values []*ir.Value, n numbers) ([]float64, error) {
	of := map[*ir.Value]float64{}
	args := make([]float64, 0, 3)
	for _, v := range ir.Reachable(values...) {
		switch v.Kind {
		case ir.Number:
			of[v] = v.Num
		case ir.Hyper:
			of[v] = n.hypers[v.Index]
		case ir.Load:
			of[v] = n.states[v.Index]
		case ir.Input:
			switch v.Name {
			case "x":
				of[v] = n.x
			case "t":
				of[v] = n.t
			default:
				return nil, fmt.Errorf("%s is not a number", v.Name)
			}
		case ir.Spread, ir.Var:
			of[v] = of[v.Args[0]]
		case ir.Apply:
			args = args[:0]
			for _, a := range v.Args {
				args = append(args, of[a])
			}
			of[v] = v.Op.Eval(args)
		default:
			return nil, fmt.Errorf("kind %d is not a number", v.Kind)
		}
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = of[v]
	}
	return out, nil
}

// late is a line after many steps: what decays with t is gone, and conditions on t are what they stay. Conditions on
// hyperparameters alone are those of the defaults, but that a generic line has no hyperparameter equal to a number. What
// compares lr or h stays.
type late struct {
	*line
	defaults []float64
	lr       int
	generic  bool
	unequal  []string // what a generic line has decided so
	byValue  bool     // a condition was decided by the defaults
}

// lateSteps are the steps that stand for all later ones.
var lateSteps = func() []float64 {
	out := []float64{1e12}
	for i := range 1024 {
		out = append(out, 1e9+float64(i))
	}
	return out
}()

func newLate(l *line, lr int, generic bool) *late {
	out := &late{line: &line{p: l.p, h: l.h, missing: l.missing}, lr: lr, generic: generic}
	for _, h := range l.p.Hypers {
		out.defaults = append(out.defaults, h.Default)
	}
	f := newFolder(l.p.Pool, nil)
	r := &ir.Rewriter{To: l.p.Pool}
	r.Make = func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v.Kind != ir.Apply {
			return f.make(v, args)
		}
		n := f.make(v, args)
		if n.Kind != ir.Apply {
			return n
		}
		return out.later(n)
	}
	out.x = r.Value(l.x)
	for _, s := range l.states {
		out.states = append(out.states, r.Value(s))
	}
	return out
}

// later is n after many steps.
func (l *late) later(n *ir.Value) *ir.Value {
	pool := l.p.Pool
	if !n.Mask && n.Op.Name != "pow" {
		return n
	}
	hypers, steps := false, false
	for _, v := range ir.Reachable(n) {
		switch v.Kind {
		case ir.Number, ir.Apply, ir.Spread:
		case ir.Hyper:
			if n.Mask && (v.Index == l.lr || v == l.h) {
				return n
			}
			hypers = true
		case ir.Input:
			if v.Name != "t" {
				return n
			}
			steps = true
		default:
			return n
		}
	}
	switch {
	case n.Op.Name == "pow" && steps && l.below(n.Args[0], 1) && l.endless(n.Args[1]):
		return pool.Number(0)
	case n.Op.Name == "pow":
		return n
	case l.generic && (n.Op.Name == "eq" || n.Op.Name == "ne"):
		if text := l.comparison(n.Args); text != "" {
			if !slices.Contains(l.unequal, text) {
				l.unequal = append(l.unequal, text)
			}
			return pool.Bool(n.Op.Name == "ne")
		}
	}
	first := -1.0
	for _, t := range lateSteps {
		got, err := eval([]*ir.Value{n}, numbers{t: t, hypers: l.defaults})
		if err != nil || first >= 0 && got[0] != first {
			return n
		}
		if first = got[0]; !steps {
			break
		}
	}
	l.byValue = l.byValue || hypers
	return pool.Bool(first != 0)
}

// comparison says that a hyperparameter is not a number, if one is compared with the other.
func (l *late) comparison(args []*ir.Value) string {
	for i, v := range args {
		if w := spreadOf(args[1-i]); spreadOf(v).Kind == ir.Hyper && w.Kind == ir.Number {
			return l.p.Hypers[spreadOf(v).Index].Name + " is not " + ir.FormatNumber(w.Num)
		}
	}
	return ""
}

// below reports whether a number or hyperparameter is from 0 to less than most.
func (l *late) below(v *ir.Value, most float64) bool {
	switch v.Kind {
	case ir.Number:
		return v.Num >= 0 && v.Num < most
	case ir.Hyper:
		h := l.p.Hypers[v.Index]
		return h.Lo >= 0 && h.Hi <= most && h.Default < most
	case ir.Spread:
		return l.below(v.Args[0], most)
	}
	return false
}

// endless reports whether an exponent grows with t beyond all bounds.
func (l *late) endless(v *ir.Value) bool {
	got, err := eval([]*ir.Value{v}, numbers{t: 1e12, hypers: l.defaults})
	return err == nil && got[0] > 1e5
}

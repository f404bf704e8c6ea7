package check

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// derivation elaborates a call whose formula is derived.
func (c *checker) derivation(f *frame, e *lang.Call) *ir.Value {
	i := slices.IndexFunc(op.Derivations, func(d op.Derivation) bool { return d.Name == e.Fn.Name })
	usage := op.Derivations[i].Usage
	head, _, _ := strings.Cut(usage, ";")
	if want := strings.Count(head, ",") + 1; len(e.Args) != want {
		c.errorf(f, e.Span, "it is called as `"+usage+"`", "%s takes %s, has %d", e.Fn.Name, count(want, "argument"), len(e.Args))
		return nil
	}
	if e.Prime {
		c.errorf(f, e.Fn.Span, "write a fn that calls it, and derive that", "`'` follows the name of a fn or of an operator, and %s is neither", e.Fn.Name)
		return nil
	}
	switch e.Fn.Name {
	case "hypergrad":
		return c.hypergrad(f, e)
	case "mirror":
		return c.mirror(f, e)
	case "prox":
		if set, params, ok := c.set(f, e.Args[0]); ok {
			return c.setFormula(f, e, set, params, "prox")
		}
		return c.prox(f, e)
	}
	set, params, ok := c.set(f, e.Args[0])
	if !ok {
		c.errorf(f, e.Args[0].Where(), orElse(c.setHint(e.Args[0]), "as in `"+e.Fn.Name+"(l2ball(; 1), v)`"), "%s takes one of the sets %s", e.Fn.Name, setNames(false))
		return nil
	}
	return c.setFormula(f, e, set, params, e.Fn.Name)
}

// set is the row of the table that an expression names, unless a declaration has the name, with its parameters.
func (c *checker) set(f *frame, e lang.Expr) (*op.Set, []lang.Arg, bool) {
	var name string
	var params []lang.Arg
	switch e := e.(type) {
	case *lang.Name:
		name = e.Name
	case *lang.Call:
		if len(e.Args) > 0 || e.Prime || e.Per != nil {
			return nil, nil, false
		}
		name, params = e.Fn.Name, e.Params
	}
	if _, own := f.names[name]; own {
		return nil, nil, false
	}
	if _, declared := c.unit.lookup(f.decl.in, name); declared {
		return nil, nil, false
	}
	s, ok := op.LookupSet(name)
	return s, params, ok
}

func (c *checker) setHint(e lang.Expr) string {
	name := ""
	switch e := e.(type) {
	case *lang.Name:
		name = e.Name
	case *lang.Call:
		name = e.Fn.Name
	}
	var known []string
	for _, s := range op.Sets {
		known = append(known, s.Name)
	}
	return didYouMean(name, known)
}

// setNames lists the sets, or the penalties.
func setNames(penalties bool) string {
	var names []string
	for _, s := range op.Sets {
		if (s.Prox != "") == penalties {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}

// setFormula builds what a row of the table says.
func (c *checker) setFormula(f *frame, e *lang.Call, set *op.Set, args []lang.Arg, what string) *ir.Value {
	formula := map[string]string{"project": set.Project, "lmo": set.LMO, "prox": set.Prox}[what]
	switch {
	case formula != "":
	case what == "prox":
		c.errorf(f, e.Args[0].Where(), "write `project("+set.Name+"(...), v)`", "%s is a set, not a penalty", set.Name)
		return nil
	case set.Prox != "":
		c.errorf(f, e.Args[0].Where(), "write `prox("+set.Name+"(...), v; step = ...)`", "%s is a penalty, not a set", set.Name)
		return nil
	default:
		c.errorf(f, e.Args[0].Where(), "take a bounded set, as in `lmo(box(; 0, 1), v)`", "%s has no bounds in some directions, so that no member of it is the least", set.Name)
		return nil
	}
	per := ir.Tensor
	switch {
	case e.Per != nil && set.Matrix:
		c.errorf(f, e.Per.Span, "leave it out", "%s is about the whole matrix", set.Name)
		return nil
	case e.Per != nil:
		var ok bool
		if per, ok = c.reductionPer(f, e); !ok {
			return nil
		}
	}
	v := c.real(f, e.Args[1])
	params, ok := c.params(f, &lang.Call{Span: e.Args[0].Where(), Fn: e.Fn, Params: args}, &op.Op{Name: set.Name, Params: set.Params})
	names := map[string]*ir.Value{"v": v}
	if what == "prox" {
		names["step"] = c.proxStep(f, e)
	} else if !c.noParams(f, e) {
		return nil
	}
	if _, needsStep := names["step"]; !ok || v == nil || needsStep && names["step"] == nil {
		return nil
	}
	for i, p := range set.Params {
		names[p.Name] = params[i]
	}
	if set.Name == "box" && !c.ordered(f, e, params[0], params[1]) {
		return nil
	}
	guard := c.guard
	if set.Matrix || strings.Contains(formula, "threshold") || strings.Contains(formula, "topk") {
		guard = c.guardNow(f)
	}
	c.told(e, set.Is(what))
	y := c.pool.BuildPer(ir.ParseFormula(formula), per, guard, names)
	if y.Label == "" {
		y.Label = e.Fn.Name
	}
	return y
}

// told records what a call is that has its formula from elsewhere than package derive.
func (c *checker) told(e *lang.Call, head string) {
	c.prog.Derivations = append(c.prog.Derivations, ir.Derivation{Call: lang.FormatExpr(e), Head: head})
}

// ordered reports whether a box may hold something: by its numbers, and by the defaults and intervals of hyperparameters.
func (c *checker) ordered(f *frame, e *lang.Call, lo, hi *ir.Value) bool {
	least, low, _, okLo := c.rangeOf(lo)
	_, high, most, okHi := c.rangeOf(hi)
	switch {
	case !okLo || !okHi:
		return true
	case least > most || lo.Kind == ir.Number && hi.Kind == ir.Number && low > high:
		c.errorf(f, e.Args[0].Where(), "lo comes first, as in `box(; -1, 1)`", "lo of box is above hi: nothing lies between")
	case low > high:
		c.errorf(f, e.Args[0].Where(), "give them defaults in order", "lo of box is above hi at the defaults, %s and %s: nothing lies between", ir.FormatNumber(low), ir.FormatNumber(high))
	default:
		return true
	}
	return false
}

// rangeOf are the interval and the default of a number or hyperparameter.
func (c *checker) rangeOf(v *ir.Value) (lo, at, hi float64, ok bool) {
	switch v.Kind {
	case ir.Number:
		return v.Num, v.Num, v.Num, true
	case ir.Hyper:
		h := c.prog.Hypers[v.Index]
		return h.Lo, h.Default, h.Hi, true
	}
	return 0, 0, 0, false
}

// stepParam is the one parameter of prox.
var stepParam = &op.Op{Name: "prox", Params: []op.Param{{Name: "step", Default: math.NaN(), Lo: 0, Hi: math.Inf(1)}}}

func (c *checker) proxStep(f *frame, e *lang.Call) *ir.Value {
	params, ok := c.params(f, e, stepParam)
	if !ok {
		return nil
	}
	if step := params[0]; step.Kind == ir.Hyper && c.prog.Hypers[step.Index].Lo < 0 {
		h := c.prog.Hypers[step.Index]
		c.errorf(f, e.Span, fmt.Sprintf("declare it as `hyper %s = %s in (0, inf)`, so that no other value can be set", h.Name, ir.FormatNumber(h.Default)),
			"the step of prox is not negative, and the interval of %s is %s", h.Name, h.Interval())
		return nil
	}
	return params[0]
}

// prox is the proximal operator of a fn, as something to be derived.
func (c *checker) prox(f *frame, e *lang.Call) *ir.Value {
	if e.Per != nil { // a sum of functions of single values: it has no part in it
		if c.per(f, e.Per) == nil {
			return nil
		}
	}
	v, step := c.real(f, e.Args[1]), c.proxStep(f, e)
	if v == nil || step == nil {
		return nil
	}
	variable := c.pool.Var(v, c.newDeriv(f, e))
	p := c.penalty(f, e, variable, "penalties of the table are "+setNames(true))
	if p == nil {
		return nil
	}
	return c.pool.Derived(ir.Prox, nil, p, variable, step)
}

// mirror is the step of mirror descent, as something to be derived.
func (c *checker) mirror(f *frame, e *lang.Call) *ir.Value {
	if !c.plain(f, e) {
		return nil
	}
	x, v := c.real(f, e.Args[1]), c.real(f, e.Args[2])
	if x == nil || v == nil {
		return nil
	}
	variable := c.pool.Var(x, c.newDeriv(f, e))
	p := c.penalty(f, e, variable, "as in `mirror(entropy, x, lr*g)`")
	if p == nil {
		return nil
	}
	return c.pool.Derived(ir.Mirror, nil, p, variable, v)
}

// penalty is the fn of one variable that the first argument names, at the variable.
func (c *checker) penalty(f *frame, e *lang.Call, variable *ir.Value, hint string) *ir.Value {
	at := e.Args[0].Where()
	callee := c.calleeOf(f, e.Args[0])
	if callee == nil || callee.decl.fn == nil {
		c.errorf(f, at, orElse(c.calleeHint(f, e.Args[0]), hint), "%s needs a fn of one variable, named without it, as in `penalty(; lambda)`", e.Fn.Name)
		return nil
	}
	if n := len(callee.decl.fn.Vars); n != 1 {
		c.errorf(f, at, "", "%s needs a fn of one variable, and %s has %d", e.Fn.Name, signature(callee.decl.fn), n)
		return nil
	}
	states := len(c.prog.States)
	p := c.toReal(c.inlineFn(f, callee, []*ir.Value{variable}, &lang.Call{Span: at, Fn: e.Fn}))
	if p != nil && len(c.prog.States) > states {
		c.errorf(f, at, "keep it in the rule, and give it to the fn as a parameter", "%s keeps a state, and nothing is derived from what changes from step to step", callee.decl.fn.Name.Name)
		return nil
	}
	return p
}

// hypergrad is the derivative of the loss in a value of the rule through the step before: the sum of g times the derivative
// of the x of that step in the value, which a hidden state keeps.
func (c *checker) hypergrad(f *frame, e *lang.Call) *ir.Value {
	if !c.plain(f, e) {
		return nil
	}
	id, ok := e.Args[0].(*lang.Name)
	if !ok || f.names[id.Name] == nil || f.names[id.Name].value == nil || f.tracked[id.Name] == nil {
		c.errorf(f, e.Args[0].Where(), "as in `a <- a - rate*hypergrad(a)`", "hypergrad takes the name of a state, let or hyper of the rule it stands in")
		return nil
	}
	h := f.tracked[id.Name]
	if h.slope == nil {
		v := c.elemVar(f, lang.Ident{Span: e.Span, Name: "hypergrad"})
		h.state, h.slope = c.addState(ir.State{Name: c.unique(strings.TrimPrefix(f.path+".dx_d"+id.Name, "."))}, v)
		h.variable = v
	}
	g := f.names["g"].value
	c.told(e, op.HypergradIs(id.Name, c.prog.States[h.state].Name))
	return c.pool.Derived(ir.Hypergrad, c.guardNow(f), c.read(f, id.Name), c.pool.Call("mul", g, h.slope))
}

// tracked is a name whose hypergradient the rule asks for.
type tracked struct {
	index    int       // of the Var that stands for its value
	state    int       // that keeps the derivative of x
	variable int       // of the state
	slope    *ir.Value // the derivative in the step before; nil until it is asked for
}

// track finds the names whose hypergradients a body asks for, so that every use of them is known.
func (c *checker) track(f *frame, stmts []lang.Stmt) {
	lang.Inspect(stmts, func(n any) {
		call, ok := n.(*lang.Call)
		if !ok || call.Fn.Name != "hypergrad" || len(call.Args) != 1 {
			return
		}
		if id, ok := call.Args[0].(*lang.Name); ok && f.tracked[id.Name] == nil && !stepInput[id.Name] {
			if f.tracked == nil {
				f.tracked = map[string]*tracked{}
			}
			f.tracked[id.Name] = &tracked{index: c.newDeriv(f, call)}
		}
	})
}

// read is the value of a name; of one whose hypergradient is asked for, as the variable of that.
func (c *checker) read(f *frame, name string) *ir.Value {
	v := f.names[name].value
	if h := f.tracked[name]; h != nil && v != nil {
		return c.pool.Var(v, h.index)
	}
	return v
}

// keepSlopes gives the hidden states of hypergradients the derivatives of the new x.
func (c *checker) keepSlopes(f *frame) {
	x := f.names["x"].value
	for _, name := range sortedKeys(f.tracked) {
		if h := f.tracked[name]; h.slope != nil && f.names[name] != nil && f.names[name].value != nil {
			c.prog.States[h.state].New = c.pool.Hold(c.pool.Derived(ir.Tangent, nil, x, c.read(f, name)), h.variable)
		}
	}
}

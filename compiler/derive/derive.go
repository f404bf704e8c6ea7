// Package derive puts in closed form what the language derives from a rule's text: derivatives, proximal operators,
// mirror steps, hypergradients. In comes a program whose Derived values say what is wanted, out goes one without any; what
// cannot be derived is reported, never guessed. It knows extents and operators, and neither syntax nor targets.
package derive

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/ir"
)

// Failure is a Derived value that has no closed form.
type Failure struct {
	Var     int // the Index of the variable that it is derived in
	Message string
	Hint    string
	Warning bool // it has one, of which something must be said
}

// Program puts every Derived value of p in closed form.
func Program(p *ir.Program) (*ir.Program, []Failure) {
	d := &deriver{p: p, pool: p.Pool}
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v.Kind == ir.Derived {
			return d.derived(v, args)
		}
		return p.Pool.Copy(v, args)
	}}
	q := r.Program(p)
	q.Derivations = append(d.derivations, p.Derivations...)
	vars := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v.Kind == ir.Var { // of what is kept of a differentiated fn's inside, and of hypergradients
			return args[0]
		}
		return p.Pool.Copy(v, args)
	}}
	q = vars.Program(q)
	return q, d.failures
}

// deriver is one run over a program.
type deriver struct {
	p           *ir.Program
	pool        *ir.Pool
	failures    []Failure
	derivations []ir.Derivation
	visited     int
	current     *ir.Value // the variable that is derived in
	products    map[*ir.Value][]factor
}

// maxVisits bounds the values that all derivations together look at.
const maxVisits = 6_000_000

// failure is what the derivation in hand panics with; derived reports it.
type failure struct{ message, hint string }

func fail(hint, format string, args ...any) { panic(failure{fmt.Sprintf(format, args...), hint}) }

func (d *deriver) visit(n int) {
	if d.visited += n; d.visited > maxVisits {
		fail("make what is differentiated smaller", "the derivation looks at more than %d values", maxVisits)
	}
}

// derived is v, whose operands are args, in closed form. The operands are rebuilt, inner derivations included, but the
// variable still stands in them.
func (d *deriver) derived(v *ir.Value, args []*ir.Value) (closed *ir.Value) {
	variable := args[1]
	d.current = variable
	defer func() {
		switch f := recover().(type) {
		case nil:
		case failure:
			d.failures = append(d.failures, Failure{Var: variable.Index, Message: f.message, Hint: f.hint})
			closed = d.pool.Spread(d.pool.Number(0), v.Extent)
		default: // a defect of the compiler
			panic(f)
		}
	}()
	switch v.Name {
	case ir.Gradient:
		closed = d.gradient(args[0], variable, operand(args, 2))
	case ir.Tangent:
		noMatrix(variable)
		closed = d.tangentOf(args[0], variable)
	case ir.Hypergrad:
		variable = args[0]
		noMatrix(args[0])
		return d.sumTo(args[1], args[1].Extent, args[0].Extent, operand(args, 2))
	case ir.Prox:
		closed = d.prox(args[0], variable, args[2], v.Extent)
	case ir.Mirror:
		closed = d.mirror(args[0], variable, args[2])
	default:
		panic("derive: no derivation " + v.Name)
	}
	return d.pool.Spread(d.put(closed, variable, variable.Args[0]), v.Extent)
}

// noMatrix refuses the hypergradient in a matrix: it would have a value for each pair of its entries and the parameter's.
func noMatrix(v *ir.Value) {
	if v.Extent.IsMatrix() {
		fail("reduce it, or say it per row or col", "there is no hypergradient in a value per %s", v.Extent)
	}
}

func operand(args []*ir.Value, i int) *ir.Value {
	if i < len(args) {
		return args[i]
	}
	return nil
}

// put puts by in the place of the variable.
func (d *deriver) put(v, variable, by *ir.Value) *ir.Value {
	r := &ir.Rewriter{To: d.pool, Make: d.pool.Copy}
	r.Make = func(n *ir.Value, args []*ir.Value) *ir.Value {
		if n.Kind == ir.Var && n.Index == variable.Index {
			return by
		}
		return d.pool.Copy(n, args)
	}
	r.Replace(variable, by)
	return r.Value(v)
}

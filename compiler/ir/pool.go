package ir

import (
	"math"
	"strings"

	"github.com/optc-lang/optc/compiler/op"
)

// Pool makes and owns values. Equal requests give the same pointer.
type Pool struct {
	Values []*Value
	intern map[key]*Value
	states []Extent // extents of the states, once resolved
	givens []Extent // of the givens
	open   bool     // extents are not final: what does not fit may fit yet
}

type key struct {
	kind    Kind
	op      *op.Op
	num     uint64
	name    string
	index   int
	per, of Extent
	mask    bool
	args    [8]int32
}

// NewPool makes an empty pool.
func NewPool() *Pool { return &Pool{intern: map[key]*Value{}} }

func (p *Pool) make(v Value) *Value {
	k := key{kind: v.Kind, op: v.Op, num: math.Float64bits(v.Num), name: v.Name, index: v.Index, per: v.Per, of: v.Of, mask: v.Mask}
	for i, a := range v.Args {
		k.args[i] = int32(a.ID) + 1
	}
	if v.Kind == Apply && v.Op.Commutes && k.args[0] > k.args[1] {
		k.args[0], k.args[1] = k.args[1], k.args[0]
	}
	if v.Kind == Spread {
		k.of = v.Extent
	}
	if old := p.intern[k]; old != nil {
		return old
	}
	v.ID = len(p.Values)
	n := &v
	n.Extent = p.extent(n)
	p.Values = append(p.Values, n)
	p.intern[k] = n
	return n
}

// Number is a constant.
func (p *Pool) Number(v float64) *Value { return p.make(Value{Kind: Number, Num: v}) }

// Bool is a constant mask.
func (p *Pool) Bool(b bool) *Value {
	v := Value{Kind: Number, Mask: true}
	if b {
		v.Num = 1
	}
	return p.make(v)
}

// Input is one of Inputs.
func (p *Pool) Input(name string) *Value { return p.make(Value{Kind: Input, Name: name}) }

// Hyper is the run-time hyperparameter i.
func (p *Pool) Hyper(i int) *Value { return p.make(Value{Kind: Hyper, Index: i}) }

// Load is state i as the step found it.
func (p *Pool) Load(i int) *Value { return p.make(Value{Kind: Load, Index: i}) }

// Apply is an elementwise operator; constants are folded.
func (p *Pool) Apply(o *op.Op, args ...*Value) *Value {
	if o.Name == "where" && args[1].Mask && args[2].Mask {
		yes, no := p.Call("and", args[0], args[1]), p.Call("and", p.Call("not", args[0]), args[2])
		return p.Call("or", yes, no)
	}
	if nums, ok := numbers(args); ok {
		if o.Mask {
			return p.Bool(o.Eval(nums) != 0)
		}
		return p.Number(o.Eval(nums))
	}
	return p.make(Value{Kind: Apply, Op: o, Args: args, Mask: o.Mask})
}

// Call is Apply by the operator's name.
func (p *Pool) Call(name string, args ...*Value) *Value { return p.Apply(op.Must(name), args...) }

func numbers(args []*Value) ([]float64, bool) {
	nums := make([]float64, len(args))
	for i, a := range args {
		if a.Kind != Number {
			return nil, false
		}
		nums[i] = a.Num
	}
	return nums, true
}

// Array is a whole-array operator on arrays and parameters; guard may be nil.
func (p *Pool) Array(o *op.Op, per Extent, guard *Value, args ...*Value) *Value {
	return p.make(Value{Kind: Array, Op: o, Args: guarded(guard, args...), Per: per, Mask: o.Mask})
}

// Eye is the identity matrix of extent e.
func (p *Pool) Eye(e Extent) *Value { return p.make(Value{Kind: Array, Op: op.Must("eye"), Of: e}) }

// Probe is what the model gives at a point; guard may be nil.
func (p *Pool) Probe(kind string, guard *Value, args ...*Value) *Value {
	return p.make(Value{Kind: Probe, Name: kind, Args: guarded(guard, args...)})
}

// Draw is a random value; each site's are its own.
func (p *Pool) Draw(kind string, site int, per Extent) *Value {
	return p.make(Value{Kind: Draw, Name: kind, Index: site, Per: per})
}

// Given is input i beyond x and g.
func (p *Pool) Given(i int) *Value { return p.make(Value{Kind: Given, Index: i}) }

// SetStates tells the extents of the states.
func (p *Pool) SetStates(extents []Extent) { p.states = extents }

// SetGivens tells the extents of the givens.
func (p *Pool) SetGivens(extents []Extent) { p.givens = extents }

// Named is the mask of the tensors whose name matches a pattern.
func (p *Pool) Named(pattern string) *Value {
	return p.make(Value{Kind: Named, Name: pattern, Mask: true})
}

// Reduce folds the values that arg has, one result per extent: those of the tensors for which guard holds, unless it is
// nil. o is sum, reduce_min or reduce_max. Guards are there until extents are resolved.
func (p *Pool) Reduce(o *op.Op, arg *Value, per Extent, guard *Value) *Value {
	return p.make(Value{Kind: Reduce, Op: o, Args: guarded(guard, arg), Per: per})
}

// Size is the number of values that a reduction of arg would run over.
func (p *Pool) Size(arg *Value, per Extent, guard *Value) *Value {
	return p.make(Value{Kind: Size, Args: guarded(guard, arg), Per: per})
}

func guarded(guard *Value, args ...*Value) []*Value {
	if guard == nil {
		return args
	}
	if n := guard; n.Kind == Number || n.Kind == Spread && n.Args[0].Kind == Number {
		if n.Kind == Spread {
			n = n.Args[0]
		}
		if n.Num != 0 {
			return args
		}
	}
	return append(args, guard)
}

// Count is the number of values of extent of per extent per.
func (p *Pool) Count(of, per Extent) *Value {
	if per.Holds(of) {
		return p.Number(1)
	}
	switch {
	case of == Row && per >= Tensor || of == Elem && per == Col:
		return p.Input("rows")
	case of == Col && per >= Tensor || of == Elem && per == Row:
		return p.Input("cols")
	case of == RowRow && per == Row || of == ColRow && per == Col:
		return p.Input("rows")
	case of == ColCol && per == Col || of == ColRow && per == Row:
		return p.Input("cols")
	case of.IsMatrix() && per == Tensor:
		first, second, _ := strings.Cut(axes[of], ",")
		return p.Call("mul", p.Input(first+"s"), p.Input(second+"s"))
	case of.IsArray() && of != Elem:
		return p.Reduce(op.Must("sum"), p.Count(of, Tensor), per, nil)
	}
	return p.make(Value{Kind: Size, Of: of, Per: per})
}

// Hold is v as variable index holds it.
func (p *Pool) Hold(v *Value, index int) *Value {
	return p.make(Value{Kind: Hold, Args: []*Value{v}, Index: index, Mask: v.Mask})
}

// Spread is v at the finer extent e.
func (p *Pool) Spread(v *Value, e Extent) *Value {
	if v.Extent.Holds(e) {
		return v
	}
	return p.make(Value{Kind: Spread, Args: []*Value{v}, Mask: v.Mask, Extent: e})
}

// Var is v as the variable of a derivative.
func (p *Pool) Var(v *Value, index int) *Value {
	return p.make(Value{Kind: Var, Args: []*Value{v}, Index: index, Mask: v.Mask})
}

// Derived is a value that package derive puts in closed form; guard may be nil.
func (p *Pool) Derived(name string, guard *Value, args ...*Value) *Value {
	return p.make(Value{Kind: Derived, Name: name, Args: guarded(guard, args...)})
}

// First is the mask that is set in the first step alone.
func (p *Pool) First() *Value { return p.Call("eq", p.Input("t"), p.Number(1)) }

// extent is the extent of a value by those of its operands.
func (p *Pool) extent(v *Value) Extent {
	switch v.Kind {
	case Number:
		return Const
	case Input:
		return Inputs[v.Name]
	case Hyper:
		return Group
	case Named:
		return Tensor
	case Draw:
		return v.Per
	case Given:
		return p.givens[v.Index]
	case Load:
		if v.Index < len(p.states) {
			return p.states[v.Index]
		}
		return Const
	case Spread:
		return v.Extent
	case Reduce:
		return Meet(v.Args[0].Extent, v.Per)
	case Size:
		if len(v.Args) > 0 {
			return Meet(v.Args[0].Extent, v.Per)
		}
		return v.Per
	case Probe:
		if v.Name == "loss" {
			return Model
		}
		return Elem
	case Array:
		return p.arrayExtent(v)
	case Derived:
		switch v.Name {
		case Gradient:
			return v.Args[1].Extent
		case Tangent, Hypergrad:
			return v.Args[0].Extent
		}
	}
	e := Const
	for _, a := range v.Args {
		e = Join(e, a.Extent)
	}
	return e
}

func (p *Pool) arrayExtent(v *Value) Extent {
	switch {
	case v.Op.Name == "eye":
		return v.Of
	case v.Op.Kind == op.Order && v.Op.Mask && Meet(v.Args[0].Extent, v.Per) != Clash:
		return v.Args[0].Extent
	case v.Op.Kind == op.Order:
		return Meet(v.Args[0].Extent, v.Per)
	}
	var args []Extent
	for _, a := range v.Args[:v.Op.Args] {
		args = append(args, a.Extent)
	}
	if _, e := ArrayForm(v.Op, args); e != Clash || !p.open {
		return e
	}
	return Const
}

// ResolveExtents finds the smallest extents that agree with every assignment: a least fixed point. vars are lower
// bounds for the variables of Hold, states for the states; stateOf tells which variable is a state (-1: none), so that a
// Load has its variable's extent. The pool's values are updated in place; Resolve then makes the final program.
func (p *Pool) ResolveExtents(vars []Extent, varOfState []int) []Extent {
	users := make([][]*Value, len(p.Values))
	loads := make([][]*Value, len(vars))
	holds := make([][]*Value, len(vars))
	for _, v := range p.Values {
		for _, a := range v.Args {
			users[a.ID] = append(users[a.ID], v)
		}
		switch v.Kind {
		case Load:
			loads[varOfState[v.Index]] = append(loads[varOfState[v.Index]], v)
		case Hold:
			holds[v.Index] = append(holds[v.Index], v)
		}
	}
	vars = append([]Extent(nil), vars...)
	p.open = true
	for _, v := range p.Values {
		if len(v.Args) > 0 && v.Kind != Probe {
			v.Extent = Const
		}
	}
	queue := append([]*Value(nil), p.Values...)
	for len(queue) > 0 {
		v := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		e := p.extent(v)
		switch v.Kind {
		case Hold:
			if !vars[v.Index].Holds(e) {
				vars[v.Index] = Join(vars[v.Index], e)
				queue = append(append(queue, loads[v.Index]...), holds[v.Index]...)
			}
			e = vars[v.Index]
		case Load:
			e = vars[varOfState[v.Index]]
		}
		if !v.Extent.Holds(e) {
			v.Extent = Join(v.Extent, e)
			queue = append(queue, users[v.ID]...)
		}
	}
	p.open = false
	for _, v := range p.Values { // once more with the variables known, operands first
		switch v.Kind {
		case Hold:
			v.Extent = Join(vars[v.Index], v.Args[0].Extent)
		case Load:
			v.Extent = vars[varOfState[v.Index]]
		default:
			v.Extent = p.extent(v)
		}
	}
	return vars
}

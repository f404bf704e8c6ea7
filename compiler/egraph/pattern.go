package egraph

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// Rule is a rewrite from one formula to another; names stand for any value. When says of which values it holds: a
// comparison of a name with a number, or coarse(a) of an a of which there is one for each result of the reduction in
// From; several are joined by `and`.
type Rule struct{ Name, From, To, When string }

// Rules are rewrites made ready.
type Rules struct{ list []*rewrite }

type rewrite struct {
	name   string
	growth int // operators that the right side has more than the left
	from   []step
	regs   int
	root   *op.Op
	vars   map[string]int // register by name
	free   []int          // the registers of vars
	to     lang.Expr
	when   []condition
}

// step is an instruction of a matcher, which walks over the nodes of classes with the classes met so far in registers.
type step struct {
	kind stepKind
	reg  int    // whose class is looked at
	out  int    // bind: the registers that take the operands; same: the register it must be equal to
	op   *op.Op // bind
	num  float64
	mask bool
}

type stepKind uint8

const (
	bind stepKind = iota // for each node of the class with the operator
	same                 // the class is that of another register
	literal
)

type condition struct {
	reg    int
	coarse bool
	cmp    string
	num    float64
}

// Compile makes rewrites ready. A rewrite that is no formula is a defect of its table: it panics.
func Compile(rules []Rule) *Rules {
	out := &Rules{}
	for _, r := range rules {
		out.list = append(out.list, compile(r))
	}
	return out
}

func compile(r Rule) *rewrite {
	w := &rewrite{name: r.Name, vars: map[string]int{}, regs: 1, to: ir.ParseFormula(r.To).Expr}
	from := ir.ParseFormula(r.From).Expr
	w.root, _ = ir.Operation(from)
	if w.root == nil {
		panic(fmt.Sprintf("egraph: rewrite %s: %s is no operation", r.Name, r.From))
	}
	w.pattern(from, 0)
	if w.regs > maxRegs {
		panic(fmt.Sprintf("egraph: rewrite %s: %s has more than %d parts", r.Name, r.From, maxRegs))
	}
	w.growth = operators(w.to) - operators(from)
	if r.When != "" {
		w.conditions(ir.ParseFormula(r.When).Expr)
	}
	lang.Inspect(w.to, func(n any) {
		id, ok := n.(*lang.Name)
		if !ok {
			return
		}
		_, bound := w.vars[id.Name]
		_, isOp := op.Lookup(id.Name)
		if _, _, number := ir.Literal(id); !bound && !isOp && !number {
			panic(fmt.Sprintf("egraph: rewrite %s: %s is not in %s", r.Name, id.Name, r.From))
		}
	})
	return w
}

// pattern adds the steps that match e with the class in a register: what is cheap to refute first.
func (w *rewrite) pattern(e lang.Expr, reg int) {
	if num, mask, ok := ir.Literal(e); ok {
		w.from = append(w.from, step{kind: literal, reg: reg, num: num, mask: mask})
		return
	}
	if n, ok := e.(*lang.Name); ok {
		if old, ok := w.vars[n.Name]; ok {
			w.from = append(w.from, step{kind: same, reg: reg, out: old})
		} else {
			w.vars[n.Name] = reg
			w.free = append(w.free, reg)
		}
		return
	}
	o, args := ir.Operation(e)
	out := w.regs
	w.regs += len(args)
	w.from = append(w.from, step{kind: bind, reg: reg, out: out, op: o})
	for _, deep := range []bool{false, true} {
		for i, a := range args {
			if o, _ := ir.Operation(a); (o != nil) == deep {
				w.pattern(a, out+i)
			}
		}
	}
}

func (w *rewrite) conditions(e lang.Expr) {
	switch e := e.(type) {
	case *lang.Binary:
		if e.Op == "and" {
			w.conditions(e.X)
			w.conditions(e.Y)
			return
		}
		num, _, isNumber := ir.Literal(e.Y)
		if n, ok := e.X.(*lang.Name); ok && isNumber && slices.Contains([]string{">", ">=", "<", "<=", "!="}, e.Op) {
			w.when = append(w.when, condition{reg: w.vars[n.Name], cmp: e.Op, num: num})
			return
		}
	case *lang.Call:
		if n, ok := e.Args[0].(*lang.Name); ok && e.Fn.Name == "coarse" {
			w.when = append(w.when, condition{reg: w.vars[n.Name], coarse: true})
			return
		}
	}
	panic(fmt.Sprintf("egraph: rewrite %s: a condition cannot be %s", w.name, lang.FormatExpr(e)))
}

func operators(e lang.Expr) int {
	o, operands := ir.Operation(e)
	if o == nil {
		return 0
	}
	n := 1
	for _, a := range operands {
		n += operators(a)
	}
	return n
}

// found is a place where a rewrite applies.
type found struct {
	in   id
	regs [maxRegs]id
	red  int32 // head of the reductions in the pattern, -1 if there are none
}

// maxRegs is the most nodes and operands of a pattern.
const maxRegs = 16

type matcher struct {
	g    *graph
	w    *rewrite
	at   found
	out  []found
	most int // matches that are looked for
	left int // nodes that may be looked at
}

// run does the steps from one on, for every choice of nodes.
func (m *matcher) run(pc int) {
	for ; pc < len(m.w.from); pc++ {
		s := &m.w.from[pc]
		switch x := m.at.regs[s.reg]; s.kind {
		case same:
			if m.g.find(x) != m.g.find(m.at.regs[s.out]) {
				return
			}
		case literal:
			f := &m.g.class(x).fact
			if !f.known || f.mask != s.mask || f.num != s.num {
				return
			}
		case bind:
			m.each(x, s, pc)
			return
		}
	}
	if m.holds() {
		m.out = append(m.out, m.at)
	}
}

// each goes on with each node of a class that has the operator of a step.
func (m *matcher) each(x id, s *step, pc int) {
	c := m.g.class(x)
	red := m.at.red
	for _, sp := range c.spans {
		if sp.op != s.op {
			continue
		}
		for _, n := range c.nodes[sp.from:sp.to] {
			if m.left--; len(m.out) > m.most || m.left < 0 {
				return
			}
			if s.op.Kind == op.Reduction {
				if red >= 0 && red != n.head && !m.g.alike(red, n.head) {
					continue
				}
				m.at.red = n.head
			}
			copy(m.at.regs[s.out:], n.args[:s.op.Args])
			m.run(pc + 1)
			m.at.red = red
		}
	}
}

// alike reports whether two reductions run over the same values.
func (g *graph) alike(a, b int32) bool {
	return g.heads[a].of == g.heads[b].of && g.heads[a].per == g.heads[b].per
}

// holds reports whether what the match has found is real, and of the kind that the rewrite asks for.
func (m *matcher) holds() bool {
	for _, reg := range m.w.free {
		if m.g.class(m.at.regs[reg]).fact.wild {
			return false
		}
	}
	for _, c := range m.w.when {
		f := m.g.class(m.at.regs[c.reg]).fact
		if c.coarse && !m.g.coarse(m.at.red, f.extent) || !c.coarse && !f.proves(c.cmp, c.num) {
			return false
		}
	}
	return true
}

// coarse reports whether there is one value of an extent for each result of a reduction.
func (g *graph) coarse(red int32, e ir.Extent) bool {
	if red < 0 {
		return false
	}
	return ir.Meet(g.heads[red].of, g.heads[red].per).Holds(e)
}

// proves reports whether every number in the range compares so.
func (r Range) proves(cmp string, num float64) bool {
	if num == 0 {
		switch cmp {
		case ">=":
			return r.atLeastZero()
		case "<=":
			return r.atMostZero()
		case ">":
			return r.positive()
		case "<":
			return r.negative()
		case "!=":
			return r.nonZero()
		}
	}
	switch cmp {
	case ">=":
		return r.Lo >= num
	case "<=":
		return r.Hi <= num
	case ">":
		return r.Lo > num || r.Lo == num && r.OpenLo
	case "<":
		return r.Hi < num || r.Hi == num && r.OpenHi
	}
	return false
}

// rewrite puts the right side of a rewrite beside its left.
func (g *graph) rewrite(w *rewrite, at *found) bool {
	return g.union(at.in, g.build(w, at, w.to))
}

func (g *graph) build(w *rewrite, at *found, e lang.Expr) id {
	if num, mask, ok := ir.Literal(e); ok {
		return g.number(num, mask)
	}
	if n, ok := e.(*lang.Name); ok {
		return g.find(at.regs[w.vars[n.Name]])
	}
	o, operands := ir.Operation(e)
	if o.Kind == op.Size { // of the values that the reduction on the left runs over
		h := g.heads[at.red]
		return g.value(g.pool.Count(h.of, h.per))
	}
	var args [3]id
	for i, a := range operands {
		args[i] = g.build(w, at, a)
	}
	if o.Kind == op.Reduction {
		h := g.heads[at.red]
		return g.reduce(o, h.of, h.per, args[0])
	}
	return g.apply(o, args[:len(operands)]...)
}

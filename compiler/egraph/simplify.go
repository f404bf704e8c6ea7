package egraph

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// Simplify is v in the fewest operators and operands that the rewrites of l find, for people to read: v itself if that
// is not shorter.
func Simplify(pool *ir.Pool, v *ir.Value, l Limits) *ir.Value {
	g := newGraph(pool, l.About, l.Final)
	roots, original := g.take([]*ir.Value{v})
	g.saturate(l.withDefaults())
	if g.broken {
		return v
	}
	x := newExtractor(g, roots, original, true)
	out, ok := x.values(x.choices()[0])
	if !ok || size(out[0]) >= size(v) {
		return v
	}
	return pool.Spread(out[0], v.Extent)
}

// Equal reports whether the rewrites find two values equal. That they do not is no proof that they differ.
func Equal(pool *ir.Pool, a, b *ir.Value, l Limits) (bool, Stats) {
	g := newGraph(pool, l.About, l.Final)
	roots, _ := g.take([]*ir.Value{a, b})
	meet := func() bool { return g.find(roots[0]) == g.find(roots[1]) }
	st := g.saturateUntil(l.withDefaults(), meet)
	return meet() && !g.broken, st
}

// take adds values, and lists their nodes.
func (g *graph) take(values []*ir.Value) (roots []id, original []node) {
	for _, v := range values {
		roots = append(roots, g.value(v))
	}
	g.rebuild()
	for _, c := range g.tidy() {
		original = append(original, g.classes[c].nodes...)
	}
	return roots, original
}

// nodeSize is the size of an operator or operand; a minus sign before a number is half of one.
const nodeSize = 2

// size measures v as it is printed: a Spread is nothing, and what is read twice stands there twice.
func size(v *ir.Value) int64 {
	sizes := map[*ir.Value]int64{}
	for _, n := range ir.Reachable(v) {
		switch {
		case n.Kind == ir.Number && math.Signbit(n.Num) && !n.Mask:
			sizes[n] = nodeSize + 1
		case n.Kind != ir.Spread:
			sizes[n] = nodeSize
		}
		for _, a := range n.Args {
			sizes[n] = min(none, sizes[n]+sizes[a])
		}
	}
	return sizes[v]
}

// Programs are rewritten forms of a whole program that cost less, the cheapest first; none if there is nothing to gain.
// The program's extents are final, and no derivative is left in it.
func Programs(p *ir.Program, l Limits) ([]*ir.Program, Stats) {
	l = l.withDefaults()
	l.Final, l.About = true, about(p)
	values := p.Roots()
	if p.Eval != nil {
		values = append(values, p.Eval)
	}
	if len(ir.Reachable(values...)) > l.Nodes {
		return nil, Stats{}
	}
	g := newGraph(p.Pool, l.About, true)
	roots, original := g.take(values)
	st := g.saturate(l)
	if g.broken {
		return nil, st
	}
	x := newExtractor(g, roots, original, false)
	var out []*ir.Program
	var costs []int64
	for _, choice := range x.choices() {
		made, ok := x.values(choice)
		if !ok {
			continue
		}
		for i, v := range made {
			made[i] = p.Pool.Spread(v, values[i].Extent)
		}
		cost := costOfValues(made).Total()
		if cost < costOfValues(values).Total() {
			at, _ := slices.BinarySearch(costs, cost)
			out, costs = slices.Insert(out, at, withRoots(p, made)), slices.Insert(costs, at, cost)
		}
	}
	return out, st
}

// withRoots is p with other values.
func withRoots(p *ir.Program, values []*ir.Value) *ir.Program {
	q := *p
	q.X = values[0]
	q.States = slices.Clone(p.States)
	for i := range q.States {
		q.States[i].New = values[1+i]
	}
	if p.Eval != nil {
		q.Eval = values[len(values)-1]
	}
	return &q
}

// about tells what is known of a program's leaves: the intervals of hyperparameters, the signs of states.
func about(p *ir.Program) func(*ir.Value) Range {
	signs := p.NonNegative()
	return func(v *ir.Value) Range {
		switch v.Kind {
		case ir.Hyper:
			h := p.Hypers[v.Index]
			return Range{Lo: h.Lo, Hi: h.Hi, OpenLo: h.OpenLo, OpenHi: h.OpenHi}
		case ir.Load:
			if signs[v.Index] {
				return NonNegative
			}
		case ir.Size:
			return NonNegative
		case ir.Input:
			switch v.Name {
			case "t":
				return Range{Lo: 1, Hi: All.Hi}
			case "rank", "rows", "cols":
				return NonNegative
			}
		case ir.Draw:
			if v.Name == "uniform" {
				return Range{Lo: 0, Hi: 1, OpenHi: true}
			}
		}
		return All
	}
}

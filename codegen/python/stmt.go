package python

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// stmt is an assignment, or a choice between statements.
type stmt struct {
	v    *ir.Value
	from *ir.Value // what v takes; nil: what defines it
	cond *ir.Value
	yes  []*stmt
	no   []*stmt

	index int
	path  []step
}

type step struct {
	of  *stmt
	yes bool
}

// schedule orders values of one branch. Those of branches below stand in the choices that read them.
func (b *block) schedule(order []*ir.Value, at *branch) []*stmt {
	var plain, choices []*ir.Value
	for _, v := range order {
		if b.emitted[v] || b.inline[v] || at == nil && b.branch[v].parent != nil || at != nil && b.branch[v] != at {
			continue
		}
		if _, _, ok := b.choice(v); ok {
			choices = append(choices, v)
		} else {
			plain = append(plain, v)
		}
	}
	outside := map[*ir.Value][]*ir.Value{}
	for _, v := range slices.Concat(plain, choices) {
		outside[v] = b.outside(v, b.branch[v])
	}
	ready := func(v *ir.Value, with []*ir.Value) bool {
		for _, o := range outside[v] {
			if !b.emitted[o] && !slices.Contains(with, o) {
				return false
			}
		}
		return true
	}
	var out []*stmt
	for len(plain)+len(choices) > 0 {
		var rest []*ir.Value
		for _, v := range plain {
			if !ready(v, nil) {
				rest = append(rest, v)
				continue
			}
			b.emitted[v] = true
			out = append(out, &stmt{v: v})
		}
		stuck := len(rest) == len(plain)
		plain = rest
		if len(choices) == 0 {
			if stuck && len(plain) > 0 {
				panic(defect("no order of the values of a branch"))
			}
			continue
		}
		cond, _, _, _ := b.sides(choices[0])
		var group []*ir.Value
		rest = nil
		for _, v := range choices {
			if c, _, _, _ := b.sides(v); c == cond && ready(v, group) {
				group = append(group, v)
			} else {
				rest = append(rest, v)
			}
		}
		if len(group) == 0 {
			panic(defect("no order of the choices of a branch"))
		}
		choices = rest
		out = append(out, b.choose(cond, group, outside))
	}
	return out
}

// choose makes one `if` of choices with the same condition.
func (b *block) choose(cond *ir.Value, group []*ir.Value, outside map[*ir.Value][]*ir.Value) *stmt {
	batches := [][]*ir.Value{group}
	for _, v := range group {
		for _, o := range outside[v] {
			if slices.Contains(group, o) {
				batches = nil
			}
		}
	}
	if batches == nil {
		for _, v := range group {
			batches = append(batches, []*ir.Value{v})
		}
	}
	at := b.branch[group[0]]
	s := &stmt{cond: cond}
	s.yes = b.side(batches, at.into(cond, true), true)
	s.no = b.side(batches, at.into(cond, false), false)
	return s
}

func (b *block) side(batches [][]*ir.Value, at *branch, yes bool) []*stmt {
	var out []*stmt
	for _, batch := range batches {
		var wanted []*ir.Value
		for _, v := range batch {
			_, y, n, _ := b.sides(v)
			if !yes {
				y = n
			}
			wanted = append(wanted, y)
		}
		within := map[*ir.Value]bool{}
		for _, v := range wanted {
			b.collect(v, at, within)
		}
		var order []*ir.Value
		for _, v := range b.order {
			if within[v] {
				order = append(order, v)
			}
		}
		out = append(out, b.schedule(order, at)...)
		for i, v := range batch {
			out = append(out, &stmt{v: v, from: wanted[i]})
			b.emitted[v] = true
		}
	}
	return out
}

// collect finds what a value needs within a branch and those below it.
func (b *block) collect(v *ir.Value, at *branch, into map[*ir.Value]bool) {
	stack := []*ir.Value{v}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !b.here[v] || into[v] || b.branch[v].common(at) != at {
			continue
		}
		into[v] = true
		stack = append(stack, b.reach(v)...)
	}
}

// reach are the values that v reads, with what its condition reads.
func (b *block) reach(v *ir.Value) []*ir.Value {
	if cond, yes, no, ok := b.sides(v); ok && b.forward[v] == nil {
		return []*ir.Value{cond, yes, no}
	}
	return b.readBy(v)
}

// outside are the values with lines in a branch, or above it, that v needs, looking through those below it.
func (b *block) outside(v *ir.Value, at *branch) []*ir.Value {
	var out []*ir.Value
	seen := map[*ir.Value]bool{v: true}
	stack := slices.Clone(b.reach(v))
	for len(stack) > 0 {
		a := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !b.here[a] || seen[a] {
			continue
		}
		seen[a] = true
		if !b.inline[a] && at.common(b.branch[a]) == b.branch[a] {
			out = append(out, a)
			continue
		}
		stack = append(stack, b.reach(a)...)
	}
	return out
}

// exclusive reports whether two statements are never both executed.
func exclusive(a, b *stmt) bool {
	for i := range min(len(a.path), len(b.path)) {
		if a.path[i].of != b.path[i].of {
			return false
		}
		if a.path[i].yes != b.path[i].yes {
			return true
		}
	}
	return false
}

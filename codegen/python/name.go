package python

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// name is the name of v here, "" if it has none.
func (b *block) name(v *ir.Value) string {
	if n := b.names[v]; n != "" {
		return n
	}
	return b.pl.names[v]
}

// fresh is a new name: a value without a label leaves those of others to them.
func (b *block) fresh(v *ir.Value) string {
	if v.Label != "" {
		return b.pl.pool.Fresh(b.base(v))
	}
	return b.pl.pool.Invent(b.base(v))
}

func (b *block) base(v *ir.Value) string {
	if v.Label != "" {
		return identifier(v.Label)
	}
	if v.Extent.IsArray() {
		return "u"
	}
	return b.correction(v)
}

// correction names what is made of one hyperparameter and the step count after the former: mostly a bias correction.
func (b *block) correction(v *ir.Value) string {
	hyper := -1
	seen := map[*ir.Value]bool{v: true}
	for stack := []*ir.Value{v}; len(stack) > 0; {
		a := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		switch {
		case len(seen) > 8:
			return "c"
		case a.Kind == ir.Hyper && (hyper < 0 || hyper == a.Index):
			hyper = a.Index
		case a.Kind == ir.Number, a.Kind == ir.Apply, a.Kind == ir.Input && a.Name == "t":
		default:
			return "c"
		}
		for _, c := range a.Args {
			if !seen[c] {
				seen[c] = true
				stack = append(stack, c)
			}
		}
	}
	if hyper < 0 {
		return "c"
	}
	return b.f.hypers[hyper] + "_t"
}

// number gives statements their order, and values where they are set and read.
func (b *block) number(list []*stmt, path []step) {
	for _, s := range list {
		s.index, s.path = b.count, path
		b.count++
		if s.cond != nil {
			b.readIn(s.cond, s)
			b.number(s.yes, append(slices.Clone(path), step{s, true}))
			b.number(s.no, append(slices.Clone(path), step{s, false}))
			continue
		}
		b.defs[s.v] = append(b.defs[s.v], s)
		if s.from != nil {
			b.readIn(s.from, s)
			continue
		}
		for _, a := range b.readBy(s.v) {
			b.readIn(a, s)
		}
	}
	if path == nil {
		b.lastStmt = &stmt{index: b.count}
		for _, v := range b.targets {
			b.readIn(v, b.lastStmt)
		}
	}
}

// readIn notes that a statement reads v, or what stands in its place.
func (b *block) readIn(v *ir.Value, s *stmt) {
	if b.here[v] && b.inline[v] {
		for _, a := range b.readBy(v) {
			b.readIn(a, s)
		}
		return
	}
	b.uses[v] = append(b.uses[v], s)
}

// nameAll names every value that has a line.
func (b *block) nameAll() {
	b.nameList(b.stmts)
}

func (b *block) nameList(list []*stmt) {
	for _, s := range list {
		if s.cond != nil {
			b.nameChosen(append(slices.Clone(s.yes), s.no...))
			b.nameList(s.yes)
			b.nameList(s.no)
		} else if b.names[s.v] == "" {
			b.nameOne(s.v)
		}
	}
}

// nameChosen names what a choice sets before what its branches compute, which may have the same name.
func (b *block) nameChosen(list []*stmt) {
	for _, s := range list {
		if s.from == nil {
			continue
		}
		if b.names[s.v] == "" {
			b.nameOne(s.v)
		}
		n := b.names[s.v]
		if from := s.from; b.here[from] && !b.inline[from] && b.names[from] == "" && from.Extent == s.v.Extent && b.free(n, from, s.v) {
			b.give(from, n)
		}
	}
}

func (b *block) give(v *ir.Value, name string) {
	b.names[v] = name
	b.named[name] = append(b.named[name], v)
}

// nameOne gives v the name that it should have if nothing reads what has that name already, else a fresh one.
func (b *block) nameOne(v *ir.Value) {
	label := identifier(v.Label)
	candidates := []string{b.prefer[v]}
	if v.Label != "" {
		if slices.Contains(b.f.states, label) || label == "x" || label == "g" {
			candidates = append(candidates, label)
		}
		candidates = append(candidates, b.byLabel[label])
	}
	for _, n := range candidates {
		if n != "" && len(b.named[n]) < 100 && b.free(n, v, nil) {
			b.give(v, n)
			return
		}
	}
	name := b.fresh(v)
	if v.Label != "" {
		b.byLabel[label] = name
	}
	b.give(v, name)
}

// free reports whether v can have a name: no value with that name is read after v is set, nor v after such a one is.
// with is a value that is v's other name.
func (b *block) free(name string, v, with *ir.Value) bool {
	for _, other := range b.named[name] {
		if other == with {
			continue
		}
		if b.clobbers(v, other) || b.clobbers(other, v) {
			return false
		}
		if with != nil && (b.clobbers(with, other) || b.clobbers(other, with)) {
			return false
		}
	}
	return true
}

// clobbers reports whether setting v spoils a later reading of other.
func (b *block) clobbers(v, other *ir.Value) bool {
	for _, d := range b.defs[v] {
		first := -1
		for _, o := range b.defs[other] {
			first = max(first, o.index)
		}
		if d.index < first && !exclusive(d, b.defs[other][0]) && b.definedAfter(other, d) {
			continue
		}
		for _, r := range b.uses[other] {
			if r.index > d.index && !exclusive(d, r) {
				return true
			}
		}
	}
	return false
}

// definedAfter reports whether every setting of v follows s.
func (b *block) definedAfter(v *ir.Value, s *stmt) bool {
	for _, d := range b.defs[v] {
		if d.index < s.index {
			return false
		}
	}
	return len(b.defs[v]) > 0
}

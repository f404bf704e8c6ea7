package python

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// block is the statements of one section, in order and with names. What only one branch of a condition reads is computed
// in that branch.
type block struct {
	f       *frame
	pl      *plan
	targets []*ir.Value
	prefer  map[*ir.Value]string // names that targets should have
	stored  *ir.Value            // the target that is printed where it is stored

	order    []*ir.Value // computed here, operands first
	here     map[*ir.Value]bool
	branch   map[*ir.Value]*branch
	forward  map[*ir.Value]*ir.Value // a choice that its place has decided
	inline   map[*ir.Value]bool
	emitted  map[*ir.Value]bool
	stmts    []*stmt
	names    map[*ir.Value]string
	byLabel  map[string]string
	named    map[string][]*ir.Value
	defs     map[*ir.Value][]*stmt
	uses     map[*ir.Value][]*stmt
	count    int
	lastStmt *stmt
}

// build makes the block of a section.
func (pl *plan) build(s *section, prefer map[*ir.Value]string, stored *ir.Value) *block {
	b := &block{f: pl.f, pl: pl, targets: s.targets, prefer: prefer, stored: stored, here: map[*ir.Value]bool{}, branch: map[*ir.Value]*branch{},
		forward: map[*ir.Value]*ir.Value{}, inline: map[*ir.Value]bool{}, emitted: map[*ir.Value]bool{}, names: map[*ir.Value]string{},
		byLabel: map[string]string{}, named: map[string][]*ir.Value{}, defs: map[*ir.Value][]*stmt{}, uses: map[*ir.Value][]*stmt{}}
	for _, v := range s.values(pl.f) {
		if s.demands[v] && !s.reads[v] {
			b.here[v] = true
			b.order = append(b.order, v)
		}
	}
	b.readNames(s)
	b.placeAll()
	b.chooseInline()
	b.stmts = b.schedule(b.order, nil)
	b.number(b.stmts, nil)
	b.nameAll()
	return b
}

// readNames names what other sections give.
func (b *block) readNames(s *section) {
	for _, v := range s.values(b.f) {
		if !s.reads[v] {
			continue
		}
		switch {
		case !leaf(v) && (b.f.scope(v) == tensorScope || b.f.whole(v)):
			b.names[v] = b.fresh(v)
			b.named[b.names[v]] = append(b.named[b.names[v]], v)
		case v.Kind == ir.Load && b.f.scopeOf(v.Extent) == tensorScope, v.Kind == ir.Input && (v.Name == "x" || v.Name == "g"):
			n, _ := b.leaf(v)
			b.named[n] = append(b.named[n], v)
		}
	}
}

// readBy are the values that the text of v reads.
func (b *block) readBy(v *ir.Value) []*ir.Value {
	if to := b.forward[v]; to != nil {
		return []*ir.Value{to}
	}
	return b.f.operands(v)
}

// widest bounds the text of a line, about.
const widest = 76

// chooseInline decides which values have no line of their own: those read once, and trivial ones.
func (b *block) chooseInline() {
	readers := map[*ir.Value]int{}
	for _, v := range b.order {
		for _, a := range b.readBy(v) {
			readers[a]++
		}
	}
	for _, v := range b.targets {
		if v != b.stored {
			readers[v]++
		}
		readers[v]++
	}
	for _, v := range b.order {
		if v.Kind == ir.Array && b.f.branches(v) {
			readers[v.Args[v.Op.Args-1]]++ // its shape, too
		}
	}
	size := map[*ir.Value]int{}
	for _, v := range b.order {
		_, _, choose := b.choice(v)
		trivial := b.trivial(v)
		b.inline[v] = trivial || b.forward[v] != nil || readers[v] == 1 && (v.Label == "" || v == b.stored) && !choose && b.plain(v)
		size[v] = 4
		if b.forward[v] == nil {
			size[v] += 4
		}
		if v.Kind == ir.Apply && v.Op.Infix == "" || v.Kind != ir.Apply {
			size[v] += 8
		}
		args := slices.Clone(b.readBy(v))
		slices.SortStableFunc(args, func(x, y *ir.Value) int { return size[x] - size[y] })
		for _, a := range args {
			n := 5
			switch {
			case b.here[a] && b.inline[a]:
				n = size[a]
			case a.Kind == ir.Hyper:
				n = len(b.f.hypers[a.Index])
			}
			if size[v]+n > widest && b.here[a] && b.inline[a] && b.forward[a] == nil && !b.trivial(a) {
				b.inline[a], n = false, 5
			}
			size[v] += n
		}
	}
}

// plain values may stand within the text of others.
func (b *block) plain(v *ir.Value) bool {
	switch v.Kind {
	case ir.Apply, ir.Spread, ir.Var:
		return true
	case ir.Array:
		return inlineArrays[v.Op.Name]
	case ir.Reduce:
		return true
	}
	return false
}

// trivial values are at most one operation on hyperparameters and constants.
func (b *block) trivial(v *ir.Value) bool {
	if v.Kind != ir.Apply || v.Label != "" || v.Extent.IsArray() {
		return false
	}
	switch v.Op.Name {
	case "add", "sub", "mul", "neg":
	default:
		return false
	}
	for _, a := range v.Args {
		if a.Kind != ir.Number && a.Kind != ir.Hyper {
			return false
		}
	}
	return true
}

// defect is what a block cannot be made for, a mistake of this package.
type defect string

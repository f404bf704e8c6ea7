package runtime

import (
	"slices"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// group is passes that run together, one after the other over a piece of whole rows, and then over the next piece: what
// the first one brought into the cache is there for the others. Each element, row and reduction is computed as by the
// passes one by one, so the bits are the same. A pass joins when all that it needs of the ones before is of the element
// or the row that it is at.
//
// A tensor of which no piece fits the cache goes through the passes one by one. A pass that reduces per column is a group
// even by itself: a worker must have the rows that are added up before they are combined.
type group[T Float] struct {
	passes []*stage[T]
	cuts   *cuts       // of the tensors that run together, in whole rows; chunks count elements
	alone  []*stage[T] // the passes, each over the others
	pieces []int       // by parameter: elements of a piece; 0 of the others
}

// Bytes of the arrays of a piece that a pass finds in the cache: half of one of the second level, and what is still found in
// the next. Smaller pieces change between passes more often, and memory is slower for it: measured with rows of 32 KiB, 15 % from
// 64 to 512 KiB.
const (
	pieceBytes = 512 << 10
	mostBytes  = 2 << 20
)

// maxGroup bounds the passes of a group.
const maxGroup = 8

// groups puts passes together. Passes of other classes between them may as well run later, for their tensors are others.
func groups[T Float](stages []stage[T]) []stage[T] {
	var out []stage[T]
	taken := make([]bool, len(stages))
	for i := range stages {
		if taken[i] {
			continue
		}
		out = append(out, stages[i])
		s := &out[len(out)-1]
		if !s.mayJoin() {
			continue
		}
		members := []int{i}
		for k := i + 1; k < len(stages) && stages[k].mayJoin() && len(members) < maxGroup; k++ {
			if taken[k] || stages[k].Class != s.Class {
				continue
			}
			if !joins(stages, members, &stages[k]) {
				break
			}
			members = append(members, k)
		}
		for len(members) > 1 && stages[members[len(members)-1]].Pass.Domain != PerElem {
			members = members[:len(members)-1]
		}
		if len(members) > 1 || s.isByCols() {
			s.group = new(group[T])
			for _, k := range members {
				member := stages[k]
				s.group.passes = append(s.group.passes, &member)
				taken[k] = true
			}
		}
	}
	return out
}

// mayJoin reports whether a stage is a pass that may run together with others.
func (s *stage[T]) mayJoin() bool {
	return s.Pass != nil && s.derives == nil && s.lends == nil && s.returns == nil
}

// isByCols reports whether a pass reduces per column.
func (s *stage[T]) isByCols() bool {
	return slices.ContainsFunc(s.Pass.Collects, func(c Collect) bool { return c.To.Extent != s.Pass.Domain.firstAxis() })
}

// joins reports whether a pass may run together with others, and the last of them over elements would not go for nothing.
func joins[T Float](stages []stage[T], members []int, s *stage[T]) bool {
	if stages[members[0]].Pass.Domain != PerElem {
		return false
	}
	p := s.Pass
	if p.Domain == PerRow {
		return len(p.Reductions) == 0 && !s.windowed
	}
	if p.Domain != PerElem {
		return false
	}
	shares := false
	for _, k := range members {
		before := stages[k].Pass
		if before.Domain == PerElem && waits(before, p) {
			return false
		}
		shares = shares || slices.ContainsFunc(p.Streams, func(b Stream) bool {
			return b.Extent == PerElem && slices.ContainsFunc(before.Streams, func(a Stream) bool { return a.Place == b.Place })
		})
	}
	return shares
}

// waits reports whether a pass needs something that is known only when another is through: a reduction per tensor or column.
func waits(before, p *Pass) bool {
	for _, r := range before.Reductions {
		if slices.Contains(p.Scalars, r.To) || slices.ContainsFunc(p.Cases, func(c PassCase) bool { return c.If == r.To }) {
			return true
		}
	}
	for _, c := range before.Collects {
		if c.To.Extent == PerRow {
			continue
		}
		if slices.ContainsFunc(p.Streams, func(s Stream) bool { return s.Place == c.To }) ||
			slices.ContainsFunc(p.Collects, func(d Collect) bool { return d.To == c.To }) {
			return true
		}
	}
	return false
}

// ready cuts the tensors of a group.
func (g *group[T]) ready(o *Optimizer[T]) {
	first := g.passes[0]
	domain := first.Pass.Domain
	aligned, byCols := false, false
	uses := map[Place]int{}
	for _, s := range g.passes {
		aligned = aligned || s.windowed || len(s.Pass.Reductions) > 0
		byCols = byCols || s.isByCols()
		for _, stream := range s.Pass.Streams {
			if stream.Extent == domain {
				uses[stream.Place]++
			}
		}
	}
	shared := 0
	for _, n := range uses {
		if n > 1 {
			shared++
		}
	}
	bytes := max(1, shared) * int(unsafe.Sizeof(T(0)))
	g.pieces = make([]int, len(o.x))
	g.cuts = o.cut(domain, first.Class, func(param int) int {
		rows, cols := o.matrix(domain, param)
		unit := 1
		for aligned && unit*cols%elem.Block != 0 {
			unit *= 2
		}
		if rows*cols == 0 || len(g.passes) > 1 && unit*cols*bytes > mostBytes {
			return 0
		}
		most := chunkElements
		if g.pieces[param] = max(1, pieceBytes/(unit*cols*bytes)) * unit * cols; len(g.passes) == 1 {
			g.pieces[param] = rows * cols
		} else {
			most = max(most, g.pieces[param])
		}
		if byCols {
			unit = max(unit, elem.ColRows)
		}
		return max(1, most/(unit*cols)) * unit * cols
	})
	for _, s := range g.passes {
		alone := *s
		alone.cuts = o.cut(s.Pass.Domain, s.Class, func(param int) int {
			switch {
			case g.pieces[param] > 0:
				return 0
			case s.isByCols():
				return o.colChunk(s, param)
			}
			return chunkElements
		})
		g.alone = append(g.alone, &alone)
	}
}

// colChunk is how many elements a worker takes at once of a tensor that a pass reduces per column: whole groups of the rows
// that are added up in one place, and whole blocks.
func (o *Optimizer[T]) colChunk(s *stage[T], param int) int {
	_, cols := o.matrix(s.Pass.Domain, param)
	unit := elem.ColRows
	for (s.windowed || len(s.Pass.Reductions) > 0) && unit*cols%elem.Block != 0 {
		unit *= 2
	}
	return max(1, chunkElements/max(1, unit*cols)) * unit * max(1, cols)
}

// together runs the passes of a group.
func (o *Optimizer[T]) together(first *stage[T], in *inputs[T]) {
	g := first.group
	for _, s := range g.passes {
		o.begin(s, in)
	}
	o.current, o.grouped = first, true
	o.job.do(len(g.cuts.items)-1, o.workers, o.args)
	o.grouped = false
	for i, s := range g.passes {
		if n := len(g.alone[i].cuts.items) - 1; n > 0 {
			o.current = g.alone[i]
			o.job.do(n, o.workers, o.args)
		}
		o.end(s, g)
	}
}

// combines reports whether a group has combined the rows of a tensor as it went.
func (g *group[T]) combines(param int) bool { return len(g.passes) > 1 && g.pieces[param] > 0 }

// runGroup does an item of a group.
func (o *Optimizer[T]) runGroup(g *group[T], a *Args, item int) {
	for _, c := range g.cuts.chunks[g.cuts.items[item]:g.cuts.items[item+1]] {
		_, cols := o.matrix(g.passes[0].Pass.Domain, c.param)
		for from := c.from; from < c.from+c.n; from += g.pieces[c.param] {
			n := min(g.pieces[c.param], c.from+c.n-from)
			for i, s := range g.passes {
				if i > 0 && s.Pass.Domain == PerRow {
					o.runChunk(s, a, chunk{c.param, from / cols, n / cols, 0})
					continue
				}
				o.runChunk(s, a, chunk{c.param, from, n, c.block + (from-c.from)/elem.Block})
				if g.combines(c.param) {
					o.endRows(s, c.param, from/cols, (from+n)/cols)
				}
			}
		}
	}
}

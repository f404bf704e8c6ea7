package pass

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// stages puts everything in order: before the kernels of a pass, all that they or later ones may need by then.
func (s *scheduler) stages(c *cut, suffix string) []ir.Stage {
	var out []ir.Stage
	done := map[*ir.Value]bool{}
	merged := c.merged()
	for n := 0; n <= c.passes; n++ {
		out = append(out, c.between(n, merged, done)...)
		for _, d := range domains {
			for i, cc := range c.classes {
				if cc.idle(n, d) {
					continue
				}
				for part, k := range split(cc.build(n, d)) {
					s.name(k, suffix, i, n)
					if part > 0 {
						k.Name += "lines"
					}
					for _, r := range k.Reductions {
						done[r.Result] = true
					}
					out = append(out, ir.Stage{Kernel: k, Class: i})
				}
			}
		}
	}
	return s.scratch(out)
}

// node is one thing that is done between two passes, for one class or for all.
type node struct {
	v     *ir.Value
	class int
}

// between computes what may run before pass n and has not. In a round, the values of the model come first, then those of
// groups and tensors, which may read them, then folds, whole-array operators and probes, which the next round may read.
func (c *cut) between(n int, merged []node, done map[*ir.Value]bool) []ir.Stage {
	round := map[*ir.Value]int{}
	var rounds [][]node
	visit := func(v *ir.Value, class int) {
		isNode := !v.Extent.IsArray() && len(v.Args) > 0 && !arrayReduce(v) || v.Kind == ir.Array || v.Kind == ir.Probe
		if done[v] || c.level[v] > n || !isNode {
			return
		}
		if _, seen := round[v]; seen {
			return
		}
		r := 0
		for i := range v.Args {
			for k := range c.classes {
				a := v.Args[i]
				if isShared(v) {
					a = c.arg(v, i, k)
				}
				after := round[a]
				if isLate(a) && !done[a] && (a.Kind != ir.Reduce || !arrayReduce(a)) {
					after++
				}
				r = max(r, after)
			}
		}
		round[v] = r
		for len(rounds) <= r {
			rounds = append(rounds, nil)
		}
		rounds[r] = append(rounds[r], node{v, class})
	}
	for _, v := range merged {
		visit(v.v, v.class)
	}
	var out []ir.Stage
	for _, r := range rounds {
		out = append(out, c.roundStages(r)...)
	}
	for v := range round {
		done[v] = true
	}
	return out
}

// merged lists the values of all classes and the shared ones, operands first.
func (c *cut) merged() []node {
	var out []node
	seen := map[*ir.Value]bool{}
	var add func(v *ir.Value, class int)
	add = func(v *ir.Value, class int) {
		if seen[v] {
			return
		}
		seen[v] = true
		for i := range v.Args {
			if !isShared(v) {
				add(v.Args[i], class)
				continue
			}
			for k := range c.classes {
				add(c.arg(v, i, k), k)
			}
		}
		out = append(out, node{v, class})
	}
	for _, v := range c.roots {
		if isShared(v) {
			add(v, 0)
		}
	}
	for i, cc := range c.classes {
		for _, v := range cc.roots {
			add(v, i)
		}
	}
	return out
}

// isLate reports whether a value is computed after the step values of its round.
func isLate(v *ir.Value) bool { return v.Kind == ir.Reduce || v.Kind == ir.Array || v.Kind == ir.Probe }

func (c *cut) roundStages(nodes []node) []ir.Stage {
	var out []ir.Stage
	for e := ir.Model; e <= ir.Tensor; e++ {
		for class := range c.classes {
			var values []*ir.Value
			for _, n := range nodes {
				if n.v.Extent == e && !isLate(n.v) && (e < ir.Tensor && class == 0 || e == ir.Tensor && c.belongs(n, class)) {
					values = append(values, n.v)
				}
			}
			if len(values) > 0 {
				out = append(out, ir.Stage{Extent: e, Class: class, Values: values})
			}
		}
	}
	asked := map[*ir.Value]bool{}
	for _, n := range nodes {
		switch n.v.Kind {
		case ir.Reduce:
			out = append(out, ir.Stage{Fold: n.v, From: c.from(n.v, 0)})
		case ir.Array:
			for class := range c.classes {
				if isShared(n.v) && class == 0 || !isShared(n.v) && c.belongs(n, class) {
					out = append(out, c.arrayStage(n.v, class))
				}
			}
		case ir.Probe:
			if !asked[n.v] {
				out = append(out, c.probeStage(n.v, nodes, asked))
			}
		}
	}
	return out
}

// belongs reports whether a class computes the value of a node.
func (c *cut) belongs(n node, class int) bool {
	return n.class == class || slices.Contains(c.classes[class].order, n.v)
}

// from is operand n of a shared value by class.
func (c *cut) from(v *ir.Value, n int) []*ir.Value {
	var out []*ir.Value
	for class := range c.classes {
		out = append(out, c.arg(v, n, class))
	}
	return out
}

// arrayStage is a whole-array operator for a class, or an order statistic over all.
func (c *cut) arrayStage(v *ir.Value, class int) ir.Stage {
	st := ir.Stage{Array: v, Class: class, If: v.Guard()}
	for i, cc := range c.classes {
		var in []ir.Place
		for n := range v.Args[:v.Op.Args] {
			if v.Args[n].Extent.IsArray() && (isShared(v) || i == class) {
				place, _ := cc.readAt(cc.operand(v, n), c.level[v], ir.Clash)
				in = append(in, place)
			}
		}
		st.In = append(st.In, in)
	}
	st.Out, _ = c.classes[class].home(v)
	if v.Op.Args > 0 && !v.Args[0].Extent.IsArray() {
		st.From = c.from(v, 0)
	}
	if isShared(v) && st.If != nil {
		st.If, st.Ifs = nil, c.from(v, len(v.Args)-1)
	}
	return st
}

// probeStage asks for the gradient and the loss at one point at once.
func (c *cut) probeStage(v *ir.Value, nodes []node, asked map[*ir.Value]bool) ir.Stage {
	st := ir.Stage{Probe: v, If: v.Guard()}
	asked[v] = true
	for _, n := range nodes {
		if w := n.v; w.Kind == ir.Probe && w != v && w.Name != "hvp" && v.Name != "hvp" && slices.Equal(w.Args, v.Args) {
			asked[w] = true
			if w.Name == "loss" {
				st.Loss = w
			} else {
				st.Probe, st.Loss = w, v
			}
		}
	}
	if v.Name == "loss" && st.Loss == nil {
		st.Loss = v
	}
	for _, cc := range c.classes {
		var in []ir.Place
		for n := range v.Args {
			if a := cc.operand(v, n); a.Extent.IsArray() {
				place, _ := cc.readAt(a, c.level[v], ir.Clash)
				in = append(in, place)
			}
		}
		st.In = append(st.In, in)
	}
	if st.Probe.Extent.IsArray() {
		st.Out, _ = c.classes[0].home(st.Probe)
	}
	return st
}

// scratch numbers the scratch arrays of a sequence of stages: one that is no longer read makes room for the next of its
// extent.
func (s *scheduler) scratch(stages []ir.Stage) []ir.Stage {
	demands := demandsOf(s.plan.Program, stages)
	last := map[int]int{} // stage of the last use, by the value's number
	each := func(visit func(i int, p *ir.Place)) {
		for i := range stages {
			st := &stages[i]
			if st.Kernel != nil {
				for k := range st.Kernel.Streams {
					visit(i, &st.Kernel.Streams[k].Place)
				}
				for k := range st.Kernel.Collects {
					visit(i, &st.Kernel.Collects[k].To)
				}
			}
			for _, in := range st.In {
				for k := range in {
					visit(i, &in[k])
				}
			}
			visit(i, &st.Out)
		}
	}
	each(func(i int, p *ir.Place) {
		if p.Kind == ir.ScratchStream {
			last[p.Index] = i
		}
	})
	number := map[int]int{}
	free := map[int]int{} // stage from which on a slot is free
	each(func(i int, p *ir.Place) {
		if p.Kind != ir.ScratchStream {
			return
		}
		value := p.Index
		if n, ok := number[value]; ok {
			p.Index = n
			return
		}
		n := 0
		for ; n < len(s.plan.Scratch); n++ {
			if s.plan.Scratch[n] == p.Extent && free[n] < i {
				break
			}
		}
		if n == len(s.plan.Scratch) {
			s.plan.Scratch = append(s.plan.Scratch, p.Extent)
		}
		number[value], free[n] = n, last[value]
		p.Index = n
	})
	for i := range stages {
		st := &stages[i]
		if st.Kernel == nil {
			continue
		}
		identify(st.Kernel)
		st.Cases = cases(s.plan.Program, st.Kernel, demands[i])
		if len(st.Cases) == 0 {
			s.record(st.Kernel)
			st.Bare = bareOf(s.plan.Program, st.Kernel)
		}
		if st.Bare != nil {
			s.record(st.Bare.Kernel)
		}
		for _, c := range st.Cases {
			s.record(c.Kernel)
		}
	}
	return stages
}

// identify gives a kernel its digest, and the windows of a kernel's collects numbers that two equal kernels share.
func identify(k *ir.Kernel) {
	for _, c := range k.Collects {
		k.Streams[c.Stream].Index = c.Stream
	}
	k.Digest = digest(signature(k))
}

// keepScratch tells which scratch arrays the tensors of each class need.
func (s *scheduler) keepScratch() {
	for i := range s.plan.Classes {
		s.plan.Classes[i].Scratch = make([]bool, len(s.plan.Scratch))
	}
	need := func(class int, places ...ir.Place) {
		for _, p := range places {
			if p.Kind == ir.ScratchStream {
				s.plan.Classes[class].Scratch[p.Index] = true
			}
		}
	}
	for _, st := range slices.Concat(s.plan.First, s.plan.Later, s.plan.Eval) {
		if st.Kernel != nil {
			for _, stream := range st.Kernel.Streams {
				need(st.Class, stream.Place)
			}
			for _, c := range st.Kernel.Collects {
				need(st.Class, c.To)
			}
		}
		for class, in := range st.In {
			need(class, in...)
			if st.Probe != nil || st.Array != nil && (class == st.Class || isShared(st.Array)) {
				need(class, st.Out)
			}
		}
	}
}

// name gives a kernel a name of its own: record shares it with an equal one.
func (s *scheduler) name(k *ir.Kernel, suffix string, class, pass int) {
	k.Name = s.plan.Program.Name + suffix
	if len(s.plan.Classes) > 1 {
		k.Name += string(rune('A' + class%26))
		if class >= 26 {
			k.Name += fmt.Sprint(class / 26)
		}
	}
	if k.Domain != ir.Elem {
		k.Name += strings.NewReplacer("[", "", "]", "", ",", "").Replace(k.Domain.String())
	}
	k.Name += fmt.Sprint(pass)
}

// record gives a kernel the name of an equal one, or lists it as new.
func (s *scheduler) record(k *ir.Kernel) {
	sig := signature(k)
	k.Digest = digest(sig)
	if n, ok := s.names[sig]; ok {
		k.Name = n
		return
	}
	s.names[sig] = k.Name
	s.plan.Kernels = append(s.plan.Kernels, k)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// signature says what a kernel does, whatever its scalars are.
func signature(k *ir.Kernel) string {
	var b strings.Builder
	for _, s := range k.Streams {
		fmt.Fprint(&b, s.Kind, s.Index, s.Extent, s.Read, s.Write, ";")
	}
	for _, i := range k.Instrs {
		fmt.Fprint(&b, i.Op, i.Stream, i.Args, ";")
	}
	fmt.Fprint(&b, k.Stores, len(k.Scalars))
	for _, r := range k.Reductions {
		fmt.Fprint(&b, r.Kind, r.Value, ";")
	}
	return b.String()
}

// MaxStreams is how many arrays a pass may touch.
const MaxStreams = 64

// TooWide is a kernel of the plan that touches more arrays than a pass may; nil if there is none.
func TooWide(p *ir.Plan) *ir.Kernel {
	for _, k := range p.Kernels {
		if len(k.Streams) > MaxStreams {
			return k
		}
	}
	return nil
}

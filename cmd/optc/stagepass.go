package main

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

// pass is one loop over elements, rows, columns or squares of them.
func (t *teller) pass(s ir.Stage) stageInfo {
	k := s.Kernel
	info := stageInfo{Where: "pass", Over: k.Domain.String(), Flops: pass.CostOf([]ir.Stage{s}).Flops}
	if d := traffic(t.p, pass.Dearest(s)); d.F32 > 0 {
		info.Bytes = &d
		for _, c := range s.Cases {
			info.Cases = append(info.Cases, caseInfo{t.condition(c.If), c.Is, traffic(t.p, c.Kernel)})
		}
	}
	leaves := map[*ir.Value]string{}
	computed := map[*ir.Value]bool{}
	for v, n := range t.known[t.class] {
		leaves[v] = n
	}
	for _, s := range k.Streams {
		name := t.drawn(s)
		again := s.Kind != ir.DrawStream && slices.Contains(info.Reads, name) // the gradient, which is read where it is
		if s.Read && !again {
			info.Reads = append(info.Reads, name)
		}
	}
	for _, in := range k.Instrs {
		if in.Value != nil {
			for _, a := range in.Value.Args {
				if text, ok := literal(a); ok && a.Kind == ir.Spread {
					leaves[a] = text
				}
			}
		}
		switch {
		case in.Value == nil:
		case in.Op != "load":
			computed[in.Value] = true
		case k.Streams[in.Stream].Kind != ir.DrawStream:
			leaves[in.Value] = t.at(t.class, k.Streams[in.Stream].Place)
		}
	}
	b := &passLines{t: t, k: k, info: &info, leaves: leaves, names: map[*ir.Value]string{}, update: map[*ir.Value]bool{}}
	for _, v := range b.again(computed) {
		b.root(v, t.name(v, "u"), false)
	}
	b.reductions()
	b.stores()
	b.finish()
	if of := s.Bare; of != nil && info.Bytes != nil {
		info.Cases = append(info.Cases, caseInfo{t.at(t.class, k.Streams[of.Mask].Place) + " marks any", false, traffic(t.p, of.Kernel)})
	}
	for v := range computed {
		t.done[t.class][v] = true
	}
	return info
}

// drawn is what a stream is called where it is read.
func (t *teller) drawn(s ir.Stream) string {
	if s.Kind == ir.DrawStream {
		return s.Name + "()"
	}
	return t.at(t.class, s.Place)
}

// passLines makes the lines of a pass.
type passLines struct {
	t      *teller
	k      *ir.Kernel
	info   *stageInfo
	leaves map[*ir.Value]string
	roots  []*ir.Value
	names  map[*ir.Value]string
	update map[*ir.Value]bool
	extra  []line // states that take the same value as another
}

func (b *passLines) root(v *ir.Value, name string, update bool) {
	b.roots, b.names[v], b.update[v] = append(b.roots, v), name, update
}

// again lists the values that have a line of their own because another pass computes them too.
func (b *passLines) again(computed map[*ir.Value]bool) []*ir.Value {
	var out []*ir.Value
	for _, in := range b.k.Instrs {
		v := in.Value
		if v != nil && computed[v] && in.Op != "load" && b.t.twice[b.t.class][v] && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func (b *passLines) value(o ir.Operand) *ir.Value {
	if o.Scalar {
		return b.k.Scalars[o.Index].Value
	}
	return b.k.Instrs[o.Index].Value
}

// reductions are lines for step values, and for what is collected per row or column.
func (b *passLines) reductions() {
	for _, r := range b.k.Reductions {
		name := b.t.name(r.Result, "k")
		b.root(r.Result, name, false)
		delete(b.leaves, r.Result)
	}
	for _, c := range b.k.Collects {
		name := b.t.name(c.Result, "u")
		b.root(c.Result, name, false)
		b.info.Keeps = append(b.info.Keeps, name)
	}
}

func (b *passLines) stores() {
	for _, s := range b.k.Stores {
		st := b.k.Streams[s.Stream]
		v := b.value(s.Value)
		switch {
		case st.Kind == ir.CollectStream:
			continue
		case st.Kind != ir.ScratchStream:
			name := b.t.at(b.t.class, st.Place)
			b.info.Writes = append(b.info.Writes, name)
			b.lasting(v, name, st.Kind == ir.EvalStream)
		default:
			b.scratch(v, st.Place)
		}
	}
}

// lasting is the line of an array that outlives the step.
func (b *passLines) lasting(v *ir.Value, name string, eval bool) {
	_, read := b.leaves[v]
	if before, ok := b.names[v]; ok || len(v.Args) == 0 && !read || !v.Extent.IsArray() {
		text := before
		if !ok {
			text = textOf(b.t.p, v, b.leaves)
		}
		b.extra = append(b.extra, line{Name: name, Extent: b.k.Domain.String(), Text: text, Update: !eval})
		return
	}
	b.root(v, name, !eval)
}

// scratch names what is kept; it has a line if it is computed here.
func (b *passLines) scratch(v *ir.Value, p ir.Place) {
	name, read := b.leaves[v]
	if !read {
		name = b.names[v]
	}
	if name == "" || !read && b.update[v] {
		name = b.t.name(v, "u")
	}
	if _, ok := b.names[v]; !ok && !read {
		b.root(v, name, false)
	}
	b.info.Keeps = append(b.info.Keeps, name)
	b.t.holds[b.t.class][array{p.Kind, p.Index}] = name
}

// finish states the lines.
func (b *passLines) finish() {
	t := b.t
	for _, c := range b.k.Collects {
		t.holds[t.class][array{c.To.Kind, c.To.Index}] = b.names[c.Result]
	}
	out := t.update(b.roots, b.names, b.leaves)
	for i := range out {
		v := b.named(out[i].Name)
		out[i].Update = out[i].Update && (v == nil || b.update[v])
		out[i].Again = v != nil && t.done[t.class][v] && !out[i].Update
	}
	b.info.Lines = append(out, b.extra...)
	for _, r := range b.k.Reductions {
		t.known[t.class][r.Result] = b.names[r.Result]
	}
}

// named is the value that has a line of that name; nil if none has.
func (b *passLines) named(name string) *ir.Value {
	for v, n := range b.names {
		if n == name {
			return v
		}
	}
	return nil
}

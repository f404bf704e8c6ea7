package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// clashes reports the first operation on values that do not go together, and the first operator that is given step
// values where it takes arrays, or the other way about.
func (c *checker) clashes() {
	if slices.ContainsFunc(c.pool.Values, func(v *ir.Value) bool { return v.Extent == ir.Clash }) {
		c.blame()
		return
	}
	step := func(v *ir.Value) bool { return !v.Extent.IsArray() }
	written := c.written()
	for _, v := range c.pool.Values {
		in := written[v]
		if in == nil || v.Kind != ir.Array || v.Op.Name == "eye" {
			continue
		}
		at, name, param := c.sites[in], opName(v), func(i int) string { return v.Op.Params[i].Name }
		hint := forms(v)
		if v.Op.Kind == op.Order {
			hint = "over several tensors it takes one value a tensor, as in `median(norm(g) per model)`"
			if o, ok := op.Lookup(in.Label); ok && in != v && o.Kind == op.Order { // median, or quantile
				name = o.Name
				if len(o.Params) > 0 {
					param = func(int) string { return o.Params[0].Name }
				}
			}
			if v.Op.Internal {
				name = "a projection's threshold"
			}
		}
		if v.Mask {
			hint = "" // topk
		}
		args, params := v.Args[:v.Op.Args], v.Args[v.Op.Args:v.Op.Args+len(v.Op.Params)]
		if i := slices.IndexFunc(args, step); i >= 0 && !overTensors(v) {
			c.report(at.file, at.where, hint, "%s works on arrays, and this is %s", name, one(args[i].Extent))
			return
		}
		if v.Op.Kind == op.Order && v.Per.Holds(args[0].Extent) {
			c.report(at.file, at.where, "reduce over more than one", "%s per %s of a value per %s: each is the only one", name, v.Per, args[0].Extent)
			return
		}
		if i := slices.IndexFunc(params, func(a *ir.Value) bool { return c.paramExtent(a).IsArray() }); i >= 0 {
			c.report(at.file, at.where, "reduce it", "parameter %s of %s is one value a tensor or coarser, and this is a value per %s",
				param(i), name, c.paramExtent(params[i]))
			return
		}
		if i := slices.IndexFunc(params, func(a *ir.Value) bool { return c.paramExtent(a) > v.Per }); i >= 0 && v.Op.Kind == op.Order && v.Per < ir.Tensor {
			c.report(at.file, at.where, "reduce it", "parameter %s of %s per %s is one value a %s or coarser, and this is a value per %s",
				param(i), name, v.Per, v.Per, c.paramExtent(params[i]))
			return
		}
	}
}

// written tells for each value the one that was written in the text: itself, or what expanded to it.
func (c *checker) written() map[*ir.Value]*ir.Value {
	in := map[*ir.Value]*ir.Value{}
	for _, v := range slices.Backward(c.pool.Values) {
		if _, known := c.sites[v]; known {
			in[v] = v
		}
		for _, a := range v.Args {
			if in[a] == nil {
				in[a] = in[v]
			}
		}
	}
	return in
}

// paramExtent is the extent of a parameter, in which what expands to it may stand: the number of values of each row or
// column is one a tensor.
func (c *checker) paramExtent(v *ir.Value) ir.Extent {
	if _, known := c.sites[v]; known {
		return v.Extent
	}
	switch v.Kind {
	case ir.Size:
		return min(v.Extent, ir.Tensor)
	case ir.Apply:
		e := ir.Const
		for _, a := range v.Args {
			e = ir.Join(e, c.paramExtent(a))
		}
		return e
	}
	return v.Extent
}

// overTensors reports whether v is an order statistic of a value a tensor, over several tensors.
func overTensors(v *ir.Value) bool {
	return v.Op.Kind == op.Order && !v.Mask && v.Args[0].Extent == ir.Tensor && v.Per < ir.Tensor
}

// one is a value of an extent, in words.
func one(e ir.Extent) string {
	if e == ir.Const {
		return "a constant"
	}
	return "a value per " + e.String()
}

// blame finds where a clash begins. A clash spoils the extent of all that comes of it, round the states to what stands
// above it; so extents are found once more here, with what does not fit left out, and the first misfit is reported.
func (c *checker) blame() {
	b := &blamer{c: c, vars: make([]ir.Extent, len(c.vars)), of: make([]ir.Extent, len(c.pool.Values)), scratch: ir.NewPool()}
	for i, v := range c.vars {
		b.vars[i] = v.least
	}
	for range maxSweeps {
		if !b.sweep() {
			break
		}
	}
	for _, v := range c.pool.Values {
		if b.extent(v) == ir.Clash {
			c.misfit(b, v)
			return
		}
	}
	panic("check: a clash that nothing causes")
}

// maxSweeps bounds how long a blamer looks: states that depend on states further down take one sweep each.
const maxSweeps = 32

type blamer struct {
	c       *checker
	vars    []ir.Extent
	of      []ir.Extent // by value
	scratch *ir.Pool
}

// sweep finds the extent of each value by those of its operands, and reports whether a variable has become finer.
func (b *blamer) sweep() bool {
	grown := false
	for _, v := range b.c.pool.Values {
		e := b.extent(v)
		if v.Kind == ir.Hold {
			if e != ir.Clash && e != b.vars[v.Index] {
				b.vars[v.Index], grown = e, true
			}
			e = b.vars[v.Index]
		}
		if e == ir.Clash {
			e = ir.Const
		}
		b.of[v.ID] = e
	}
	return grown
}

func (b *blamer) extent(v *ir.Value) ir.Extent {
	switch {
	case v.Kind == ir.Load:
		return b.vars[b.c.varOf[v.Index]]
	case v.Kind == ir.Hold:
		return ir.Join(b.vars[v.Index], b.of[v.Args[0].ID])
	case len(v.Args) == 0 || v.Kind == ir.Probe:
		return v.Extent
	case v.Kind == ir.Reduce || v.Kind == ir.Size:
		return ir.Meet(b.of[v.Args[0].ID], v.Per)
	case v.Kind == ir.Array:
		args := make([]*ir.Value, v.Op.Args+len(v.Op.Params))
		for i := range args { // stand-ins: a draw has any extent
			args[i] = b.scratch.Draw("normal", 0, b.of[v.Args[i].ID])
		}
		return b.scratch.Array(v.Op, v.Per, nil, args...).Extent
	}
	e := ir.Const
	for _, a := range v.Args {
		e = ir.Join(e, b.of[a.ID])
	}
	return e
}

// misfit reports a value whose operands do not go together.
func (c *checker) misfit(b *blamer, v *ir.Value) {
	if v.Kind != ir.Hold {
		at := c.siteOf(v)
		c.report(at.file, at.where, clashHint(v), "%s", clashText(b, v))
		return
	}
	w := c.vars[v.Index]
	at, known := c.sites[v]
	if !known {
		at, known = c.sites[v.Args[0]]
	}
	if !known {
		at = site{w.where, w.file}
	}
	have, given := b.vars[v.Index], b.of[v.Args[0].ID]
	if w.per != nil {
		c.report(at.file, at.where, onlyThese, "%s is declared per %s and is given a value per %s", w.name, have, given)
	} else {
		c.report(at.file, at.where, onlyThese, "%s holds a value per %s and is given one per %s", w.name, have, given)
	}
}

// siteOf is where a value was written, or what of it was first: an operator's expansion stands nowhere itself.
func (c *checker) siteOf(v *ir.Value) site {
	of := map[*ir.Value]bool{v: true}
	for _, u := range c.pool.Values[v.ID:] {
		of[u] = of[u] || slices.ContainsFunc(u.Args, func(a *ir.Value) bool { return of[a] })
		if at, known := c.sites[u]; known && of[u] {
			return at
		}
		if of[u] && u.Kind == ir.Hold {
			return site{c.vars[u.Index].where, c.vars[u.Index].file}
		}
	}
	return site{c.vars[0].where, c.vars[0].file} // the rule
}

const onlyThese = "only `@`, `'`, diag, outer and reductions lead from one extent to another"

func clashHint(v *ir.Value) string {
	switch v.Kind {
	case ir.Derived:
		return ""
	case ir.Array:
		return forms(v)
	case ir.Reduce, ir.Size:
		return "it is reduced per one of its axes, per tensor or coarser"
	}
	return onlyThese
}

func clashText(b *blamer, v *ir.Value) string {
	have := b.list(v)
	switch {
	case v.Kind == ir.Reduce || v.Kind == ir.Size:
		return fmt.Sprintf("a value per %s cannot be reduced per %s", have, v.Per)
	case v.Kind == ir.Array && v.Op.Kind == op.Order:
		return fmt.Sprintf("a value per %s has no %s per %s", have, v.Op.Name, v.Per)
	case v.Kind == ir.Array:
		return fmt.Sprintf("%s does not take values per %s", opName(v), have)
	}
	return fmt.Sprintf("values per %s do not go together", have)
}

// list is the extents of the operands; of an elementwise operator, of those that differ.
func (b *blamer) list(v *ir.Value) string {
	var parts []string
	for i, a := range v.Args {
		e := b.of[a.ID]
		switch {
		case v.Kind == ir.Array && i >= v.Op.Args, (v.Kind == ir.Reduce || v.Kind == ir.Size) && i > 0: // parameters, a guard
		case v.Kind == ir.Array || !slices.Contains(parts, e.String()) && e.IsArray():
			parts = append(parts, e.String())
		case v.Kind == ir.Reduce || v.Kind == ir.Size:
			parts = append(parts, e.String())
		}
	}
	return strings.Join(parts, " and ")
}

func opName(v *ir.Value) string {
	if v.Op.Name == "transpose" {
		return "the transpose"
	}
	if v.Op.Infix != "" {
		return "`" + v.Op.Infix + "`"
	}
	return v.Op.Name
}

// forms says which axes a whole-array operator's operands have.
func forms(v *ir.Value) string {
	if v.Op.Shape == "" {
		return ""
	}
	var all []string
	for _, form := range strings.Split(v.Op.Shape, " | ") {
		in, _, _ := strings.Cut(form, " -> ")
		operands := strings.Fields(in)
		for i, o := range operands {
			operands[i] = "[" + o + "]"
		}
		all = append(all, strings.Join(operands, " and "))
	}
	return opName(v) + " takes " + strings.Join(all, ", or ") + ", each letter row or col; elem is [row,col]"
}

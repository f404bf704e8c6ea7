package ir

import "github.com/optc-lang/optc/runtime/elem"

// ByRows is k as a kernel that runs over pieces of rows: what has one value a row becomes a scalar or a reduction, and what
// has one value a column a stream that starts with the piece. What is reduced per column is combined into such a stream,
// which is read and written. It is k itself where nothing has such an extent, and where k reduces over the tensor: the
// tree of such a reduction goes across rows.
//
// The scalars and reductions of a row stand after all others; a row's reductions have its collects' results.
func (k *Kernel) ByRows() *Kernel {
	row := k.Domain.FirstAxis()
	if len(k.Reductions) > 0 || !k.hasLines() {
		return k
	}
	out := *k
	out.Digest += "r" // called in another way
	out.Rows, out.Streams, out.Instrs, out.Stores, out.Collects = true, nil, nil, nil, nil
	out.Scalars = append([]Scalar{}, k.Scalars...)
	r := rowing{from: k, to: &out, stream: make([]int, len(k.Streams)), at: make([]Operand, len(k.Instrs))}
	r.streams(row)
	for i, in := range k.Instrs {
		r.instr(i, in)
	}
	r.ends(row)
	return &out
}

// hasLines reports whether a stream or a collect has one value a row or column.
func (k *Kernel) hasLines() bool {
	for _, s := range k.Streams {
		if s.Extent != k.Domain {
			return true
		}
	}
	return len(k.Collects) > 0
}

// rowing copies a kernel.
type rowing struct {
	from, to *Kernel
	stream   []int     // where each stream is now; of one per row, the complement of its scalar
	at       []Operand // where the value of each instruction is now
}

func (r *rowing) streams(row Extent) {
	collected := map[int]Extent{}
	for _, c := range r.from.Collects {
		collected[c.Stream] = c.To.Extent
	}
	for i, s := range r.from.Streams {
		switch {
		case s.Extent == row && s.Extent != r.from.Domain:
			r.stream[i] = ^len(r.to.Scalars)
			place := s.Place
			r.to.Scalars = append(r.to.Scalars, Scalar{Name: s.Name, Row: &place})
		case s.Kind == CollectStream && collected[i] == row:
		case s.Kind == CollectStream:
			r.stream[i] = len(r.to.Streams)
			s.Extent, s.Read = collected[i], true
			r.to.Streams = append(r.to.Streams, s)
		default:
			r.stream[i] = len(r.to.Streams)
			r.to.Streams = append(r.to.Streams, s)
		}
	}
}

func (r *rowing) operand(a Operand) Operand {
	if a.Scalar {
		return a
	}
	return r.at[a.Index]
}

func (r *rowing) instr(i int, in Instr) {
	if in.Op == "load" {
		if in.Stream = r.stream[in.Stream]; in.Stream < 0 {
			r.to.Scalars[^in.Stream].Value = in.Value
			r.at[i] = Operand{Scalar: true, Index: ^in.Stream}
			return
		}
	}
	args := make([]Operand, len(in.Args))
	for j, a := range in.Args {
		args[j] = r.operand(a)
	}
	in.Args = args
	r.at[i] = Operand{Index: len(r.to.Instrs)}
	r.to.Instrs = append(r.to.Instrs, in)
}

// ends copies stores and collects.
func (r *rowing) ends(row Extent) {
	collect := map[int]*Collect{}
	for i, c := range r.from.Collects {
		collect[c.Stream] = &r.from.Collects[i]
		if c.To.Extent != row {
			c.Stream = r.stream[c.Stream]
			r.to.Collects = append(r.to.Collects, c)
		}
	}
	for _, s := range r.from.Stores {
		value := r.operand(s.Value)
		switch c := collect[s.Stream]; {
		case c == nil:
		case c.To.Extent == row:
			place := c.To
			r.to.Reductions = append(r.to.Reductions, Reduction{Kind: c.Kind, Value: value, Result: c.Result, Row: &place})
			continue
		default:
			value = r.combine(c, value)
		}
		r.to.Stores = append(r.to.Stores, Store{Stream: r.stream[s.Stream], Value: value})
	}
}

// combine adds a value to what its column has.
func (r *rowing) combine(c *Collect, value Operand) Operand {
	n := len(r.to.Instrs)
	r.to.Instrs = append(r.to.Instrs, Instr{Op: "load", Stream: r.stream[c.Stream], Name: c.To.Name},
		Instr{Op: combiners[c.Kind], Args: []Operand{{Index: n}, value}, Name: c.To.Name, Value: c.Result})
	return Operand{Index: n + 1}
}

var combiners = map[elem.Reduction]string{elem.ReduceSum: "add", elem.ReduceMin: "min", elem.ReduceMax: "max"}

package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// rows runs the current pass, which is by rows, over the a.N elements of a tensor from an index on, piece by piece: a piece
// ends with its row, and with its block if the kernel reduces it.
func (o *Optimizer[T]) rows(s *stage[T], a *Args, param, at int) {
	p := s.Pass
	_, cols := o.matrix(p.Domain, param)
	vals, n := a.Vals, a.N
	values := rowMemory[T](s, a)
	row := -1
	for end := at + n; at < end; {
		if at/cols != row {
			row = at / cols
			o.splatRow(values, param, row)
		}
		col := at - row*cols
		a.N = min(end-at, cols-col)
		if len(p.RowReductions) > 0 {
			a.N = min(a.N, elem.Block-at%elem.Block)
		}
		for i, stream := range p.Streams {
			if stream.Extent != p.Domain {
				a.Ptr[i] = unsafe.Pointer(&o.arrays[i][param][col])
			}
		}
		s.kernel(a)
		for r := range p.RowReductions {
			o.lines[s.lines[r][param]+row+at/elem.Block] = a.rowPart[r]
		}
		if at += a.N; at < end {
			a.advance(p, a.N*int(unsafe.Sizeof(T(0))))
		}
	}
	a.Vals, a.N = vals, n
}

// rowMemory readies the worker's memory for the scalars and reductions of a row. It returns that of the scalars per row.
func rowMemory[T Float](s *stage[T], a *Args) []T {
	const words = SplatBytes / 8
	scalars, perRow := len(s.Pass.Scalars), len(s.Pass.RowScalars)
	if len(a.rowVals) < (scalars+perRow)*words {
		a.rowVals = make([]float64, (scalars+perRow)*words)
	}
	if len(a.rowPart) < len(s.Pass.RowReductions) {
		a.rowPart = make([]float64, len(s.Pass.RowReductions))
	}
	if len(s.Pass.RowReductions) > 0 {
		a.Part = unsafe.Pointer(&a.rowPart[0])
	}
	if perRow == 0 {
		return nil
	}
	if scalars > 0 {
		copy(a.rowVals, unsafe.Slice((*float64)(a.Vals), scalars*words))
	}
	a.Vals = unsafe.Pointer(&a.rowVals[0])
	lanes := splatLanes[T]()
	return unsafe.Slice((*T)(unsafe.Pointer(&a.rowVals[scalars*words])), perRow*lanes)
}

// splatRow sets the scalars of a row.
func (o *Optimizer[T]) splatRow(to []T, param, row int) {
	lanes := splatLanes[T]()
	for i := 0; len(to) > 0; i++ {
		v := o.perRow[i][param][row]
		for k := range to[:lanes] {
			to[k] = v
		}
		to = to[lanes:]
	}
}

// advance moves the streams of a pass on, those of one value a column excepted.
func (a *Args) advance(p *Pass, bytes int) {
	for i, stream := range p.Streams {
		if stream.Extent == p.Domain {
			a.Ptr[i] = unsafe.Add(a.Ptr[i], bytes)
		}
	}
}

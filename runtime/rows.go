package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// rowBlocks is how many blocks of a row a kernel reduces at once.
const rowBlocks = 64

// rows runs a pass that is by rows over the a.N elements of a tensor from an index on, piece by piece: a piece ends with its
// row, and begins with a block, or ends with one, if the kernel reduces it.
func (o *Optimizer[T]) rows(s *stage[T], a *Args, param, at int) {
	p := s.Pass
	_, cols := o.matrix(p.Domain, param)
	vals, n := a.Vals, a.N
	values := rowMemory[T](s, a)
	row := -1
	for end := at + n; at < end; {
		if at/cols != row {
			row = at / cols
			s.splatRow(values, param, row)
		}
		col := at - row*cols
		a.N = min(end-at, cols-col)
		if len(p.RowReductions) > 0 {
			a.N = min(a.N, rowPiece(at))
		}
		s.lineStreams(a, param, row, cols, col)
		s.kernel(a)
		s.keepRow(a, param, row, at)
		if at += a.N; at < end {
			s.advance(a, a.N*int(unsafe.Sizeof(T(0))))
		}
	}
	a.Vals, a.N = vals, n
}

// rowPiece is how many elements from an index on a kernel may reduce at once: its blocks are those of the tensor.
func rowPiece(at int) int {
	if in := at % elem.Block; in > 0 {
		return elem.Block - in
	}
	return rowBlocks * elem.Block
}

// lineStreams sets the streams of one value a column, which start where the piece does.
func (s *stage[T]) lineStreams(a *Args, param, row, cols, col int) {
	p := s.Pass
	for i, stream := range p.Streams {
		if stream.Extent != p.Domain && stream.Kind != StreamCollect && !s.isIdle(i) {
			a.Ptr[i] = unsafe.Pointer(&s.mem.arrays[i][param][col])
		}
	}
	for i, c := range p.Collects {
		start := s.lines[len(p.RowReductions)+i][param]
		a.Ptr[c.Stream] = unsafe.Pointer(&s.colPiece(c.Kind, start, row, cols, col, a.N)[0])
	}
}

// keepRow keeps what the kernel reduced of a piece of a row: a value a block.
func (s *stage[T]) keepRow(a *Args, param, row, at int) {
	n := len(s.Pass.RowReductions)
	for r := range n {
		to := s.mem.rows[s.lines[r][param]+row+at/elem.Block:][:blocks(a.N)]
		for b := range to {
			to[b] = a.rowPart[b*n+r]
		}
	}
}

// rowMemory readies the worker's memory for the scalars and reductions of a row. It returns that of the scalars per row.
func rowMemory[T Float](s *stage[T], a *Args) []T {
	const words = SplatBytes / 8
	scalars, perRow := len(s.Pass.Scalars), len(s.Pass.RowScalars)
	if len(a.rowVals) < (scalars+perRow)*words {
		a.rowVals = make([]float64, (scalars+perRow)*words)
	}
	if len(a.rowPart) < len(s.Pass.RowReductions)*rowBlocks {
		a.rowPart = make([]float64, len(s.Pass.RowReductions)*rowBlocks)
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
func (s *stage[T]) splatRow(to []T, param, row int) {
	lanes := splatLanes[T]()
	for i := 0; len(to) > 0; i++ {
		v := s.mem.perRow[i][param][row]
		for k := range to[:lanes] {
			to[k] = v
		}
		to = to[lanes:]
	}
}

// advance moves the streams of a pass on, those of one value a column excepted. Of idle ones nothing is known: moved on, their
// pointers would leave their arrays, where the garbage collector must not find them.
func (s *stage[T]) advance(a *Args, bytes int) {
	for i, stream := range s.Pass.Streams {
		if stream.Extent == s.Pass.Domain && !s.isIdle(i) {
			a.Ptr[i] = unsafe.Add(a.Ptr[i], bytes)
		}
	}
}

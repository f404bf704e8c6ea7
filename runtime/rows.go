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
	_, cols := o.matrix(s.Pass.Domain, param)
	vals, total := a.Vals, a.N
	left := total
	values := rowMemory[T](s, a)
	var w rowWalk
	setRowWalk(s, &w, param)
	reduces := len(s.Pass.RowReductions) > 0
	row := at / cols
	col := at - row*cols
	s.splatRow(values, param, row)
	for left > 0 {
		n := min(left, cols-col)
		if reduces {
			n = min(n, rowPiece(at))
		}
		a.N = n
		w.place(a, col)
		for i := range s.Pass.Collects {
			s.placeCol(a, i, param, row, cols, col)
		}
		s.kernel(a)
		if reduces {
			s.keepRow(a, param, row, at)
		}
		if left, at, col = left-n, at+n, col+n; left == 0 {
			break
		}
		w.advance(a, n)
		if col == cols {
			row, col = row+1, 0
			s.splatRow(values, param, row)
		}
	}
	a.Vals, a.N = vals, total
}

// rowWalk is the streams of a pass by rows: those that go on from piece to piece, and those that begin anew with each row. Of
// idle ones nothing is known: moved on, their pointers would leave their arrays, where the garbage collector must not find them.
type rowWalk struct {
	size        int // of an element
	along, down [MaxStreams]uint8
	alongs      int
	downs       int
	starts      [MaxStreams]unsafe.Pointer // of those down
}

func setRowWalk[T Float](s *stage[T], w *rowWalk, param int) {
	w.size = int(unsafe.Sizeof(T(0)))
	for i, stream := range s.Pass.Streams {
		switch {
		case s.isIdle(i) || stream.Kind == StreamCollect:
		case stream.Extent == s.Pass.Domain:
			w.along[w.alongs] = uint8(i)
			w.alongs++
		default:
			w.down[w.downs], w.starts[w.downs] = uint8(i), unsafe.Pointer(unsafe.SliceData(s.mem.arrays[i][param]))
			w.downs++
		}
	}
}

// place sets the streams of one value a column to where a piece starts.
func (w *rowWalk) place(a *Args, col int) {
	for k, i := range w.down[:w.downs] {
		a.Ptr[i%MaxStreams] = unsafe.Add(w.starts[k], col*w.size)
	}
}

// advance moves the others on.
func (w *rowWalk) advance(a *Args, n int) {
	for _, i := range w.along[:w.alongs] {
		a.Ptr[i%MaxStreams] = unsafe.Add(a.Ptr[i%MaxStreams], n*w.size)
	}
}

// rowPiece is how many elements from an index on a kernel may reduce at once: its blocks are those of the tensor.
func rowPiece(at int) int {
	if in := at % elem.Block; in > 0 {
		return elem.Block - in
	}
	return rowBlocks * elem.Block
}

// placeCol sets the stream that collect i combines columns in to where a piece starts.
func (s *stage[T]) placeCol(a *Args, i, param, row, cols, col int) {
	c := &s.Pass.Collects[i]
	start := s.lines[len(s.Pass.RowReductions)+i][param]
	a.Ptr[c.Stream] = unsafe.Pointer(&s.colPiece(c.Kind, start, row, cols, col, a.N)[0])
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
		splat((*[SplatBytes / 8]uint64)(unsafe.Pointer(unsafe.SliceData(to[:lanes]))), s.mem.perRow[i][param][row])
		to = to[lanes:]
	}
}

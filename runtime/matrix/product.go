package matrix

import (
	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// Split has run called once for each of some items, in any order and perhaps by several goroutines at once, and returns when
// all are done.
type Split func(items int, run func(item int))

// product is a product of matrices, cut into blocks of columns. What an element is does not depend on the cut.
type product[E elem.Float] struct {
	split Split     // nil: one block after the other
	item  func(int) // block, kept so that no call allocates

	c          []E
	ldc        int
	a, b       gemm.View[E]
	m, n, k    int
	accumulate bool
	cover      cover
}

// cover says which elements of a square product are computed.
type cover uint8

const (
	whole    cover = iota
	lower          // those on and below the diagonal, and some above
	mirrored       // the same, and copied to the others
)

const (
	blockCols = 64      // a multiple of what gemm packs at a time
	leastWork = 1 << 20 // additions of a product that is worth splitting
)

// into is gemm.Into.
func (p *product[E]) into(c []E, ldc int, a, b gemm.View[E], m, n, k int, accumulate bool) {
	p.c, p.ldc, p.a, p.b, p.m, p.n, p.k, p.accumulate, p.cover = c, ldc, a, b, m, n, k, accumulate, whole
	if m*n < leastWork/max(k, 1) || n <= blockCols || p.split == nil {
		gemm.Into(c, ldc, a, b, m, n, k, accumulate)
		return
	}
	p.run()
}

// nn is gemm.NN.
func (p *product[E]) nn(c, a, b []E, m, n, k int, accumulate bool) {
	p.into(c, n, gemm.View[E]{Data: a, Row: k, Col: 1}, gemm.View[E]{Data: b, Row: n, Col: 1}, m, n, k, accumulate)
}

// nt is gemm.NT.
func (p *product[E]) nt(c, a, b []E, m, n, k int, accumulate bool) {
	p.into(c, n, gemm.View[E]{Data: a, Row: k, Col: 1}, gemm.View[E]{Data: b, Row: 1, Col: k}, m, n, k, accumulate)
}

// square computes C = A·B (n×n) that is symmetric, for B = Aᵀ: the two products of an element and of its mirror image are of
// the same numbers, so they have the same bits and one of them does. Of lower what is above the diagonal is left to the caller.
func (p *product[E]) square(c []E, a, b gemm.View[E], n, k int, h cover) {
	p.c, p.ldc, p.a, p.b, p.m, p.n, p.k, p.accumulate, p.cover = c, n, a, b, n, n, k, false, h
	p.run()
}

// addSquare adds to C, symmetric and in rows ldc apart, A·B (n×n) that is symmetric but for rounding: of that it takes what is
// below the diagonal.
func (p *product[E]) addSquare(c []E, ldc int, a, b gemm.View[E], n, k int) {
	p.c, p.ldc, p.a, p.b, p.m, p.n, p.k, p.accumulate, p.cover = c, ldc, a, b, n, n, k, true, mirrored
	p.run()
}

func (p *product[E]) run() {
	if p.item == nil {
		p.item = p.block
	}
	items := (p.n + blockCols - 1) / blockCols
	if p.split != nil && p.m*p.n >= leastWork/max(p.k, 1) {
		p.split(items, p.item)
	} else {
		for item := range items {
			p.block(item)
		}
	}
	p.c, p.a.Data, p.b.Data = nil, nil, nil
}

// block computes a block of columns: those of less than all from the diagonal down.
func (p *product[E]) block(item int) {
	j := item * blockCols
	n, i := min(blockCols, p.n-j), 0
	if p.cover != whole {
		i = j
	}
	a, b := p.a, p.b
	a.Data, b.Data = a.Data[min(i*a.Row, len(a.Data)):], b.Data[min(j*b.Col, len(b.Data)):]
	gemm.Into(p.c[i*p.ldc+j:], p.ldc, a, b, p.m-i, n, p.k, p.accumulate)
	if p.cover == mirrored {
		if below := j + n; below < p.m {
			gemm.Transpose(p.c[j*p.ldc+below:], p.ldc, p.c[below*p.ldc+j:], p.ldc, p.m-below, n)
		}
	}
}

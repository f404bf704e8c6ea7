package matrix

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// resolvents is the sum of w·(T + s·I)^-1 over nodes s with weights w, for a tridiagonal positive definite T.
//
// With T + s·I = L·D·Lᵀ the inverse G has G_ii = 1/D_i + l_i²·G_(i+1,i+1) and, above the diagonal, G_ij = -l_i·G_(i+1,j), l
// below the diagonal of L: n²/2 products, and nothing cancels.
type resolvents struct {
	d, e  []float64 // of T: the diagonal and what is below it
	n     int
	sum   []float64 // on the diagonal and above it, by strips of chainCols columns
	nodes []node

	// Of each group of nodes, of each row, the last first, of every node: -l_i, w·G_ii, and what a product of the links from
	// here on is at most.
	links, roots, reach []float64
	groups              int // in hand

	split Split
	item  func(int) // strip, kept so that no call allocates
}

type node struct{ s, w float64 }

const (
	chainCols    = gemm.ChainCols
	chainSums    = gemm.ChainSums // nodes of a group
	mostNodes    = 256            // two for each power of e between the bounds, at most 2^52 apart, and for 62 more
	groupsAtOnce = 8
	rowsAhead    = 32      // after so many it is asked whether the rest is negligible
	negligibly   = 0x1p-80 // beside the largest entry, which is not much smaller than 1
)

// begin readies r for the n×n matrix of d and e.
func (r *resolvents) begin(w *wideWork, d, e []float64) {
	if r.item == nil {
		r.item = r.strip
		r.nodes = make([]node, 0, mostNodes)
	}
	n := len(d)
	size := groupsAtOnce * chainSums * n
	r.d, r.e, r.n, r.split = d, e, n, w.mul.split
	r.sum = w.get(r.strips() * chainCols * n)
	r.links, r.roots, r.reach = w.get(size), w.get(size), w.get(size)
	clear(r.sum)
}

func (r *resolvents) strips() int { return (r.n + chainCols - 1) / chainCols }

// integral makes the sum T^(-1/p), but for a number that the diagonal is larger by, which it returns; the eigenvalues of T are
// between a and b. Beyond p = 1 it is
//
//	x^-α = sin(πα)/π·∫ e^((1-α)y)/(e^y + x) dy
//
// by the trapezoidal rule with a step of 1/2, whose relative error is 4·sin(πα)·e^(-4π²) < 2^-54. The nodes so far below a
// that x + s is as good as x are one node zero, and those so far above b that it is s are that number: in either the error
// is less than (s/a)^(2-α) and (b/s)^(1+α), which are e^-38.
func (r *resolvents) integral(p int, a, b float64) (diagonal float64) {
	const step = 0.5
	r.nodes = append(r.nodes[:0], node{0, 1})
	if p > 1 {
		alpha := 1 / float64(p)
		front := float64(step*elem.Sin(float64(math.Pi*alpha))) / math.Pi
		power := func(of float64, i int) float64 { return elem.Exp(float64(of * (step * float64(i)))) }
		first := int((elem.Log(a) - 38/(2-alpha)) / step)
		last := int((elem.Log(b)+38/(1+alpha))/step) + 1
		for i := first; i <= last; i++ {
			r.nodes = append(r.nodes, node{power(1, i), float64(front * power(1-alpha, i))})
		}
		r.nodes[0].w = float64(front*power(1-alpha, first-1)) / (1 - power(alpha-1, 1))
		diagonal = float64(front*power(-alpha, last+1)) / (1 - power(-alpha, 1))
	}
	r.add()
	return diagonal
}

// positive reports that T - x·I is positive definite.
func (r *resolvents) positive(x float64) bool {
	pivot, square := 1.0, 0.0
	for i, y := range r.d {
		pivot = y - x - square/pivot
		if !(pivot > 0) {
			return false
		}
		square = float64(r.e[i] * r.e[i])
	}
	return true
}

// top is an upper bound of the eigenvalues of T (Gershgorin).
func (r *resolvents) top() float64 {
	top, before := 0.0, 0.0
	for i, y := range r.d {
		e := math.Abs(r.e[i])
		top, before = max(top, math.Abs(y)+e+before), e
	}
	return top
}

// add adds the nodes to the sum.
func (r *resolvents) add() {
	for rest := r.nodes; len(rest) > 0; {
		for r.groups = 0; len(rest) > 0 && r.groups < groupsAtOnce; r.groups++ {
			r.prepare(r.groups, rest[:min(chainSums, len(rest))])
			rest = rest[min(chainSums, len(rest)):]
		}
		if r.split != nil && r.n*r.n*r.groups*chainSums >= leastWork {
			r.split(r.strips(), r.item)
			continue
		}
		for k := range r.strips() {
			r.strip(k)
		}
	}
}

// group returns the links, roots and reach of group i.
func (r *resolvents) group(i int) (links, roots, reach []float64) {
	size := chainSums * r.n
	return r.links[i*size:][:size], r.roots[i*size:][:size], r.reach[i*size:][:size]
}

// prepare computes them for its nodes.
func (r *resolvents) prepare(group int, nodes []node) {
	links, roots, reach := r.group(group)
	var at [chainSums]node
	for k := copy(at[:], nodes); k < chainSums; k++ {
		at[k].s = at[0].s // with a weight of zero
	}
	var off, far [chainSums]float64 // of the row above: l²·D, and the reach times the link
	for i, d := range r.d {
		to := (r.n - 1 - i) * chainSums
		link, root, reach := links[to:][:chainSums], roots[to:][:chainSums], reach[to:][:chainSums]
		for k := range at {
			pivot := d + at[k].s - off[k]
			inverse := 1 / pivot
			l := float64(r.e[i] * inverse)
			off[k] = float64(l * r.e[i])
			link[k], root[k], reach[k] = -l, float64(at[k].w*inverse), max(1, far[k])
			far[k] = float64(math.Abs(l) * reach[k])
		}
	}
	for i := chainSums; i < len(roots); i++ {
		roots[i] += float64(float64(links[i]*links[i]) * roots[i-chainSums])
	}
}

// strip adds what is in the columns of strip k.
func (r *resolvents) strip(k int) {
	sum := r.sum[k*chainCols*r.n:][:chainCols*r.n]
	top := k * chainCols
	for group := range r.groups {
		links, roots, reach := r.group(group)
		var x [chainSums][chainCols]float64
		for i := min(top+chainCols, r.n) - 1; i >= top; i-- {
			at := (r.n - 1 - i) * chainSums
			gemm.Chain(sum[i*chainCols:][:chainCols], &x, links[at:][:chainSums])
			root := roots[at:][:chainSums]
			for q := range x {
				x[q][i-top] = root[q]
			}
			sum[i*chainCols+i-top] += (root[0] + root[1]) + (root[2] + root[3])
		}
		for i := top; i > 0 && !faded(&x, reach[(r.n-1-i)*chainSums:]); {
			low := max(0, i-rowsAhead)
			gemm.Chain(sum[low*chainCols:i*chainCols], &x, links[(r.n-i)*chainSums:(r.n-low)*chainSums])
			i = low
		}
	}
}

// faded reports that what the rows of x come to farther on is negligible.
func faded(x *[chainSums][chainCols]float64, reach []float64) bool {
	for k := range x {
		top := 0.0
		for _, y := range x[k] {
			top = max(top, math.Abs(y))
		}
		if !(float64(top*reach[k]) < negligibly) {
			return false
		}
	}
	return true
}

// whole sets a to the sum, whose diagonal is larger by more.
func (r *resolvents) whole(a []float64, more float64) {
	n := r.n
	for i := range n {
		for j := i; j < n; j++ {
			a[j*n+i] = r.sum[j/chainCols*chainCols*n+i*chainCols+j%chainCols]
		}
		a[i*n+i] += more
	}
	mirror(a, n)
}

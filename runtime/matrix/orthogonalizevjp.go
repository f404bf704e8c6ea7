package matrix

import (
	"math"

	"github.com/optc-lang/optc/runtime/elem"
)

// OrthogonalizeVJP sets Out to the product of D with the derivative of Orthogonalize
// at G, for In = G, D (m×n) and Params = steps: its iterations are differentiated, as
// they are. A step takes the cotangent Y of its result to
//
//	a·Y + (b·A + c·A²)·Y + (b·S + c·(S·A + A·S))·X,  A = X·Xᵀ,  S = Y·Xᵀ + X·Yᵀ
//
// and the start, with N = G/‖G‖, to (Y - ⟨Y, N⟩·X)/(‖G‖ + 1e-7).
//
// The steps are computed in T, as those of Orthogonalize. The X of every √steps-th
// step are kept, and those between are computed again. The result differs from that in
// exact arithmetic by at most 16·k·u_T·16^steps·‖D‖/(‖G‖ + 1e-7) in the Frobenius norm,
// k being the smaller extent. NaN for an input that is not finite and for other steps.
func OrthogonalizeVJP[T elem.Float](c *Call[T]) {
	p, ok := c.pullback("OrthogonalizeVJP")
	if !ok {
		c.fail()
		return
	}
	segment := 1
	for segment*segment < p.steps {
		segment++
	}
	kept := (p.steps + segment - 1) / segment
	starts, chain := p.w.own.get(max(kept, 1)*len(p.x)), p.w.own.get((segment+1)*len(p.x))
	at := func(of []T, i int) []T { return of[i*len(p.x):][:len(p.x)] }
	copy(at(starts, 0), p.x)
	for i := range kept - 1 {
		copy(at(chain, 0), at(starts, i))
		p.forward(chain, segment)
		copy(at(starts, i+1), at(chain, segment))
	}
	for i := kept - 1; i >= 0; i-- {
		n := min(segment, p.steps-i*segment)
		copy(at(chain, 0), at(starts, i))
		p.forward(chain, n)
		for j := n - 1; j >= 0; j-- {
			p.step(at(chain, j))
		}
	}
	p.start()
	p.store(c)
}

// OrthogonalizeJVP sets Out to the derivative of Orthogonalize at G in the direction D,
// for In = G, D (m×n) and Params = steps: the steps of OrthogonalizeVJP, which are their
// own transposes, in their own order. Bound and failures are its.
func OrthogonalizeJVP[T elem.Float](c *Call[T]) {
	p, ok := c.pullback("OrthogonalizeJVP")
	if !ok {
		c.fail()
		return
	}
	p.start()
	next := p.w.own.get(len(p.x))
	for range p.steps {
		p.step(p.x)
		quintic(&p.w.mul, next, p.x, p.a, p.b, p.k, p.n)
		p.x, next = next, p.x
	}
	p.store(c)
}

// pullback is the state of a derivative of Orthogonalize: X and the direction Y, k×n
// with k <= n.
type pullback[T elem.Float] struct {
	w           *Work[T]
	k, n, steps int
	x, y, next  []T
	a, b, s, m  []T       // k×k
	unit        []float64 // G/‖G‖, zero for zero
	norm        float64   // ‖G‖ + 1e-7, times 2^-e
	share       float64   // of ‖G‖ in that
	e, ed       int       // G and D were scaled by 2^-e and 2^-ed
	wide        []float64
}

// pullback loads the operands. It reports false if they or steps are not what they must be.
func (c *Call[T]) pullback(op string) (p pullback[T], ok bool) {
	in, by := c.in(0), c.in(1)
	w := c.begin(op, 2, 1, by.is(in.Rows, in.Cols) && c.Out.is(in.Rows, in.Cols))
	steps := int(max(-1, min(c.Params[0], maxSteps+1)))
	if float64(steps) != c.Params[0] || steps < 0 || steps > maxSteps {
		return p, false
	}
	g, e, fine := loadTall(&w.wide, in)
	d, ed, finite := loadTall(&w.wide, by)
	if !fine || !finite {
		return p, false
	}
	k, n := g.cols, g.rows
	p = pullback[T]{w: w, k: k, n: n, steps: steps, e: e, ed: ed,
		x: w.own.get(k * n), y: w.own.get(k * n), next: w.own.get(k * n),
		a: w.own.get(k * k), b: w.own.get(k * k), s: w.own.get(k * k), m: w.own.get(k * k),
		unit: w.wide.get(k * n), wide: w.wide.get(k * n)}
	transpose(p.unit, g.data, n, k)
	transpose(p.wide, d.data, n, k)
	for i, v := range p.wide {
		p.y[i] = T(v)
	}
	size := math.Sqrt(dot(p.unit, p.unit))
	p.norm = size + power(-e).times(1e-7)
	for i, v := range p.unit {
		p.x[i] = T(v / p.norm)
	}
	p.share = size / p.norm
	if size > 0 {
		divide(p.unit, size)
	}
	return p, true
}

// start takes Y through G/(‖G‖ + 1e-7), without the scale of G.
func (p *pullback[T]) start() {
	for i, v := range p.y {
		p.wide[i] = float64(v)
	}
	axpy(p.wide, -float64(dot(p.wide, p.unit)*p.share), p.unit)
	for i, v := range p.wide {
		p.y[i] = T(v)
	}
}

// forward sets chain, which begins with X, to the X of so many steps.
func (p *pullback[T]) forward(chain []T, steps int) {
	for i := range steps {
		x, y := chain[i*len(p.x):][:len(p.x)], chain[(i+1)*len(p.x):][:len(p.x)]
		quintic(&p.w.mul, y, x, p.a, p.b, p.k, p.n)
	}
}

// step takes Y through a step at x.
func (p *pullback[T]) step(x []T) {
	k, n := p.k, p.n
	mul := &p.w.mul
	mul.nt(p.a, x, x, k, k, n, false)
	mul.nt(p.m, p.y, x, k, k, n, false)
	for i := range k {
		for j := range i + 1 {
			sum := p.m[i*k+j] + p.m[j*k+i]
			p.s[i*k+j], p.s[j*k+i] = sum, sum
		}
	}
	mul.nn(p.m, p.s, p.a, k, k, k, false)
	mul.nn(p.b, p.a, p.a, k, k, k, false)
	for i := range k {
		for j := range k {
			both := p.m[i*k+j] + p.m[j*k+i]
			p.s[i*k+j] = T(-4.7750*p.s[i*k+j]) + T(2.0315*both)
			p.b[i*k+j] = T(-4.7750*p.a[i*k+j]) + T(2.0315*p.b[i*k+j])
		}
	}
	for i, v := range p.y {
		p.next[i] = T(3.4445 * v)
	}
	mul.nn(p.next, p.b, p.y, k, n, k, true)
	mul.nn(p.next, p.s, x, k, n, k, true)
	p.y, p.next = p.next, p.y
}

// store stores Y/(‖G‖ + 1e-7) in the scale of D.
func (p *pullback[T]) store(c *Call[T]) {
	for i, v := range p.y {
		p.wide[i] = float64(v) / p.norm
	}
	out := tall{p.w.wide.get(len(p.y)), p.n, p.k}
	transpose(out.data, p.wide, p.k, p.n)
	c.storeTall(&p.w.wide, out, p.ed-p.e)
}

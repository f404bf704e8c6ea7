package matrix

import (
	"math"

	"github.com/optc-lang/optc/runtime/elem"
)

// InvRoot sets Out = (A + ridge·I)^(-1/p) for In = A (n×n) symmetric and
// Params = p, ridge; p is a whole number from 1 to 16. It reads the lower triangle
// of A alone.
//
// The ridge is added as it is, like the ε·I of Gupta, Koren and Singer 2018,
// algorithm 1. (The code of Anil et al. 2020 adds ridge times the largest
// eigenvalue of A unless told otherwise; a rule that wants this passes that
// product.)
//
// The coupled Newton iteration of Guo and Higham 2006, as used by Anil et al. 2020
// (Scalable Second Order Optimization for Deep Learning):
//
//	B = ((p+1)·I - M)/p,  H ← H·B,  M ← Bᵖ·M
//
// from M = z·(A + ridge·I) and H = z^(1/p)·I, where 1/z is an upper bound of the
// largest eigenvalue λ, at most n^(1/16)·λ. It ends with the step after
// max|M - I| < 2^-26, when the next would be below 2^-50. The error relative to
// the largest entry of the result is at most 8·n·u·κ, κ the condition number of
// A + ridge·I. NaN if A + ridge·I is not positive definite, or if κ exceeds about
// 2^52/n: as many iterations are allowed as that needs.
func InvRoot[T elem.Float](c *Call[T]) {
	in := c.in(0)
	n := in.Rows
	w := c.begin("InvRoot", 1, 2, in.is(n, n) && c.Out.is(n, n))
	p, ridge := int(max(0, min(c.Params[0], 17))), c.Params[1]
	own := w.own.get(n * n)
	copy(own, in.Data)
	mirror(own, n)
	s := newton{mul: &w.wide.mul, p: p, n: n, m: w.wide.get(n * n), h: w.wide.get(n * n), b: w.wide.get(n * n), x: w.wide.get(n * n)}
	e, ok := load(s.m, own)
	if !ok || float64(p) != c.Params[0] || p < 1 || p > 16 || !elem.IsFinite(ridge) {
		c.fail()
		return
	}
	e = s.damp(e, ridge)
	if !s.start() || !s.iterate() {
		c.fail()
		return
	}
	for i := range n { // rounding has left H not quite symmetric
		for j := range i {
			mean := (s.h[i*n+j] + s.h[j*n+i]) / 2
			s.h[i*n+j], s.h[j*n+i] = mean, mean
		}
	}
	c.store(s.h, -e/p)
}

// newton is the state of the iteration: M, H, B and one temporary, n×n each.
type newton struct {
	mul        *product[float64]
	p, n       int
	m, h, b, x []float64
}

// damp adds ridge to M·2^e, and scales the sum by 2^-e for a new e, a multiple of p
// that brings its largest entry to [1, 2^(p+1)).
func (s *newton) damp(e int, ridge float64) int {
	if r := exponent(ridge); ridge != 0 && r > e {
		shift(s.m, e-r)
		e = r
	}
	ridge = power(-e).times(ridge)
	for i := range s.n {
		s.m[i*s.n+i] += ridge
	}
	top := exponent(largest(s.m))
	e += top
	rest := ((e % s.p) + s.p) % s.p
	shift(s.m, rest-top)
	return e - rest
}

// start scales M by z and sets H. 1/z = ‖M⁸‖^(1/8), in the Frobenius norm: no
// eigenvalue exceeds it, and it exceeds the largest by at most n^(1/16).
func (s *newton) start() bool {
	copy(s.x, s.m)
	for range 3 {
		s.square(s.b, s.x, s.x, mirrored)
		s.b, s.x = s.x, s.b
	}
	bound := math.Sqrt(dot(s.x, s.x))
	for range 3 {
		bound = math.Sqrt(bound)
	}
	if s.n > 0 && !(bound > 0) {
		return false
	}
	z := 1 / bound
	for i := range s.m {
		s.m[i] = float64(s.m[i] * z)
	}
	root := elem.Pow(z, 1/float64(s.p))
	clear(s.h)
	for i := range s.n {
		s.h[i*s.n+i] = root
	}
	return true
}

// near is the distance of M from I after which one more step suffices.
const near = 0x1p-26

// iterate reports whether H has converged.
func (s *newton) iterate() bool {
	for range steps(s.p, s.n) {
		far := s.distance()
		if !(far < 4) { // an eigenvalue below zero grows without end
			return false
		}
		s.factor()
		s.mul.nn(s.x, s.h, s.b, s.n, s.n, s.n, false)
		s.h, s.x = s.x, s.h
		if far < near {
			return true
		}
		s.advance()
	}
	return false
}

// steps returns the number of iterations that an eigenvalue n·2^-52 of M takes.
func steps(p, n int) int {
	count := 1
	for m := float64(float64(max(n, 4)) * 0x1p-52); !(1-m < near); count++ {
		b := (float64(p+1) - m) / float64(p)
		for range p {
			m = float64(m * b)
		}
	}
	return count
}

// distance returns max|M - I|, NaN if there is one.
func (s *newton) distance() float64 {
	top := 0.0
	for i := range s.n {
		for j, x := range s.m[i*s.n:][:s.n] {
			if i == j {
				x--
			}
			top = max(top, math.Abs(x))
		}
	}
	return top
}

// factor sets B = ((p+1)·I - M)/p.
func (s *newton) factor() {
	p := float64(s.p)
	for i, x := range s.m {
		s.b[i] = -x / p
	}
	for i := range s.n {
		s.b[i*s.n+i] = (p + 1 - s.m[i*s.n+i]) / p
	}
}

// advance sets M = Bᵖ·M, by squaring B, and makes it symmetric.
func (s *newton) advance() {
	n := s.n
	for p := s.p; ; {
		switch {
		case p == 1:
			s.square(s.x, s.b, s.m, lower)
			s.m, s.x = s.x, s.m
			mirror(s.m, n)
			return
		case p%2 == 1:
			s.mul.nn(s.x, s.b, s.m, n, n, n, false)
			s.m, s.x = s.x, s.m
		}
		p /= 2
		s.square(s.x, s.b, s.b, mirrored)
		s.b, s.x = s.x, s.b
	}
}

// square is a product of which half is needed.
func (s *newton) square(c, a, b []float64, h cover) {
	s.mul.square(c, view{a, s.n}.plain(), view{b, s.n}.plain(), s.n, s.n, h)
}

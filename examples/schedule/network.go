package main

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
)

// The network of 64 pixels, 32 units and 10 classes: z = tanh(x·w1 + b1)·w2 + b2 under softmax cross-entropy. It is smooth,
// so that the loss after many steps is a smooth function of what the steps did.
const pixels, units, classes = 64, 32, 10

// Its parameters, in their order.
const (
	w1 = iota
	b1
	w2
	b2
)

var shapes = [][]int{w1: {pixels, units}, b1: {units}, w2: {units, classes}, b2: {classes}}
var names = []string{w1: "hidden.weight", b1: "hidden.bias", w2: "output.weight", b2: "output.bias"}

// number is what the network computes with. A product of its Hessian with a vector v is its gradient in complex numbers:
// ∇f(x + iεv) = ∇f(x) + iεHv + O(ε²), without a difference of near values, so exact to rounding for a tiny ε (Squire and
// Trapp 1998).
type number interface{ float64 | complex128 }

// images are rows of data with a class each.
type images struct {
	x     [][]float32
	class []int
}

// at are some of the rows.
func (d images) at(rows []int) images {
	var out images
	for _, r := range rows {
		out.x, out.class = append(out.x, d.x[r]), append(out.class, d.class[r])
	}
	return out
}

// zeros are numbers of the network's shapes.
func zeros[T number]() [][]T {
	out := make([][]T, len(shapes))
	for k, s := range shapes {
		n := 1
		for _, d := range s {
			n *= d
		}
		out[k] = make([]T, n)
	}
	return out
}

// initial draws weights uniformly from ±sqrt(3/inputs); biases are zero.
func initial(seed uint64) [][]float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	p := zeros[float64]()
	for _, k := range []int{w1, w2} {
		for i := range p[k] {
			p[k][i] = math.Sqrt(3/float64(shapes[k][0])) * (2*r.Float64() - 1)
		}
	}
	return p
}

// loss is the mean loss of p on the data. With grad, which may be nil, it overwrites grad with its gradient.
func loss[T number](p [][]T, d images, grad [][]T) T {
	for _, g := range grad {
		clear(g)
	}
	var sum T
	share := num[T](1 / float64(len(d.x)))
	h, dh, z := make([]T, units), make([]T, units), make([]T, classes)
	for i, x := range d.x {
		forward(p, x, h, z)
		sum += crossEntropy(z, d.class[i]) * share
		if grad == nil {
			continue
		}
		for k := range z { // now the gradient in z
			z[k] *= share
			grad[b2][k] += z[k]
		}
		for j := range h {
			row, g := p[w2][j*classes:][:classes], grad[w2][j*classes:][:classes]
			dh[j] = 0
			for k := range z {
				g[k] += h[j] * z[k]
				dh[j] += row[k] * z[k]
			}
			dh[j] *= 1 - h[j]*h[j]
			grad[b1][j] += dh[j]
		}
		for pixel, v := range x {
			if v == 0 {
				continue
			}
			for j, g := range grad[w1][pixel*units:][:units] {
				grad[w1][pixel*units+j] = g + num[T](float64(v))*dh[j]
			}
		}
	}
	return sum
}

// forward fills h and z for an image.
func forward[T number](p [][]T, x []float32, h, z []T) {
	copy(h, p[b1])
	for pixel, v := range x {
		if v == 0 {
			continue
		}
		a := num[T](float64(v))
		for j, w := range p[w1][pixel*units:][:units] {
			h[j] += a * w
		}
	}
	copy(z, p[b2])
	for j := range h {
		h[j] = tanh(h[j])
		for k, w := range p[w2][j*classes:][:classes] {
			z[k] += h[j] * w
		}
	}
}

// crossEntropy is log Σ exp(z) - z[class], and replaces z with its gradient.
func crossEntropy[T number](z []T, class int) T {
	top := z[0]
	for _, v := range z {
		if realPart(v) > realPart(top) {
			top = v
		}
	}
	loss := top - z[class]
	var sum T
	for k, v := range z {
		z[k] = exp(v - top)
		sum += z[k]
	}
	for k := range z {
		z[k] /= sum
	}
	z[class]--
	return loss + log(sum)
}

// curvature adds to to the product of the Hessian at p with v.
func curvature(to, p, v [][]float64, d images) {
	const epsilon = 1e-100
	at, grad := zeros[complex128](), zeros[complex128]()
	for k := range p {
		for i := range p[k] {
			at[k][i] = complex(p[k][i], epsilon*v[k][i])
		}
	}
	loss(at, d, grad)
	for k := range to {
		for i := range to[k] {
			to[k][i] += imag(grad[k][i]) / epsilon
		}
	}
}

// num is a float64 as a number.
func num[T number](v float64) (out T) {
	switch p := any(&out).(type) {
	case *float64:
		*p = v
	case *complex128:
		*p = complex(v, 0)
	}
	return out
}

func realPart[T number](v T) float64 {
	switch v := any(v).(type) {
	case complex128:
		return real(v)
	case float64:
		return v
	}
	return math.NaN()
}

func tanh[T number](v T) T { return analytic(v, math.Tanh, cmplx.Tanh) }
func exp[T number](v T) T  { return analytic(v, math.Exp, cmplx.Exp) }
func log[T number](v T) T  { return analytic(v, math.Log, cmplx.Log) }

// analytic is a function of v, given for both kinds of numbers.
func analytic[T number](v T, f func(float64) float64, g func(complex128) complex128) (out T) {
	switch p := any(&out).(type) {
	case *float64:
		*p = f(realPart(v))
	case *complex128:
		*p = g(any(v).(complex128))
	}
	return out
}

package tasks

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// An mlp is a classifier with one hidden layer. For the rows x of a batch with
// classes y,
//
//	h = max(x·w1 + b1, 0)    z = h·w2 + b2    loss = mean(log Σ exp(z) - z[y])
//
// It is written for float32 and float64 alike: the tests compare the gradients
// with finite differences in float64. Every product is rounded before it is
// added, so that no compiler fuses the two.
type mlp[T gemm.Float] struct {
	in, hidden, out int
	data            *dataset[T]
	x, h, dh, z     []T
}

// The parameters of an mlp in their order.
const (
	w1 = iota
	b1
	w2
	b2
)

func (m *mlp[T]) params() []Param {
	return []Param{
		w1: {"w1", []int{m.in, m.hidden}},
		b1: {"b1", []int{m.hidden}},
		w2: {"w2", []int{m.hidden, m.out}},
		b2: {"b2", []int{m.out}},
	}
}

// init draws weights uniformly from ±sqrt(6/inputs), whose variance is that of
// He et al. 2015, 2/inputs, and sets biases to zero.
func (m *mlp[T]) init(p [][]T, seed uint64) {
	uniform(p[w1], m.in, newStream(seed, purposeInit, w1))
	clear(p[b1])
	uniform(p[w2], m.hidden, newStream(seed, purposeInit, w2))
	clear(p[b2])
}

func uniform[T gemm.Float](w []T, inputs int, s *stream) {
	bound := math.Sqrt(6 / float64(inputs))
	for i := range w {
		w[i] = T(bound * s.symmetric())
	}
}

// gradient overwrites g with the gradient of the mean loss over these rows of
// the data, and returns the loss.
func (m *mlp[T]) gradient(p, g [][]T, rows []int) T {
	n := len(rows)
	m.forward(p, rows)
	var sum T
	for i, r := range rows {
		sum += crossEntropy(m.z[i*m.out:][:m.out], m.data.class[r], T(n))
	}
	dz := m.z // crossEntropy has put the gradient in its place
	gemm.TN(g[w2], m.h, dz, m.hidden, m.out, n, false)
	sumRows(g[b2], dz, n)
	gemm.NT(m.dh, dz, p[w2], n, m.hidden, m.out, false)
	dh := m.dh[:n*m.hidden]
	for i, h := range m.h[:len(dh)] {
		on := 0 // an index, not a branch: half of the units are off, at random
		if h != 0 {
			on = 1
		}
		dh[i] = [2]T{0, dh[i]}[on]
	}
	gemm.TN(g[w1], m.x, dh, m.in, m.hidden, n, false)
	sumRows(g[b1], dh, n)
	return sum / T(n)
}

// score returns the mean loss and the share of rows whose class has the largest
// z, for any number of rows. A z with a NaN counts as wrong.
func (m *mlp[T]) score(p [][]T, rows []int) Score {
	const chunk = 64
	var loss float64
	right := 0
	for part := range slices.Chunk(rows, chunk) {
		m.forward(p, part)
		for i, r := range part {
			z, y := m.z[i*m.out:][:m.out], m.data.class[r]
			if largest(z) == y {
				right++
			}
			loss += float64(crossEntropy(z, y, 1))
		}
	}
	n := float64(len(rows))
	return Score{Loss: loss / n, Accuracy: float64(right) / n}
}

// example returns a row of the data with its class.
func (m *mlp[T]) example(row int) (input []T, class int) {
	return m.data.x[row*m.in:][:m.in], m.data.class[row]
}

// forward fills x, h and z for these rows of the data.
func (m *mlp[T]) forward(p [][]T, rows []int) {
	n := len(rows)
	m.reserve(n)
	for i, r := range rows {
		copy(m.x[i*m.in:][:m.in], m.data.x[r*m.in:])
	}
	gemm.NN(m.h, m.x, p[w1], n, m.hidden, m.in, false)
	for i := range n {
		h := m.h[i*m.hidden:][:m.hidden]
		for j, b := range p[b1][:len(h)] {
			h[j] = max(h[j]+b, 0) // a NaN stays a NaN
		}
	}
	gemm.NN(m.z, m.h, p[w2], n, m.out, m.hidden, false)
	for i := range n {
		z := m.z[i*m.out:][:m.out]
		for j, b := range p[b2][:len(z)] {
			z[j] += b
		}
	}
}

// reserve makes room for n rows.
func (m *mlp[T]) reserve(n int) {
	if n*m.in <= len(m.x) {
		return
	}
	m.x = make([]T, n*m.in)
	m.h = make([]T, n*m.hidden)
	m.dh = make([]T, n*m.hidden)
	m.z = make([]T, n*m.out)
}

// crossEntropy returns log Σ exp(z) - z[y] and replaces z with the gradient of
// that divided by n: (softmax(z) - [y])/n.
func crossEntropy[T gemm.Float](z []T, y int, n T) T {
	top := z[0]
	for _, v := range z {
		top = max(top, v)
	}
	loss := top - z[y]
	var sum T
	for j, v := range z {
		z[j] = elem.Exp(v - top)
		sum += z[j]
	}
	loss += elem.Log(sum)
	for j, e := range z {
		z[j] = e / sum
	}
	z[y]--
	for j := range z {
		z[j] /= n
	}
	return loss
}

// largest returns the first index of the largest element, -1 if one is NaN.
func largest[T gemm.Float](z []T) int {
	at := 0
	for j, v := range z {
		if v != v {
			return -1
		}
		if v > z[at] {
			at = j
		}
	}
	return at
}

// sumRows sets sum to the sum of the n rows of a, from the first to the last.
func sumRows[T gemm.Float](sum, a []T, n int) {
	clear(sum)
	for i := range n {
		for j, v := range a[i*len(sum):][:len(sum)] {
			sum[j] += v
		}
	}
}

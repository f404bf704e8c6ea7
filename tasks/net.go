package tasks

import (
	"fmt"
	"math"

	"github.com/optc-lang/optc/internal/gemm"
)

// A net is a feedforward network. For the rows h₀ of a batch,
//
//	hₗ = f(hₗ₋₁·wₗ + bₗ)    z = hₘ₋₁·wₘ + bₘ    loss = mean over rows of head(z)
//
// Without a hidden layer it is linear or logistic regression; with the input as
// the target it is an autoencoder.
type net[T gemm.Float] struct {
	widths []int // of input, hidden layers and output
	act    activation
	head   head
	data   *dataset[T]

	h, d [][]T // by layer: the values, and the gradient at them
}

// An activation is what the hidden layers of a net put a sum through.
type activation int

const (
	relu activation = iota
	tanhUnit
)

// A head is the loss of a net.
type head int

const (
	classHead  head = iota // softmax cross-entropy with the row's class
	targetHead             // mean square of the error
	inputHead              // the same, of the input
)

// The parameters of a net with one hidden layer in their order.
const (
	w1 = iota
	b1
	w2
	b2
)

func (m *net[T]) layers() int { return len(m.widths) - 1 }

func (m *net[T]) params() []Param {
	var out []Param
	for l := range m.layers() {
		out = append(out, Param{fmt.Sprintf("w%d", l+1), []int{m.widths[l], m.widths[l+1]}}, Param{fmt.Sprintf("b%d", l+1), []int{m.widths[l+1]}})
	}
	return out
}

// init draws the weights and sets the biases to zero. The variance of a weight is
// 2/inputs below rectified units, half of that below tanh. Without a hidden layer
// the deviation is a hundredth of that: such a model is convex and needs none, but
// inputs that are not scaled would make much of it.
func (m *net[T]) init(p [][]T, seed uint64) {
	m.initFrom(p, seed, 0)
	if m.layers() == 1 {
		for i := range p[w1] {
			p[w1][i] /= 100
		}
	}
}

// initFrom is init for a net whose parameters are those from the first on of a
// larger model.
func (m *net[T]) initFrom(p [][]T, seed, first uint64) {
	for l := range m.layers() {
		s := newStream(seed, purposeInit, first+uint64(2*l))
		if m.act == tanhUnit {
			within(p[2*l], math.Sqrt(3/float64(m.widths[l])), s)
		} else {
			uniform(p[2*l], m.widths[l], s)
		}
		clear(p[2*l+1])
	}
}

func (m *net[T]) use(data *dataset[T]) { m.data = data }

func (m *net[T]) gradient(p, g [][]T, rows []int) T {
	n := len(rows)
	m.load(rows)
	m.forward(p, n)
	var sum T
	for i, r := range rows {
		sum += m.loss(i, r, T(n))
	}
	m.backward(p, g, n, false)
	return sum / T(n)
}

func (m *net[T]) tally(p [][]T, rows []int, t *tally) {
	m.load(rows)
	m.forward(p, len(rows))
	for i, r := range rows {
		if m.head == classHead && largest(m.out(i)) == m.data.class[r] {
			t.right++
		}
		t.add(float64(m.loss(i, r, 1)))
	}
}

// out is the row i of z.
func (m *net[T]) out(i int) []T {
	l := m.layers()
	return m.h[l][i*m.widths[l]:][:m.widths[l]]
}

// loss is the loss of row i of the batch, which is row r of the data. It replaces
// z with the gradient.
func (m *net[T]) loss(i, r int, n T) T {
	switch m.head {
	case classHead:
		return crossEntropy(m.out(i), m.data.class[r], n)
	case targetHead:
		return squares(m.out(i), m.data.y[r:r+1], n)
	}
	return squares(m.out(i), m.data.input(r), n)
}

// load makes room for these rows of the data and copies them.
func (m *net[T]) load(rows []int) {
	m.reserve(len(rows))
	in := m.widths[0]
	for i, r := range rows {
		copy(m.h[0][i*in:][:in], m.data.x[r*in:])
	}
}

// reserve makes room for n rows.
func (m *net[T]) reserve(n int) {
	if m.h == nil {
		m.h, m.d = make([][]T, len(m.widths)), make([][]T, len(m.widths))
	}
	if n*m.widths[0] <= len(m.h[0]) {
		return
	}
	for l, width := range m.widths {
		m.h[l] = make([]T, n*width)
		m.d[l] = make([]T, n*width)
	}
}

// forward computes every layer of n rows from the first.
func (m *net[T]) forward(p [][]T, n int) {
	for l := range m.layers() {
		in, out := m.widths[l], m.widths[l+1]
		h, b := m.h[l+1], p[2*l+1]
		gemm.NN(h, m.h[l], p[2*l], n, out, in, false)
		switch {
		case l == m.layers()-1:
			addBias(h, b, n)
		case m.act == relu:
			rectify(h, b, n)
		default:
			saturate(h, b, n)
		}
	}
}

// backward overwrites g with the gradient, whose part at z has taken its place;
// if input, d[0] becomes that at the input.
func (m *net[T]) backward(p, g [][]T, n int, input bool) {
	d := m.h[m.layers()]
	for l := m.layers() - 1; l >= 0; l-- {
		in, out := m.widths[l], m.widths[l+1]
		gemm.TN(g[2*l], m.h[l], d, in, out, n, false)
		sumRows(g[2*l+1], d, n)
		if l == 0 && !input {
			return
		}
		gemm.NT(m.d[l], d, p[2*l], n, in, out, false)
		d = m.d[l]
		switch {
		case l == 0:
		case m.act == relu:
			rectified(d, m.h[l][:n*in])
		default:
			saturated(d, m.h[l][:n*in])
		}
	}
}

// example returns a row of the data with its class.
func (m *net[T]) example(row int) (input []T, class int) {
	return m.data.input(row), m.data.class[row]
}

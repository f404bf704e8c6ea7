package tasks

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// An attention is a language model of one transformer block, of characters. For
// the characters c of a window, with N(x) = x/rms(x) by rows,
//
//	x₀ = emb[c] + pos               of each head: a = softmax(q·kᵀ/√d over the past)·v
//	q, k, v = N(x₀)·wq, ·wk, ·wv    x₁ = x₀ + (a of all heads)·wo
//	x₂ = x₁ + max(N(x₁)·w1 + b1, 0)·w2 + b2
//	z = N(x₂)·wu + bu               loss = mean over all places of log Σ exp(z) - z[next]
type attention[T gemm.Float] struct {
	symbols, length, width, heads, hidden int
	data                                  *dataset[T]
	batch                                 int // windows that the buffers hold

	x, y             [3][]T // the residual stream and its normalised form
	root             [3][]T // 1/rms by row
	q, k, v, a, u, z []T
	weight           []T // of the past: heads × length × length for each window
	kt               []T // k or v of one window, transposed
	dx, dy           []T
	dq, dk, dv, da   []T
	du, dweight      []T
}

// The parameters of an attention in their order.
const (
	attEmb = iota
	attPos
	attQ
	attK
	attV
	attO
	attW1
	attB1
	attW2
	attB2
	attU
	attBU
)

func (m *attention[T]) params() []Param {
	d := m.width
	return []Param{
		attEmb: {"emb", []int{m.symbols, d}},
		attPos: {"pos", []int{m.length, d}},
		attQ:   {"wq", []int{d, d}},
		attK:   {"wk", []int{d, d}},
		attV:   {"wv", []int{d, d}},
		attO:   {"wo", []int{d, d}},
		attW1:  {"w1", []int{d, m.hidden}},
		attB1:  {"b1", []int{m.hidden}},
		attW2:  {"w2", []int{m.hidden, d}},
		attB2:  {"b2", []int{d}},
		attU:   {"wu", []int{d, m.symbols}},
		attBU:  {"bu", []int{m.symbols}},
	}
}

func (m *attention[T]) init(p [][]T, seed uint64) {
	for i, param := range m.params() {
		s := newStream(seed, purposeInit, uint64(i))
		switch {
		case len(param.Shape) == 1:
			clear(p[i])
		case i <= attPos:
			within(p[i], 0.5, s)
		case i == attW1:
			uniform(p[i], param.Shape[0], s)
		default:
			within(p[i], math.Sqrt(3/float64(param.Shape[0])), s)
		}
	}
}

func (m *attention[T]) use(data *dataset[T]) { m.data = data }

func (m *attention[T]) reserve(n int) {
	if n <= m.batch {
		return
	}
	m.batch = n
	rows := n * m.length
	for i := range m.x {
		m.x[i], m.y[i], m.root[i] = make([]T, rows*m.width), make([]T, rows*m.width), make([]T, rows)
	}
	for _, s := range []*[]T{&m.q, &m.k, &m.v, &m.a, &m.dx, &m.dy, &m.dq, &m.dk, &m.dv, &m.da} {
		*s = make([]T, rows*m.width)
	}
	m.u, m.du, m.z = make([]T, rows*m.hidden), make([]T, rows*m.hidden), make([]T, rows*m.symbols)
	m.weight = make([]T, rows*m.heads*m.length)
	m.dweight, m.kt = make([]T, m.length*m.length), make([]T, m.width*m.length)
}

func (m *attention[T]) forward(p [][]T, rows []int) {
	n, d := len(rows)*m.length, m.width
	m.reserve(len(rows))
	for i, r := range rows {
		for t, c := range m.data.window(r, m.length) {
			x := m.x[0][(i*m.length+t)*d:][:d]
			pos := p[attPos][t*d:][:d]
			for j, v := range p[attEmb][int(c)*d:][:d] {
				x[j] = v + pos[j]
			}
		}
	}
	m.normalise(0, n)
	gemm.NN(m.q, m.y[0], p[attQ], n, d, d, false)
	gemm.NN(m.k, m.y[0], p[attK], n, d, d, false)
	gemm.NN(m.v, m.y[0], p[attV], n, d, d, false)
	for i := range rows {
		m.attend(i)
	}
	copy(m.x[1][:n*d], m.x[0])
	gemm.NN(m.x[1], m.a, p[attO], n, d, d, true)
	m.normalise(1, n)
	gemm.NN(m.u, m.y[1], p[attW1], n, m.hidden, d, false)
	rectify(m.u, p[attB1], n)
	copy(m.x[2][:n*d], m.x[1])
	gemm.NN(m.x[2], m.u, p[attW2], n, d, m.hidden, true)
	addBias(m.x[2], p[attB2], n)
	m.normalise(2, n)
	gemm.NN(m.z, m.y[2], p[attU], n, m.symbols, d, false)
	addBias(m.z, p[attBU], n)
}

// normalise computes y and root of n rows of a place in the residual stream.
func (m *attention[T]) normalise(at, n int) {
	d := m.width
	for i := range n {
		x, y := m.x[at][i*d:][:d], m.y[at][i*d:][:d]
		var sum T
		for _, v := range x {
			sum += T(v * v)
		}
		r := 1 / elem.Sqrt(sum/T(d)+1e-6)
		m.root[at][i] = r
		for j, v := range x {
			y[j] = T(v * r)
		}
	}
}

// normalised adds to dx the gradient at x of what has the gradient dy at N(x).
func (m *attention[T]) normalised(at, n int) {
	d := m.width
	for i := range n {
		y, dy, dx, r := m.y[at][i*d:][:d], m.dy[i*d:][:d], m.dx[i*d:][:d], m.root[at][i]
		var dot T
		for j, v := range y {
			dot += T(v * dy[j])
		}
		dot /= T(d)
		for j, v := range y {
			dx[j] += T(r * (dy[j] - T(v*dot)))
		}
	}
}

// part is the columns of one head in the rows of window i.
func (m *attention[T]) part(x []T, i, head int) []T {
	return x[i*m.length*m.width+head*(m.width/m.heads):]
}

func (m *attention[T]) view(x []T, i, head int) gemm.View[T] {
	return gemm.View[T]{Data: m.part(x, i, head), Row: m.width, Col: 1}
}

// transposed puts the columns of one head in window i, transposed, into kt.
func (m *attention[T]) transposed(x []T, i, head int) []T {
	x = m.part(x, i, head)
	for j := range m.width / m.heads {
		to := m.kt[j*m.length:][:m.length]
		for t := range to {
			to[t] = x[t*m.width+j]
		}
	}
	return m.kt
}

func (m *attention[T]) attend(i int) {
	n, d := m.length, m.width/m.heads
	scale := 1 / elem.Sqrt(T(d))
	for head := range m.heads {
		w := m.weight[(i*m.heads+head)*n*n:][:n*n]
		gemm.Into(w, n, m.view(m.q, i, head), gemm.View[T]{Data: m.transposed(m.k, i, head), Row: n, Col: 1}, n, n, d, false)
		for t := range n {
			row := w[t*n:][:n]
			for j := range row {
				row[j] = T(row[j] * scale)
			}
			softmax(row[:t+1])
			clear(row[t+1:])
		}
		gemm.Into(m.part(m.a, i, head), m.width, gemm.View[T]{Data: w, Row: n, Col: 1}, m.view(m.v, i, head), n, d, n, false)
	}
}

// softmax replaces z.
func softmax[T gemm.Float](z []T) {
	top := z[0]
	for _, v := range z {
		top = max(top, v)
	}
	sum := expLess(z, top)
	for j := range z {
		z[j] /= sum
	}
}

// attended is the gradient of attend: from da to dq, dk and dv.
func (m *attention[T]) attended(i int) {
	n, d := m.length, m.width/m.heads
	scale := 1 / elem.Sqrt(T(d))
	for head := range m.heads {
		w, dw := m.weight[(i*m.heads+head)*n*n:][:n*n], m.dweight
		gemm.Into(m.part(m.dv, i, head), m.width, gemm.View[T]{Data: w, Row: 1, Col: n}, m.view(m.da, i, head), n, d, n, false)
		gemm.Into(dw, n, m.view(m.da, i, head), gemm.View[T]{Data: m.transposed(m.v, i, head), Row: n, Col: 1}, n, n, d, false)
		for t := range n {
			row, drow := w[t*n:][:n], dw[t*n:][:n]
			var dot T
			for j, v := range row[:t+1] {
				dot += T(v * drow[j])
			}
			for j, v := range row { // zero in the future, where v is
				drow[j] = T(v * (drow[j] - dot) * scale)
			}
		}
		gemm.Into(m.part(m.dq, i, head), m.width, gemm.View[T]{Data: dw, Row: n, Col: 1}, m.view(m.k, i, head), n, d, n, false)
		gemm.Into(m.part(m.dk, i, head), m.width, gemm.View[T]{Data: dw, Row: 1, Col: n}, m.view(m.q, i, head), n, d, n, false)
	}
}

// losses replaces z with the gradient divided by n and returns the sum over the
// places of the windows, each of which it adds to t unless that is nil.
func (m *attention[T]) losses(rows []int, n T, t *tally) (sum T) {
	for i, r := range rows {
		next := m.data.text[m.data.at[r]+1:]
		for k := range m.length {
			z, y := m.z[(i*m.length+k)*m.symbols:][:m.symbols], int(next[k])
			if t != nil && largest(z) == y {
				t.right++
			}
			loss := crossEntropy(z, y, n)
			if sum += loss; t != nil {
				t.add(float64(loss))
			}
		}
	}
	return sum
}

func (m *attention[T]) gradient(p, g [][]T, rows []int) T {
	n, d := len(rows)*m.length, m.width
	m.forward(p, rows)
	sum := m.losses(rows, T(n), nil)

	gemm.TN(g[attU], m.y[2], m.z, d, m.symbols, n, false)
	sumRows(g[attBU], m.z, n)
	gemm.NT(m.dy, m.z, p[attU], n, d, m.symbols, false)
	clear(m.dx[:n*d])
	m.normalised(2, n)

	gemm.TN(g[attW2], m.u, m.dx, m.hidden, d, n, false)
	sumRows(g[attB2], m.dx, n)
	gemm.NT(m.du, m.dx, p[attW2], n, m.hidden, d, false)
	rectified(m.du, m.u[:n*m.hidden])
	gemm.TN(g[attW1], m.y[1], m.du, d, m.hidden, n, false)
	sumRows(g[attB1], m.du, n)
	gemm.NT(m.dy, m.du, p[attW1], n, d, m.hidden, false)
	m.normalised(1, n)

	gemm.TN(g[attO], m.a, m.dx, d, d, n, false)
	gemm.NT(m.da, m.dx, p[attO], n, d, d, false)
	for i := range rows {
		m.attended(i)
	}
	gemm.TN(g[attQ], m.y[0], m.dq, d, d, n, false)
	gemm.TN(g[attK], m.y[0], m.dk, d, d, n, false)
	gemm.TN(g[attV], m.y[0], m.dv, d, d, n, false)
	gemm.NT(m.dy, m.dq, p[attQ], n, d, d, false)
	gemm.NT(m.dy, m.dk, p[attK], n, d, d, true)
	gemm.NT(m.dy, m.dv, p[attV], n, d, d, true)
	m.normalised(0, n)

	clear(g[attEmb])
	clear(g[attPos])
	for i, r := range rows {
		for t, c := range m.data.window(r, m.length) {
			emb, pos := g[attEmb][int(c)*d:][:d], g[attPos][t*d:][:d]
			for j, v := range m.dx[(i*m.length+t)*d:][:d] {
				emb[j] += v
				pos[j] += v
			}
		}
	}
	return sum / T(n)
}

func (m *attention[T]) tally(p [][]T, rows []int, t *tally) {
	m.forward(p, rows)
	m.losses(rows, 1, t)
}

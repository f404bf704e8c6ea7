package tasks

import "github.com/optc-lang/optc/internal/gemm"

// A chars is a character language model as in Bengio et al. 2003: the vectors of
// the last characters, end to end, are the input of a rectified network with one
// hidden layer, whose softmax is held to the next character.
type chars[T gemm.Float] struct {
	symbols, context, width int
	net                     net[T]
	data                    *dataset[T]
}

func newChars[T gemm.Float](symbols, context, width, hidden int) *chars[T] {
	return &chars[T]{symbols: symbols, context: context, width: width, net: net[T]{widths: []int{context * width, hidden, symbols}}}
}

func (m *chars[T]) params() []Param {
	return append([]Param{{"emb", []int{m.symbols, m.width}}}, m.net.params()...)
}

// init draws vectors of variance 1, as the weights of the net expect.
func (m *chars[T]) init(p [][]T, seed uint64) {
	uniform(p[0], 2, newStream(seed, purposeInit, 0))
	m.net.initFrom(p[1:], seed, 1)
}

func (m *chars[T]) use(data *dataset[T]) { m.data = data }

func (m *chars[T]) gradient(p, g [][]T, rows []int) T {
	n := len(rows)
	m.forward(p, rows)
	var sum T
	for i, r := range rows {
		sum += crossEntropy(m.net.out(i), m.next(r), T(n))
	}
	m.net.backward(p[1:], g[1:], n, true)
	clear(g[0])
	for i, r := range rows {
		for k, c := range m.data.window(r, m.context) {
			to := g[0][int(c)*m.width:][:m.width]
			for j, v := range m.net.d[0][(i*m.context+k)*m.width:][:len(to)] {
				to[j] += v
			}
		}
	}
	return sum / T(n)
}

func (m *chars[T]) tally(p [][]T, rows []int, t *tally) {
	m.forward(p, rows)
	for i, r := range rows {
		if largest(m.net.out(i)) == m.next(r) {
			t.right++
		}
		t.add(float64(crossEntropy(m.net.out(i), m.next(r), 1)))
	}
}

// next is the character that follows window r.
func (m *chars[T]) next(r int) int { return int(m.data.text[m.data.at[r]+m.context]) }

func (m *chars[T]) forward(p [][]T, rows []int) {
	m.net.reserve(len(rows))
	for i, r := range rows {
		for k, c := range m.data.window(r, m.context) {
			copy(m.net.h[0][(i*m.context+k)*m.width:][:m.width], p[0][int(c)*m.width:])
		}
	}
	m.net.forward(p[1:], len(rows))
}

package tasks

import (
	"fmt"

	"github.com/optc-lang/optc/internal/gemm"
)

// A conv is a convolutional classifier of square images of one channel: layers of
// rectified 3×3 filters, padded with zeros, of which all but the first go by two
// pixels, then a linear layer under softmax cross-entropy. A convolution is the
// product of the matrix of all 3×3 patches, one row a pixel of the output, with
// the filters (im2col).
type conv[T gemm.Float] struct {
	layers []convLayer
	top    net[T] // without hidden layers
	batch  int    // images that the buffers hold

	x, dx  [][]T // by layer: its input, and from the second on the gradient at it
	patch  [][]T // by layer: the patches of its input
	dpatch []T
}

// A convLayer maps side×side pixels of in channels to out channels. Pixels are
// by rows, the channels of a pixel together.
type convLayer struct {
	side, in, out, stride int
	from                  []int // by pixel of the output and filter tap: the pixel of the input, -1 outside
}

const taps = 9

func newConv[T gemm.Float](side int, channels []int, classes int) *conv[T] {
	m := &conv[T]{}
	in, stride := 1, 1
	for _, out := range channels {
		layer := convLayer{side: side, in: in, out: out, stride: stride}
		side = (side + stride - 1) / stride
		for y := range side {
			for x := range side {
				layer.from = append(layer.from, layer.patchAt(y*stride, x*stride)...)
			}
		}
		m.layers = append(m.layers, layer)
		in, stride = out, 2
	}
	m.top = net[T]{widths: []int{side * side * in, classes}}
	return m
}

// patchAt lists the pixels around one.
func (l convLayer) patchAt(y, x int) (from []int) {
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			at := (y+dy)*l.side + x + dx
			if y+dy < 0 || y+dy >= l.side || x+dx < 0 || x+dx >= l.side {
				at = -1
			}
			from = append(from, at)
		}
	}
	return from
}

// pixels is the number of pixels of a layer's output.
func (l convLayer) pixels() int { return len(l.from) / taps }

func (m *conv[T]) params() []Param {
	var out []Param
	for i, l := range m.layers {
		out = append(out, Param{fmt.Sprintf("k%d", i+1), []int{taps * l.in, l.out}}, Param{fmt.Sprintf("c%d", i+1), []int{l.out}})
	}
	return append(out, m.top.params()...)
}

func (m *conv[T]) init(p [][]T, seed uint64) {
	for i, l := range m.layers {
		uniform(p[2*i], taps*l.in, newStream(seed, purposeInit, uint64(2*i)))
		clear(p[2*i+1])
	}
	first := 2 * len(m.layers)
	m.top.initFrom(p[first:], seed, uint64(first))
}

func (m *conv[T]) use(data *dataset[T]) { m.top.data = data }

func (m *conv[T]) example(row int) (input []T, class int) { return m.top.example(row) }

func (m *conv[T]) gradient(p, g [][]T, rows []int) T {
	n := len(rows)
	m.forward(p, rows)
	var sum T
	for i, r := range rows {
		sum += m.top.loss(i, r, T(n))
	}
	first := 2 * len(m.layers)
	m.top.backward(p[first:], g[first:], n, true)
	d := m.top.d[0]
	for i := len(m.layers) - 1; i >= 0; i-- {
		l := &m.layers[i]
		pixels := n * l.pixels()
		rectified(d, m.output(i)[:pixels*l.out])
		gemm.TN(g[2*i], m.patch[i], d, taps*l.in, l.out, pixels, false)
		sumRows(g[2*i+1], d, pixels)
		if i > 0 {
			gemm.NT(m.dpatch, d, p[2*i], pixels, taps*l.in, l.out, false)
			scatter(l, m.dx[i], m.dpatch, n)
			d = m.dx[i]
		}
	}
	return sum / T(n)
}

// output is where layer i puts its result: the input of the next.
func (m *conv[T]) output(i int) []T {
	if i == len(m.layers)-1 {
		return m.top.h[0]
	}
	return m.x[i+1]
}

func (m *conv[T]) tally(p [][]T, rows []int, t *tally) {
	m.forward(p, rows)
	for i, r := range rows {
		if largest(m.top.out(i)) == m.top.data.class[r] {
			t.right++
		}
		t.add(float64(m.top.loss(i, r, 1)))
	}
}

func (m *conv[T]) forward(p [][]T, rows []int) {
	n := len(rows)
	m.reserve(n)
	size := m.layers[0].side * m.layers[0].side
	for i, r := range rows {
		copy(m.x[0][i*size:][:size], m.top.data.x[r*size:])
	}
	for i := range m.layers {
		l := &m.layers[i]
		gather(l, m.patch[i], m.x[i], n)
		gemm.NN(m.output(i), m.patch[i], p[2*i], n*l.pixels(), l.out, taps*l.in, false)
		rectify(m.output(i), p[2*i+1], n*l.pixels())
	}
	m.top.forward(p[2*len(m.layers):], n)
}

// reserve makes room for n images.
func (m *conv[T]) reserve(n int) {
	if n <= m.batch {
		return
	}
	m.batch = n
	m.x, m.dx, m.patch = nil, nil, nil
	for _, l := range m.layers {
		m.x = append(m.x, make([]T, n*l.side*l.side*l.in))
		m.dx = append(m.dx, make([]T, n*l.side*l.side*l.in))
		m.patch = append(m.patch, make([]T, n*len(l.from)*l.in))
		m.dpatch = grow(m.dpatch, n*len(l.from)*l.in)
	}
	m.top.reserve(n)
}

// gather fills the patches of n images.
func gather[T gemm.Float](l *convLayer, patch, x []T, n int) {
	in := l.in
	for i := range n {
		image, rows := x[i*l.side*l.side*in:][:l.side*l.side*in], patch[i*len(l.from)*in:][:len(l.from)*in]
		if in == 1 {
			for t, at := range l.from {
				rows[t] = 0
				if at >= 0 {
					rows[t] = image[at]
				}
			}
			continue
		}
		for t, at := range l.from {
			if to := rows[t*in:][:in]; at >= 0 {
				copy(to, image[at*in:])
			} else {
				clear(to)
			}
		}
	}
}

// scatter is the adjoint of gather: each pixel's gradient is the sum over the
// patches that it is in.
func scatter[T gemm.Float](l *convLayer, dx, dpatch []T, n int) {
	in, size := l.in, l.side*l.side*l.in
	clear(dx[:n*size])
	for i := range n {
		image, rows := dx[i*size:][:size], dpatch[i*len(l.from)*in:][:len(l.from)*in]
		for t, at := range l.from {
			if at < 0 {
				continue
			}
			to := image[at*in:][:in]
			for c, v := range rows[t*in:][:len(to)] {
				to[c] += v
			}
		}
	}
}

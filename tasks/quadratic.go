package tasks

import (
	"github.com/optc-lang/optc/internal/gemm"
)

// A quadratic is a bowl whose place is only known with noise: of the points c of
// a batch,
//
//	loss = mean of ½|A·(x - c)|²
//
// The matrix A belongs to the data. The least loss is not zero but what the points
// scatter.
type quadratic[T gemm.Float] struct {
	dim  int
	data *dataset[T]

	d, e, mean []T // x - c, A·(x - c) by row, its mean
	at         []T // Aᵀ
}

func (m *quadratic[T]) params() []Param { return []Param{{"x", []int{m.dim}}} }

func (m *quadratic[T]) init(p [][]T, seed uint64) { within(p[0], 1, newStream(seed, purposeInit, 0)) }

func (m *quadratic[T]) use(data *dataset[T]) {
	m.data = data
	m.at = make([]T, m.dim*m.dim)
	for i := range m.dim {
		for j := range m.dim {
			m.at[j*m.dim+i] = data.matrix[i*m.dim+j]
		}
	}
	m.mean = make([]T, m.dim)
}

// forward fills d and e.
func (m *quadratic[T]) forward(x []T, rows []int) {
	n := len(rows)
	m.d, m.e = grow(m.d, n*m.dim), grow(m.e, n*m.dim)
	for i, r := range rows {
		d := m.d[i*m.dim:][:m.dim]
		for j, c := range m.data.input(r) {
			d[j] = x[j] - c
		}
	}
	gemm.NN(m.e, m.d, m.at, n, m.dim, m.dim, false)
}

// loss is that of row i of the batch.
func (m *quadratic[T]) loss(i int) (sum T) {
	for _, e := range m.e[i*m.dim:][:m.dim] {
		sum += T(e * e)
	}
	return sum / 2
}

// gradient is Aᵀ times the mean of A·(x - c).
func (m *quadratic[T]) gradient(p, g [][]T, rows []int) T {
	m.forward(p[0], rows)
	n := T(len(rows))
	var sum T
	for i := range rows {
		sum += m.loss(i)
	}
	sumRows(m.mean, m.e, len(rows))
	for j := range m.mean {
		m.mean[j] /= n
	}
	gemm.NN(g[0], m.mean, m.data.matrix, 1, m.dim, m.dim, false)
	return sum / n
}

func (m *quadratic[T]) tally(p [][]T, rows []int, t *tally) {
	m.forward(p[0], rows)
	for i := range rows {
		t.add(float64(m.loss(i)))
	}
}

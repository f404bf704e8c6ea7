package tasks

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
)

// A factor completes a matrix of which some elements are known: of element (i, j),
//
//	z = uᵢ·vⱼ + aᵢ + bⱼ    loss = mean over the elements of a batch of (z - y)²
//
// The gradient is dense: zero at the rows and columns that the batch has not.
type factor[T gemm.Float] struct {
	rows, cols, rank int
	data             *dataset[T]
}

// The parameters of a factor in their order.
const (
	factorU = iota
	factorV
	factorA
	factorB
)

func (m *factor[T]) params() []Param {
	return []Param{
		factorU: {"u", []int{m.rows, m.rank}},
		factorV: {"v", []int{m.cols, m.rank}},
		factorA: {"a", []int{m.rows}},
		factorB: {"b", []int{m.cols}},
	}
}

// init draws u and v so that the variance of u·v is 1/16.
func (m *factor[T]) init(p [][]T, seed uint64) {
	bound := math.Sqrt(3) / math.Sqrt(float64(4*math.Sqrt(float64(m.rank))))
	within(p[factorU], bound, newStream(seed, purposeInit, factorU))
	within(p[factorV], bound, newStream(seed, purposeInit, factorV))
	clear(p[factorA])
	clear(p[factorB])
}

func (m *factor[T]) use(data *dataset[T]) { m.data = data }

// residual is z - y of row r of the data, which is element (i, j).
func (m *factor[T]) residual(p [][]T, r int) (e T, i, j int) {
	i, j = m.data.pair[r][0], m.data.pair[r][1]
	v := p[factorV][j*m.rank:][:m.rank]
	for k, u := range p[factorU][i*m.rank:][:m.rank] {
		e += T(u * v[k])
	}
	return e + p[factorA][i] + p[factorB][j] - m.data.y[r], i, j
}

func (m *factor[T]) gradient(p, g [][]T, rows []int) T {
	for _, g := range g {
		clear(g)
	}
	n := T(len(rows))
	var sum T
	for _, r := range rows {
		e, i, j := m.residual(p, r)
		sum += T(e * e)
		e = 2 * e / n
		u, v := p[factorU][i*m.rank:][:m.rank], p[factorV][j*m.rank:][:m.rank]
		du, dv := g[factorU][i*m.rank:][:m.rank], g[factorV][j*m.rank:][:m.rank]
		for k := range u {
			du[k] += T(e * v[k])
			dv[k] += T(e * u[k])
		}
		g[factorA][i] += e
		g[factorB][j] += e
	}
	return sum / n
}

func (m *factor[T]) tally(p [][]T, rows []int, t *tally) {
	for _, r := range rows {
		e, _, _ := m.residual(p, r)
		t.add(float64(T(e * e)))
	}
}

package subject

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/optc-lang/optc/internal/gemm"
	optrt "github.com/optc-lang/optc/runtime"
)

// memory moves the bytes that the rule must move, by one of the loops of each walk.
type memory struct {
	loop  int
	walks []walk
	team  *team
	n     int
	step  int
	keep  [][]float32
}

type walk struct {
	Walk
	bases [MostArrays]unsafe.Pointer
}

// walkChunk is what a thread claims at once, as the runtime's passes do.
const walkChunk = 64 << 10

// newMemory readies the walks, once for each choice of loops, all on the same arrays.
func newMemory(p *Program, t *team, rule *stepped, l *log, n int) ([]*memory, error) {
	m := memory{team: t, n: n}
	var sizes []int
	type hole struct{ walk, array, at int }
	var holes []hole
	others := map[Array]int{} // further arrays by what they are: the same one in each walk
	for i, w := range p.Memory {
		if len(w.Arrays) > MostArrays {
			return nil, fmt.Errorf("a walk along %d arrays", len(w.Arrays))
		}
		m.walks = append(m.walks, walk{Walk: w})
		for k, a := range w.Arrays {
			if base := own(a, rule, l); base != nil {
				m.walks[i].bases[k] = base
				continue
			}
			at, ok := others[a]
			if !ok {
				at = len(sizes)
				others[a] = at
				sizes = append(sizes, int(math.Ceil(float64(n)*a.Bytes/4)))
			}
			holes = append(holes, hole{i, k, at})
		}
	}
	m.keep = optrt.Alloc[float32](sizes...)
	for _, u := range m.keep {
		Fill(u, 1)
	}
	for _, h := range holes {
		m.walks[h.walk].bases[h.array] = unsafe.Pointer(&m.keep[h.at][0])
	}
	var all []*memory
	for i := range p.Memory[0].Loops {
		one := m
		one.loop = i
		all = append(all, &one)
	}
	return all, nil
}

// own is the rule's array, where it is one of float32.
func own(a Array, rule *stepped, l *log) unsafe.Pointer {
	switch a.Kind {
	case X:
		return unsafe.Pointer(&rule.x[0])
	case Grad:
		return unsafe.Pointer(&rule.g[0])
	case State:
		return l.bases[place{optrt.StreamState, a.Index}]
	}
	return nil
}

// Do walks as often as the steps are many.
func (m *memory) Do(steps int) error {
	for range steps {
		for i := range m.walks {
			if w := &m.walks[i]; m.step%w.Every == 0 {
				m.team.share(m.n, walkChunk, func(from, to int) { w.do(m.loop, from, to) })
			}
		}
		m.step++
	}
	return nil
}

func (w *walk) do(loop, from, to int) {
	var p [MostArrays]unsafe.Pointer
	for k, a := range w.Arrays {
		p[k] = unsafe.Add(w.bases[k], int(float64(from)*math.Floor(a.Bytes)))
	}
	w.Loops[loop](&p, to-from)
}

// arithmetic does the rule's operations in registers.
type arithmetic struct {
	program *Program
	team    *team
	n       int
}

// Do computes for all elements.
func (a *arithmetic) Do(steps int) error {
	for range steps {
		a.team.share(a.n, walkChunk, func(from, to int) { a.program.Arithmetic((to - from + a.program.Vector - 1) / a.program.Vector) })
	}
	return nil
}

// matrix multiplies square matrices with as many elements as the tensor.
type matrix struct {
	products float64
	team     *team
	side     int
	a, b, c  []float32
	owed     float64 // products
}

func newMatrix(products float64, t *team, n int) *matrix {
	side := int(math.Sqrt(float64(n)))
	arrays := optrt.Alloc[float32](side*side, side*side, side*side)
	Fill(arrays[0], 1)
	Fill(arrays[1], 1)
	return &matrix{products: products, team: t, side: side, a: arrays[0], b: arrays[1], c: arrays[2]}
}

// Do multiplies. What is left of a product is that part of the rows.
func (m *matrix) Do(steps int) error {
	for m.owed += m.products * float64(steps); m.owed > 0; {
		part := min(1, m.owed)
		rows := int(math.Round(part * float64(m.side)))
		each := (rows + m.team.size - 1) / m.team.size
		m.team.share(rows, max(1, each), func(from, to int) {
			gemm.NN(m.c[from*m.side:to*m.side], m.a[from*m.side:to*m.side], m.b, to-from, m.side, m.side, false)
		})
		m.owed -= part
	}
	m.owed = 0
	return nil
}

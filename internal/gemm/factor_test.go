package gemm

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	fence "github.com/optc-lang/optc/internal/guard"
)

// defineRotate is the definition of Rotate, rotation by rotation.
func defineRotate(z, cs []float64) {
	n := len(cs) / 2
	for k := range n {
		c, s, i := cs[2*k], cs[2*k+1], n-1-k
		for j := range RotateCols {
			x, y := &z[i*RotateCols+j], &z[(i+1)*RotateCols+j]
			ca, sb, sa, cb := round(c**x), round(s**y), round(s**x), round(c**y)
			*x, *y = round(ca-sb), round(sa+cb)
		}
	}
}

func TestRotate(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 1))
		for _, value := range []func() float64{ordinary[float64](r), special[float64](r)} {
			for n := range 70 {
				z, intactZ := guarded((n+1)*RotateCols, r.IntN(9), value)
				cs, intactCS := guarded(2*n, r.IntN(9), value)
				want, cs0 := slices.Clone(z), slices.Clone(cs)
				defineRotate(want, cs)
				Rotate(z, cs)
				for i := range z {
					if !sameValue(z[i], want[i]) {
						t.Fatalf("%d rotations: element %d of row %d is %v, want %v", n, i%RotateCols, i/RotateCols, z[i], want[i])
					}
				}
				if !slices.EqualFunc(cs, cs0, sameValue) {
					t.Fatalf("%d rotations: they were written", n)
				}
				for _, intact := range []func() error{intactZ, intactCS} {
					if err := intact(); err != nil {
						t.Fatalf("%d rotations: %v", n, err)
					}
				}
			}
		}
	})
}

// A symmetricCase is what UpdateTimes takes.
type symmetricCase struct {
	a          []float64
	lda        int
	w, x, v, p []float64
}

// define is the definition of UpdateTimes: first the whole update, then the product, row by row.
func (c symmetricCase) define() {
	m := len(c.v)
	clear(c.p)
	for i := range m {
		row := c.a[i*c.lda:]
		for j := range i + 1 {
			one, other := round(c.w[i]*c.x[j]), round(c.x[i]*c.w[j])
			row[j] = round(row[j] - round(one+other))
		}
	}
	for i := range m {
		row, four := c.a[i*c.lda:], (i+1)&^3
		var s [4]float64
		for j := range four {
			s[j%4] = round(s[j%4] + round(row[j]*c.v[j]))
		}
		sum := round(round(s[0]+s[1]) + round(s[2]+s[3]))
		for j := four; j <= i; j++ {
			sum = round(sum + round(row[j]*c.v[j]))
		}
		c.p[i] = round(c.p[i] + sum)
		for j := range i {
			c.p[j] = round(c.p[j] + round(c.v[i]*row[j]))
		}
	}
}

func TestUpdateTimes(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(22, 1))
		for kind, value := range []func() float64{ordinary[float64](r), special[float64](r)} {
			for m := range 70 {
				if kind == 1 && m > 12 { // one NaN and all of p is NaN
					value = func() float64 {
						return []float64{0, 1, -5e-324, 1e-310, 1e-160, -2}[r.IntN(6)] * float64(1-2*r.IntN(2))
					}
				}
				var intact []func() error
				vector := func(n int) []float64 {
					s, f := guarded(n, r.IntN(9), value)
					intact = append(intact, f)
					return s
				}
				c := symmetricCase{lda: m + r.IntN(9), w: vector(m), x: vector(m), v: vector(m), p: vector(m)}
				c.a = vector(max(0, (m-1)*c.lda+m))
				want := symmetricCase{slices.Clone(c.a), c.lda, slices.Clone(c.w), slices.Clone(c.x), slices.Clone(c.v), slices.Clone(c.p)}
				want.define()
				UpdateTimes(c.a, c.lda, c.w, c.x, c.v, c.p)
				for name, pair := range map[string][2][]float64{"A": {c.a, want.a}, "w": {c.w, want.w}, "x": {c.x, want.x}, "v": {c.v, want.v}, "p": {c.p, want.p}} {
					for i, y := range pair[0] {
						if !sameValue(y, pair[1][i]) {
							t.Fatalf("m=%d lda=%d: element %d of %s is %v, want %v", m, c.lda, i, name, y, pair[1][i])
						}
					}
				}
				for _, f := range intact {
					if err := f(); err != nil {
						t.Fatalf("m=%d: %v", m, err)
					}
				}
			}
		}
	})
}

// defineChain is the definition of Chain, element by element.
func defineChain(s []float64, x *[ChainSums][ChainCols]float64, f []float64) {
	n := len(f) / ChainSums
	for j := range ChainCols {
		for i := range n {
			for k := range x {
				x[k][j] = round(x[k][j] * f[i*ChainSums+k])
			}
			at := (n-1-i)*ChainCols + j
			s[at] = round(s[at] + round(round(x[0][j]+x[1][j])+round(x[2][j]+x[3][j])))
		}
	}
}

func TestChain(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(23, 1))
		for _, value := range []func() float64{ordinary[float64](r), special[float64](r)} {
			for n := range 70 {
				s, intactS := guarded(n*ChainCols, r.IntN(9), value)
				f, intactF := guarded(n*ChainSums, r.IntN(9), value)
				var x [ChainSums][ChainCols]float64
				for k := range x {
					for j := range x[k] {
						x[k][j] = value()
					}
				}
				want, wantX, f0 := slices.Clone(s), x, slices.Clone(f)
				defineChain(want, &wantX, f)
				Chain(s, &x, f)
				if !slices.EqualFunc(s, want, sameValue) || !slices.EqualFunc(f, f0, sameValue) {
					t.Fatalf("%d rows: %v, want %v", n, s, want)
				}
				for k := range x {
					if !slices.EqualFunc(x[k][:], wantX[k][:], sameValue) {
						t.Fatalf("%d rows: what is carried is %v, want %v", n, x[k], wantX[k])
					}
				}
				for _, intact := range []func() error{intactS, intactF} {
					if err := intact(); err != nil {
						t.Fatalf("%d rows: %v", n, err)
					}
				}
			}
		}
	})
}

// TestFactorTouchesNothingElse works on operands that begin or end where a page does that cannot be touched, each in its turn.
func TestFactorTouchesNothingElse(t *testing.T) {
	each(t, func(t *testing.T) {
		p := newPages(t)
		for n := range 40 {
			for _, end := range []bool{false, true} {
				u := lay[float64](p, end, [3]int{(n + 1) * RotateCols, 2 * n, n * n})
				f := fence.Run(func() { Rotate(u[0], u[1]) })
				u = lay[float64](p, end, [3]int{n * ChainCols, n * ChainSums, ChainSums * ChainCols})
				if f == nil {
					f = fence.Run(func() { Chain(u[0], (*[ChainSums][ChainCols]float64)(unsafe.Pointer(&u[2][0])), u[1]) })
				}
				for turn := range 3 {
					fenced := [3][]float64{make([]float64, n), make([]float64, n), make([]float64, n)}
					fenced[turn] = lay[float64](p, end, [3]int{n, n, n * n})[0]
					other := lay[float64](p, end, [3]int{0, n, n * n})
					if f == nil {
						f = fence.Run(func() { UpdateTimes(other[2], n, fenced[0], fenced[1], other[1], fenced[2]) })
					}
				}
				if f != nil {
					t.Fatalf("n=%d, at the end %v: %v", n, end, f)
				}
			}
		}
	})
}

func TestFactorRefusals(t *testing.T) {
	s := func(n int) []float64 { return make([]float64, n) }
	for i, f := range []func(){
		func() { Rotate(s(3*RotateCols), s(4)) },
		func() { UpdateTimes(s(9), 3, s(3), s(3), s(3), s(3)) },
		func() { UpdateTimes(s(11), 4, s(3), s(3), s(3), s(3)) },
		func() { Chain(s(2*ChainCols), new([ChainSums][ChainCols]float64), s(2*ChainSums)) },
		func() { Chain(s(2*ChainCols), new([ChainSums][ChainCols]float64), s(2*ChainSums-1)) },
		func() { Chain(s(2*ChainCols-1), new([ChainSums][ChainCols]float64), s(2*ChainSums)) },
		func() { Rotate(s(3*RotateCols), s(3)) },
		func() { Rotate(s(3*RotateCols), s(2)) },
		func() { Rotate(s(3*RotateCols-1), s(4)) },
		func() { Rotate(nil, nil) },
		func() { UpdateTimes(s(8), 2, s(3), s(3), s(3), s(3)) },
		func() { UpdateTimes(s(8), 3, s(3), s(3), s(3), s(3)) },
		func() { UpdateTimes(s(9), 3, s(2), s(3), s(3), s(3)) },
		func() { UpdateTimes(s(9), 3, s(3), s(2), s(3), s(3)) },
		func() { UpdateTimes(s(9), 3, s(3), s(3), s(3), s(4)) },
	} {
		func() {
			defer func() {
				message, refused := recover().(string)
				if refused != (i > 3) || refused && !strings.HasPrefix(message, "gemm: ") {
					t.Errorf("case %d: %q", i, message)
				}
			}()
			f()
		}()
	}
}

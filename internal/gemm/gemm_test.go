package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
)

// A product is one of the three exported functions with its layout.
type product[T Float] struct {
	name           string
	multiply       func(c, a, b []T, m, n, k int, accumulate bool)
	transA, transB bool
}

func products[T Float]() []product[T] {
	return []product[T]{{"NN", NN[T], false, false}, {"TN", TN[T], true, false}, {"NT", NT[T], false, true}}
}

// define computes the definition of the package comment, element by element,
// with every rounding forced through the bits of a variable.
func define[T Float](p product[T], c, a, b []T, m, n, k int, accumulate bool) {
	for i := range m {
		for j := range n {
			var sum T
			if accumulate {
				sum = c[i*n+j]
			}
			for q := range k {
				x, y := i*k+q, q*n+j
				if p.transA {
					x = q*m + i
				}
				if p.transB {
					y = j*k + q
				}
				product := round(a[x] * b[y])
				sum = round(sum + product)
			}
			c[i*n+j] = sum
		}
	}
}

//go:noinline
func round[T Float](x T) T { return x }

// each runs f under every kernel of this machine and logs which those are.
func each(t *testing.T, f func(t *testing.T)) {
	names := kernels()
	t.Logf("kernels of this machine: %s", strings.Join(names, " "))
	defer use(names[len(names)-1])
	for _, name := range names {
		use(name)
		t.Run(name, f)
	}
}

// TestKernelsPresent fails where a kernel is not chosen that the machine could
// run, or the other way round. What it could run is said by GEMM_KERNELS, as in
// GEMM_KERNELS="go avx2" (for emulators), else by Linux.
func TestKernelsPresent(t *testing.T) {
	got := strings.Join(kernels(), " ")
	t.Logf("kernels of this machine: %s", got)
	want := "go"
	if text, ok := os.LookupEnv("GEMM_KERNELS"); ok {
		want = text
	} else if runtime.GOARCH == "amd64" {
		info, err := os.ReadFile("/proc/cpuinfo")
		if err != nil {
			t.Logf("nothing to compare with: %v", err)
			return
		}
		flags := strings.Fields(string(info))
		if slices.Contains(flags, "avx2") {
			want += " avx2"
		}
		if slices.Contains(flags, "avx512f") {
			want += " avx512"
		}
	}
	if got != want {
		t.Errorf("kernels %q, expected %q", got, want)
	}
}

const guard = 0x7fc0dead // a NaN that arithmetic does not make

// guarded returns n values of a slice, offset by skew, between two runs of
// guards, and a function that checks the guards.
func guarded[T Float](n, skew int, value func() T) (s []T, intact func() error) {
	const margin = 80
	mark := T(math.Float32frombits(guard))
	all := make([]T, margin+skew+n+margin)
	for i := range all {
		all[i] = mark
	}
	s = all[margin+skew:][:n:n]
	for i := range s {
		s[i] = value()
	}
	return s, func() error {
		for i, x := range all {
			if (i < margin+skew || i >= margin+skew+n) && bits(x) != bits(mark) {
				return fmt.Errorf("element %d of %d was overwritten with %v", i-margin-skew, n, x)
			}
		}
		return nil
	}
}

// bits identifies a value, apart from NaN payloads other than the guard's.
func bits[T Float](x T) uint64 {
	if x32, ok := any(x).(float32); ok {
		if b := math.Float32bits(x32); b == guard || x == x {
			return uint64(b)
		}
		return math.Float64bits(math.NaN())
	}
	if x == x || math.Float64bits(float64(x)) == math.Float64bits(float64(math.Float32frombits(guard))) {
		return math.Float64bits(float64(x))
	}
	return math.Float64bits(math.NaN())
}

// sameValue is equality of bits, all NaNs alike.
func sameValue[T Float](x, y T) bool {
	return x != x && y != y || x == x && y == y && bits(x) == bits(y)
}

func ordinary[T Float](r *rand.Rand) func() T {
	return func() T { return T(r.NormFloat64()) }
}

// special mixes NaN, infinities, signed zeros, subnormals and values that
// overflow among ordinary ones.
func special[T Float](r *rand.Rand) func() T {
	extremes := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1e-40, -3e-45, 3e38, -3e38, 1e-20, 1e-310, -5e-324, 1.7e308}
	return func() T {
		if r.IntN(12) > 0 {
			return T(r.NormFloat64())
		}
		return T(extremes[r.IntN(len(extremes))])
	}
}

// agree checks one product against the definition, bit for bit, guards included.
func agree[T Float](t *testing.T, p product[T], m, n, k int, accumulate bool, r *rand.Rand, value func() T) {
	t.Helper()
	c, intactC := guarded(m*n, r.IntN(9), value)
	a, intactA := guarded(m*k, r.IntN(9), value)
	b, intactB := guarded(k*n, r.IntN(9), value)
	want, a0, b0 := slices.Clone(c), slices.Clone(a), slices.Clone(b)
	define(p, want, a0, b0, m, n, k, accumulate)
	p.multiply(c, a, b, m, n, k, accumulate)
	for i := range want {
		if !sameValue(c[i], want[i]) {
			t.Fatalf("%s m=%d n=%d k=%d accumulate=%v: c[%d,%d] = %v, want %v", p.name, m, n, k, accumulate, i/n, i%n, c[i], want[i])
		}
	}
	for _, intact := range []func() error{intactC, intactA, intactB} {
		if err := intact(); err != nil {
			t.Fatalf("%s m=%d n=%d k=%d accumulate=%v: %v", p.name, m, n, k, accumulate, err)
		}
	}
	if !slices.EqualFunc(a, a0, sameValue) || !slices.EqualFunc(b, b0, sameValue) {
		t.Fatalf("%s m=%d n=%d k=%d: an operand was written", p.name, m, n, k)
	}
}

func TestTails(t *testing.T) { each(t, tails[float32]); each(t, tails[float64]) }

func tails[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, p := range products[T]() {
		for n := range 68 {
			for m := range 7 {
				agree(t, p, m, n, r.IntN(20), r.IntN(2) == 0, r, ordinary[T](r))
			}
			agree(t, p, n, r.IntN(70), r.IntN(20), r.IntN(2) == 0, r, special[T](r))
			agree(t, p, r.IntN(9), r.IntN(70), n, r.IntN(2) == 0, r, special[T](r))
		}
	}
}

func TestRandomShapes(t *testing.T) { each(t, randomShapes[float32]); each(t, randomShapes[float64]) }

func randomShapes[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		m, n, k := 1+r.IntN(70), 1+r.IntN(200), 1+r.IntN(300)
		for _, p := range products[T]() {
			agree(t, p, m, n, k, r.IntN(2) == 0, r, special[T](r))
		}
	}
}

// TestPackedPanels takes B wide enough to be packed, with tails on every side.
func TestPackedPanels(t *testing.T) { each(t, packedPanels[float32]); each(t, packedPanels[float64]) }

func packedPanels[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, p := range products[T]() {
		agree(t, p, 2*tileRows+3, packStride, panelRows+5, false, r, special[T](r))
		agree(t, p, 2*tileRows+1, packStride+37, 2*panelRows+1, true, r, special[T](r))
	}
}

// TestInto multiplies parts of larger matrices, plain and transposed: the bits
// are those of the products of copies, and nothing beside C changes.
func TestInto(t *testing.T) { each(t, into[float32]); each(t, into[float64]) }

func into[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	part := func(rows, cols int) View[T] {
		row, col := cols+r.IntN(9), 1
		if r.IntN(2) == 0 {
			row, col = 1, rows+r.IntN(9)
		}
		switch r.IntN(8) {
		case 0:
			row, col = 2*row, 2*col
		case 1:
			if col == 1 {
				row += packStride
			}
		}
		data, _ := guarded(max(0, (rows-1)*row+(cols-1)*col+1), r.IntN(5), special[T](r))
		return View[T]{data, row, col}
	}
	copied := func(v View[T], rows, cols int) []T {
		var s []T
		for i := range rows {
			for j := range cols {
				s = append(s, v.Data[i*v.Row+j*v.Col])
			}
		}
		return s
	}
	for range 150 {
		m, n, k, accumulate := 1+r.IntN(20), 1+r.IntN(150), r.IntN(150), r.IntN(2) == 0
		a, b := part(m, k), part(k, n)
		ldc := n + r.IntN(9)
		c, intact := guarded((m-1)*ldc+n, r.IntN(5), special[T](r))
		before, want := slices.Clone(c), copied(View[T]{c, ldc, 1}, m, n)
		define(products[T]()[0], want, copied(a, m, k), copied(b, k, n), m, n, k, accumulate)
		Into(c, ldc, a, b, m, n, k, accumulate)
		for i := range c {
			expected := before[i]
			if i%ldc < n {
				expected = want[i/ldc*n+i%ldc]
			}
			if !sameValue(c[i], expected) {
				t.Fatalf("m=%d n=%d k=%d ldc=%d A %d,%d B %d,%d: c[%d] = %v, want %v", m, n, k, ldc, a.Row, a.Col, b.Row, b.Col, i, c[i], expected)
			}
		}
		if err := intact(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIntoRefusals(t *testing.T) {
	s := func(n int) View[float64] { return View[float64]{make([]float64, n), 3, 1} }
	for i, c := range []struct {
		c, ldc int
		a, b   View[float64]
	}{
		{7, 3, s(6), s(9)}, {8, 2, s(6), s(9)}, {9, 3, s(5), s(9)}, {9, 3, s(6), s(8)}, {5, 3, s(6), s(9)},
		{9, 3, View[float64]{make([]float64, 9), -1, 1}, s(9)}, {9, 3, s(6), View[float64]{make([]float64, 9), 3, -1}},
	} {
		func() {
			defer func() {
				message, refused := recover().(string)
				if refused != (i > 0) || refused && !strings.HasPrefix(message, "gemm: ") {
					t.Errorf("case %d: %q", i, message)
				}
			}()
			Into(make([]float64, c.c), c.ldc, c.a, c.b, 2, 3, 3, false)
		}()
	}
}

// TestFusedWouldDiffer shows that the data above can tell a fused multiply-add
// from two roundings, so that the equality of bits means something.
func TestFusedWouldDiffer(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const n, k = 50, 30
	p := products[float32]()[0]
	a, _ := guarded(k, 0, ordinary[float32](r))
	b, _ := guarded(k*n, 0, ordinary[float32](r))
	c := make([]float32, n)
	define(p, c, a, b, 1, n, k, false)
	differ := 0
	for j := range n {
		var sum float32
		for q := range k {
			sum = float32(math.FMA(float64(a[q]), float64(b[q*n+j]), float64(sum)))
		}
		if sum != c[j] {
			differ++
		}
	}
	if differ < n/4 {
		t.Errorf("a fused sum differs in %d of %d elements only", differ, n)
	}
}

// TestSplit multiplies ranges of rows on several goroutines.
func TestSplit(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		const m, n, k = 61, 83, 140
		a, _ := guarded(m*k, 1, ordinary[float32](r))
		b, _ := guarded(k*n, 2, ordinary[float32](r))
		whole, split := make([]float32, m*n), make([]float32, m*n)
		NN(whole, a, b, m, n, k, false)
		var wait sync.WaitGroup
		for i := 0; i < m; {
			rows := min(1+r.IntN(9), m-i)
			part, of := split[i*n:], a[i*k:]
			wait.Go(func() { NN(part, of, b, rows, n, k, false) })
			i += rows
		}
		wait.Wait()
		if !slices.Equal(whole, split) {
			t.Error("a split by rows changes the bits")
		}
	})
}

// TestGonum compares with gonum's product within the bound of a sum of k
// products in any order: |error| <= 2 k u Σ|a||b|, u half the unit roundoff step.
func TestGonum(t *testing.T) {
	transpose := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
	shape := func(trans bool, rows, cols int) (int, int) {
		if trans {
			return cols, rows
		}
		return rows, cols
	}
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for range 20 {
			m, n, k := 1+r.IntN(80), 1+r.IntN(150), 1+r.IntN(200)
			for i, p := range products[float32]() {
				a, _ := guarded(m*k, 0, ordinary[float32](r))
				b, _ := guarded(k*n, 0, ordinary[float32](r))
				c, want := make([]float32, m*n), make([]float32, m*n)
				p.multiply(c, a, b, m, n, k, false)
				ar, ac := shape(p.transA, m, k)
				br, bc := shape(p.transB, k, n)
				blas32.Gemm(transpose[p.transA], transpose[p.transB], 1,
					blas32.General{Rows: ar, Cols: ac, Stride: ac, Data: a},
					blas32.General{Rows: br, Cols: bc, Stride: bc, Data: b}, 0,
					blas32.General{Rows: m, Cols: n, Stride: n, Data: want})

				// in float64: the same product, and that of the magnitudes
				q := products[float64]()[i]
				c64, want64, size := make([]float64, m*n), make([]float64, m*n), make([]float64, m*n)
				a64, b64 := widen(a), widen(b)
				q.multiply(c64, a64, b64, m, n, k, false)
				blas64.Gemm(transpose[p.transA], transpose[p.transB], 1,
					blas64.General{Rows: ar, Cols: ac, Stride: ac, Data: a64},
					blas64.General{Rows: br, Cols: bc, Stride: bc, Data: b64}, 0,
					blas64.General{Rows: m, Cols: n, Stride: n, Data: want64})
				q.multiply(size, magnitudes(a64), magnitudes(b64), m, n, k, false)

				for i := range c {
					bound := 2 * float64(k) * size[i]
					if d := math.Abs(float64(c[i]) - float64(want[i])); d > bound*0x1p-24 {
						t.Fatalf("%s float32 m=%d n=%d k=%d: c[%d] = %v, gonum %v", p.name, m, n, k, i, c[i], want[i])
					}
					if d := math.Abs(c64[i] - want64[i]); d > bound*0x1p-53 {
						t.Fatalf("%s float64 m=%d n=%d k=%d: c[%d] = %v, gonum %v", p.name, m, n, k, i, c64[i], want64[i])
					}
				}
			}
		}
	})
}

func widen(s []float32) []float64 {
	out := make([]float64, len(s))
	for i, x := range s {
		out[i] = float64(x)
	}
	return out
}

func magnitudes(s []float64) []float64 {
	out := make([]float64, len(s))
	for i, x := range s {
		out[i] = math.Abs(x)
	}
	return out
}

func TestRefusals(t *testing.T) {
	s := func(n int) []float32 { return make([]float32, n) }
	for _, c := range []struct {
		c, a, b []float32
		m, n, k int
	}{
		{s(5), s(4), s(6), 2, 3, 2},
		{s(6), s(3), s(6), 2, 3, 2},
		{s(6), s(4), s(5), 2, 3, 2},
		{s(6), s(4), s(6), -2, -3, 2},
		{s(6), s(4), s(6), 2, 3, -2},
		{s(6), s(4), s(6), math.MaxInt, math.MaxInt, 2},
		{nil, nil, nil, 1, 1, 1},
	} {
		for _, p := range products[float32]() {
			func() {
				defer func() {
					if message, ok := recover().(string); !ok || !strings.HasPrefix(message, "gemm: ") {
						t.Errorf("%s m=%d n=%d k=%d: no refusal (%v)", p.name, c.m, c.n, c.k, message)
					}
				}()
				p.multiply(c.c, c.a, c.b, c.m, c.n, c.k, false)
			}()
		}
	}
}

func TestNoAllocation(t *testing.T) { noAllocation[float32](t); noAllocation[float64](t) }

func noAllocation[T Float](t *testing.T) {
	c, a, b := make([]T, 30*600), make([]T, 30*20), make([]T, 20*600)
	for _, p := range products[T]() {
		if n := testing.AllocsPerRun(10, func() { p.multiply(c, a, b, 30, 600, 20, true) }); n != 0 {
			t.Errorf("%s of %T allocates %v times", p.name, c, n)
		}
	}
	if n := testing.AllocsPerRun(10, func() { Into(c, 600, View[T]{a, 20, 1}, View[T]{b, 600, 1}, 30, 600, 20, true) }); n != 0 {
		t.Errorf("Into of %T allocates %v times", c, n)
	}
}

func BenchmarkGemm(b *testing.B) {
	type shape struct{ m, n, k int }
	defer use(kernels()[len(kernels())-1])
	for _, kernel := range kernels() {
		use(kernel)
		for _, s := range []shape{{64, 128, 128}, {64, 64, 64}, {64, 10, 64}, {512, 512, 512}, {500, 500, 500}} {
			for _, p := range products[float32]() {
				bench(b, kernel+"/"+p.name, p.multiply, s.m, s.n, s.k)
			}
			for _, p := range products[float64]() {
				bench(b, kernel+"/float64/"+p.name, p.multiply, s.m, s.n, s.k)
			}
		}
	}
	bench(b, "gonum", func(c, x, y []float32, m, n, k int, _ bool) {
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, blas32.General{Rows: m, Cols: k, Stride: k, Data: x},
			blas32.General{Rows: k, Cols: n, Stride: n, Data: y}, 0, blas32.General{Rows: m, Cols: n, Stride: n, Data: c})
	}, 64, 128, 128)
}

func bench[T Float](b *testing.B, name string, multiply func(c, a, b []T, m, n, k int, accumulate bool), m, n, k int) {
	b.Run(fmt.Sprintf("%s/%dx%dx%d", name, m, n, k), func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 1))
		x, _ := guarded(m*k, 0, ordinary[T](r))
		y, _ := guarded(k*n, 0, ordinary[T](r))
		c := make([]T, m*n)
		for b.Loop() {
			multiply(c, x, y, m, n, k, false)
		}
		b.ReportMetric(2*float64(m*n*k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		b.ReportMetric(0, "ns/op")
	})
}

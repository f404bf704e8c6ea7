package matrix

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

const goldenFile = "testdata/golden.txt"

// uniform returns a matrix of numbers between -1 and 1 that every machine draws
// alike.
func uniform[T elem.Float](r *rand.Rand, rows, cols int) Array[T] {
	a := Array[T]{make([]T, rows*cols), rows, cols}
	for i := range a.Data {
		a.Data[i] = T(float64(r.IntN(1<<24)-1<<23) * 0x1p-23)
	}
	return a
}

// An operation is an operator applied to a square matrix, or to one of any shape.
type operation[T elem.Float] struct {
	name string
	f    Func[T]
	// make returns inputs, parameters and the shape of Out.
	make func(r *rand.Rand, n int) (in []Array[T], params []float64, rows, cols int)
}

func operations[T elem.Float]() []operation[T] {
	type inputs = []Array[T]
	square := func(params ...float64) func(r *rand.Rand, n int) (inputs, []float64, int, int) {
		return func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			return inputs{uniform[T](r, n, n)}, params, n, n
		}
	}
	tall := func(params ...float64) func(r *rand.Rand, n int) (inputs, []float64, int, int) {
		return func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			return inputs{uniform[T](r, 2*n+1, n)}, params, 2*n + 1, n
		}
	}
	pair := func(params ...float64) func(r *rand.Rand, n int) (inputs, []float64, int, int) {
		return func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			return inputs{uniform[T](r, n, 2*n+1), uniform[T](r, n, 2*n+1)}, params, n, 2*n + 1
		}
	}
	gram := func(params ...float64) func(r *rand.Rand, n int) (inputs, []float64, int, int) {
		return func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			g, a := uniform[T](r, n, 2*n), uniform[T](r, n, n)
			b := Array[T]{make([]T, 2*n*n), 2 * n, n}
			Transpose(&Call[T]{Out: b, In: inputs{g}})
			Mul(&Call[T]{Out: a, In: inputs{g, b}})
			return inputs{a}, params, n, n
		}
	}
	return []operation[T]{
		{"mul", Mul[T], func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			return inputs{uniform[T](r, n+1, n), uniform[T](r, n, 2*n)}, nil, n + 1, 2 * n
		}},
		{"trace", Trace[T], func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			return inputs{uniform[T](r, n, n)}, nil, 1, 1
		}},
		{"outer", Outer[T], func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			return inputs{uniform[T](r, n, 1), uniform[T](r, 1, n)}, nil, n, n
		}},
		{"inv", Inv[T], square()},
		{"solve", Solve[T], func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			return inputs{uniform[T](r, n, n), uniform[T](r, n, 3)}, nil, n, 3
		}},
		{"cholesky", Cholesky[T], gram()},
		{"qr", QR[T], tall()},
		{"eigvecs", EigVecs[T], square()},
		{"inv_root 1", InvRoot[T], gram(1, 0.5)},
		{"inv_root 2", InvRoot[T], gram(2, 0)},
		{"inv_root 4", InvRoot[T], gram(4, 1e-6)},
		{"inv_root 7", InvRoot[T], gram(7, 1e-3)},
		{"orthogonalize", Orthogonalize[T], tall(5)},
		{"svd_shrink", SVDShrink[T], tall(0.5)},
		{"polar", Polar[T], tall()},
		{"tril", Tril[T], square()},
		{"polar_vjp", PolarVJP[T], pair()},
		{"svd_shrink_vjp", SVDShrinkVJP[T], pair(0.5)},
		{"orthogonalize_vjp", OrthogonalizeVJP[T], pair(5)},
		{"orthogonalize_jvp", OrthogonalizeJVP[T], pair(5)},
		{"inv_root_vjp", InvRootVJP[T], func(r *rand.Rand, n int) (inputs, []float64, int, int) {
			in, params, _, _ := gram(4)(r, n)
			return append(in, uniform[T](r, n, n)), params, n, n
		}},
	}
}

// TestGolden: the bits of results are those of the committed digests on every
// platform and by every kernel.
func TestGolden(t *testing.T) {
	got := golden[float32]() + golden[float64]()
	if *update {
		if err := os.WriteFile(goldenFile, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(was) || line != was[i] {
			t.Errorf("%s is not what is committed", line)
		}
	}
}

// golden returns a line for each operation, the digest of results of some sizes.
func golden[T elem.Float]() string {
	var out strings.Builder
	for _, o := range operations[T]() {
		d, r := sha256.New(), rand.New(rand.NewPCG(10, 1))
		for _, n := range []int{1, 2, 3, 7, 8, 9, 31, 32, 33, 50, 97} {
			in, params, rows, cols := o.make(r, n)
			c := Call[T]{Out: Array[T]{make([]T, rows*cols), rows, cols}, In: in, Params: params}
			o.f(&c)
			if allNaN(c.Out.Data) {
				panic(fmt.Sprint(o.name, " fails for n = ", n))
			}
			for _, x := range c.Out.Data {
				d.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(x))))
			}
		}
		fmt.Fprintf(&out, "%s %T %x\n", o.name, T(0), d.Sum(nil))
	}
	return out.String()
}

func TestNoAllocation(t *testing.T) { both(t, noAllocation[float32], noAllocation[float64]) }

func noAllocation[T elem.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	for _, o := range operations[T]() {
		in, params, rows, cols := o.make(r, 40)
		c := Call[T]{Out: Array[T]{make([]T, rows*cols), rows, cols}, In: in, Params: params, Work: new(Work[T])}
		o.f(&c)
		if n := testing.AllocsPerRun(3, func() { o.f(&c) }); n != 0 {
			t.Errorf("%s allocates %v times", o.name, n)
		}
	}
}

func Benchmark(b *testing.B) {
	b.Run("float32", benchmark[float32])
	b.Run("float64", benchmark[float64])
}

func benchmark[T elem.Float](b *testing.B) {
	for _, o := range operations[T]() {
		for _, n := range []int{64, 128, 256, 512, 1024} {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(o.name, " ", ""), n), func(b *testing.B) {
				r := rand.New(rand.NewPCG(12, 1))
				in, params, rows, cols := o.make(r, n)
				c := Call[T]{Out: Array[T]{make([]T, rows*cols), rows, cols}, In: in, Params: params, Work: new(Work[T])}
				for b.Loop() {
					o.f(&c)
				}
			})
		}
	}
}

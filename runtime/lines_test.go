package runtime

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// TestAddCols holds the sums of columns to elem.AddCols, bit for bit, for pieces that start anywhere and wrap around.
func TestAddCols(t *testing.T) {
	testAddCols[float32](t)
	testAddCols[float64](t)
}

func testAddCols[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(4, 7))
	for range 2000 {
		cols := 1 + r.IntN(70)
		got, w := make([]float64, cols+2), make([]T, r.IntN(4*cols))
		for i := range got {
			got[i] = r.NormFloat64()
		}
		for i := range w {
			w[i] = T(r.NormFloat64() * math.Exp(20*r.NormFloat64()))
			if r.IntN(40) == 0 {
				w[i] = T([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}[r.IntN(4)])
			}
		}
		want := slices.Clone(got)
		kind, first := elem.Reduction(r.IntN(3)), r.IntN(cols)
		addCols(kind, got[1:cols+1], w, first)
		elem.AddCols(kind, want[1:cols+1], w, first)
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(got[i] != got[i] && want[i] != want[i]) {
				t.Fatalf("%d columns, %d elements from column %d: value %d is %v, want %v", cols, len(w), first, i-1, got[i], want[i])
			}
		}
	}
}

// TestReducePiece holds the reduction of a piece of a row to elem.ReduceBlock, bit for bit.
func TestReducePiece(t *testing.T) {
	testReducePiece[float32](t)
	testReducePiece[float64](t)
}

func testReducePiece[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	for n := range elem.Block + 1 {
		w := make([]T, n)
		for i := range w {
			w[i] = T(r.NormFloat64() * math.Exp(5*r.NormFloat64()))
		}
		kind := elem.Reduction(r.IntN(3))
		if r.IntN(2) == 0 {
			kind = elem.ReduceSum
		}
		if got, want := reducePiece(kind, w), elem.ReduceBlock(kind, w); got != want {
			t.Fatalf("%s of %d: %v, want %v", kind, n, got, want)
		}
	}
}

// TestRepeat: every element and none beyond.
func TestRepeat(t *testing.T) {
	for n := range 300 {
		w := make([]float32, n+1)
		repeat(w[:n], 3)
		if slices.ContainsFunc(w[:n], func(v float32) bool { return v != 3 }) || w[n] != 0 {
			t.Fatalf("%d copies: %v", n, w)
		}
	}
}

package runtime

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// TestAddCols holds the sums of columns to elem.AddCols, and those of groups of rows to sums in float64, bit for bit.
func TestAddCols(t *testing.T) {
	testAddCols[float32](t)
	testAddCols[float64](t)
}

func testAddCols[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(4, 7))
	for range 2000 {
		cols := 1 + r.IntN(70)
		got, w, totals := make([]T, cols+2), make([]T, cols), make([]float64, cols+2)
		for _, u := range [][]T{got, w} {
			for i := range u {
				u[i] = T(r.NormFloat64() * math.Exp(20*r.NormFloat64()))
				if r.IntN(40) == 0 {
					u[i] = T([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}[r.IntN(4)])
				}
			}
		}
		for i := range totals {
			totals[i] = r.NormFloat64()
		}
		want, sums := slices.Clone(got), slices.Clone(totals)
		kind := elem.Reduction(r.IntN(3))
		addCols(kind, got[1:cols+1], w)
		elem.AddCols(kind, want[1:cols+1], w, 0)
		widenCols(kind, totals[1:cols+1], w)
		for i, v := range w {
			sums[i+1] = elem.Combine(kind, sums[i+1], float64(v))
		}
		if !same([][]T{got}, [][]T{want}) || !same([][]float64{totals}, [][]float64{sums}) {
			t.Fatalf("%s of %d columns: %v and %v, want %v and %v", kind, cols, got, totals, want, sums)
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

package elem

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNorm(t *testing.T) {
	t.Run("float32", testNorm[float32])
	t.Run("float64", testNorm[float64])
}

func testNorm[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 20 {
		var tensors [][]T
		want, sum := 0.0, 0.0
		for range r.IntN(5) {
			u := mixture[T](r, r.IntN(3000), 0)
			squares := make([]T, len(u))
			for i, v := range u {
				squares[i] = T(v * v)
				want += float64(v) * float64(v)
			}
			sum += Reduce(ReduceSum, squares)
			tensors = append(tensors, u)
		}
		got := Norm(tensors)
		if got != math.Sqrt(sum) || math.Abs(got-math.Sqrt(want)) > 1e-4*got {
			t.Fatalf("norm %v, by the tree %v, exactly %v", got, math.Sqrt(sum), math.Sqrt(want))
		}
	}
	if n := Norm([][]T{{1}, {T(math.NaN())}}); n == n {
		t.Errorf("the norm of NaN is %v", n)
	}
	if Norm[T](nil) != 0 || Norm([][]T{{}, {0}}) != 0 {
		t.Error("the norm of nothing")
	}
}

// TestDifferences takes Hessian-vector products of a quartic, of which the error is known to be small.
func TestDifferences(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testDifferences[float32](t, 1.0/256, 1e-3) })
	t.Run("float64", func(t *testing.T) { testDifferences[float64](t, 1.0/131072, 1e-8) })
}

func testDifferences[T Float](t *testing.T, c, within float64) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 20 {
		n := 1 + r.IntN(50)
		x, v := [][]T{mixture[T](r, n, 0)}, [][]T{mixture[T](r, n, 0)}
		h := DifferenceStep(x, v)
		if want := c * (1 + Norm(x)) / Norm(v); h != want {
			t.Fatalf("h is %v, want %v", h, want)
		}
		gradient := func(h float64) []T {
			at := make([]T, n)
			DifferencePoint(at, x[0], v[0], h)
			for i, u := range at {
				if want := x[0][i] + T(T(h)*v[0][i]); u != want {
					t.Fatalf("the point is %v, want %v", u, want)
				}
				at[i] = T(T(u*u) * u)
			}
			return at
		}
		above, below := gradient(h), gradient(-h)
		out, inPlace := make([]T, n), slices.Clone(below)
		Difference(out, above, below, h)
		Difference(inPlace, above, inPlace, h)
		Difference(above, above, below, h)
		if !slices.Equal(out, inPlace) || !slices.Equal(out, above) {
			t.Fatal("the difference depends on where it is put")
		}
		for i, got := range out {
			want := 3 * float64(x[0][i]) * float64(x[0][i]) * float64(v[0][i])
			if math.Abs(float64(got)-want) > within*(1+Norm(x))*(1+Norm(x))*Norm(v)*10 {
				t.Fatalf("element %d: %v, want %v", i, got, want)
			}
		}
	}
	if h := DifferenceStep([][]T{{1}}, [][]T{{0}, {}}); h != 0 {
		t.Errorf("along zero h is %v", h)
	}
	if h := DifferenceStep([][]T{{1}}, [][]T{{T(math.NaN())}}); h == h {
		t.Errorf("along NaN h is %v", h)
	}
}

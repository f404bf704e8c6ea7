package gemm

import (
	"math"
	"math/rand/v2"
	"testing"
)

func testTranspose[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for _, shape := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {1, 9}, {8, 8}, {7, 130}, {130, 7}, {64, 64}, {65, 63}, {129, 200}} {
		rows, cols := shape[0], shape[1]
		lds, ldd := cols+r.IntN(3), rows+r.IntN(3)
		src, dst := make([]T, rows*lds), make([]T, cols*ldd)
		for i := range src {
			src[i] = T(r.NormFloat64())
		}
		for i := range dst {
			dst[i] = -7
		}
		Transpose(dst, ldd, src, lds, rows, cols)
		a, b := make([]T, rows*cols), make([]T, rows*cols)
		for j := range cols {
			for i := range ldd {
				want := T(-7)
				if i < rows {
					want = src[i*lds+j]
					a[i*cols+j], b[j*rows+i] = want, want
				}
				if dst[j*ldd+i] != want {
					t.Fatalf("%T %v: element %d, %d is %v, want %v", src, shape, j, i, dst[j*ldd+i], want)
				}
			}
		}
		if !AreTransposes(a, b, rows, cols) {
			t.Fatalf("%T %v: the transpose is none", src, shape)
		}
		if len(b) > 0 {
			a[0], b[0] = T(math.NaN()), T(math.NaN())
			if !AreTransposes(a, b, rows, cols) {
				t.Fatalf("%T %v: with a NaN the transpose is none", src, shape)
			}
			b[r.IntN(len(b))] = 99
			if AreTransposes(a, b, rows, cols) {
				t.Fatalf("%T %v: another matrix is the transpose", src, shape)
			}
		}
	}
}

// TestTranspose holds blocks to the definition, and what is beside the matrix to what it was.
func TestTranspose(t *testing.T) {
	t.Run("float32", testTranspose[float32])
	t.Run("float64", testTranspose[float64])
	defer func() {
		if recover() == nil {
			t.Error("a transpose beyond the end")
		}
	}()
	Transpose(make([]float32, 11), 4, make([]float32, 12), 3, 4, 3)
}

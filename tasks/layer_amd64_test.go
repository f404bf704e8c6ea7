package tasks

import (
	"math"
	"os"
	"testing"

	fence "github.com/optc-lang/optc/internal/guard"
)

// parts are what goes by vectors, as functions of two slices of the same length.
var parts = map[string]func(a, b []float32) float32{
	"exp":       func(a, b []float32) float32 { return expLess(a, b[0]) },
	"tanh":      func(a, _ []float32) float32 { tanh(a); return 0 },
	"rectify":   func(a, b []float32) float32 { rectify(a, b, 1); return 0 },
	"rows":      func(a, b []float32) float32 { rectify(a[:len(a)/3*3], b[:len(a)/3], 3); return 0 },
	"rectified": func(a, b []float32) float32 { rectified(a, b); return 0 },
	"divide":    func(a, b []float32) float32 { divide(a, b[0]); return 0 },
}

// TestVectors holds the vectors to the loops, bit for bit but for what a NaN holds, and to the slices that they are given.
func TestVectors(t *testing.T) {
	if !vectors {
		t.Skip("NOT RUN: this processor has no AVX2")
	}
	t.Cleanup(func() { vectors = true })
	var pages [2]*fence.Region
	_, emulated := os.LookupEnv("GEMM_KERNELS") // an emulator reads what VMASKMOV masks out
	guarded := fence.Available && !emulated
	for i := range pages {
		if !guarded {
			break
		}
		var err error
		if pages[i], err = fence.New(4 << 10); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pages[i].Free() })
	}
	s := newStream(31)
	for i := range 60_000 {
		n := 1 + s.below(40)
		from := [2][]float32{someFloats(s, n), someFloats(s, n)}
		for name, part := range parts {
			var got, want [2][]float32
			for k := range from {
				got[k], want[k] = make([]float32, n), append([]float32(nil), from[k]...)
				switch {
				case guarded && i%2 == 0:
					got[k] = fence.Start[float32](pages[k], n)
				case guarded:
					got[k] = fence.End[float32](pages[k], n)
				}
				copy(got[k], from[k])
			}
			vectors = false
			wanted := part(want[0], want[1])
			vectors = true
			var sum float32
			if f := fence.Run(func() { sum = part(got[0], got[1]) }); f != nil {
				t.Fatalf("%s of %d: %v", name, n, f)
			}
			for k := range got {
				for j, x := range append(got[k], sum) {
					if y := append(want[k], wanted)[j]; math.Float32bits(x) != math.Float32bits(y) && (x == x || y == y) {
						t.Fatalf("%s of %v and %v: %v at %d, want %v", name, from[0], from[1], x, j, y)
					}
				}
			}
		}
	}
}

// someFloats draws numbers of all sizes, now and then one that is special.
func someFloats(s *stream, n int) []float32 {
	special := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), -87, 88, 10, 0x1p-6, -0x1p-6, math.MaxFloat32, 1e-45, 1}
	size := []float64{1, 0.01, 12, 90, 1e-4, 1e30}[s.below(6)]
	rare := s.below(20)
	out := make([]float32, n)
	for i := range out {
		switch d := s.below(200); {
		case d < rare:
			out[i] = special[s.below(len(special))]
		case d == 199:
			out[i] = math.Float32frombits(uint32(s.next()))
		default:
			out[i] = float32(s.symmetric() * size)
		}
	}
	return out
}

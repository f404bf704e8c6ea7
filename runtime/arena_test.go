package runtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func address[T Float](s []T) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(s))) }

// TestAllocStaggers holds that large arrays of the sizes which models have do not start on the same lines modulo any
// large power of two: seven in a row keep 512 bytes apart modulo 4096, and so modulo all greater ones.
func TestAllocStaggers(t *testing.T) {
	for _, n := range []int{1 << 18, 1 << 19, 1 << 20, 3 << 18, 1 << 21, 784 * 1024} {
		arrays := Alloc[float32](n, n, n, n, n, n, n, n)
		for i := range arrays {
			for j := range i {
				distance := address(arrays[i]) - address(arrays[j])
				least, bits := uintptr(512), 12
				if i-j >= phases { // of different tensors
					bits = 17
				}
				for ; bits < 40; bits++ {
					if rest := distance & (1<<bits - 1); rest < least || rest > 1<<bits-least {
						t.Fatalf("n = %d: arrays %d and %d are %d apart modulo 2^%d", n, j, i, rest, bits)
					}
				}
				if rest := distance & (1<<17 - 1); n&(n-1) == 0 && i-j == 1 && rest < 64<<10 {
					t.Fatalf("n = %d: neighbours are %d apart modulo 128 KiB", n, rest)
				}
			}
		}
	}
}

func TestAllocArrays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		sizes := make([]int, rng.IntN(20))
		for i := range sizes {
			sizes[i] = int(math.Exp(rng.Float64()*13)) - 1
		}
		checkArrays(t, sizes, Alloc[float32](sizes...))
		checkArrays(t, sizes, Alloc[float64](sizes...))
		for _, column := range allocColumns[float64](sizes, sizes) {
			checkArrays(t, sizes, column)
		}
		x := make([][]float64, len(sizes))
		for i, column := range allocBeside(x, [][][]float64{nil, x}, sizes, nil, sizes) {
			if i != 1 {
				checkArrays(t, sizes, column)
			}
		}
	}
}

func checkArrays[T Float](t *testing.T, sizes []int, arrays [][]T) {
	t.Helper()
	if len(arrays) != len(sizes) {
		t.Fatalf("%d arrays for %d sizes", len(arrays), len(sizes))
	}
	for i, a := range arrays {
		if len(a) != sizes[i] || cap(a) != sizes[i] || a == nil || len(a) > 0 && address(a)%lineBytes != 0 {
			t.Fatalf("array of %d: length %d, capacity %d, at %#x", sizes[i], len(a), cap(a), address(a))
		}
		for k := range a {
			if a[k] != 0 {
				t.Fatal("arrays overlap or are not zero")
			}
			a[k] = 1
		}
	}
}

func TestAllocPanics(t *testing.T) {
	for _, sizes := range [][]int{{-1}, {5, math.MinInt}, {math.MaxInt}, {math.MaxInt / 8, math.MaxInt / 8}, {math.MaxInt / 5}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("sizes %v are granted", sizes)
				}
			}()
			Alloc[float64](sizes...)
		}()
	}
}

// TestStatesStaggered holds the states of an optimizer, with parameters and gradients from Alloc, to different lines.
func TestStatesStaggered(t *testing.T) {
	const n = 1 << 22
	x, g := Alloc[float32](n), Alloc[float32](n)
	o, err := New(adam[float32](), []Param[float32]{{"x", []int{n}, x[0]}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	starts := []uintptr{address(x[0]), address(g[0]), address(o.states[0][0]), address(o.states[1][0])}
	for i := range starts {
		for j := range i {
			if rest := (starts[i] - starts[j]) % 4096; min(rest, 4096-rest) < 512 {
				t.Errorf("streams %d and %d are %#x apart", j, i, starts[i]-starts[j])
			}
		}
	}
}

// TestStatesBesideParameters holds the states and the scratch of an optimizer off its parameters, wherever these start: parts
// of one array, arrays of make, arrays off their alignment, large ones and small ones.
func TestStatesBesideParameters(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for try := range 60 {
		large := try%2 == 0
		all := make([]float32, 1<<20)
		var params []Param[float32]
		for i := range 1 + rng.IntN(12) {
			n := 1 + rng.IntN(phasedBytes/4-1)
			if large {
				n += phasedBytes / 4
			}
			gap := 0
			if try%3 == 0 {
				gap = rng.IntN(2000)
			}
			params = append(params, Param[float32]{Name: fmt.Sprint("p", i), Shape: []int{n}, Data: all[gap : gap+n : gap+n]})
			all = all[gap+n:]
		}
		rule := adam[float32]()
		rule.Scratch = []Extent{PerElem}
		o, err := New(rule, params, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range params {
			starts := []int{phaseOf(p.Data), phaseOf(o.states[0][i]), phaseOf(o.states[1][i]), phaseOf(o.scratch[0][i])}
			for k := range starts {
				for j := range k {
					d := modPage(starts[k] - starts[j])
					if min(d, pageBytes-d) < nearBytes && (large || d != 0) {
						t.Fatalf("arrays %d and %d of %d elements, number %d, start %d bytes apart modulo a page", j, k, len(p.Data), i, d)
					}
				}
			}
		}
	}
}

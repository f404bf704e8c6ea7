//go:build !purego

package runtime

import (
	"fmt"
	"testing"

	"github.com/optc-lang/optc/internal/guard"
	"github.com/optc-lang/optc/runtime/elem"
)

// fence is regions for the operands of one call.
type fence [4]*guard.Region

func newFence(t *testing.T) *fence {
	t.Helper()
	if !guard.Available || !Has(AVX2) {
		t.Skip("NOT RUN: no guard pages, or no AVX2")
	}
	f := &fence{}
	for i := range f {
		r, err := guard.New(64 << 10)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Free() })
		f[i] = r
	}
	return f
}

// fenced is n elements at the end or the start of region i.
func fenced[E float32 | float64 | uint8 | uint16 | uint32](f *fence, i int, end bool, n int) []E {
	u := guard.Start[E](f[i], n)
	if end {
		u = guard.End[E](f[i], n)
	}
	for k := range u {
		u[k] = E(k%11 + 1)
	}
	return u
}

// fencedCall is a function of the package on n elements in a fence, with the operands made before it is run.
type fencedCall func(f *fence, end bool, n int) func()

// vectorCalls are all functions of the package that have vector code, by name.
func vectorCalls(e Engine) map[string]fencedCall {
	stream := elem.Stream{Seed: 3, Step: 4, Tensor: 5, Site: 6}
	calls := map[string]fencedCall{
		"words": func(f *fence, end bool, n int) func() {
			dst := fenced[uint32](f, 0, end, n)
			return func() { drawWords(e, dst, stream, 7) }
		},
		"mark": func(f *fence, end bool, n int) func() {
			to, u := fenced[float32](f, 0, end, n), fenced[float32](f, 1, end, n)
			return func() { markWide(to, u, 3) }
		},
		"sift": func(f *fence, end bool, n int) func() {
			to, u := fenced[float32](f, 0, end, n), fenced[float32](f, 1, end, n)
			return func() { siftWide(to, u, 2, 9) }
		},
	}
	addOf[float32](calls, e, stream)
	addOf[float64](calls, e, stream)
	return calls
}

// addOf adds the calls of an element type.
func addOf[T Float](calls map[string]fencedCall, e Engine, stream elem.Stream) {
	add := func(name string, call fencedCall) { calls[fmt.Sprintf("%s of %T", name, T(0))] = call }
	add("add", func(f *fence, end bool, n int) func() {
		to, w := fenced[T](f, 0, end, n), fenced[T](f, 1, end, n)
		return func() { addWide(to, w) }
	})
	add("add wide", func(f *fence, end bool, n int) func() {
		to, w := fenced[float64](f, 0, end, n), fenced[T](f, 1, end, n)
		return func() { widenWide(to, w) }
	})
	add("sum lanes", func(f *fence, end bool, n int) func() {
		lanes, w := fenced[T](f, 0, end, elem.Lanes[T]()), fenced[T](f, 1, end, n)
		return func() { sumWide(lanes, w) }
	})
	add("uniform", func(f *fence, end bool, n int) func() {
		dst := fenced[T](f, 0, end, n)
		return func() { drawUniform(e, dst, stream, 7) }
	})
	add("normal", func(f *fence, end bool, n int) func() {
		dst := fenced[T](f, 0, end, n)
		return func() { drawNormal(e, dst, stream, 7) }
	})
	for _, chance := range []bool{false, true} {
		words := func(f *fence, end bool, n int) []uint32 {
			if !chance {
				return nil
			}
			return fenced[uint32](f, 3, end, n)
		}
		for _, bf16 := range []bool{false, true} {
			add(fmt.Sprintf("half, bf16 %v, by chance %v,", bf16, chance), func(f *fence, end bool, n int) func() {
				half, w, words := fenced[uint16](f, 0, end, n), fenced[T](f, 1, end, n), words(f, end, n)
				return func() {
					narrowHalf(e, bf16, half, w, words)
					widenHalf(e, bf16, w, half)
				}
			})
		}
		for _, signed := range []bool{false, true} {
			add(fmt.Sprintf("q8, signed %v, by chance %v,", signed, chance), func(f *fence, end bool, n int) func() {
				codes, w, scale, words := fenced[uint8](f, 0, end, n), fenced[T](f, 1, end, n), fenced[float32](f, 2, end, scales(n)), words(f, end, n)
				return func() {
					narrowQ8(e, signed, codes, scale, w, words)
					widenQ8(e, signed, w, codes, scale)
				}
			})
		}
	}
}

// TestVectorCodeTouchesNothingElse runs everything that has vector code on memory that begins, or ends, where a page does
// that cannot be touched.
func TestVectorCodeTouchesNothingElse(t *testing.T) {
	f := newFence(t)
	var lengths []int
	for n := range 131 {
		lengths = append(lengths, n)
	}
	for _, at := range []int{elem.Q8Block, elem.DrawUnit, elem.Block, 2 * elem.Block} {
		lengths = append(lengths, at-1, at, at+1)
	}
	for _, e := range []Engine{AVX2, AVX512} {
		if !Has(e) {
			t.Logf("NOT RUN: %s", e)
			continue
		}
		for name, call := range vectorCalls(e) {
			for _, n := range lengths {
				for _, end := range []bool{false, true} {
					if fault := guard.Run(call(f, end, n)); fault != nil {
						t.Errorf("%s, %s, %d elements, at the end of a page %v: %v", e, name, n, end, fault)
					}
				}
			}
		}
	}
}

// TestVectorOverrunsAreFound tells kernels of more than there is.
func TestVectorOverrunsAreFound(t *testing.T) {
	f := newFence(t)
	const n = 64
	for _, more := range []int{0, 32} {
		to, w := fenced[float32](f, 0, true, n), fenced[float32](f, 1, true, n)
		wide, lanes := fenced[float64](f, 2, true, n), fenced[float32](f, 3, true, 32)
		for name, call := range map[string]func(){
			"addSame32":   func() { addSame32(&to[0], &w[0], n+more) },
			"addSame64":   func() { addSame64(&wide[0], &wide[0], n+more) },
			"widenCols32": func() { widenCols32(&wide[0], &w[0], n+more) },
			"sumLanes32":  func() { sumLanes32(&lanes[0], &w[0], n+more) },
		} {
			if fault := guard.Run(call); (fault != nil) != (more > 0) {
				t.Errorf("%s of %d on memory for %d: %v", name, n+more, n, fault)
			}
		}
	}
}

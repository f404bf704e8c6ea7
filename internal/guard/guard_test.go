package guard

import (
	"testing"
	"unsafe"
)

var sink byte

// TestFaults touches every kind of place around arrays of several sizes, and within them.
func TestFaults(t *testing.T) {
	if !Available {
		t.Skip("NOT RUN: this system has no guard pages")
	}
	r, err := New(5000)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	touch := func(u []float32, at int, write bool) *Fault {
		p := (*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(u)), at))
		return Run(func() {
			if write {
				*p = 1
			} else {
				sink = *p
			}
		})
	}
	for _, n := range []int{0, 1, 7, 1250} {
		start, end := Start[float32](r, n), End[float32](r, n)
		if len(start) != n || len(end) != n {
			t.Fatalf("%d and %d elements, not %d", len(start), len(end), n)
		}
		for _, write := range []bool{false, true} {
			if f := touch(start, -1, write); f == nil || Where(f, start) != -1 {
				t.Errorf("%d elements, write %v: the byte before: %v", n, write, f)
			}
			if f := touch(end, 4*n, write); f == nil || Where(f, end) != 1 {
				t.Errorf("%d elements, write %v: the byte behind: %v", n, write, f)
			}
			if n > 0 && (touch(start, 0, write) != nil || touch(end, 4*n-1, write) != nil) {
				t.Errorf("%d elements, write %v: faults within", n, write)
			}
		}
	}
}

// TestOtherPanics are not taken for faults.
func TestOtherPanics(t *testing.T) {
	defer func() {
		if p := recover(); p != "other" {
			t.Errorf("recovered %v", p)
		}
	}()
	Run(func() { panic("other") })
}

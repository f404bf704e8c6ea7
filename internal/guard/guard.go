// Package guard lends memory that ends, or begins, exactly where the system lets nothing be touched, and reports what
// touches it. It is for tests of code that checks no bounds: assembly, and Go with unsafe pointers.
//
// In come sizes, out go slices and faults. It may not be used outside tests: a fault anywhere in the process is taken
// for one of the code under test. Where the system has no such pages, [Available] says so.
package guard

import (
	"fmt"
	"runtime/debug"
	"unsafe"
)

// Region is memory between two pages that cannot be touched.
type Region struct {
	all  []byte // with both pages
	data []byte
}

// Start is the n elements at the start of the region: the byte before them cannot be touched.
func Start[T any](r *Region, n int) []T { return at[T](r, 0, n) }

// End is the n elements at the end of the region: the byte after them cannot be touched.
func End[T any](r *Region, n int) []T {
	var v T
	return at[T](r, len(r.data)-n*int(unsafe.Sizeof(v)), n)
}

func at[T any](r *Region, from, n int) []T {
	var v T
	if bytes := n * int(unsafe.Sizeof(v)); n < 0 || bytes > len(r.data) {
		panic(fmt.Sprintf("guard: %d bytes of a region of %d", bytes, len(r.data)))
	}
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.data)), from)), n)
}

// Bytes is all of the region that can be touched.
func (r *Region) Bytes() []byte { return r.data }

// Fault is a read or a write of memory that cannot be touched.
type Fault struct{ Addr uintptr }

func (f *Fault) Error() string { return "touches memory outside its arrays" }

// Where is the distance in bytes of the fault from a slice: negative before it, 1 or more behind it, 0 within it.
func Where[T any](f *Fault, u []T) int {
	var v T
	start := uintptr(unsafe.Pointer(unsafe.SliceData(u)))
	end := start + uintptr(len(u))*unsafe.Sizeof(v)
	switch {
	case f.Addr < start:
		return -int(start - f.Addr)
	case f.Addr >= end:
		return int(f.Addr-end) + 1
	}
	return 0
}

// Run runs f and returns the fault that ended it, if one did.
func Run(f func()) (fault *Fault) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		p := recover()
		if at, ok := p.(interface{ Addr() uintptr }); ok {
			fault = &Fault{at.Addr()}
		} else if p != nil {
			panic(p)
		}
	}()
	f()
	return nil
}

package gemm

import "unsafe"

// Transpose sets the cols×rows matrix dst, whose rows are ldd apart, to the transpose of the rows×cols matrix src, whose rows
// are lds apart. They may be parts of one slice that do not overlap.
//
// It panics before it writes if a slice is too short.
func Transpose[T Float](dst []T, ldd int, src []T, lds, rows, cols int) {
	if rows < 0 || cols < 0 || !spans(View[T]{dst, ldd, 1}, cols, rows) || !spans(View[T]{src, lds, 1}, rows, cols) {
		panic("gemm: a transpose of matrices that are too short")
	}
	var buffer [tileCols * tileCols]T
	for i := 0; i < rows; i += tileCols {
		for j := 0; j < cols; j += tileCols {
			m, n := min(tileCols, rows-i), min(tileCols, cols-j)
			pack(buffer[:], View[T]{src[i*lds+j:], 1, lds}, n, m)
			for q := range n {
				copy(dst[(j+q)*ldd+i:][:m], buffer[q*tileCols:])
			}
		}
	}
}

// AreTransposes reports whether b (cols×rows) has the bits of the transpose of a (rows×cols).
func AreTransposes[T Float](a, b []T, rows, cols int) bool {
	if rows < 0 || cols < 0 || !holds(len(a), rows, cols) || !holds(len(b), rows, cols) {
		panic("gemm: matrices to compare that are too short")
	}
	var buffer [tileCols * tileCols]T
	for i := 0; i < rows; i += tileCols {
		for j := 0; j < cols; j += tileCols {
			m, n := min(tileCols, rows-i), min(tileCols, cols-j)
			pack(buffer[:], View[T]{a[i*cols+j:], 1, cols}, n, m)
			for q := range n {
				if memory(b[(j+q)*rows+i:][:m]) != memory(buffer[q*tileCols:][:m]) {
					return false
				}
			}
		}
	}
	return true
}

// memory is the bytes of u.
func memory[T Float](u []T) string {
	return unsafe.String((*byte)(unsafe.Pointer(unsafe.SliceData(u))), len(u)*int(unsafe.Sizeof(T(0))))
}

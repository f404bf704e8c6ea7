package elem

import "math"

// Band is the number of elements whose values a reduction per column combines before it goes on: a whole number of blocks.
const Band = 64 * Block

// Rows and columns of a matrix whose elements stand row by row in one array.
//
// A row is reduced piece by piece: it is cut where a block of the whole array ends, each piece is reduced as a block is,
// and the pieces' values are combined in float64 in index order. A column's values are combined in float64, row by row
// within a band of Band elements of the whole array, and the bands' values in order.

// ReduceRows sets out, one value a row of cols elements, to the reduction of each row of u.
func ReduceRows[T Float](r Reduction, out []float64, u []T, cols int) {
	for row := range out {
		value := Identity(r)
		for from, end := row*cols, (row+1)*cols; from < end; {
			to := min(end, (from/Block+1)*Block)
			value = Combine(r, value, ReduceBlock(r, u[from:to]))
			from = to
		}
		out[row] = value
	}
}

// ReduceCols sets out, one value a column, to the reduction of each column of u, which has so many rows.
func ReduceCols[T Float](r Reduction, out []float64, u []T, rows int) {
	fillIdentity(r, out)
	band := make([]float64, len(out))
	for from := 0; from < len(u); from += Band {
		fillIdentity(r, band)
		AddCols(r, band, u[from:min(from+Band, len(u))], from%len(out))
		for col, v := range band {
			out[col] = Combine(r, out[col], v)
		}
	}
}

func fillIdentity(r Reduction, out []float64) {
	start := Identity(r)
	for i := range out {
		out[i] = start
	}
}

// AddCols combines elements into the values of their columns, one value a column in out; u[0] stands in column first.
func AddCols[T Float](r Reduction, out []float64, u []T, first int) {
	for len(u) > 0 {
		n := min(len(u), len(out)-first)
		to := out[first : first+n]
		if r == ReduceSum {
			for i, v := range u[:n] {
				to[i] += float64(v)
			}
		} else {
			for i, v := range u[:n] {
				to[i] = Combine(r, to[i], float64(v))
			}
		}
		u, first = u[n:], 0
	}
}

// EachLine calls f for each row (or column) of a matrix, with the line's values and where they stand.
func EachLine[T Float](byRow bool, u []T, rows, cols int, f func(line int, values []T, at []int)) {
	lines, length, step, next := cols, rows, cols, 1
	if byRow {
		lines, length, step, next = rows, cols, 1, cols
	}
	values, at := make([]T, length), make([]int, length)
	for line := range lines {
		for k := range at {
			at[k] = line*next + k*step
			values[k] = u[at[k]]
		}
		f(line, values, at)
	}
}

// Rank is the rank that a step value names, for Kth and TopK: rounded down, and 0 for NaN.
func Rank(k float64) int {
	switch {
	case !(k >= 1):
		return 0
	case k >= math.MaxInt32:
		return math.MaxInt32
	}
	return int(math.Floor(k))
}

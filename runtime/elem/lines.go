package elem

import "math"

// Band is the number of elements whose values a reduction per column combines before it goes on: a whole number of blocks.
const Band = 64 * Block

// Bounds of the arrays that a tensor seen as a matrix has beside its elements.
const (
	MaxSide  = 1 << 15 // rows of a square matrix: one of float32 then has 4 GB
	MaxEmpty = 1 << 20 // rows or columns of a tensor without elements
)

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

// Lines is room for the lines of a matrix; its zero value is ready.
type Lines[T Float] struct {
	values, marks []T
	one, mark     [1][]T
}

// TopK sets out, as long as u, to 1 for exactly the k largest of each row (or column) and to 0 elsewhere.
func (l *Lines[T]) TopK(out []T, byRow bool, u []T, rows, cols, k int) {
	lines, step, next := l.cut(byRow, rows, cols)
	for line := range lines {
		l.gather(u, line*next, step)
		TopK(l.mark[:], l.one[:], k)
		for i, at := 0, line*next; i < len(l.mark[0]); i, at = i+1, at+step {
			out[at] = l.mark[0][i]
		}
	}
}

// cut makes room for a line of a matrix. It returns how many lines there are, how far apart the values of one are, and
// the first ones of two.
func (l *Lines[T]) cut(byRow bool, rows, cols int) (lines, step, next int) {
	lines, step, next = cols, cols, 1
	length := rows
	if byRow {
		lines, length, step, next = rows, cols, 1, cols
	}
	if cap(l.values) < length {
		l.values, l.marks = make([]T, length), make([]T, length)
	}
	l.one[0], l.mark[0] = l.values[:length], l.marks[:length]
	return lines, step, next
}

// gather copies a line of u.
func (l *Lines[T]) gather(u []T, from, step int) {
	for i := range l.one[0] {
		l.one[0][i] = u[from]
		from += step
	}
}

// Rank is the rank that a step value names, for Kth and TopK: rounded down, and 0 for NaN.
func Rank(k float64) int {
	switch {
	case !(k >= 1):
		return 0
	case k >= 1<<31-1:
		return 1<<31 - 1
	}
	return int(math.Floor(k))
}

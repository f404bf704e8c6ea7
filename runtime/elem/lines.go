package elem

import "math"

// ColRows is the number of rows whose elements a reduction per column combines in the element type.
const ColRows = 32

// Bounds of the arrays that a tensor seen as a matrix has beside its elements.
const (
	MaxSide  = 1 << 15 // rows of a square matrix: one of float32 then has 4 GB
	MaxEmpty = 1 << 20 // rows or columns of a tensor without elements
)

// Rows and columns of a matrix whose elements stand row by row in one array.
//
// A row is reduced piece by piece: it is cut where a block of the whole array ends, each piece is reduced as a block is,
// and the pieces' values are combined in float64 in index order. A column is reduced in groups of ColRows rows, the last
// possibly shorter: the elements of a group are combined one by one in the element type, from the identity, and the
// groups' values in float64 in order. With u the unit roundoff of the element type and v that of float64, a column's sum
// of n rows is off by at most
//
//	(ColRows-1)*u + (n/ColRows)*v
//
// times the sum of the magnitudes, but for terms of order u^2, as long as nothing overflows (Higham, "Accuracy and
// Stability of Numerical Algorithms", 2002, section 4.2).

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
	fill(out, Identity(r))
	group := make([]T, len(out))
	for from := 0; from < len(u); from += ColRows * len(out) {
		fill(group, T(Identity(r)))
		AddCols(r, group, u[from:min(from+ColRows*len(out), len(u))], 0)
		for col, v := range group {
			out[col] = Combine(r, out[col], float64(v))
		}
	}
}

func fill[T Float](out []T, v T) {
	for i := range out {
		out[i] = v
	}
}

// AddCols combines elements into the values of their columns, one value a column in out; u[0] stands in column first.
func AddCols[T Float](r Reduction, out []T, u []T, first int) {
	for len(u) > 0 {
		n := min(len(u), len(out)-first)
		to := out[first : first+n]
		if r == ReduceSum {
			for i, v := range u[:n] {
				to[i] += v
			}
		} else {
			for i, v := range u[:n] {
				to[i] = combine(r, to[i], v)
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

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

// Lines is room for the lines of a matrix; its zero value is ready.
type Lines[T Float] struct {
	values, marks []T
	one, mark     [1][]T
}

// Kth sets out, one value a row (or column) of u, to the k-th smallest of each.
func (l *Lines[T]) Kth(out []T, byRow bool, u []T, rows, cols, k int) {
	l.each(byRow, u, rows, cols, func(line int, _ func(i int) int) {
		out[line] = Kth(l.one[:], k, nil)
	})
}

// TopK sets out, as long as u, to 1 for exactly the k largest of each row (or column) and to 0 elsewhere.
func (l *Lines[T]) TopK(out []T, byRow bool, u []T, rows, cols, k int) {
	l.each(byRow, u, rows, cols, func(_ int, at func(i int) int) {
		TopK(l.mark[:], l.one[:], k)
		for i, v := range l.mark[0] {
			out[at(i)] = v
		}
	})
}

// each puts each line of u into l.one and calls f with where its values stand.
func (l *Lines[T]) each(byRow bool, u []T, rows, cols int, f func(line int, at func(i int) int)) {
	lines, length, step, next := cols, rows, cols, 1
	if byRow {
		lines, length, step, next = rows, cols, 1, cols
	}
	if cap(l.values) < length {
		l.values, l.marks = make([]T, length), make([]T, length)
	}
	l.one[0], l.mark[0] = l.values[:length], l.marks[:length]
	start := 0
	at := func(i int) int { return start + i*step }
	for line := range lines {
		start = line * next
		for i := range l.one[0] {
			l.one[0][i] = u[at(i)]
		}
		f(line, at)
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

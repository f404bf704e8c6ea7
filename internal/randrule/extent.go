package randrule

import "slices"

// extent says how many of a value there are, as in the language.
type extent int

const (
	constant extent = iota
	model
	group
	tensor
	row
	col
	element
	rowRow
	colCol
	colRow
)

var extentNames = [...]string{"const", "model", "group", "tensor", "row", "col", "elem", "[row,row]", "[col,col]", "[col,row]"}

func (e extent) String() string { return extentNames[e] }

// holds reports whether a value per v may stand where one per e is wanted.
func (e extent) holds(v extent) bool {
	return v == e || v <= tensor && v < e || e == element && v < e
}

// isArray reports whether a value is an array, not a step value.
func (e extent) isArray() bool { return e > tensor }

// isMatrix reports whether the extent has an axis twice, or both the other way round.
func (e extent) isMatrix() bool { return e > element }

// flipped is the extent of the transpose.
func (e extent) flipped() extent {
	return map[extent]extent{element: colRow, colRow: element, rowRow: rowRow, colCol: colCol}[e]
}

// axes are the two axes of a matrix, or the one of a row or column value.
func (e extent) axes() []extent {
	return map[extent][]extent{
		row: {row}, col: {col}, element: {row, col}, rowRow: {row, row}, colCol: {col, col}, colRow: {col, row},
	}[e]
}

// matrixOf is the extent with two axes.
func matrixOf(a, b extent) extent {
	return map[[2]extent]extent{{row, col}: element, {row, row}: rowRow, {col, col}: colCol, {col, row}: colRow}[[2]extent{a, b}]
}

// has reports whether a matrix has an axis, which a reduction per row or col keeps.
func (e extent) has(axis extent) bool {
	return e.isMatrix() && slices.Contains(e.axes(), axis) || e == element
}

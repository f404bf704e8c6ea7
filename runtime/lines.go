package runtime

import "github.com/optc-lang/optc/runtime/elem"

// Reductions per row and per column, as package elem defines them, are collected in o.lines. A row has one value for each
// block that it has a part of: that of row r and block b stands at r+b. A column has one value for each chunk; a chunk
// shorter than a row has one for each element.

// setLines places the lines of a pass's collects: where those of each tensor begin. It returns their number.
func (o *Optimizer[T]) setLines(s *stage[T]) int {
	n := 0
	for _, c := range s.collects {
		starts := make([]int, len(o.x))
		for param := range o.x {
			starts[param] = n
			if o.classOf[param] == s.Class {
				n += o.linesOf(s.Pass.Domain, c, param)
			}
		}
		s.lines = append(s.lines, starts)
	}
	return n
}

func (o *Optimizer[T]) linesOf(domain Extent, c Collect, param int) int {
	rows, cols := o.matrix(domain, param)
	if c.To.Extent == domain.firstAxis() {
		return rows + blocks(rows*cols)
	}
	return (rows*cols + chunkElements - 1) / chunkElements * min(cols, chunkElements)
}

func (o *Optimizer[T]) startLines(s *stage[T]) {
	for i, c := range s.collects {
		identity := elem.Identity(c.Kind)
		for param := range o.x {
			if o.classOf[param] == s.Class {
				lines := o.lines[s.lines[i][param]:][:o.linesOf(s.Pass.Domain, c, param)]
				for k := range lines {
					lines[k] = identity
				}
			}
		}
	}
}

// collect takes in the elements from an index on.
func (o *Optimizer[T]) collect(domain Extent, c Collect, w []T, lines []float64, param, at int) {
	_, cols := o.matrix(domain, param)
	if c.To.Extent == domain.firstAxis() {
		for len(w) > 0 {
			row, block := at/cols, at/elem.Block
			n := min(len(w), (row+1)*cols-at, (block+1)*elem.Block-at)
			lines[row+block] = reducePiece(c.Kind, w[:n])
			w, at = w[n:], at+n
		}
		return
	}
	width := min(cols, chunkElements)
	lines = lines[at/chunkElements*width:][:width]
	addCols(c.Kind, lines, w, at%max(1, min(cols, chunkElements)))
}

// reducePiece is elem.ReduceBlock.
func reducePiece[T Float](kind elem.Reduction, w []T) float64 {
	if kind != elem.ReduceSum || len(w) < elem.LaneBytes/2 {
		return elem.ReduceBlock(kind, w)
	}
	var a elem.Acc[T]
	a.Reset(kind)
	for i := sumWide(a.Lanes(), w); i < len(w); i++ {
		a.Add(i, w[i])
	}
	return a.Value()
}

// addCols is elem.AddCols.
func addCols[T Float](kind elem.Reduction, to []float64, w []T, first int) {
	if kind != elem.ReduceSum {
		elem.AddCols(kind, to, w, first)
		return
	}
	for len(w) > 0 {
		n := min(len(w), len(to)-first)
		wide := addWide(to[first:first+n], w[:n])
		elem.AddCols(kind, to, w[wide:n], first+wide)
		w, first = w[n:], 0
	}
}

// endLines combines what was collected and rounds it to the element type.
func (o *Optimizer[T]) endLines(s *stage[T]) {
	for i, c := range s.collects {
		for param, to := range o.scratch[c.To.Index] {
			if o.classOf[param] != s.Class {
				continue
			}
			lines := o.lines[s.lines[i][param]:][:o.linesOf(s.Pass.Domain, c, param)]
			rows, cols := o.matrix(s.Pass.Domain, param)
			if c.To.Extent == s.Pass.Domain.firstAxis() {
				endRows(c, to, lines, cols)
			} else {
				o.endCols(c, to, lines, rows*cols)
			}
		}
	}
}

func endRows[T Float](c Collect, to []T, lines []float64, cols int) {
	for row := range to {
		value := elem.Identity(c.Kind)
		for block := row * cols / elem.Block; cols > 0 && block <= ((row+1)*cols-1)/elem.Block; block++ {
			value = elem.Combine(c.Kind, value, lines[row+block])
		}
		to[row] = T(value)
	}
}

func (o *Optimizer[T]) endCols(c Collect, to []T, lines []float64, length int) {
	totals := o.totals[:len(to)]
	for i := range totals {
		totals[i] = elem.Identity(c.Kind)
	}
	width := min(len(to), chunkElements)
	for from := 0; from < length; from += chunkElements {
		col, n := 0, width
		if len(to) > chunkElements {
			col, n = from%len(to), min(width, length-from)
		}
		for _, v := range lines[from/chunkElements*width:][:n] {
			totals[col] = elem.Combine(c.Kind, totals[col], v)
			if col++; col == len(to) {
				col = 0
			}
		}
	}
	for i, v := range totals {
		to[i] = T(v)
	}
}

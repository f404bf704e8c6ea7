package runtime

import "github.com/optc-lang/optc/runtime/elem"

// Reductions per row and per column, as package elem defines them, are collected in the pass's workspace. A row has one value
// for each block that it has a part of: that of row r and block b stands at r+b. A column has one value for each group of
// elem.ColRows rows, into which the elements go as they come; the values of a group stand side by side.

// setLines places the lines of a pass's collects: where those of each tensor begin. It returns how many values there are of
// rows and of columns.
func (o *Optimizer[T]) setLines(s *stage[T]) (rows, cols int) {
	s.lines = nil
	for _, c := range s.collects {
		starts, n := make([]int, len(o.x)), &cols
		if s.isRow(c) {
			n = &rows
		}
		for param := range o.x {
			starts[param] = *n
			if o.classOf[param] == s.Class {
				*n += o.linesOf(s, c, param)
			}
		}
		s.lines = append(s.lines, starts)
	}
	return rows, cols
}

// isRow reports whether a collect is per row.
func (s *stage[T]) isRow(c Collect) bool { return c.To.Extent == s.Pass.Domain.firstAxis() }

func (o *Optimizer[T]) linesOf(s *stage[T], c Collect, param int) int {
	rows, cols := o.matrix(s.Pass.Domain, param)
	if s.isRow(c) {
		return rows + blocks(rows*cols)
	}
	return (rows + elem.ColRows - 1) / elem.ColRows * cols
}

// collect takes in the elements of collect i from an index on.
func (o *Optimizer[T]) collect(s *stage[T], i int, w []T, param, at int) {
	c, start := s.collects[i], s.lines[i][param]
	_, cols := o.matrix(s.Pass.Domain, param)
	isRow := s.isRow(c)
	for len(w) > 0 {
		row := at / cols
		n := min(len(w), (row+1)*cols-at)
		if isRow {
			block := at / elem.Block
			n = min(n, (block+1)*elem.Block-at)
			s.mem.rows[start+row+block] = reducePiece(c.Kind, w[:n])
		} else {
			addCols(c.Kind, s.colPiece(c.Kind, start, row, cols, at-row*cols, n), w[:n])
		}
		w, at = w[n:], at+n
	}
}

// colPiece are the values of n columns from one on, in the group of a row: as a reduction starts if the row is its first.
func (s *stage[T]) colPiece(kind elem.Reduction, start, row, cols, col, n int) []T {
	to := s.mem.cols[start+row/elem.ColRows*cols+col:][:n]
	if row%elem.ColRows == 0 {
		identity := T(elem.Identity(kind))
		for i := range to {
			to[i] = identity
		}
	}
	return to
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

// addCols is elem.AddCols of a piece of a row.
func addCols[T Float](kind elem.Reduction, to, w []T) {
	wide := 0
	if kind == elem.ReduceSum {
		wide = addWide(to, w)
	}
	elem.AddCols(kind, to[wide:], w[wide:], 0)
}

// endLines combines what was collected and rounds it to the element type: per row, of the tensors that a group has not.
func (o *Optimizer[T]) endLines(s *stage[T], g *group[T]) {
	for i, c := range s.collects {
		for param, to := range o.scratch[c.To.Index] {
			if o.classOf[param] != s.Class {
				continue
			}
			if !s.isRow(c) {
				o.endCols(s, i, to, param)
			} else if g == nil || !g.combines(param) {
				o.endRow(s, i, param, 0, len(to))
			}
		}
	}
}

// endRows combines what was collected of some rows.
func (o *Optimizer[T]) endRows(s *stage[T], param, from, to int) {
	for i, c := range s.collects {
		if s.isRow(c) {
			o.endRow(s, i, param, from, to)
		}
	}
}

func (o *Optimizer[T]) endRow(s *stage[T], i, param, from, end int) {
	c := s.collects[i]
	_, cols := o.matrix(s.Pass.Domain, param)
	lines, to := s.mem.rows[s.lines[i][param]:], o.scratch[c.To.Index][param]
	for row := from; row < end; row++ {
		value := elem.Identity(c.Kind)
		if cols > 0 {
			for _, v := range lines[row+row*cols/elem.Block : row+((row+1)*cols-1)/elem.Block+1] {
				value = elem.Combine(c.Kind, value, v)
			}
		}
		to[row] = T(value)
	}
}

func (o *Optimizer[T]) endCols(s *stage[T], i int, to []T, param int) {
	c := s.collects[i]
	totals := o.totals[:len(to)]
	for i := range totals {
		totals[i] = elem.Identity(c.Kind)
	}
	lines := s.mem.cols[s.lines[i][param]:][:o.linesOf(s, c, param)]
	for ; len(lines) > 0; lines = lines[len(to):] {
		widenCols(c.Kind, totals, lines[:len(to)])
	}
	for i, v := range totals {
		to[i] = T(v)
	}
}

// widenCols combines the values of a group of rows into those of all.
func widenCols[T Float](kind elem.Reduction, totals []float64, w []T) {
	wide := 0
	if kind == elem.ReduceSum {
		wide = widenWide(totals, w)
	}
	for i, v := range w[wide:] {
		totals[wide+i] = elem.Combine(kind, totals[wide+i], float64(v))
	}
}

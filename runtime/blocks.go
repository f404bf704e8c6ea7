package runtime

import (
	"fmt"
	"io"
	"unsafe"
)

// Blocks cuts large matrices: a parameter of rank 2 or more with more than n rows or columns (its first dimension, and the
// product of the others) becomes a grid of blocks of at most n x n, each a tensor of its own for the rule, as in scalable
// Shampoo (Anil et al. 2020, arXiv:2002.09018). So a matrix of 10,000 x 10,000 has roots of 1,024 rows at most:
//
//	opt, err := NewShampoo(params, DefaultShampooHyper(), optrt.Blocks(1024))
//
// What is one a tensor, a row, a column or a matrix is one of the block: rows(x), cols(x) and numel(x), norms per tensor,
// Shampoo's sums and roots, conditions on these, and the counts of tensors. A block has the name of its parameter for
// named(...), its rank and its group. Parameters of rank 0 and 1, and those of at most n rows and columns, stay whole.
//
// Tensors are numbered in the order of the parameters, and the blocks of one parameter row by row: those of the first n
// rows from left to right, then those of the next. This is the order of sums over tensors, of random values, and of
// [GivenValue]. The last blocks of a row or column are smaller; nothing is padded. The numbers are those of an optimizer
// without Blocks over parameters that are cut into the same matrices.
//
// Everything else keeps the parameters' own shapes: the gradients of Step, what a [Closure] and [HVP] see and fill,
// EvalParams, Values. A block that spans all columns is used where it stands; of any other the optimizer has copies of x
// and g, so that it takes memory for these parameters twice more, and each step copies them.
//
// New refuses n below 1, and more than a million blocks. It has no effect where no parameter is so large: the optimizer,
// its checkpoints included, is the one without it.
func Blocks(n int) Option {
	return func(s *settings) { s.blocks = &n }
}

// maxBlocks bounds the blocks of all parameters: each has states, a frame and a place in every pass.
const maxBlocks = 1 << 20

// grid maps the parameters, as the user has them, to the tensors that the rule sees. The nil grid maps each to itself.
type grid[T Float] struct {
	n      int
	blocks []block // by tensor
	first  []int   // by parameter: its first tensor; then how many tensors there are

	grads tiles[T]
	given []tiles[T] // by index of the given
	eval  [][]T      // by parameter in blocks, in its shape; allocated when first asked for

	// Of the move that runs.
	job     *job
	arrays  [][]T // by parameter
	tensors [][]T // by tensor
	join    bool
}

// block is the part of a parameter that a tensor is.
type block struct {
	param                int
	row, col, rows, cols int
	from, stride         int // of its elements in the parameter's
}

// tiles are arrays by tensor: parts of the arrays of a step where they are contiguous, else copies in memory of its own.
type tiles[T Float] struct{ list, copies [][]T }

// contiguous reports whether a block's elements lie side by side in its parameter.
func (b block) contiguous() bool { return b.rows <= 1 || b.cols == b.stride }

// lines is how many runs of consecutive elements a block has in its parameter, and of what length.
func (b block) lines() (lines, width int) {
	if b.contiguous() {
		return 1, b.rows * b.cols
	}
	return b.rows, b.cols
}

// name is the block's name in checkpoints and errors.
func (b block) name(param string) string {
	return fmt.Sprintf("%s[%d:%d,%d:%d]", param, b.row, b.row+b.rows, b.col, b.col+b.cols)
}

// shape has the rank of the parameter, which conditions may ask for.
func (b block) shape(rank int) []int {
	shape := append(make([]int, 0, rank), b.rows, b.cols)
	for len(shape) < rank {
		shape = append(shape, 1)
	}
	return shape
}

// pieces is how many blocks an axis is cut into: one of an empty axis too.
func pieces(length, n int) int {
	count := length / n
	if length%n > 0 || length == 0 {
		count++
	}
	return count
}

// setBlocks cuts the parameters, if any is so large.
func (o *Optimizer[T]) setBlocks(n int) error {
	if n < 1 {
		return fmt.Errorf("%s: Blocks(%d): give the rows and columns that a block has at most, from 1 on", o.rule.Name, n)
	}
	g := &grid[T]{n: n}
	var params []Param[T]
	for i, p := range o.users {
		g.first = append(g.first, len(g.blocks))
		rows, cols := matrix(p.Shape)
		if len(p.Shape) < 2 || max(rows, cols) <= n {
			g.blocks = append(g.blocks, block{param: i, rows: rows, cols: cols, stride: cols})
			params = append(params, p)
			continue
		}
		if count := pieces(rows, n) * pieces(cols, n); count > maxBlocks-len(g.blocks) {
			return fmt.Errorf("%s: param %q of shape %v: Blocks(%d) cuts it into %d blocks, and all parameters may have %d: give a larger size",
				o.rule.Name, p.Name, p.Shape, n, count, maxBlocks)
		}
		for _, b := range cutMatrix(i, rows, cols, n) {
			g.blocks = append(g.blocks, b)
			params = append(params, Param[T]{Name: b.name(p.Name), Shape: b.shape(len(p.Shape))})
		}
	}
	if len(params) == len(o.users) {
		return nil
	}
	g.first = append(g.first, len(g.blocks))
	if name, twice := repeated(params); twice {
		return fmt.Errorf("%s: a parameter is named %q like a block of another one, as Blocks(%d) cuts it: rename it", o.rule.Name, name, n)
	}
	g.job = newJob(g)
	o.grid, o.params = g, params
	x := g.newTiles()
	g.cut(x, o.whole)
	o.x = x.list
	g.grads = g.newTiles()
	return nil
}

// cutMatrix cuts a parameter into blocks, row by row.
func cutMatrix(param, rows, cols, n int) []block {
	var out []block
	for i := range pieces(rows, n) {
		for j := range pieces(cols, n) {
			b := block{param: param, row: i * n, col: j * n, stride: cols}
			b.rows, b.cols = min(n, rows-b.row), min(n, cols-b.col)
			if b.rows*b.cols > 0 {
				b.from = b.row*cols + b.col
			}
			out = append(out, b)
		}
	}
	return out
}

func repeated[T Float](params []Param[T]) (string, bool) {
	seen := make(map[string]bool, len(params))
	for _, p := range params {
		if seen[p.Name] {
			return p.Name, true
		}
		seen[p.Name] = true
	}
	return "", false
}

// owner is the parameter that a tensor belongs to.
func (g *grid[T]) owner(tensor int) int {
	if g == nil {
		return tensor
	}
	return g.blocks[tensor].param
}

// tensor is the first tensor of a parameter.
func (g *grid[T]) tensor(param int) int {
	if g == nil {
		return param
	}
	return g.first[param]
}

// isCut reports whether a parameter is in blocks.
func (g *grid[T]) isCut(param int) bool { return g.first[param+1]-g.first[param] > 1 }

func (g *grid[T]) newTiles() tiles[T] {
	sizes := make([]int, len(g.blocks))
	for i, b := range g.blocks {
		if !b.contiguous() {
			sizes[i] = b.rows * b.cols
		}
	}
	return tiles[T]{make([][]T, len(g.blocks)), allocColumns[T](sizes)[0]}
}

// newWholes allocates arrays of the shapes of the parameters in blocks.
func (o *Optimizer[T]) newWholes() [][]T {
	sizes := lengths(o.whole)
	for param := range sizes {
		if !o.grid.isCut(param) {
			sizes[param] = 0
		}
	}
	return allocColumns[T](sizes)[0]
}

// cut makes the list of t the parts of arrays, which are by parameter, without filling the copies.
func (g *grid[T]) cut(t tiles[T], arrays [][]T) {
	for i, b := range g.blocks {
		t.list[i] = t.copies[i]
		if b.contiguous() {
			end := b.from + b.rows*b.cols
			t.list[i] = arrays[b.param][b.from:end:end]
		}
	}
}

// whole is what the user sees of a parameter's arrays: its tensor's, or a buffer in the parameter's shape.
func (g *grid[T]) whole(buffers, tensors [][]T, param int) []T {
	if g == nil {
		return tensors[param]
	}
	if g.isCut(param) {
		return buffers[param]
	}
	return tensors[g.first[param]]
}

// gather takes the tensors' elements out of arrays, which are by parameter.
func (o *Optimizer[T]) gather(tensors, arrays [][]T) { o.move(tensors, arrays, false) }

// scatter puts the tensors' elements into arrays, which are by parameter.
func (o *Optimizer[T]) scatter(arrays, tensors [][]T) { o.move(tensors, arrays, true) }

func (o *Optimizer[T]) move(tensors, arrays [][]T, join bool) {
	g := o.grid
	g.tensors, g.arrays, g.join = tensors, arrays, join
	g.job.do(len(g.blocks), o.workers, o.args)
	g.tensors, g.arrays = nil, nil
}

// runItem moves one block.
func (g *grid[T]) runItem(_ *Args, item int) {
	b, tensor := g.blocks[item], g.tensors[item]
	if len(tensor) == 0 {
		return
	}
	array := g.arrays[b.param][b.from:]
	if unsafe.SliceData(array) == unsafe.SliceData(tensor) {
		return
	}
	lines, width := b.lines()
	for line := range lines {
		of, at := tensor[line*width:][:width], array[line*b.stride:][:width]
		if g.join {
			copy(at, of)
		} else {
			copy(of, at)
		}
	}
}

// blocksOf is the gradients by tensor, and takes in the parameters as they are now.
func (o *Optimizer[T]) blocksOf(grads [][]T) [][]T {
	if o.grid == nil {
		return grads
	}
	o.gather(o.x, o.whole)
	if grads == nil {
		return nil
	}
	o.grid.cut(o.grid.grads, grads)
	o.gather(o.grid.grads.list, grads)
	return o.grid.grads.list
}

// commit puts what a step has made of the parameters where the user has them.
func (o *Optimizer[T]) commit() {
	if o.grid != nil {
		o.scatter(o.whole, o.x)
	}
}

// forgetBlocks lets go of a step's gradients.
func (o *Optimizer[T]) forgetBlocks() {
	if o.grid != nil {
		clear(o.grid.grads.list)
	}
}

// wholes are arrays by parameter with the elements of tensors, for the user to read.
func (o *Optimizer[T]) wholes(list, buffers, tensors [][]T) [][]T {
	for param := range o.users {
		list = append(list, o.grid.whole(buffers, tensors, param))
	}
	o.scatter(list, tensors)
	return list
}

// byTensor reports whether so many arrays of an extent are one a tensor, not one a parameter: those of elements have the
// parameters' shapes.
func (o *Optimizer[T]) byTensor(e Extent, arrays int) bool {
	return o.grid == nil || e != PerElem && arrays == len(o.x)
}

// checkArrays checks the number and the lengths of arrays that the user gives.
func (o *Optimizer[T]) checkArrays(what string, g Given, arrays [][]T) error {
	byTensor := o.byTensor(g.Extent, len(arrays))
	switch {
	case o.grid == nil && len(arrays) != len(o.x) || o.grid != nil && g.Extent == PerElem && len(arrays) != len(o.users):
		return fmt.Errorf("%s: %s %s has %d arrays, there are %d parameters", o.rule.Name, what, g.Name, len(arrays), len(o.users))
	case !byTensor && g.Extent > PerElem:
		return fmt.Errorf("%s: %s %s has %d arrays: give one matrix for each of the %d tensors that Blocks(%d) makes of the parameters",
			o.rule.Name, what, g.Name, len(arrays), len(o.x), o.grid.n)
	case !byTensor && len(arrays) != len(o.users):
		return fmt.Errorf("%s: %s %s has %d arrays, there are %d parameters, which Blocks(%d) makes %d tensors of: give one array for each of either",
			o.rule.Name, what, g.Name, len(arrays), len(o.users), o.grid.n, len(o.x))
	}
	for i, u := range arrays {
		name, n := "", 0
		if byTensor {
			name, n = o.params[i].Name, o.length(g.Extent, i)
		} else {
			name, n = o.users[i].Name, o.wholeLength(g.Extent, i)
		}
		if len(u) != n {
			return fmt.Errorf("%s: %s %s of %q has %d values, %d are needed", o.rule.Name, what, g.Name, name, len(u), n)
		}
		if other, found := o.overlaps(u); found && what == anInput { // a state is copied
			return fmt.Errorf("%s: the input %s of %q overlaps param %q in memory: each needs a slice of its own", o.rule.Name, g.Name, name, other)
		}
	}
	return nil
}

// wholeLength is the number of values per row, column or element that a parameter has.
func (o *Optimizer[T]) wholeLength(e Extent, param int) int {
	rows, cols := matrix(o.users[param].Shape)
	switch e {
	case PerRow:
		return rows
	case PerCol:
		return cols
	}
	return rows * cols
}

// evalBlocks is EvalParams of parameters in blocks.
func (o *Optimizer[T]) evalBlocks() ([][]T, error) {
	if o.grid.eval == nil {
		o.grid.eval = o.newWholes()
	}
	o.gather(o.x, o.whole)
	if err := o.execute(o.evals, &inputs[T]{given: o.given}); err != nil {
		return nil, err
	}
	return o.wholes(nil, o.grid.eval, o.eval), nil
}

// setGivenTiles readies the room for further inputs by tensor.
func (o *Optimizer[T]) setGivenTiles() {
	if o.grid != nil {
		for _, g := range o.rule.Givens {
			o.grid.given = append(o.grid.given, o.newExtentTiles(g.Extent))
		}
	}
}

// givenTiles is the room for a further input.
func (o *Optimizer[T]) givenTiles(i int) tiles[T] {
	if o.grid == nil {
		return tiles[T]{}
	}
	return o.grid.given[i]
}

// newExtentTiles is room for the tiles of arrays of an extent.
func (o *Optimizer[T]) newExtentTiles(e Extent) tiles[T] {
	switch {
	case o.grid == nil || !e.isArray():
		return tiles[T]{}
	case e == PerElem:
		return o.grid.newTiles()
	}
	return tiles[T]{list: make([][]T, len(o.x))}
}

// tilesOf is the arrays, which were checked, by tensor: a block has the part of each that it covers.
func (o *Optimizer[T]) tilesOf(t tiles[T], e Extent, arrays [][]T) [][]T {
	if o.byTensor(e, len(arrays)) {
		return arrays
	}
	if e == PerElem {
		o.grid.cut(t, arrays)
		o.gather(t.list, arrays)
		return t.list
	}
	for i, b := range o.grid.blocks {
		if e == PerRow {
			t.list[i] = arrays[b.param][b.row:][:b.rows]
		} else {
			t.list[i] = arrays[b.param][b.col:][:b.cols]
		}
	}
	return t.list
}

// blocksAtStart says which blocks a checkpoint is of that starts as ours do, when it is not read further.
func blocksAtStart(r io.Reader) string {
	start := make([]byte, 64)
	n, _ := io.ReadFull(r, start)
	var size int
	if _, err := fmt.Sscanf(string(start[:n]), `{"`+metadataKey+`":{"`+keyBlocks+`":"%d"`, &size); err != nil {
		return ""
	}
	return fmt.Sprintf(", of Blocks(%d),", size)
}

// blocksText says how a checkpoint's parameters are cut.
func blocksText(n string) string {
	if n == "" {
		return "whole parameters"
	}
	return "Blocks(" + n + ")"
}

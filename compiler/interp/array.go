package interp

import (
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/runtime/matrix"
)

// arrayStep is a whole-array operator or an order statistic that gives a step value.
func (m *Machine[T]) arrayStep(v *ir.Value, u unit) float64 {
	if v.Op.Kind != op.Order {
		return float64(m.call(v, u.tensor, 1, 1)[0])
	}
	if !v.Args[0].Extent.IsArray() {
		return elem.Statistic(v.Op.Stat, [][]float64{m.ofTensors(v, u)}, m.step(v.Args[1], u))
	}
	parts, _ := m.parts(v, u)
	return elem.Statistic(v.Op.Stat, parts, m.step(v.Args[1], u))
}

// ofTensors are the values, one a tensor, that an order statistic for a unit runs over.
func (m *Machine[T]) ofTensors(v *ir.Value, u unit) (values []float64) {
	for i, t := range m.tensors {
		of := m.unitOf(ir.Tensor, i)
		if g := v.Guard(); (v.Per != ir.Group || t.Group == u.group) && (g == nil || m.step(g, of) != 0) {
			values = append(values, m.step(v.Args[0], of))
		}
	}
	return values
}

// parts are the arrays that an order statistic for a unit runs over, and of which tensors they are.
func (m *Machine[T]) parts(v *ir.Value, u unit) (parts [][]T, tensors []int) {
	for i, t := range m.tensors {
		if v.Per == ir.Tensor && i != u.tensor || v.Per == ir.Group && t.Group != u.group {
			continue
		}
		if g := v.Guard(); g == nil || m.step(g, m.unitOf(ir.Tensor, i)) != 0 {
			parts, tensors = append(parts, m.array(v.Args[0], i)), append(tensors, i)
		}
	}
	return parts, tensors
}

func (m *Machine[T]) arrayArray(v *ir.Value, i int) []T {
	shape := m.tensors[i].Shape
	if v.Op.Kind == op.Order {
		return m.order(v, i)
	}
	count(v.Extent, shape) // refuses what is too large
	rows, cols := Dims(v.Extent, shape)
	return m.call(v, i, rows, cols)
}

// order is topk, or another order statistic per row or column.
func (m *Machine[T]) order(v *ir.Value, i int) []T {
	shape := m.tensors[i].Shape
	u := m.unitOf(ir.Tensor, i)
	out := make([]T, count(v.Extent, shape))
	k := m.step(v.Args[1], u)
	switch {
	case v.Per.IsArray():
		from := v.Args[0].Extent
		rows, cols := Dims(from, shape)
		var lines elem.Lines[T]
		if v.Mask {
			lines.TopK(out, v.Per == from.FirstAxis(), m.array(v.Args[0], i), rows, cols, elem.Rank(k))
		} else {
			lines.Statistic(v.Op.Stat, out, v.Per == from.FirstAxis(), m.array(v.Args[0], i), rows, cols, k)
		}
	default:
		m.topk(v, u, elem.Rank(k), out)
	}
	return out
}

// topk marks the k largest of all parts and returns those of the unit's tensor.
func (m *Machine[T]) topk(v *ir.Value, u unit, k int, out []T) {
	parts, tensors := m.parts(v, u)
	marks := make([][]T, len(parts))
	for n := range parts {
		marks[n] = make([]T, len(parts[n]))
	}
	elem.TopK(marks, parts, k)
	for n, tensor := range tensors {
		if tensor == u.tensor {
			copy(out, marks[n])
		}
	}
}

// call runs a whole-array operator on tensor i.
func (m *Machine[T]) call(v *ir.Value, i, rows, cols int) []T {
	shape := m.tensors[i].Shape
	c := &matrix.Call[T]{Work: &m.work, Out: matrix.Array[T]{Data: make([]T, rows*cols), Rows: rows, Cols: cols}}
	for _, a := range v.Args[:v.Op.Args] {
		r, k := Dims(a.Extent, shape)
		c.In = append(c.In, matrix.Array[T]{Data: m.array(a, i), Rows: r, Cols: k})
	}
	for _, a := range v.Args[v.Op.Args : v.Op.Args+len(v.Op.Params)] {
		c.Params = append(c.Params, m.step(a, m.unitOf(ir.Tensor, i)))
	}
	orient(v, c)
	switch c := any(c).(type) {
	case *matrix.Call[float32]:
		v.Op.Array32(c)
	case *matrix.Call[float64]:
		v.Op.Array64(c)
	}
	return c.Out.Data
}

// orient makes a row of the first factor of a product vector times matrix; other vectors are columns.
func orient[T elem.Float](v *ir.Value, c *matrix.Call[T]) {
	if v.Op.Name == "matmul" && v.Args[0].Extent <= ir.Col {
		c.In[0].Rows, c.In[0].Cols = c.In[0].Cols, c.In[0].Rows
		c.Out.Rows, c.Out.Cols = c.Out.Cols, c.Out.Rows
	}
}

// Dims are the rows and columns of a tensor's value of an array extent, a vector being a column.
func Dims(e ir.Extent, shape []int) (rows, cols int) {
	r, c := int(Shape("rows", shape)), int(Shape("cols", shape))
	switch e {
	case ir.Row:
		return r, 1
	case ir.Col:
		return c, 1
	case ir.RowRow:
		return r, r
	case ir.ColCol:
		return c, c
	case ir.ColRow:
		return c, r
	}
	return r, c
}

package matrix

import "github.com/optc-lang/optc/runtime/elem"

// Runner returns what makes runners of an operator, each with temporaries of its own, in the form in which a rule's
// description holds it: dims are rows and columns of out, then of each of in; split is Work's.
func Runner[T elem.Float](op Func[T]) func() func(out []T, in [][]T, dims []int, params []float64, split func(int, func(int))) {
	return func() func(out []T, in [][]T, dims []int, params []float64, split func(int, func(int))) {
		c := &Call[T]{Work: new(Work[T])}
		return func(out []T, in [][]T, dims []int, params []float64, split func(int, func(int))) {
			c.Work.Split = split
			c.Out = Array[T]{Data: out, Rows: dims[0], Cols: dims[1]}
			c.In = c.In[:0]
			for i, data := range in {
				c.In = append(c.In, Array[T]{Data: data, Rows: dims[2*i+2], Cols: dims[2*i+3]})
			}
			c.Params = params
			op(c)
			c.Out, c.Work.Split = Array[T]{}, nil
			clear(c.In)
		}
	}
}

package cost

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"

	optrt "github.com/optc-lang/optc/runtime"
)

// stillShapes are of every rank; stillLarge is of more than one worker's share, for rules that have no operators on whole
// matrices.
var (
	stillShapes = [][]int{{}, {17}, {0}, {9, 7}, {3, 5, 4}, {33, 40}, {16}, {130, 1}}
	stillLarge  = []int{260, 300}
)

// stillSteps is how many steps are counted together, and stillTries how often at most: what a worker needs of its own it
// makes when it first comes to it.
const stillSteps, stillTries = 5, 40

// Still takes steps of rules by numbers of workers and writes down each that goes on allocating memory, starts a
// goroutine or fails. It returns how many rules took steps.
func Still[T optrt.Float](out io.Writer, rules []*optrt.Rule, workers ...int) int {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection allocates by itself
	taken := 0
	for _, rule := range rules {
		failed := false
		for _, n := range workers {
			if err := still[T](rule, n); err != nil {
				fmt.Fprintf(out, "%s, %d workers: %v\n", rule.Name, n, err)
				failed = true
			}
		}
		if !failed {
			taken++
		}
		runtime.GC()
	}
	return taken
}

func still[T optrt.Float](rule *optrt.Rule, workers int) error {
	shapes := slices.Clone(stillShapes)
	if !slices.ContainsFunc(rule.Later, func(s optrt.Stage) bool { return s.Array != nil }) {
		shapes = append(shapes, stillLarge)
	}
	var params []optrt.Param[T]
	grads := make([][]T, len(shapes))
	for i, shape := range shapes {
		n := 1
		for _, d := range shape {
			n *= d
		}
		p := optrt.Param[T]{Name: fmt.Sprintf("layer%d.weight", i), Shape: shape, Data: make([]T, n)}
		grads[i] = make([]T, n)
		fill(p.Data, 1)
		fill(grads[i], 1.0/64)
		params = append(params, p)
	}
	opts := []optrt.Option{optrt.Workers(workers), optrt.Group(optrt.Rank(1), nil), optrt.Loaded(givens(rule, params, true)...)}
	o, err := optrt.New(rule, params, nil, opts...)
	if err != nil {
		return err
	}
	closure := func(to [][]T) (float64, error) {
		for i := range to {
			for k := range to[i] {
				to[i][k] = grads[i][k] + params[i].Data[k]/128
			}
		}
		return 1, nil
	}
	in := optrt.Inputs[T]{Loss: 1, Closure: closure, Given: givens(rule, params, false)}
	// One gradient is another array in each second step: where they lie is then checked anew.
	other := slices.Clone(grads)
	other[1] = make([]T, len(grads[1]))
	step := func() {
		if e := o.StepWith(grads, in); e != nil {
			err = e
		}
		grads, other = other, grads
	}
	for range 3 {
		step()
	}
	return settles(step, &err)
}

// settles runs a step until some in a row allocate nothing and leave as many goroutines as there were.
func settles(step func(), failed *error) error {
	var before, after runtime.MemStats
	goroutines := runtime.NumGoroutine()
	allocations := uint64(1)
	for try := 0; allocations > 0 && try < stillTries && *failed == nil; try++ {
		runtime.ReadMemStats(&before)
		for range stillSteps {
			step()
		}
		runtime.ReadMemStats(&after)
		allocations = after.Mallocs - before.Mallocs
	}
	switch now := runtime.NumGoroutine(); {
	case *failed != nil:
		return *failed
	case allocations > 0:
		return fmt.Errorf("%d allocations in %d steps", allocations, stillSteps)
	case now != goroutines:
		return fmt.Errorf("%d goroutines have become %d", goroutines, now)
	}
	return nil
}

// givens invents a rule's further inputs. Numbers are positive: more often than not they are a step size or a count.
func givens[T optrt.Float](rule *optrt.Rule, params []optrt.Param[T], load bool) []optrt.GivenValue[T] {
	var out []optrt.GivenValue[T]
	for _, g := range rule.Givens {
		if g.Load != load {
			continue
		}
		v := optrt.GivenValue[T]{Model: .5}
		switch g.Extent {
		case optrt.PerModel:
		case optrt.PerGroup:
			v.Steps = []float64{.5, .25}
		case optrt.PerTensor:
			v.Steps = slices.Repeat([]float64{.5}, len(params))
		default:
			for _, p := range params {
				a := make([]T, lengthOf(g.Extent, p.Shape))
				fill(a, 1)
				v.Arrays = append(v.Arrays, a)
			}
		}
		out = append(out, v)
	}
	return out
}

// lengthOf is the number of values of an array extent that a tensor of a shape has.
func lengthOf(e optrt.Extent, shape []int) int {
	rows, cols := 1, 1
	if len(shape) > 1 {
		rows, shape = shape[0], shape[1:]
	}
	for _, d := range shape {
		cols *= d
	}
	switch e {
	case optrt.PerRow:
		return rows
	case optrt.PerCol:
		return cols
	case optrt.PerRowRow:
		return rows * rows
	case optrt.PerColCol:
		return cols * cols
	}
	return rows * cols
}

package cost

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	optrt "github.com/optc-lang/optc/runtime"
)

// mixtures are models of many tensors, by their shapes.
func mixtures() map[string][][]int {
	return map[string][][]int{
		"1000x16":     slices.Repeat([][]int{{16}}, 1000),
		"1000x256":    slices.Repeat([][]int{{256}}, 1000),
		"transformer": transformer(12, 32),
		"1x16":        {{16}}, "1x256": {{256}}, "1x1K": {{1 << 10}}, "1x4K": {{4 << 10}}, "1x16K": {{16 << 10}},
	}
}

// transformer is the shapes of a model of so many layers and so wide: of each layer 4 matrices, 4 biases and 4 vectors
// of norms.
func transformer(layers, width int) [][]int {
	shapes := [][]int{{1024, width}}
	for range layers {
		shapes = append(shapes, []int{3 * width, width}, []int{3 * width}, []int{width, width}, []int{width},
			[]int{4 * width, width}, []int{4 * width}, []int{width, 4 * width}, []int{width},
			[]int{width}, []int{width}, []int{width}, []int{width})
	}
	return append(shapes, []int{width}, []int{width})
}

// model is an optimizer with its gradients.
type model struct {
	*optrt.Optimizer[float32]
	grads [][]float32
}

func newModel(rule *optrt.Rule, shapes [][]int, opts ...optrt.Option) (*model, error) {
	sizes := make([]int, len(shapes))
	for i, shape := range shapes {
		sizes[i] = 1
		for _, d := range shape {
			sizes[i] *= d
		}
	}
	var params []optrt.Param[float32]
	for i, data := range optrt.Alloc[float32](sizes...) {
		fill(data, 1)
		params = append(params, optrt.Param[float32]{Name: fmt.Sprint("p", i), Shape: shapes[i], Data: data})
	}
	m := &model{grads: optrt.Alloc[float32](sizes...)}
	for _, g := range m.grads {
		fill(g, 1.0/64)
	}
	var err error
	m.Optimizer, err = optrt.New(rule, params, nil, opts...)
	return m, err
}

// do takes n steps.
func (m *model) do(n int) {
	for range n {
		if err := m.Step(m.grads, 1); err != nil {
			panic(err)
		}
	}
}

// call is a call of a kernel in a step.
type call struct {
	kernel optrt.Kernel
	args   *optrt.Args
}

// callsOf is a model with the kernel calls of a step, written down from one that is taken: they may be repeated while it
// lives. That its kernels can be watched costs each call a nanosecond or two.
func callsOf(rule *optrt.Rule, shapes [][]int) (*model, []call, error) {
	var calls []call
	on := false
	watched := *rule
	watched.Later = slices.Clone(rule.Later)
	for i := range watched.Later {
		if watched.Later[i].Pass == nil {
			continue
		}
		watch := func(kernels *[optrt.NumEngines]optrt.Kernel) {
			for e, k := range kernels {
				if k == nil {
					continue
				}
				kernels[e] = func(a *optrt.Args) {
					if on {
						args := *a
						calls = append(calls, call{k, &args})
					}
					k(a)
				}
			}
		}
		p := *watched.Later[i].Pass
		watch(&p.Kernels)
		p.Cases = slices.Clone(p.Cases)
		for i := range p.Cases {
			watch(&p.Cases[i].Kernels)
		}
		if p.Bare != nil {
			bare := *p.Bare
			watch(&bare.Kernels)
			p.Bare = &bare
		}
		watched.Later[i].Pass = &p
	}
	m, err := newModel(&watched, shapes, optrt.Workers(1))
	if err != nil {
		return nil, nil, err
	}
	m.do(2)
	on = true
	m.do(1)
	on = false
	return m, calls, nil
}

// tensors times steps by one thread, beside the bare calls of their kernels and beside steps by two. What a step costs more
// than the calls is divided by the tensors.
func (o options) tensors(rules map[string]*optrt.Rule) error {
	all := mixtures()
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		for _, of := range slices.Sorted(maps.Keys(all)) {
			if row := name + "/" + of; o.only.MatchString(row) {
				if err := o.beside(row, rules[name], all[of]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (o options) beside(name string, rule *optrt.Rule, shapes [][]int) error {
	watched, calls, err := callsOf(rule, shapes)
	if err != nil {
		return err
	}
	bare := func(n int) {
		for range n {
			for i := range calls {
				calls[i].kernel(calls[i].args)
			}
		}
	}
	two, err := newModel(rule, shapes, optrt.Workers(2))
	if err != nil {
		return err
	}
	t := o.inTurn(watched.do, bare, two.do)
	over := each(t[0], t[1], func(a, b float64) float64 { return (a - b) / float64(len(shapes)) })
	o.report(Row{name, map[string][3]float64{
		"ns/step": quartiles(t[0]), "kernels-ns/step": quartiles(t[1]), "two-ns/step": quartiles(t[2]), "overhead-ns/tensor": quartiles(over),
		"kernels/step": {float64(len(calls)), float64(len(calls)), float64(len(calls))},
	}})
	return nil
}

// split times a model in 400 tensors beside one of as many elements in one, on one thread and on two.
func (o options) split(rules map[string]*optrt.Rule) error {
	n := 64000 << 10 / o.scale
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		for _, workers := range []int{1, 2} {
			row := fmt.Sprintf("%s/%dx%d/workers=%d", name, 400, n/400, workers)
			if !o.only.MatchString(row) {
				continue
			}
			var many, one []float64
			for placement := range o.placements {
				a, b, err := o.splitPlaced(rules[name], n, workers, placement%2 == 1)
				if err != nil {
					return err
				}
				many, one = append(many, a...), append(one, b...)
				debug.FreeOSMemory()
			}
			o.report(Row{row, map[string][3]float64{
				"ns/step": quartiles(many), "one-ns/step": quartiles(one), "many/one": quartiles(each(many, one, ratio)),
			}})
		}
	}
	return nil
}

// splitPlaced times both models on arrays of their own; which of the two is allocated first decides where they fall.
func (o options) splitPlaced(rule *optrt.Rule, n, workers int, oneFirst bool) (many, one []float64, err error) {
	shapes := [][][]int{slices.Repeat([][]int{{n / 400}}, 400), {{n}}}
	models := make([]*model, len(shapes))
	for i := range models {
		if oneFirst {
			i = 1 - i
		}
		if models[i], err = newModel(rule, shapes[i], optrt.Workers(workers)); err != nil {
			return nil, nil, err
		}
	}
	t := o.inTurn(models[0].do, models[1].do)
	return t[0], t[1], nil
}

// helpers times steps by one thread and by two of models about the size from which on the second pays.
func (o options) helpers(rules map[string]*optrt.Rule) error {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		for n := 16 << 10; n <= 4<<20; n *= 2 {
			row := fmt.Sprintf("%s/%s", name, text(n))
			if !o.only.MatchString(row) {
				continue
			}
			var models []func(int)
			for _, workers := range []int{1, 2} {
				m, err := newModel(rules[name], [][]int{{n}}, optrt.Workers(workers))
				if err != nil {
					return err
				}
				models = append(models, m.do)
			}
			t := o.inTurn(models...)
			o.report(Row{row, map[string][3]float64{
				"one-ns/step": quartiles(t[0]), "two-ns/step": quartiles(t[1]), "two/one": quartiles(each(t[1], t[0], ratio)),
			}})
		}
	}
	return nil
}

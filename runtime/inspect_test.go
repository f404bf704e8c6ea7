package runtime

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// inspected is an optimizer with a state of every extent and storage format, over tensors of which some keep none.
func inspected(t *testing.T) (*Optimizer[float32], []Param[float32]) {
	t.Helper()
	params, _ := modelOf[float32](rand.New(rand.NewPCG(2, 9)), classShapes, 0)
	params[0].Name, params[5].Name = "plain", "head.bias.weight"
	return mustNew(t, statesRule(), params), params
}

// stateLength is the number of values of a state that a tensor keeps in the class that it is in: 0 if it keeps none.
func stateLength(s State, p Param[float32]) (n int, kept bool) {
	rows, cols := matrix(p.Shape)
	matrices, bias := len(p.Shape) >= 2, strings.HasSuffix(p.Name, ".bias")
	n = map[Extent]int{PerRow: rows, PerCol: cols, PerRowRow: rows * rows, PerColCol: cols * cols, PerColRow: rows * cols, PerElem: rows * cols}[s.Extent]
	switch {
	case s.Format != "":
		return n, bias && !matrices
	case s.Extent == PerElem:
		return n, true
	}
	return n, matrices
}

// TestStateValueOfEveryExtent reads every state as it begins, sets it, and reads it again, beside all others.
func TestStateValueOfEveryExtent(t *testing.T) {
	o, params := inspected(t)
	r := rand.New(rand.NewPCG(3, 1))
	want := map[string]GivenValue[float32]{}
	hold := func(when string) {
		t.Helper()
		for _, s := range o.rule.States {
			got, err := o.StateValue(s.Name)
			wantError(t, err, "")
			if w := want[s.Name]; got.Model != w.Model || !slices.Equal(got.Steps, w.Steps) || !same(got.Arrays, w.Arrays) {
				t.Errorf("%s, state %s is another", when, s.Name)
			}
		}
	}
	units := map[Extent]int{PerGroup: len(o.groups), PerTensor: len(params)}
	for _, s := range o.rule.States {
		var v GivenValue[float32]
		switch {
		case s.Extent == PerModel:
			v.Model = s.Init
		case !s.Extent.isArray():
			v.Steps = slices.Repeat([]float64{s.Init}, units[s.Extent])
		default:
			for _, p := range params {
				n, kept := stateLength(s, p)
				u := make([]float32, n)
				for j := range u {
					if kept {
						u[j] = float32(s.Init)
					}
				}
				if kept && s.Format != "" {
					elem.RoundTrip(s.Format, u, nil)
				}
				v.Arrays = append(v.Arrays, u)
			}
		}
		want[s.Name] = v
	}
	hold("in the beginning")
	for _, s := range o.rule.States {
		if s.Format != "" {
			continue
		}
		given, kept := drawValue(r, want[s.Name]), drawValue(r, want[s.Name])
		kept.Model, kept.Steps, kept.Arrays = given.Model, slices.Clone(given.Steps), clone(given.Arrays)
		for k := range kept.Arrays {
			if _, keeps := stateLength(s, params[k]); !keeps {
				clear(kept.Arrays[k])
			}
		}
		wantError(t, o.SetStateValue(s.Name, given), "")
		want[s.Name] = kept
		hold("after setting " + s.Name)
	}
	again, _ := inspected(t)
	wantError(t, again.LoadState(strings.NewReader(string(save(t, o)))), "")
	o = again
	hold("after a checkpoint")
}

// drawValue is random numbers of the shape of v.
func drawValue(r *rand.Rand, v GivenValue[float32]) GivenValue[float32] {
	out := GivenValue[float32]{Model: r.Float64()}
	for range v.Steps {
		out.Model = 0
		out.Steps = append(out.Steps, r.Float64())
	}
	for _, u := range v.Arrays {
		out.Model = 0
		w := make([]float32, len(u))
		for j := range w {
			w[j] = r.Float32()
		}
		out.Arrays = append(out.Arrays, w)
	}
	return out
}

// TestStateValueIsWhatAStepReads sets Adam's states, whose next step must be that of the reference from there.
func TestStateValueIsWhatAStepReads(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	params := testParams[float64](rng, [][]int{{2, 3}, {}, {1500}})
	o, err := New(adam[float64](), params, nil)
	if err != nil {
		t.Fatal(err)
	}
	x, m, v := clone(dataOf(params)), testGrads(rng, params), testGrads(rng, params)
	for _, u := range v {
		for j := range u {
			u[j] *= u[j]
		}
	}
	grads := testGrads(rng, params)
	wantError(t, o.SetStateValue("m", GivenValue[float64]{Arrays: m}), "")
	wantError(t, o.SetStateValue("v", GivenValue[float64]{Arrays: v}), "")
	wantError(t, o.Step(grads, 0), "")
	adamReference(x, m, v, grads, make([]int, len(x)), [][]float64{o.rule.defaults()}, 1)
	for name, want := range map[string][][]float64{"m": m, "v": v} {
		if got, err := o.StateValue(name); err != nil || !same(got.Arrays, want) {
			t.Errorf("state %s is not the reference's (%v)", name, err)
		}
	}
	if got, err := o.Values(); err != nil || !same(got, x) {
		t.Errorf("the parameters are not the reference's (%v)", err)
	}
}

// TestNarrowStateValue reads states that are kept in fewer bits as their checkpoints widen them, and may not set them.
func TestNarrowStateValue(t *testing.T) {
	for _, format := range formats {
		params, grads := modelOf[float32](rand.New(rand.NewPCG(2, 9)), narrowShapes, 0)
		o := mustNew(t, narrowRule[float32](format, false), params)
		want := make([][]float32, len(params))
		for i, g := range grads {
			want[i] = slices.Repeat([]float32{0.3}, len(g))
			elem.RoundTrip(format, want[i], nil)
			for j := range g {
				want[i][j] = float32(want[i][j]*0.5) + float32(g[j]*g[j])
			}
			elem.RoundTrip(format, want[i], nil)
		}
		wantError(t, o.Step(grads, 0), "")
		v, err := o.StateValue("s")
		if err != nil || !same(v.Arrays, want) {
			t.Errorf("%s: the state is not what was kept (%v)", format, err)
		}
		before := save(t, o)
		wantError(t, o.SetStateValue("s", v), "narrow: state s is kept as "+format+": it is set by LoadState alone")
		if !slices.Equal(save(t, o), before) {
			t.Errorf("%s: a refused value has changed something", format)
		}
	}
}

// TestStateValueErrors refuses names that there are none of and values of other lengths, and then changes nothing.
func TestStateValueErrors(t *testing.T) {
	o, params := inspected(t)
	before := save(t, o)
	_, err := o.StateValue("m")
	wantError(t, err, `states: there is no state "m"; the states are step0, step1, step2, array0, array1`)
	wantError(t, o.SetStateValue("m", GivenValue[float32]{}), `states: there is no state "m"; the states are step0, step1`)
	wantError(t, o.SetStateValue("", GivenValue[float32]{}), `states: there is no state ""; the states are step0, step1`)
	for _, s := range o.rule.States {
		if s.Extent == PerModel || s.Format != "" {
			continue
		}
		v, err := o.StateValue(s.Name)
		wantError(t, err, "")
		v = drawValue(rand.New(rand.NewPCG(1, 2)), v)
		var wrong []GivenValue[float32]
		if !s.Extent.isArray() {
			n := fmt.Sprintf("states: state %s has %%d values, %d are needed", s.Name, len(v.Steps))
			wantError(t, o.SetStateValue(s.Name, GivenValue[float32]{Steps: append(slices.Clone(v.Steps), 1)}), fmt.Sprintf(n, len(v.Steps)+1))
			wantError(t, o.SetStateValue(s.Name, GivenValue[float32]{Steps: v.Steps[1:]}), fmt.Sprintf(n, len(v.Steps)-1))
			wantError(t, o.SetStateValue(s.Name, GivenValue[float32]{Model: 1}), fmt.Sprintf(n, 0))
			continue
		}
		wrong = append(wrong, GivenValue[float32]{}, GivenValue[float32]{Model: 1, Steps: []float64{1}},
			GivenValue[float32]{Arrays: v.Arrays[1:]}, GivenValue[float32]{Arrays: append(slices.Clone(v.Arrays), nil)})
		for k := range params { // each array too long or too short, the last ones after others that fit
			long, short := slices.Clone(v.Arrays), slices.Clone(v.Arrays)
			long[k] = append(slices.Clone(long[k]), 1)
			wrong = append(wrong, GivenValue[float32]{Arrays: long})
			if len(short[k]) > 0 {
				short[k] = short[k][1:]
				wrong = append(wrong, GivenValue[float32]{Arrays: short})
			}
		}
		for _, w := range wrong {
			if err := o.SetStateValue(s.Name, w); err == nil || !strings.HasPrefix(err.Error(), "states: state "+s.Name+" ") {
				t.Errorf("state %s given arrays of the wrong lengths: %v", s.Name, err)
			}
		}
	}
	if !slices.Equal(save(t, o), before) {
		t.Error("a refused value has changed something")
	}
}

// TestSetBeforeTheFirstStep refuses to set a state that the first step computes, until that step was taken; a checkpoint of
// another optimizer counts as one.
func TestSetBeforeTheFirstStep(t *testing.T) {
	make := func() (*Optimizer[float64], []Param[float64]) {
		rule := adam[float64]()
		rule.States[0].FromFirst = true
		params := testParams[float64](rand.New(rand.NewPCG(8, 8)), [][]int{{2, 3}})
		o, err := New(rule, params, nil)
		wantError(t, err, "")
		return o, params
	}
	o, params := make()
	grads := testGrads(rand.New(rand.NewPCG(1, 8)), params)
	const refusal = "adam: the first step computes state m and would overwrite what is set before it"
	v := GivenValue[float64]{Arrays: testGrads(rand.New(rand.NewPCG(2, 8)), params)}
	before := save(t, o)
	wantError(t, o.SetStateValue("m", v), refusal)
	if !slices.Equal(save(t, o), before) {
		t.Error("a refused value has changed something")
	}
	wantError(t, o.SetStateValue("v", v), "")
	wantError(t, o.Step(grads, 0), "")
	wantError(t, o.SetStateValue("m", v), "")
	if got, err := o.StateValue("m"); err != nil || !same(got.Arrays, v.Arrays) {
		t.Errorf("the state is not what was set (%v)", err)
	}
	again, _ := make()
	wantError(t, again.LoadState(strings.NewReader(string(save(t, o)))), "")
	wantError(t, again.SetStateValue("m", v), "")
}

// TestSetStateOfParameters sets a state to the parameters' own memory, which is copied.
func TestSetStateOfParameters(t *testing.T) {
	params := testParams[float64](rand.New(rand.NewPCG(8, 8)), [][]int{{2, 3}, {4}})
	o, err := New(adam[float64](), params, nil)
	wantError(t, err, "")
	wantError(t, o.SetStateValue("m", GivenValue[float64]{Arrays: dataOf(params)}), "")
	want := clone(dataOf(params))
	for _, x := range dataOf(params) {
		clear(x)
	}
	if got, err := o.StateValue("m"); err != nil || !same(got.Arrays, want) {
		t.Errorf("the state is not what was set (%v)", err)
	}
}

// TestInspectedAreCopies changes what was handed out and handed in, which the optimizer may not notice.
func TestInspectedAreCopies(t *testing.T) {
	o, params := inspected(t)
	for _, s := range o.rule.States {
		v, err := o.StateValue(s.Name)
		wantError(t, err, "")
		before := save(t, o)
		spoil(v)
		if !slices.Equal(save(t, o), before) {
			t.Errorf("the value of %s is not a copy", s.Name)
		}
		if s.Format != "" {
			continue
		}
		v = drawValue(rand.New(rand.NewPCG(4, 2)), v)
		wantError(t, o.SetStateValue(s.Name, v), "")
		before = save(t, o)
		spoil(v)
		if !slices.Equal(save(t, o), before) {
			t.Errorf("what %s was set to is not copied", s.Name)
		}
	}
	want := clone(dataOf(params))
	values, err := o.Values()
	if err != nil || !same(values, want) {
		t.Errorf("the values are not the parameters (%v)", err)
	}
	spoil(GivenValue[float32]{Arrays: values})
	if !same(dataOf(params), want) {
		t.Error("the values are not copies")
	}
	values, err = o.Values()
	wantError(t, err, "")
	spoil(GivenValue[float32]{Arrays: dataOf(params)})
	if !same(values, want) {
		t.Error("the values change with the parameters")
	}
}

func spoil(v GivenValue[float32]) {
	for j := range v.Steps {
		v.Steps[j] = -7
	}
	for _, u := range v.Arrays {
		for j := range u {
			u[j] = -7
		}
	}
}

// TestInspectWithinAStep asks from a closure, while a step runs.
func TestInspectWithinAStep(t *testing.T) {
	x := []float64{1}
	rule := nearRule(true)
	rule.States = []State{{Name: "m", Extent: PerModel, Slot: ModelFree}}
	o, err := New(rule, []Param[float64]{{Name: "w", Shape: []int{1}, Data: x}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = "bare: two goroutines use this optimizer at once, or a closure within its step"
	asked := false
	err = o.StepWith(nil, Inputs[float64]{Closure: func(grads [][]float64) (float64, error) {
		asked = true
		_, err := o.StateValue("m")
		wantError(t, err, want)
		_, err = o.Values()
		wantError(t, err, want)
		wantError(t, o.SetStateValue("m", GivenValue[float64]{Model: 3}), want)
		grads[0][0] = 1
		return 0, nil
	}})
	if err != nil || !asked {
		t.Fatal(asked, err)
	}
	if v, err := o.StateValue("m"); err != nil || v.Model != 0 {
		t.Errorf("the state is %v (%v)", v.Model, err)
	}
	wantError(t, o.SetStateValue("m", GivenValue[float64]{Model: 3}), "")
	if v, err := o.StateValue("m"); err != nil || v.Model != 3 {
		t.Errorf("the state is %v, not 3 (%v)", v.Model, err)
	}
}

package host

import (
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/tasks"
)

// halfStep makes an optimizer of a rule for parameters in 16 bits, with x and the gradient g, and what takes its step.
func halfStep(rule *optrt.Rule, req *Bench, x, g []float32, hypers []float64, opts []optrt.Option) (*optrt.Optimizer[float32], func() error, error) {
	if rule.Params == "bf16" {
		return halfStepOf[optrt.BF16](rule, req, x, g, hypers, opts)
	}
	return halfStepOf[optrt.F16](rule, req, x, g, hypers, opts)
}

func halfStepOf[H optrt.Half](rule *optrt.Rule, req *Bench, x, g []float32, hypers []float64, opts []optrt.Option) (*optrt.Optimizer[float32], func() error, error) {
	data, grads := make([]H, len(x)), [][]H{make([]H, len(g))}
	optrt.Narrow(data, x)
	optrt.Narrow(grads[0], g)
	o, err := optrt.NewHalf(rule, []optrt.HalfParam[H]{{Name: req.Name, Shape: req.Shape, Data: data}}, hypers, opts...)
	if err != nil {
		return nil, nil, err
	}
	closure := func(to [][]H) (float64, error) {
		for i := range to {
			copy(to[i], grads[i])
		}
		return 1, nil
	}
	in := optrt.HalfInputs[H]{Loss: 1, Closure: closure, Given: inventGivens[float32](req.Givens, false)}
	return o.Optimizer, func() error { return o.StepWith(grads, in) }, nil
}

// benchedHalf is benched for parameters in 16 bits.
func benchedHalf[T optrt.Float](rule *optrt.Rule, req *Bench, x, g []T, hypers []float64, opts []optrt.Option) (*benched[T], error) {
	x32, ok := any(x).([]float32)
	if !ok {
		return nil, fmt.Errorf("the rule %s for parameters in %s computes in float32", rule.Name, rule.Params)
	}
	o, step, err := halfStep(rule, req, x32, any(g).([]float32), hypers, opts)
	if err != nil {
		return nil, err
	}
	return &benched[T]{any(o).(*optrt.Optimizer[T]), step}, nil
}

// halfRun trains a task's model in 16 bits: the model computes at the parameters as they are kept, and its gradients are
// rounded to nearest.
type halfRun[H optrt.Half] struct {
	*optrt.HalfOptimizer[H]
	values      [][]float32 // of the run
	data, grads [][]H
	asked       [][]float32 // the gradients of a model that is asked again
}

func newHalfRun[H optrt.Half](rule *optrt.Rule, run *tasks.Run, hypers []float64, opts []optrt.Option) (*halfRun[H], error) {
	r := &halfRun[H]{values: run.Values()}
	var params []optrt.HalfParam[H]
	for i, param := range run.Task().Params {
		data := make([]H, param.Len())
		optrt.Narrow(data, r.values[i])
		r.data, r.grads, r.asked = append(r.data, data), append(r.grads, make([]H, len(data))), append(r.asked, make([]float32, len(data)))
		params = append(params, optrt.HalfParam[H]{Name: param.Name, Shape: param.Shape, Data: data})
	}
	widen(r.values, r.data)
	var err error
	r.HalfOptimizer, err = optrt.NewHalf(rule, params, hypers, opts...)
	return r, err
}

func widen[H optrt.Half](to [][]float32, from [][]H) {
	for i := range from {
		optrt.Widen(to[i], from[i])
	}
}

func narrow[H optrt.Half](to [][]H, from [][]float32) {
	for i := range from {
		optrt.Narrow(to[i], from[i])
	}
}

// Step makes it a tasks.Stepper.
func (r *halfRun[H]) Step(grads [][]float32, loss float64) error {
	return r.StepWith(grads, optrt.Inputs[float32]{Loss: loss})
}

// StepWith makes it a tasks.Prober.
func (r *halfRun[H]) StepWith(grads [][]float32, in optrt.Inputs[float32]) error {
	half := optrt.HalfInputs[H]{Loss: in.Loss, Given: in.Given}
	if in.Closure != nil {
		half.Closure = func(to [][]H) (float64, error) {
			widen(r.values, r.data)
			loss, err := in.Closure(r.asked)
			narrow(to, r.asked)
			return loss, err
		}
	}
	narrow(r.grads, grads)
	defer widen(r.values, r.data)
	return r.HalfOptimizer.StepWith(r.grads, half)
}

// EvalParams makes it a tasks.Averager.
func (r *halfRun[H]) EvalParams() ([][]float32, error) {
	params, err := r.HalfOptimizer.EvalParams()
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(params))
	for i, u := range params {
		out[i] = make([]float32, len(u))
	}
	widen(out, params)
	return out, nil
}

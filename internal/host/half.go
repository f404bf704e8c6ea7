package host

import (
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
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

package runtime

import (
	"fmt"
	"slices"
	"strings"
)

// StateValue is a copy of what the optimizer keeps under a name, as checkpoints have it: Model of a state that there is one
// of, Steps of one a group or tensor, Arrays of one an array a parameter, narrow ones widened. A parameter that keeps no
// such array, because of its shape or name, has zeros. With [Blocks] a state of elements has arrays in the parameters'
// shapes, put together of the blocks', and any other one a block. An unknown name is an error that lists the known ones.
func (o *Optimizer[T]) StateValue(name string) (GivenValue[T], error) {
	if err := o.enter(); err != nil {
		return GivenValue[T]{}, err
	}
	defer o.leave()
	i := slices.IndexFunc(o.rule.States, func(s State) bool { return s.Name == name })
	if i < 0 {
		return GivenValue[T]{}, o.noState(name)
	}
	s := o.rule.States[i]
	switch {
	case s.Extent == PerModel:
		return GivenValue[T]{Model: o.model[s.Slot]}, nil
	case !s.Extent.isArray():
		var v GivenValue[T]
		for _, frame := range o.framesOf(s.Extent) {
			v.Steps = append(v.Steps, frame[s.Slot])
		}
		return v, nil
	}
	var v GivenValue[T]
	for k := range o.x {
		v.Arrays = append(v.Arrays, o.stateArray(i, k))
	}
	if o.grid != nil && s.Extent == PerElem {
		v.Arrays = o.wholes(nil, o.newWholes(), v.Arrays)
	}
	return v, nil
}

func (o *Optimizer[T]) noState(name string) error {
	if len(o.rule.States) == 0 {
		return fmt.Errorf("%s: there is no state %q: the rule has none", o.rule.Name, name)
	}
	var known []string
	for _, s := range o.rule.States {
		known = append(known, s.Name)
	}
	return fmt.Errorf("%s: there is no state %q; the states are %s", o.rule.Name, name, strings.Join(known, ", "))
}

// stateArray is a copy of state i of a parameter.
func (o *Optimizer[T]) stateArray(i, param int) []T {
	n := o.length(o.rule.States[i].Extent, param)
	switch {
	case !o.keeps(i, param):
		return make([]T, n)
	case o.rule.States[i].Format != "":
		return o.narrow[i][param].values(n)
	}
	return slices.Clone(o.states[i][param])
}

// SetStateValue makes v, in the form of StateValue, what the optimizer keeps under a name; v is copied. The number of the step
// is not set: to take up a training where another left it, use [Optimizer.LoadState]. Errors, after which nothing has
// changed: an unknown name, a wrong number or length of values, a state in a storage format, and before the first step one
// that this step computes and does not read, as a momentum that begins with the first gradient.
func (o *Optimizer[T]) SetStateValue(name string, v GivenValue[T]) error {
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	i := slices.IndexFunc(o.rule.States, func(s State) bool { return s.Name == name })
	if i < 0 {
		return o.noState(name)
	}
	s := o.rule.States[i]
	if s.Format != "" {
		return fmt.Errorf("%s: state %s is kept as %s: it is set by LoadState alone", o.rule.Name, name, s.Format)
	}
	if s.FromFirst && o.steps.Load() == 0 {
		return fmt.Errorf("%s: the first step computes state %s and would overwrite what is set before it: set it after that step, or take up a training by LoadState",
			o.rule.Name, name)
	}
	if err := o.checkGiven(aState, Given{Name: name, Extent: s.Extent}, v); err != nil {
		return err
	}
	switch {
	case s.Extent == PerModel:
		o.model[s.Slot] = v.Model
	case !s.Extent.isArray():
		for k, frame := range o.framesOf(s.Extent) {
			frame[s.Slot] = v.Steps[k]
		}
	default:
		for k, u := range o.tilesOf(o.newExtentTiles(s.Extent), s.Extent, v.Arrays) {
			if o.keeps(i, k) {
				copy(o.states[i][k], u)
			}
		}
	}
	return nil
}

// Values are copies of the parameters' data, one slice a parameter.
func (o *Optimizer[T]) Values() ([][]T, error) {
	if err := o.notHalf(); err != nil {
		return nil, err
	}
	if err := o.enter(); err != nil {
		return nil, err
	}
	defer o.leave()
	out := make([][]T, len(o.whole))
	for k, x := range o.whole {
		out[k] = slices.Clone(x)
	}
	return out, nil
}

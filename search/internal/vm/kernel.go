package vm

import (
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/search/internal/vm/ops"
)

// kernel is a pass of a compiled operator, with what it is to be given.
type kernel struct {
	run     optrt.Kernel
	cases   []kernelCase
	streams []byte // in order: a, b or c of the arguments, or x for what the operator writes
	scalars []optrt.Slot
	model   []func(frame []float64) // computes scalars from what is given
	slots   map[byte]int            // of the scalars that are given, a, b, c or k: where in the frame
	frame   int
	reduces bool
}

// kernelCase is a kernel that takes the place of another where a scalar is not 0.
type kernelCase struct {
	when optrt.Slot
	run  optrt.Kernel
}

// kernels holds the kernel of each operator by the arguments that are arrays.
var kernels = loadKernels(fastest())

func fastest() optrt.Engine {
	e := optrt.Engine(optrt.NumEngines - 1)
	for !optrt.Has(e) {
		e--
	}
	return e
}

func loadKernels(engine optrt.Engine) map[string][8]*kernel {
	all := map[string][8]*kernel{}
	for name, rules := range ops.Rules {
		var by [8]*kernel
		for arrays, rule := range rules {
			if rule != nil {
				by[arrays] = load(rule, engine)
			}
		}
		all[name] = by
	}
	return all
}

// load finds the kernel in a rule: its first pass, which is its only one unless it reduces.
func load(rule *optrt.Rule, engine optrt.Engine) *kernel {
	k := &kernel{slots: map[byte]int{}, frame: rule.ModelSlots}
	for i, g := range rule.Givens {
		if g.Extent == optrt.PerModel {
			k.slots[g.Name[0]] = rule.GivenSlots[i]
		}
	}
	for _, stage := range rule.Later {
		if stage.Model != nil {
			k.model = append(k.model, stage.Model)
		}
		if stage.Pass != nil {
			k.pass(rule, stage.Pass, engine)
			return k
		}
	}
	panic(fmt.Sprintf("vm: the operator %s has no kernel", rule.Name))
}

func (k *kernel) pass(rule *optrt.Rule, p *optrt.Pass, engine optrt.Engine) {
	k.run = choose(p.Kernels, engine)
	for _, c := range p.Cases {
		k.cases = append(k.cases, kernelCase{c.If, choose(c.Kernels, engine)})
	}
	for _, s := range p.Streams {
		switch s.Kind {
		case optrt.StreamGiven:
			k.streams = append(k.streams, rule.Givens[s.Index].Name[0])
		default:
			k.streams = append(k.streams, 'x')
		}
	}
	k.scalars, k.reduces = p.Scalars, len(p.Reductions) > 0
}

func choose(from [optrt.NumEngines]optrt.Kernel, engine optrt.Engine) optrt.Kernel {
	if from[engine] == nil {
		return from[optrt.Go]
	}
	return from[engine]
}

// chosen is the kernel that runs with the scalars of a frame.
func (k *kernel) chosen(frame []float64) optrt.Kernel {
	for _, c := range k.cases {
		if c.when.Extent == optrt.Const && c.when.Value != 0 || c.when.Extent != optrt.Const && frame[c.when.Index] != 0 {
			return c.run
		}
	}
	return k.run
}

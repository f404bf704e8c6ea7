package vm

import (
	"fmt"
	"strings"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/vm/ops"
)

// kernel is a pass of a compiled operator, with what it is to be given.
type kernel struct {
	run     optrt.Kernel
	cases   []kernelCase
	streams []byte // in order: a, b or c of the arguments, or x for what the operator writes
	scalars []optrt.Slot
	model   []func(frame []float64) // computes scalars from what is given
	slots   [len(givens)]int        // of the scalars that are given, by their place in givens: where in the frame, or -1
	frame   int
	reduces bool
}

// givens are the scalars that a kernel may be given: those of the arguments, and the constant.
const (
	givens   = "abck"
	constant = len(givens) - 1
)

// kernelCase is a kernel that takes the place of another where a scalar is not 0.
type kernelCase struct {
	when optrt.Slot
	run  optrt.Kernel
}

// kernels holds the kernels of each name by the arguments that are arrays.
var kernels = loadKernels(fastest())

// operators holds them by operator.
var operators = byOp(kernels)

// byOp sorts what belongs to the names of operators.
func byOp[T any](of map[string]T) []T {
	out := make([]T, len(genome.Ops))
	for i, row := range genome.Ops {
		out[i] = of[row.Name]
	}
	return out
}

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
	k := &kernel{slots: [len(givens)]int{-1, -1, -1, -1}, frame: rule.ModelSlots}
	for i, g := range rule.Givens {
		if g.Extent == optrt.PerModel {
			k.slots[strings.Index(givens, g.Name)] = rule.GivenSlots[i]
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

// ready computes the scalars of a kernel from what a frame holds of it, rounds each once, and tells which kernel takes them.
func (k *kernel) ready(frame []float64, splats []float32) optrt.Kernel {
	for _, f := range k.model {
		f(frame)
	}
	for i, slot := range k.scalars {
		v := float32(slot.Value)
		if slot.Extent != optrt.Const {
			v = float32(frame[slot.Index])
		}
		to := (*[lanes]float32)(splats[i*lanes:])
		for j := range to {
			to[j] = v
		}
	}
	return k.chosen(frame)
}

// lanes is how many copies of a scalar a kernel reads.
const lanes = optrt.SplatBytes / 4

// chosen is the kernel that runs with the scalars of a frame.
func (k *kernel) chosen(frame []float64) optrt.Kernel {
	for _, c := range k.cases {
		if c.when.Extent == optrt.Const && c.when.Value != 0 || c.when.Extent != optrt.Const && frame[c.when.Index] != 0 {
			return c.run
		}
	}
	return k.run
}

package agree

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
)

// compareHalf is compareSteps for parameters and gradients in 16 bits; half-way each run goes on in a new optimizer, from
// a checkpoint.
func (s *subject[T]) compareHalf() error {
	single, ok := any(s).(*subject[float32])
	if !ok {
		return fmt.Errorf("parameters in %s are of float32 alone", s.rule.Params)
	}
	if s.rule.Params == "bf16" {
		return compareHalf[optrt.BF16](single)
	}
	return compareHalf[optrt.F16](single)
}

func compareHalf[H optrt.Half](s *subject[float32]) error {
	sum := sha256.New()
	for g := range numRegimes {
		name := fnv.New64()
		name.Write([]byte(s.name))
		r := rand.New(rand.NewPCG(uint64(g), name.Sum64()))
		m := newModel[float32](r.Uint64(), g, s.fitting(s.lengths(r, g == plain && s.size > Short)), 4, s.compiled.Checked.Hypers, s.compiled.Checked.Givens...)
		m.round(s.rule.Params)
		if s.takesProducts() {
			_, err := halfOptimizer[H](m, s.rule, halvesOf[H](m.params))
			if err == nil || !strings.Contains(err.Error(), "HVP") {
				return fmt.Errorf("a rule that takes Hessian-vector products is not refused: %v", err)
			}
			return nil
		}
		want, err := s.interpret(m)
		if err != nil {
			return err
		}
		s.count(want, sum)
		for _, e := range s.engines {
			for _, workers := range []int{1, 3} {
				if err := runHalf[H](s, m, want, r, optrt.UseEngine(e), optrt.Workers(workers)); err != nil {
					return fmt.Errorf("%s, %d workers, %s numbers: %w", e, workers, g, err)
				}
			}
		}
	}
	s.report.Digests[s.name] = hex.EncodeToString(sum.Sum(nil)[:8])
	return nil
}

func (s *subject[T]) takesProducts() bool {
	return slices.ContainsFunc(ir.Reachable(s.compiled.Checked.Roots()...), func(v *ir.Value) bool { return v.Kind == ir.Probe && v.Name == "hvp" })
}

// round makes parameters and gradients numbers of a format.
func (m *model[T]) round(format string) {
	for _, u := range m.params {
		elem.RoundTrip(format, u, nil)
	}
	for _, s := range m.steps {
		for _, u := range s.grads {
			elem.RoundTrip(format, u, nil)
		}
	}
}

func halvesOf[H optrt.Half](arrays [][]float32) [][]H {
	out := make([][]H, len(arrays))
	for i, u := range arrays {
		out[i] = make([]H, len(u))
		optrt.Narrow(out[i], u)
	}
	return out
}

func widened[H optrt.Half](arrays [][]H) [][]float32 {
	out := make([][]float32, len(arrays))
	for i, u := range arrays {
		out[i] = make([]float32, len(u))
		optrt.Widen(out[i], u)
	}
	return out
}

func halfOptimizer[H optrt.Half](m *model[float32], rule *optrt.Rule, data [][]H, opts ...optrt.Option) (*optrt.HalfOptimizer[H], error) {
	params := make([]optrt.HalfParam[H], len(data))
	for i := range data {
		params[i] = optrt.HalfParam[H]{Name: m.name(i), Shape: m.shapes[i], Data: data[i]}
	}
	if slices.Contains(m.groups, 1) {
		opts = append(opts, optrt.Group(optrt.Named("group1.*"), nil))
	}
	return optrt.NewHalf(rule, params, nil, opts...)
}

// guardedHalf is an array off its alignment, between elements that nothing may touch.
type guardedHalf[H optrt.Half] struct {
	all       []H
	offset, n int
}

const halfGuard = 0x7fa5

func newGuardedHalf[H optrt.Half](r *rand.Rand, values []H) guardedHalf[H] {
	g := guardedHalf[H]{offset: guardSize + r.IntN(guardSize), n: len(values)}
	g.all = slices.Repeat([]H{halfGuard}, g.offset+g.n+guardSize)
	copy(g.data(), values)
	return g
}

func (g *guardedHalf[H]) data() []H { return g.all[g.offset : g.offset+g.n : g.offset+g.n] }

func (g *guardedHalf[H]) intact() bool {
	for i, v := range g.all {
		if (i < g.offset || i >= g.offset+g.n) && v != halfGuard {
			return false
		}
	}
	return true
}

func guardHalves[H optrt.Half](r *rand.Rand, arrays [][]H) (guards []guardedHalf[H], data [][]H) {
	for _, u := range arrays {
		g := newGuardedHalf(r, u)
		guards, data = append(guards, g), append(data, g.data())
	}
	return guards, data
}

// runHalf takes a model's steps on an optimizer and compares after each.
func runHalf[H optrt.Half](s *subject[float32], m *model[float32], want [][]array[float32], r *rand.Rand, opts ...optrt.Option) error {
	guards, data := guardHalves(r, halvesOf[H](m.params))
	checked := s.compiled.Checked
	if loaded := m.runtimeGiven(checked.Givens, m.steps[0].given, true); loaded != nil {
		opts = append(opts, optrt.Loaded(loaded...))
	}
	o, err := halfOptimizer(m, s.rule, data, opts...)
	if err != nil {
		return err
	}
	for t, step := range m.steps {
		if t == len(m.steps)/2 {
			var file bytes.Buffer
			if err := o.State(&file); err != nil {
				return err
			}
			for i, u := range data {
				data[i] = slices.Clone(u)
			}
			if o, err = halfOptimizer(m, s.rule, data, opts...); err != nil {
				return err
			}
			if err := o.LoadState(&file); err != nil {
				return err
			}
		}
		if err := s.setHypers(o.Optimizer, step.hypers[:], t); err != nil {
			return err
		}
		if err := stepHalf(o, s.rule.ClearsGrad, r, step, data, m.runtimeGiven(checked.Givens, step.given, false)); err != nil {
			return fmt.Errorf("step %d: %w", t+1, err)
		}
		for i := range guards {
			if !guards[i].intact() {
				return fmt.Errorf("step %d wrote beyond parameter %d of %d elements", t+1, i, guards[i].n)
			}
		}
		got, err := halfArrays(s, o, m, data)
		if err != nil {
			return err
		}
		if err := differ(got, want[t]); err != nil {
			return fmt.Errorf("step %d: %w", t+1, err)
		}
	}
	return nil
}

// stepHalf takes a step with gradients off their alignment, which it must not change, or must set to zero.
func stepHalf[H optrt.Half](o *optrt.HalfOptimizer[H], clears bool, r *rand.Rand, step step[float32], x [][]H, given []optrt.GivenValue[float32]) error {
	before := halvesOf[H](step.grads)
	guards, data := guardHalves(r, before)
	asked := false
	closure := func(to [][]H) (float64, error) {
		asked = true
		for i := range data { // as a user's model does that has one place for its gradients
			for k := range data[i] {
				data[i][k] = 0x7fff
			}
		}
		grads := widened(to)
		loss := step.ask(widened(x), grads)
		for i, u := range grads {
			optrt.Narrow(to[i], u)
		}
		return loss, nil
	}
	if err := o.StepWith(data, optrt.HalfInputs[H]{Loss: step.loss, Closure: closure, Given: given}); err != nil {
		return err
	}
	for i := range guards {
		if !guards[i].intact() {
			return fmt.Errorf("wrote beyond gradient %d of %d elements", i, guards[i].n)
		}
		for k, v := range data[i] {
			if clears && v != 0 {
				return fmt.Errorf("gradient %d at %d is %#x, not cleared", i, k, v)
			}
			if !clears && !asked && v != before[i][k] {
				return fmt.Errorf("wrote gradient %d at %d", i, k)
			}
		}
	}
	return nil
}

// halfArrays reads parameters, points of evaluation and, through a checkpoint, the states.
func halfArrays[H optrt.Half](s *subject[float32], o *optrt.HalfOptimizer[H], m *model[float32], data [][]H) ([]array[float32], error) {
	eval, err := o.EvalParams()
	if err != nil {
		return nil, err
	}
	return s.arrays(m, widened(data), widened(eval), o.State)
}

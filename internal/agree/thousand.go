package agree

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/interp"
	optrt "github.com/optc-lang/optc/runtime"
)

// fleet is the tensors of a long run.
type fleet struct {
	name   string
	shapes [][]int
	steps  int
}

// thousandSteps is the length of a long run; a wide one, of which a step takes hundreds of times as long, has fewer.
const (
	thousandSteps = 1000
	wideSteps     = 20
	markEvery     = 100 // steps after which states and points of evaluation are looked at
)

// fleets are those on which a rule takes its steps: `few` has a vector and matrices of odd lengths, `many` so many tiny
// tensors that they make several workers' shares, `wide` tensors of several chunks. Rules of matrices keep the square of
// a vector's columns, and their whole arrays are worked on one by one: they take less.
func (s *subject[T]) fleets() []fleet {
	if s.ofMatrices() {
		return []fleet{{few, [][]int{{19}, {7, 11}, nil, {3, 5, 2}, {0}}, thousandSteps}}
	}
	return []fleet{
		{few, [][]int{{67}, {7, 11}, nil, {3, 5, 7}, {0}}, thousandSteps},
		{"many", append(tiny(260), []int{1029}, []int{11, 7}), thousandSteps},
		{"wide", [][]int{{64<<10 + 3}, {257, 515}}, wideSteps},
	}
}

const few = "few"

func tiny(n int) [][]int {
	var shapes [][]int
	for i := range n {
		shapes = append(shapes, []int{1 + i%3})
	}
	return shapes
}

// stepper takes the steps of a long run by one engine.
type stepper[T optrt.Float] interface {
	take(t int) error
	params() [][]T
	arrays() ([]array[T], error)
}

// thousand digests the long runs, which must be the same on every engine with every number of workers, and on the
// interpreter.
func (s *subject[T]) thousand() error {
	for _, f := range s.fleets() {
		m := s.fleetModel(f)
		var want []string
		by := ""
		hold := func(name string, run stepper[T]) error {
			got, err := s.digests(run, f.steps)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", name, f.name, err)
			}
			if want == nil {
				want, by = got, name
			}
			for i := range want {
				if got[i] != want[i] {
					return fmt.Errorf("%s differs from %s on %s tensors within %d steps", name, by, f.name, min(f.steps, (i+1)*markEvery))
				}
			}
			return nil
		}
		for i, e := range s.engines {
			for _, workers := range s.workersOf(i, f) {
				tr, err := s.train(m, optrt.UseEngine(e), optrt.Workers(workers))
				if err != nil {
					return err
				}
				if err := hold(fmt.Sprintf("%s with %d workers", e, workers), &engineRun[T]{s, tr}); err != nil {
					return err
				}
			}
		}
		if f.name == few {
			run, err := s.interpretation(m)
			if err != nil {
				return err
			}
			if err := hold("the interpreter", run); err != nil {
				return err
			}
		}
		s.report.Digests[s.name+" "+f.name] = want[len(want)-1]
	}
	return nil
}

// workersOf are the numbers of workers to run an engine with, the index of which is given: all on the fastest where there
// is more than one worker's share, and else one that differs between engines.
func (s *subject[T]) workersOf(engine int, f fleet) []int {
	if engine == len(s.engines)-1 && s.size > Short && (f.name != few || s.ofMatrices()) {
		return workerCounts
	}
	return workerCounts[engine%len(workerCounts):][:1]
}

func (s *subject[T]) fleetModel(f fleet) *model[T] {
	m := &model[T]{}
	for i, shape := range f.shapes {
		n := 1
		for _, d := range shape {
			n *= d
		}
		u := make([]T, n)
		noise(0, i, u)
		m.shapes, m.groups, m.params = append(m.shapes, shape), append(m.groups, i%2), append(m.params, u)
	}
	return m
}

// digests are those of a run up to each mark: of its parameters after each step, and of all its arrays at the marks.
func (s *subject[T]) digests(run stepper[T], steps int) ([]string, error) {
	sum := sha256.New()
	var out []string
	for t := 1; t <= steps; t++ {
		if err := run.take(t); err != nil {
			return nil, fmt.Errorf("step %d: %w", t, err)
		}
		for _, u := range run.params() {
			write(sum, u)
		}
		if t%markEvery != 0 && t != steps {
			continue
		}
		if t == min(steps, unusual-unusual%markEvery) {
			s.countParams(run.params())
		}
		arrays, err := run.arrays()
		if err != nil {
			return nil, err
		}
		slices.SortFunc(arrays, func(a, b array[T]) int { return strings.Compare(a.name, b.name) })
		for _, a := range arrays {
			fmt.Fprintln(sum, a.name, len(a.elems), len(a.wide))
			write(sum, a.elems)
			write(sum, a.wide)
		}
		out = append(out, hex.EncodeToString(sum.Sum(nil)[:16]))
	}
	return out, nil
}

// write adds numbers to a digest by their bits, all NaNs being one.
func write[T optrt.Float](sum hash.Hash, u []T) {
	var text []byte
	for _, v := range u {
		if v != v {
			v = T(math.NaN())
		}
		text = binary.LittleEndian.AppendUint64(text, bits(v))
	}
	sum.Write(text)
}

// engineRun is a long run of generated code.
type engineRun[T optrt.Float] struct {
	s  *subject[T]
	tr *training[T]
}

func (r *engineRun[T]) take(t int) error { return r.tr.steps(t-1, t) }
func (r *engineRun[T]) params() [][]T    { return r.tr.data }
func (r *engineRun[T]) arrays() ([]array[T], error) {
	return r.s.arraysOf(r.tr.o, r.tr.m, r.tr.data)
}

// interpreted is a long run of the interpreter.
type interpreted[T optrt.Float] struct {
	s      *subject[T]
	m      *model[T]
	in     *interp.Machine[T]
	tr     *training[T] // for its inputs
	places []int
	grads  [][]T
}

func (s *subject[T]) interpretation(m *model[T]) (*interpreted[T], error) {
	places, err := s.statePlaces()
	if err != nil {
		return nil, err
	}
	tr, err := s.train(m)
	if err != nil {
		return nil, err
	}
	run := &interpreted[T]{s: s, m: m, in: s.machine(m), tr: tr, places: places}
	for _, u := range m.params {
		run.grads = append(run.grads, make([]T, len(u)))
	}
	return run, nil
}

func (r *interpreted[T]) params() [][]T { return r.in.Params }

func (r *interpreted[T]) arrays() ([]array[T], error) {
	return r.s.interpretedArrays(r.m, r.in, r.places), nil
}

func (r *interpreted[T]) take(t int) error {
	if t == otherHypers {
		r.in.Hypers[1] = r.tr.hypers
	}
	r.in.Given = r.tr.givenAt(t)
	for i, d := range r.tr.givens {
		if d.Load {
			r.in.Given[i] = r.tr.givenAt(0)[i]
		}
	}
	r.in.Closure = func(x [][]T) ([][]T, float64, error) {
		grads := make([][]T, len(x))
		for i := range x {
			grads[i] = make([]T, len(x[i]))
		}
		gradient(t, x, grads)
		return grads, 1 / float64(t), nil
	}
	gradient(t, r.in.Params, r.grads)
	return r.in.Step(r.grads, 1/float64(t))
}

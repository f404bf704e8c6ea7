package agree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	optrt "github.com/optc-lang/optc/runtime"
)

// saved is what a process leaves to the next one.
type saved struct {
	Half       snapshot
	HalfDigest string
	EndDigest  string
}

// snapshot is an optimizer's checkpoint with the parameters, and where the model is evaluated, as bytes.
type snapshot struct{ State, Params, Eval []byte }

func (s snapshot) digest() string {
	sum := sha256.New()
	for _, b := range [][]byte{s.State, s.Params, s.Eval} {
		fmt.Fprintln(sum, len(b))
		sum.Write(b)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

const savedSteps = 100

// training is a deterministic training of a rule: a quadratic with noise.
type training[T optrt.Float] struct {
	o           *optrt.Optimizer[T]
	m           *model[T]
	givens      []ir.GivenDecl
	data, grads [][]T
	hypers      []float64 // that the last group gets in step 10
}

func newTraining[T optrt.Float](s *subject[T], lengths []int, opts ...optrt.Option) (*training[T], error) {
	m := newModel[T](1, plain, s.fitting(lengths), 0, nil)
	for i, u := range m.params {
		noise(0, i, u)
	}
	return s.train(m, opts...)
}

// train is a training of a model's parameters.
func (s *subject[T]) train(m *model[T], opts ...optrt.Option) (*training[T], error) {
	tr := &training[T]{m: m, givens: s.compiled.Checked.Givens, data: optrt.Alloc[T](lengthsOf(m.params)...), grads: optrt.Alloc[T](lengthsOf(m.params)...)}
	for i, u := range m.params {
		copy(tr.data[i], u)
	}
	for _, d := range s.compiled.Checked.Hypers {
		v := 0.75 * d.Default
		if !d.Admits(v) {
			v = d.Default
		}
		tr.hypers = append(tr.hypers, v)
	}
	if loaded := tr.given(0, true); loaded != nil {
		opts = append(opts, optrt.Loaded(loaded...))
	}
	var err error
	tr.o, err = m.optimizer(s.rule, tr.data, opts...)
	return tr, err
}

// given are the further inputs of a step.
func (tr *training[T]) given(t int, load bool) []optrt.GivenValue[T] {
	return tr.m.runtimeGiven(tr.givens, tr.givenAt(t), load)
}

func (tr *training[T]) givenAt(t int) []interp.Given[T] {
	r := rand.New(rand.NewPCG(uint64(t), 77))
	var values []interp.Given[T]
	for _, d := range tr.givens {
		values = append(values, tr.m.drawGiven(r, plain, d))
	}
	return values
}

// Steps with gradients that are not those of a quadratic with noise.
const (
	stillEvery  = 16  // steps after which half of the tensors has a gradient of zero, and every other time all have
	otherHypers = 10  // the step that sets the hyperparameters of the last group
	unusual     = 950 // the step of which the gradient is huge
	broken      = 990 // the step of which the gradient has NaN and infinities
)

// gradient is that of a quadratic with noise at x, or what is unusual of step t.
func gradient[T optrt.Float](t int, x, grads [][]T) {
	for i, g := range grads {
		if t%stillEvery == 0 && (i%2 == 0 || t%(2*stillEvery) == 0) {
			clear(g)
			continue
		}
		noise(t, i, g)
		for k, x := range x[i] {
			g[k] += T(0.5) * x // the product is exact: fused or not, the sum is the same
		}
		switch {
		case t == unusual:
			for k := range g {
				g[k] *= T(math.Ldexp(1, pick[T](90, 900)))
			}
		case t == broken && i%3 == 0:
			for k := range g {
				g[k] = [...]T{T(math.NaN()), T(math.Inf(1)), g[k], T(math.Inf(-1))}[k%4]
			}
		}
	}
}

func lengthsOf[T any](arrays [][]T) []int {
	var n []int
	for _, u := range arrays {
		n = append(n, len(u))
	}
	return n
}

// noise fills u with numbers in [-1, 1) that step t, tensor i and the index say: SplitMix64 of a counter (Steele, Lea and
// Flood, "Fast splittable pseudorandom number generators", 2014), of which as many bits are taken as a significand has.
func noise[T optrt.Float](t, i int, u []T) {
	key := mix64(uint64(t)<<32 | uint64(i))
	keep := pick[T](24, 53)
	scale := T(math.Ldexp(1, 1-keep))
	for k := range u {
		z := mix64(key + uint64(k+1)*0x9e3779b97f4a7c15)
		u[k] = T(int64(z)>>(64-keep)) * scale // exact
	}
}

func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// steps takes the steps from the one after `from` to `to`. One sets the hyperparameters of the last group.
func (tr *training[T]) steps(from, to int) error {
	for t := from + 1; t <= to; t++ {
		gradient(t, tr.data, tr.grads)
		if t == otherHypers {
			if err := tr.o.SetHypers(tr.o.Groups()-1, tr.hypers); err != nil {
				return err
			}
		}
		closure := func(grads [][]T) (float64, error) {
			gradient(t, tr.data, grads)
			return 1 / float64(t), nil
		}
		in := optrt.Inputs[T]{Loss: 1 / float64(t), Closure: closure, Given: tr.given(t, false)}
		if err := tr.o.StepWith(tr.grads, in); err != nil {
			return err
		}
	}
	return nil
}

func (tr *training[T]) snapshot() (snapshot, error) {
	var file bytes.Buffer
	if err := tr.o.State(&file); err != nil {
		return snapshot{}, err
	}
	eval, err := tr.o.EvalParams()
	return snapshot{file.Bytes(), encode(tr.data), encode(eval)}, err
}

// encode is the arrays as bytes.
func encode[T optrt.Float](arrays [][]T) []byte {
	var out []byte
	for _, u := range arrays {
		for _, v := range u {
			switch v := any(v).(type) {
			case float32:
				out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
			case float64:
				out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
			}
		}
	}
	return out
}

var checkpointWorkers = []int{1, 5}

// checkpointLengths exceed a worker's share in the rules of the library, unless time is short.
func (s *subject[T]) checkpointLengths() []int {
	lengths := []int{1, 0, 7, 33, 1025}
	if s.library && (s.size == Full || s.size == Medium && s.float32()) {
		lengths = append(lengths, 64<<10+3)
	}
	return lengths
}

func (s *subject[T]) file(workers int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s %d", strings.ReplaceAll(s.name, "/", " "), workers))
}

// save takes 100 steps and keeps what there was after 50, and a digest of the end.
func (s *subject[T]) save() error {
	for _, workers := range checkpointWorkers {
		tr, err := newTraining(s, s.checkpointLengths(), optrt.Workers(workers))
		if err != nil {
			return err
		}
		if err := tr.steps(0, savedSteps/2); err != nil {
			return err
		}
		half, err := tr.snapshot()
		if err != nil {
			return err
		}
		if err := tr.steps(savedSteps/2, savedSteps); err != nil {
			return err
		}
		end, err := tr.snapshot()
		if err != nil {
			return err
		}
		var file bytes.Buffer
		if err := gob.NewEncoder(&file).Encode(saved{half, half.digest(), end.digest()}); err != nil {
			return err
		}
		if err := os.WriteFile(s.file(workers), file.Bytes(), 0o644); err != nil {
			return err
		}
		s.countParams(tr.data)
	}
	return nil
}

// resume goes on from every checkpoint with every number of workers.
func (s *subject[T]) resume() error {
	for _, before := range checkpointWorkers {
		data, err := os.ReadFile(s.file(before))
		if err != nil {
			return err
		}
		var from saved
		if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&from); err != nil {
			return err
		}
		for _, workers := range checkpointWorkers {
			if err := s.resumeFrom(from, workers); err != nil {
				return fmt.Errorf("saved with %d workers, resumed with %d: %w", before, workers, err)
			}
		}
	}
	return nil
}

func (s *subject[T]) resumeFrom(from saved, workers int) error {
	tr, err := newTraining(s, s.checkpointLengths(), optrt.Workers(workers))
	if err != nil {
		return err
	}
	values := numbersIn[T](from.Half.Params)
	for _, u := range tr.data {
		values = values[copy(u, values):]
	}
	if err := tr.o.LoadState(bytes.NewReader(from.Half.State)); err != nil {
		return err
	}
	half, err := tr.snapshot()
	if err != nil {
		return err
	}
	if half.digest() != from.HalfDigest {
		return errors.New("what is loaded is not what was saved")
	}
	if err := tr.steps(savedSteps/2, savedSteps); err != nil {
		return err
	}
	end, err := tr.snapshot()
	if err != nil {
		return err
	}
	if end.digest() != from.EndDigest {
		return fmt.Errorf("after %d steps it is not what it is without the interruption", savedSteps)
	}
	s.countParams(tr.data)
	return nil
}

func (s *subject[T]) countParams(data [][]T) {
	for _, u := range data {
		for _, v := range u {
			s.report.Values++
			if v-v == 0 {
				s.report.Numbers++
			}
		}
	}
}

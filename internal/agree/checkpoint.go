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
	tr := &training[T]{m: m, givens: s.compiled.Checked.Givens, data: optrt.Alloc[T](lengthsOf(m.params)...), grads: optrt.Alloc[T](lengthsOf(m.params)...)}
	for i, u := range tr.data {
		tr.noise(0, i, u)
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
	r := rand.New(rand.NewPCG(uint64(t), 77))
	var values []interp.Given[T]
	for _, d := range tr.givens {
		values = append(values, tr.m.drawGiven(r, plain, d))
	}
	return tr.m.runtimeGiven(tr.givens, values, load)
}

// gradient is that of a quadratic with noise, at the parameters as they are.
func (tr *training[T]) gradient(t int, grads [][]T) {
	for i, g := range grads {
		tr.noise(t, i, g)
		for k, x := range tr.data[i] {
			g[k] += T(0.5) * x // the product is exact: fused or not, the sum is the same
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

// noise fills u with numbers in [-1, 1) that are the same on every machine.
func (tr *training[T]) noise(t, i int, u []T) {
	r := rand.New(rand.NewPCG(uint64(t), uint64(i)))
	for k := range u {
		u[k] = T(float32(int32(r.Uint32())>>8) * (1.0 / (1 << 23)))
	}
}

// steps takes the steps from the one after `from` to `to`. The tenth sets the hyperparameters of the last group.
func (tr *training[T]) steps(from, to int) error {
	for t := from + 1; t <= to; t++ {
		tr.gradient(t, tr.grads)
		if t == 10 {
			if err := tr.o.SetHypers(tr.o.Groups()-1, tr.hypers); err != nil {
				return err
			}
		}
		closure := func(grads [][]T) (float64, error) {
			tr.gradient(t, grads)
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

const traceSteps = 1000

// trace digests the parameters and points of evaluation along 1000 steps, on every engine, or if short on the fastest.
func (s *subject[T]) trace() error {
	engines := s.engines
	if s.size == Short {
		engines = engines[len(engines)-1:]
	}
	for _, e := range engines {
		tr, err := newTraining(s, []int{1, 64, 0, 37, 1500}, optrt.UseEngine(e), optrt.Workers(2))
		if err != nil {
			return err
		}
		sum := sha256.New()
		for t := 0; t < traceSteps; t += 50 {
			if err := tr.steps(t, t+50); err != nil {
				return err
			}
			now, err := tr.snapshot()
			if err != nil {
				return err
			}
			sum.Write(now.Params)
			sum.Write(now.Eval)
		}
		digest := hex.EncodeToString(sum.Sum(nil)[:16])
		if first, ok := s.report.Digests[s.name]; ok && first != digest {
			return fmt.Errorf("%s differs from %s within %d steps", e, engines[0], traceSteps)
		}
		s.report.Digests[s.name] = digest
		s.countParams(tr.data)
	}
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

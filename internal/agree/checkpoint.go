package agree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	optrt "github.com/optc-lang/optc/runtime"
)

// saved is what a process leaves to the next one: how far it came, and where it ended.
type saved struct {
	State, Params []byte // after half of the steps
	Eval          []byte
	End           [3][]byte // State, parameters and point of evaluation after all steps
}

const savedSteps = 100

// training is a deterministic training of a rule: a quadratic with noise.
type training[T optrt.Float] struct {
	m     *model[T]
	o     *optrt.Optimizer[T]
	data  [][]T
	grads [][]T
	seed  uint64
}

func newTraining[T optrt.Float](s *subject[T], lengths []int, opts ...optrt.Option) (*training[T], error) {
	m := newModel[T](1, plain, lengths, 1, s.compiled.Checked.Hypers)
	tr := &training[T]{m: m, data: optrt.Alloc[T](lengthsOf(m.params)...), grads: optrt.Alloc[T](lengthsOf(m.params)...)}
	for i, u := range tr.data {
		tr.noise(0, i, u)
	}
	var err error
	tr.o, err = m.optimizer(s.rule, tr.data, opts...)
	return tr, err
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

// steps takes the steps from the one after `from` to `to`. Every tenth sets a hyperparameter of the last group.
func (tr *training[T]) steps(from, to int) error {
	for t := from + 1; t <= to; t++ {
		for i, g := range tr.grads {
			tr.noise(t, i, g)
			for k, x := range tr.data[i] {
				g[k] += T(0.5) * x // the product is exact: fused or not, it is the same
			}
		}
		if t%10 == 0 {
			if err := tr.o.SetHypers(tr.o.Groups()-1, tr.hypers(t)); err != nil {
				return err
			}
		}
		if err := tr.o.Step(tr.grads, 1/float64(t)); err != nil {
			return err
		}
	}
	return nil
}

// hypers are some that the rule admits.
func (tr *training[T]) hypers(t int) []float64 {
	now := tr.m.steps[0].hypers[t/10%2]
	return slices.Clone(now)
}

// state is the checkpoint, the parameters and the point of evaluation as bytes.
func (tr *training[T]) state() (out [3][]byte, err error) {
	var file bytes.Buffer
	if err := tr.o.State(&file); err != nil {
		return out, err
	}
	eval, err := tr.o.EvalParams()
	return [3][]byte{file.Bytes(), encode(tr.data), encode(eval)}, err
}

// encode is the arrays as bytes, with all NaNs alike.
func encode[T optrt.Float](arrays [][]T) []byte {
	var out []byte
	for _, u := range arrays {
		for _, v := range u {
			if v != v {
				v = T(math.NaN())
			}
			out = binary.LittleEndian.AppendUint64(out, bits(v))
		}
	}
	return out
}

var (
	checkpointLengths = []int{1, 0, 7, 33, 1025, 64<<10 + 3}
	checkpointWorkers = []int{1, 5}
)

func (s *subject[T]) file(workers int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s.%d", strings.NewReplacer("/", "_", " ", "_").Replace(s.name), workers))
}

// save takes 100 steps and keeps what there was after 50 and after all.
func (s *subject[T]) save() error {
	for _, workers := range checkpointWorkers {
		tr, err := newTraining(s, checkpointLengths, optrt.Workers(workers))
		if err != nil {
			return err
		}
		if err := tr.steps(0, savedSteps/2); err != nil {
			return err
		}
		half, err := tr.state()
		if err != nil {
			return err
		}
		if err := tr.steps(savedSteps/2, savedSteps); err != nil {
			return err
		}
		end, err := tr.state()
		if err != nil {
			return err
		}
		var file bytes.Buffer
		if err := gob.NewEncoder(&file).Encode(saved{half[0], half[1], half[2], end}); err != nil {
			return err
		}
		if err := os.WriteFile(s.file(workers), file.Bytes(), 0o644); err != nil {
			return err
		}
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
	tr, err := newTraining(s, checkpointLengths, optrt.Workers(workers))
	if err != nil {
		return err
	}
	i := 0
	for _, u := range tr.data {
		for k := range u {
			u[k] = fromBits[T](binary.LittleEndian.Uint64(from.Params[8*i:]))
			i++
		}
	}
	if err := tr.o.LoadState(bytes.NewReader(from.State)); err != nil {
		return err
	}
	half, err := tr.state()
	if err != nil {
		return err
	}
	if half != nil2(from) {
		return fmt.Errorf("loaded is not what was saved")
	}
	return nil
}

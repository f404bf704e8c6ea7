package runtime

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestBlocksResume holds steps over a checkpoint, in a new optimizer, to as many without one, and refuses other sizes.
func TestBlocksResume(t *testing.T) {
	for name, rule := range blockRules[float32]() {
		for _, workers := range []int{1, 5} {
			t.Run(fmt.Sprint(name, " ", workers), func(t *testing.T) { testBlocksResume[float32](t, rule, workers) })
		}
	}
	t.Run("float64", func(t *testing.T) { testBlocksResume[float64](t, trust[float64], 5) })
}

func testBlocksResume[T Float](t *testing.T, rule func() *Rule, workers int) {
	shapes := [][]int{{}, {3}, {0}, {2, 3}, {1025}, {50, 0, 7}, {60, 31}, {17, 2, 3}}
	params, grads := modelOf[T](rand.New(rand.NewPCG(3, 3)), shapes, 0)
	split := cloneParams(params)
	run := func(o *Optimizer[T], p []Param[T], steps int) {
		own, _ := closures(p, nil)
		for range steps {
			wantError(t, o.StepWith(grads, Inputs[T]{Loss: 1, Closure: own}), "")
		}
	}
	opts := []Option{Blocks(16), Workers(workers), Seed(4)}
	whole, first := mustNew(t, rule(), params, opts...), mustNew(t, rule(), split, opts...)
	run(whole, params, 6)
	run(first, split, 2) // in the third probeRule sets all that it reads
	file := save(t, first)
	copied := cloneParams(split)
	second := mustNew(t, rule(), copied, Blocks(16), Workers(1))
	wantError(t, second.LoadState(bytes.NewReader(file)), "")
	if !bytes.Equal(file, save(t, second)) {
		t.Fatal("a checkpoint written after loading differs")
	}
	run(second, copied, 4)
	if !same(dataOf(params), dataOf(copied)) || !bytes.Equal(save(t, whole), save(t, second)) {
		t.Fatal("6 steps and 2 + 4 differ")
	}
	fresh := func(opts ...Option) (*Optimizer[T], []byte) {
		o := mustNew(t, rule(), cloneParams(params), opts...)
		return o, save(t, o)
	}
	for want, opts := range map[string][]Option{
		"it is of Blocks(16), this optimizer has Blocks(10): build it with the same Blocks": {Blocks(10)},
		"Blocks(16)": nil, // by its metadata or the length of its header
	} {
		o, before := fresh(opts...)
		wantError(t, o.LoadState(bytes.NewReader(file)), want)
		if !bytes.Equal(before, save(t, o)) {
			t.Error("something has changed")
		}
	}
	o, before := fresh(Blocks(16))
	_, plain := fresh()
	wantError(t, o.LoadState(bytes.NewReader(plain)), "it is of whole parameters, this optimizer has Blocks(16): build it with the same Blocks")
	if !bytes.Equal(before, save(t, o)) {
		t.Error("something has changed")
	}
}

// TestBlocksFormat reads the names and shapes that a checkpoint has for blocks, and damages it.
func TestBlocksFormat(t *testing.T) {
	params, grads := modelOf[float32](rand.New(rand.NewPCG(3, 3)), [][]int{{3, 5}, {2, 2, 2}, {7}}, 0)
	for i, name := range []string{"w", "conv", "b"} {
		params[i].Name = name
	}
	build := func() *Optimizer[float32] { return mustNewPlain(t, trust[float32](), params, Blocks(3)) }
	o := build()
	wantError(t, o.Step(grads, 1), "")
	file := save(t, o)
	header := string(file[8:][:binary.LittleEndian.Uint64(file)])
	for _, want := range []string{`"optc.blocks":"3"`, `"state/m/w[0:3,0:3]":{"dtype":"F32","shape":[3,3]`, `"state/m/w[0:3,3:5]":{"dtype":"F32","shape":[3,2]`,
		`"state/a/conv[0:2,3:4]":{"dtype":"F32","shape":[2,1,1]`, `"state/m/b":{"dtype":"F32","shape":[7]`, `"state/mean":{"dtype":"F64","shape":[5]`,
		`{\"name\":\"w\",\"shape\":[3,5],\"group\":0}`} {
		if !strings.Contains(header, want) {
			t.Errorf("the header has no %s:\n%s", want, header)
		}
	}
	other := build()
	before := save(t, other)
	for i := range file {
		damaged := slices.Clone(file)
		damaged[i] ^= 1 << (i % 8)
		if err := other.LoadState(bytes.NewReader(damaged)); err == nil {
			if !bytes.Equal(file, save(t, other)) {
				t.Fatalf("damage to byte %d is lost on the checksum", i)
			}
			wantError(t, other.LoadState(bytes.NewReader(before)), "")
		} else if !bytes.Equal(before, save(t, other)) {
			t.Fatalf("byte %d: %v, and something has changed", i, err)
		}
	}
}

// TestBlocksCommit lets the closure of a step over blocks fail at every question, by an error, by a panic, or by a
// gradient that is not finite: the parameters keep their bits, to the payload of a NaN, and the next step is that of a
// model cut beforehand.
func TestBlocksCommit(t *testing.T) {
	t.Run("float32", testBlocksCommit[float32])
	t.Run("float64", testBlocksCommit[float64])
}

func testBlocksCommit[T Float](t *testing.T) {
	for _, how := range []string{"error", "panic", "skip"} {
		for failAt := 1; failAt <= 3; failAt++ {
			params, grads := modelOf[T](rand.New(rand.NewPCG(6, 4)), [][]int{{40, 30}, {7}, {5, 3, 4}, {20, 3}}, 0)
			w := NewTwin(params, 8)
			opts := []Option{Workers(3)}
			if how == "skip" {
				opts = append(opts, OnNonFinite(Skip))
			}
			o := mustNew(t, probeRule[T](), params, append(opts, Blocks(8))...)
			p := mustNew(t, probeRule[T](), w.Params)
			own, twin := closures(params, w)
			for range 2 { // odd steps ask three times
				wantError(t, o.StepWith(grads, Inputs[T]{Closure: own}), "")
				wantError(t, p.StepWith(w.Cut(grads), Inputs[T]{Closure: twin}), "")
			}
			strange(params[0].Data[33:])
			strange(params[3].Data)
			before, file := bitsOf(dataOf(params)), save(t, o)
			b := &bowl[T]{params: params, failAt: failAt, panics: how == "panic"}
			if how == "skip" {
				b = &bowl[T]{params: params, badAt: failAt, bad: math.NaN()}
				for i := range params { // the bowl's own gradients are finite
					copy(params[i].Data, w.Join(dataOf(w.Params))[i])
				}
				before = bitsOf(dataOf(params))
			}
			err, caught := attempt(func() error { return o.StepWith(grads, Inputs[T]{Closure: b.closure}) })
			if how == "error" && !errors.Is(err, errModel) || how == "panic" && caught != error(errModel) || how == "skip" && (err != nil || o.Skipped() != 1) {
				t.Fatalf("%s at question %d: %v, panic %v, %d skipped", how, failAt, err, caught, o.Skipped())
			}
			if b.calls != failAt || o.Steps() != 2 {
				t.Errorf("%s at question %d: %d calls, %d steps", how, failAt, b.calls, o.Steps())
			}
			if !slices.Equal(before, bitsOf(dataOf(params))) || !bytes.Equal(file, save(t, o)) {
				t.Fatalf("%s at question %d: something has changed", how, failAt)
			}
			for i, u := range w.Cut(dataOf(params)) {
				copy(w.Params[i].Data, u)
			}
			wantError(t, o.StepWith(grads, Inputs[T]{Closure: own}), "")
			wantError(t, p.StepWith(w.Cut(grads), Inputs[T]{Closure: twin}), "")
			sameAsTwin(t, o, p, w, fmt.Sprintf("after %s at question %d", how, failAt))
		}
	}
	params, grads := modelOf[T](rand.New(rand.NewPCG(6, 4)), [][]int{{40, 30}}, 0)
	o := mustNewPlain(t, probeRule[T](), params, Blocks(8), OnNonFinite(Skip))
	grads[0][1199] = T(math.Inf(1))
	before := bitsOf(dataOf(params))
	wantError(t, o.StepWith(grads, Inputs[T]{Closure: func([][]T) (float64, error) { return 0, errModel }}), "")
	if o.Skipped() != 1 || o.Steps() != 0 || !slices.Equal(before, bitsOf(dataOf(params))) {
		t.Error("a gradient that is not finite is taken")
	}
}

// TestBlocksSetState sets every state to what another optimizer has.
func TestBlocksSetState(t *testing.T) {
	params, _ := modelOf[float32](rand.New(rand.NewPCG(8, 4)), [][]int{{5, 7}, {4}, {2, 3, 2}, {0, 9}}, 0)
	rng := rand.New(rand.NewPCG(8, 5))
	o, p := mustNewPlain(t, statesRule(), params, Blocks(3)), mustNewPlain(t, statesRule(), params, Blocks(3))
	for i, s := range o.rule.States {
		for _, u := range o.states[i] {
			copy(u, normal[float32](rng, len(u)))
		}
		v, err := o.StateValue(s.Name)
		wantError(t, err, "")
		if s.Format != "" {
			wantError(t, p.SetStateValue(s.Name, v), "set by LoadState alone")
			continue
		}
		if s.Extent == PerElem && (len(v.Arrays) != len(params) || len(v.Arrays[0]) != 35) || s.Extent == PerRowRow && len(v.Arrays) != len(o.x) {
			t.Errorf("state %s has %d arrays", s.Name, len(v.Arrays))
		}
		wantError(t, p.SetStateValue(s.Name, v), "")
		if !same(o.states[i], p.states[i]) {
			t.Errorf("state %s: what was set is not what was read", s.Name)
		}
	}
}

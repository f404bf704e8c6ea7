package runtime

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

var formats = []string{"bf16", "f16", "q8", "q8root"}

// narrowRule keeps a moving mean of g^2 in a format: s <- s/2 + g*g, x <- x - s.
func narrowRule[T Float](format string, stochastic bool) *Rule {
	r := bareRule[T](Stage{Pass: &Pass{
		Domain: PerElem,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, g, s := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2)
			for i := range x {
				s[i] = T(s[i]*0.5) + T(g[i]*g[i])
				x[i] -= s[i]
			}
		}},
		Streams: []Stream{updates(StreamX, 0), reads(StreamGrad, 0), updates(StreamState, 0)},
	}})
	r.Name, r.Draws = "narrow", stochastic
	r.States = []State{{Name: "s", Extent: PerElem, Init: 0.3, Format: format, Stochastic: stochastic}}
	return r
}

var narrowShapes = [][]int{{}, {3}, {0}, {255}, {256}, {257}, {5, 0, 7}, {70, 1000}, {2049}}

// TestNarrow follows a state that is rounded once, when the step ends.
func TestNarrow(t *testing.T) {
	for _, format := range formats {
		for _, stochastic := range []bool{false, true} {
			t.Run(fmt.Sprint(format, " float32 ", stochastic), func(t *testing.T) { testNarrow[float32](t, format, stochastic) })
			t.Run(fmt.Sprint(format, " float64 ", stochastic), func(t *testing.T) { testNarrow[float64](t, format, stochastic) })
		}
	}
}

func testNarrow[T Float](t *testing.T, format string, stochastic bool) {
	for _, workers := range []int{1, 4} {
		params, grads := modelOf[T](rand.New(rand.NewPCG(2, 9)), narrowShapes, []int{0, 100}[workers/4])
		o, err := New(narrowRule[T](format, stochastic), params, nil, Workers(workers), Seed(31))
		if err != nil {
			t.Fatal(err)
		}
		x := clone(dataOf(params))
		s, bytes := make([][]T, len(x)), 0
		for i := range s {
			s[i] = slices.Repeat([]T{T(0.3)}, len(x[i]))
			elem.RoundTrip(format, s[i], nil)
			bytes += map[string]int{"bf16": 2, "f16": 2, "q8": 1, "q8root": 1}[format] * len(x[i])
			if strings.HasPrefix(format, "q8") {
				bytes += 4 * ((len(x[i]) + 255) / 256)
			}
		}
		if o.StateBytes() != bytes {
			t.Errorf("%d bytes, want %d", o.StateBytes(), bytes)
		}
		for step := uint64(1); step <= 3; step++ {
			wantError(t, o.Step(grads, 0), "")
			for i := range x {
				for j := range x[i] {
					s[i][j] = T(s[i][j]*0.5) + T(grads[i][j]*grads[i][j])
					x[i][j] -= s[i][j]
				}
				var words []uint32
				if stochastic {
					words = make([]uint32, len(x[i]))
					elem.Words(words, elem.RoundingStream(elem.Stream{Seed: 31, Step: step, Tensor: uint32(i)}, "s"), 0)
				}
				elem.RoundTrip(format, s[i], words)
				if got := o.narrow[0][i].values(len(x[i])); !same([][]T{got}, [][]T{s[i]}) {
					t.Fatalf("step %d, shape %v: the state differs from the reference", step, narrowShapes[i])
				}
			}
			if !same(x, dataOf(params)) {
				t.Fatalf("step %d: x differs from the reference", step)
			}
		}
	}
}

// TestResumeNarrow holds 50 + 50 steps over a checkpoint, in a new optimizer of another seed, to 100.
func TestResumeNarrow(t *testing.T) {
	for _, format := range formats {
		for _, stochastic := range []bool{false, true} {
			t.Run(fmt.Sprint(format, " ", stochastic), func(t *testing.T) {
				rule := func() *Rule { return narrowRule[float32](format, stochastic) }
				testResumeOf(t, rule, Seed(5))
			})
		}
	}
	t.Run("lines and draws", func(t *testing.T) {
		testResumeOf(t, func() *Rule { return linesRule[float32](elem.ReduceSum) }, Seed(5))
	})
	for _, format := range append(formats, "") {
		t.Run("rotation "+format, func(t *testing.T) { testResumeOf(t, func() *Rule { return rotateRule[float32](format) }) })
	}
}

func testResumeOf(t *testing.T, rule func() *Rule, opts ...Option) {
	t.Helper()
	params, grads := modelOf[float32](rand.New(rand.NewPCG(2, 9)), [][]int{{}, {3}, {0}, {257}, {5, 0, 7}, {9, 700}}, 0)
	split := cloneParams(params)
	whole, first := mustNew(t, rule(), params, opts...), mustNew(t, rule(), split, opts...)
	run := func(o *Optimizer[float32], from, to int) {
		for step := from; step < to; step++ {
			for i := range grads {
				for j := range grads[i] {
					grads[i][j] = float32(math.Sin(float64(step*31 + i*7 + j)))
				}
			}
			wantError(t, o.Step(grads, 1), "")
		}
	}
	run(whole, 0, 100)
	run(first, 0, 50)
	file := save(t, first)
	second := mustNew(t, rule(), cloneParams(split))
	wantError(t, second.LoadState(bytes.NewReader(file)), "")
	if !bytes.Equal(file, save(t, second)) {
		t.Fatal("a checkpoint written after loading differs")
	}
	run(second, 50, 100)
	if !same(whole.x, second.x) || second.Steps() != 100 || !bytes.Equal(save(t, whole), save(t, second)) {
		t.Fatal("100 steps and 50 + 50 differ")
	}
}

// rotateRule has an array of three states: x <- x - S[2], then the newest, g, is written over the oldest in steps that 3
// divides, and the array moves on.
func rotateRule[T Float](format string) *Rule {
	turn := Slot{Extent: PerModel, Index: ModelFree}
	r := bareRule[T](
		Stage{Model: func(m []float64) { m[turn.Index] = float64(int(m[ModelT]) % 3) }},
		Stage{Pass: &Pass{Domain: PerElem, Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, g, s, turn := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2), Scalar[T](a, 0)
			for i := range x {
				x[i] -= s[i]
				if turn != 0 {
					s[i] = g[i]
				}
			}
		}}, Streams: []Stream{updates(StreamX, 0), reads(StreamGrad, 0), updates(StreamState, 2)}, Scalars: []Slot{turn}}},
		Stage{Rotate: &Rotate{States: []int{0, 1, 2}, If: &turn}},
	)
	r.Name = "rotating"
	for i := range 3 {
		r.States = append(r.States, State{Name: fmt.Sprintf("S[%d]", i), Extent: PerElem, Init: float64(i + 1), Format: format})
	}
	return r
}

func TestRotate(t *testing.T) {
	for _, format := range append(formats, "") {
		params, grads := modelOf[float64](rand.New(rand.NewPCG(2, 9)), [][]int{{4}, {300}, {0}, {}}, 0)
		o, err := New(rotateRule[float64](format), params, nil)
		if err != nil {
			t.Fatal(err)
		}
		var s [3][][]float64
		for k := range s {
			for i := range params {
				s[k] = append(s[k], slices.Repeat([]float64{float64(k + 1)}, len(params[i].Data)))
				elem.RoundTrip(format, s[k][i], nil)
			}
		}
		x := clone(dataOf(params))
		for step := 1; step <= 7; step++ {
			for i := range grads {
				for j := range grads[i] {
					grads[i][j] = float64(step) + float64(j)/8
				}
			}
			wantError(t, o.Step(grads, 0), "")
			for i := range x {
				for j := range x[i] {
					x[i][j] -= s[2][i][j]
				}
			}
			if step%3 != 0 {
				newest := clone(grads)
				for i := range newest {
					elem.RoundTrip(format, newest[i], nil)
				}
				s = [3][][]float64{newest, s[0], s[1]}
			}
			for k := range s {
				for i := range x {
					got := o.states[k]
					if format != "" {
						got = make([][]float64, len(x))
						got[i] = o.narrow[k][i].values(len(x[i]))
					}
					if !same([][]float64{got[i]}, [][]float64{s[k][i]}) {
						t.Fatalf("%q, step %d: S[%d] is %v, want %v", format, step, k, got[i], s[k][i])
					}
				}
			}
			if !same(x, dataOf(params)) {
				t.Fatalf("%q, step %d: x differs", format, step)
			}
		}
	}
}

// statesRule keeps a state of every extent and format; matrices alone keep those of rows, columns and squares, and only
// tensors named *.bias the narrow ones.
func statesRule() *Rule {
	r := bareRule[float32](Stage{Model: func(m []float64) {}})
	r.Name, r.Draws = "states", true
	for i, e := range []Extent{PerModel, PerGroup, PerTensor} {
		r.States = append(r.States, State{Name: fmt.Sprint("step", i), Extent: e, Init: float64(i) + 0.5, Slot: ModelFree + i})
	}
	for i, e := range []Extent{PerRow, PerCol, PerRowRow, PerColCol, PerColRow, PerElem} {
		r.States = append(r.States, State{Name: fmt.Sprint("array", i), Extent: e, Init: float64(i) + 0.25})
	}
	for _, f := range formats {
		r.States = append(r.States, State{Name: f, Extent: PerElem, Init: 0.5, Format: f})
	}
	scratch := []Extent{PerRowRow, PerElem}
	r.Scratch = scratch
	r.Class = func(name string, p []float64) int {
		if p[TensorRank] >= 2 {
			return 2
		}
		if elem.Match("*.bias", name) {
			return 1
		}
		return 0
	}
	keep := func(matrices, narrow bool) (out []bool) {
		for _, s := range r.States {
			out = append(out, s.Format != "" && narrow || s.Format == "" && s.Extent.isArray() && (matrices || s.Extent == PerElem))
		}
		return out
	}
	r.Classes = []Class{{keep(false, false), []bool{false, true}}, {keep(false, true), []bool{false, false}}, {keep(true, false), []bool{true, false}}}
	return r
}

var classShapes = [][]int{{4}, {3, 5}, {2, 3, 4}, {}, {0}, {300}, {3, 0}}

// TestClasses holds what the tensors of each class have, by shape and by name: nothing that its class does not keep.
func TestClasses(t *testing.T) {
	params, _ := modelOf[float32](rand.New(rand.NewPCG(2, 9)), classShapes, 0)
	params[0].Name, params[5].Name = "plain", "head.bias.weight"
	o := mustNew(t, statesRule(), params)
	bytes := 8 * (1 + len(o.groups) + len(params))
	for i, p := range params {
		rows, cols := matrix(p.Shape)
		n := rows * cols
		want := map[Extent]int{PerElem: n}
		narrow := false
		switch {
		case len(p.Shape) >= 2:
			want = map[Extent]int{PerElem: n, PerRow: rows, PerCol: cols, PerRowRow: rows * rows, PerColCol: cols * cols, PerColRow: n}
		case strings.HasSuffix(p.Name, ".bias"):
			narrow = true
		}
		for k, s := range o.rule.States {
			switch {
			case !s.Extent.isArray():
			case s.Format != "":
				if (o.narrow[k][i] != nil) != narrow {
					t.Errorf("%s: state %s: kept %v, want %v", p.Name, s.Name, !narrow, narrow)
				}
				if narrow {
					bytes += o.narrow[k][i].bytes()
				}
			default:
				if len(o.states[k][i]) != want[s.Extent] {
					t.Errorf("%s of %v: state %s has %d values, want %d", p.Name, p.Shape, s.Name, len(o.states[k][i]), want[s.Extent])
				}
				if slices.ContainsFunc(o.states[k][i], func(v float32) bool { return float64(v) != s.Init }) {
					t.Errorf("%s: state %s does not begin at %v", p.Name, s.Name, s.Init)
				}
				bytes += 4 * want[s.Extent]
			}
		}
		plain := !narrow && len(p.Shape) < 2
		if squares := len(o.scratch[0][i]); squares > 0 != (len(p.Shape) >= 2 && rows > 0) || len(o.scratch[1][i]) > 0 != (plain && n > 0) {
			t.Errorf("%s of %v: scratch of %d and %d", p.Name, p.Shape, squares, len(o.scratch[1][i]))
		}
	}
	if o.StateBytes() != bytes {
		t.Errorf("%d bytes, want %d", o.StateBytes(), bytes)
	}
}

// TestTooLargeSquares refuses a matrix of a side that no memory holds, where the class keeps one.
func TestTooLargeSquares(t *testing.T) {
	data := make([]float32, elem.MaxSide+1)
	for _, shape := range [][]int{{elem.MaxSide + 1, 1}, {1, elem.MaxSide + 1}} {
		_, err := New(statesRule(), []Param[float32]{{"w", shape, data}}, nil)
		wantError(t, err, `param "w" of shape`)
	}
	if _, err := New(statesRule(), []Param[float32]{{"w", []int{elem.MaxSide + 1}, data}}, nil); err != nil {
		t.Error(err)
	}
}

// filled is an optimizer of statesRule with random states.
func filledStates(t *testing.T, seed uint64) *Optimizer[float32] {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 9))
	params, grads := modelOf[float32](rng, classShapes, 0)
	o := mustNew(t, statesRule(), params, Seed(seed))
	for range seed {
		wantError(t, o.Step(grads, 0), "")
	}
	for k, s := range o.rule.States {
		for _, frame := range o.framesOf(s.Extent) {
			frame[s.Slot] = rng.NormFloat64()
		}
		for i := range params {
			if u := o.narrow[k]; u != nil && u[i] != nil {
				u[i].keep(normal[float32](rng, len(o.x[i])), 0, nil)
			} else if u := o.states[k]; u != nil {
				copy(u[i], normal[float32](rng, len(u[i])))
			}
		}
	}
	return o
}

// TestCheckpointOfAllExtents loads states of every extent and format, and refuses the file damaged in any byte.
func TestCheckpointOfAllExtents(t *testing.T) {
	file := save(t, filledStates(t, 3))
	o := filledStates(t, 8)
	wantError(t, o.LoadState(bytes.NewReader(file)), "")
	if !bytes.Equal(file, save(t, o)) || o.seed != 3 || o.Steps() != 3 {
		t.Fatalf("what was loaded is not what was saved: seed %d, %d steps", o.seed, o.Steps())
	}
	header := string(file[8:][:binary.LittleEndian.Uint64(file)])
	for _, want := range []string{`"dtype":"BF16"`, `"dtype":"F16"`, `"dtype":"I8"`, `"dtype":"U8"`, `"shape":[3,3]`, `"shape":[12,12]`, `"shape":[5,3]`, `"scales/q8/`} {
		if !strings.Contains(header, want) {
			t.Errorf("the header has no %s:\n%s", want, header)
		}
	}
	other := filledStates(t, 8)
	before := save(t, other)
	rng := rand.New(rand.NewPCG(4, 2))
	for i := 0; i < len(file); i += 1 + rng.IntN(5) {
		damaged := slices.Clone(file)
		damaged[i] ^= 1 << rng.IntN(8)
		if err := other.LoadState(bytes.NewReader(damaged)); err == nil {
			if !bytes.Equal(file, save(t, other)) {
				t.Fatalf("damage to byte %d of %d is lost on the checksum", i, len(file))
			}
			wantError(t, other.LoadState(bytes.NewReader(before)), "")
		} else if i%7 == 0 && !bytes.Equal(before, save(t, other)) {
			t.Fatalf("byte %d: %v, and something has changed", i, err)
		}
	}
	for n := 0; n < len(file); n += 1 + rng.IntN(40) {
		if err := other.LoadState(bytes.NewReader(file[:n])); err == nil {
			t.Fatalf("%d of %d bytes are taken for a checkpoint", n, len(file))
		}
	}
	if !bytes.Equal(before, save(t, other)) {
		t.Error("something has changed")
	}
}

package runtime

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

var checkpointShapes = [][]int{{}, {3}, {0}, {2, 3}, {1025}, {5, 0, 7}, {300, 301}}

func TestResume(t *testing.T) {
	for _, workers := range []int{1, 5} {
		t.Run(fmt.Sprint("adam float32 ", workers), func(t *testing.T) { testResume[float32](t, adam[float32], workers) })
		t.Run(fmt.Sprint("trust float32 ", workers), func(t *testing.T) { testResume[float32](t, trust[float32], workers) })
		t.Run(fmt.Sprint("trust float64 ", workers), func(t *testing.T) { testResume[float64](t, trust[float64], workers) })
	}
}

// testResume holds 50 steps, a checkpoint, and 50 steps of a new optimizer to the bits of 100 steps.
func testResume[T Float](t *testing.T, build func() *Rule, workers int) {
	rng := rand.New(rand.NewPCG(1, 2))
	params := testParams[T](rng, checkpointShapes)
	split := cloneParams(params)
	grads, noise := testGrads(rng, params), normal[T](rng, 100_000)
	whole := mustNew(t, build(), params, Workers(workers))
	first := mustNew(t, build(), split, Workers(workers))
	run := func(o *Optimizer[T], from, to int) {
		for step := from; step < to; step++ {
			for i := range grads {
				copy(grads[i], noise[(step*977+i*31)%5000:])
			}
			if err := errors.Join(o.SetHyper(1, "lr", 1/float64(step+3)), o.Step(grads, 1+float64(step))); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(whole, 0, 100)
	run(first, 0, 50)
	file := save(t, first)
	// The parameters as a user would save them, into other memory and an optimizer with other hyperparameters.
	second := mustNew(t, build(), cloneParams(split), Workers(workers))
	wantError(t, second.SetHyper(0, "lr", 77), "")
	wantError(t, second.LoadState(iotest.HalfReader(bytes.NewReader(file))), "")
	if again := save(t, second); !bytes.Equal(file, again) {
		t.Fatal("a checkpoint written after loading differs")
	}
	a, errA := first.EvalParams()
	b, errB := second.EvalParams()
	if !same(a, b) || errA != nil || errB != nil {
		t.Fatalf("the points of evaluation differ (%v, %v)", errA, errB)
	}
	run(second, 50, 100)
	if !same(whole.x, second.x) || second.Steps() != 100 || !bytes.Equal(save(t, whole), save(t, second)) {
		t.Fatal("100 steps and 50 + 50 differ")
	}
}

func mustNew[T Float](t testing.TB, rule *Rule, params []Param[T], opts ...Option) *Optimizer[T] {
	t.Helper()
	o, err := New(rule, params, nil, append(opts, Group(Named("*.bias"), nil))...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func save[T Float](t testing.TB, o *Optimizer[T]) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := o.State(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// trained returns an optimizer of trust after some steps.
func trained[T Float](t testing.TB, shapes [][]int, edit ...func([]Param[T], *Rule)) *Optimizer[T] {
	rng := rand.New(rand.NewPCG(9, 9))
	params := testParams[T](rng, shapes)
	rule := trust[T]()
	for _, e := range edit {
		e(params, rule)
	}
	o := mustNew(t, rule, params)
	for range 3 {
		if err := o.Step(testGrads(rng, params), 1); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

var smallShapes = [][]int{{}, {3}, {2, 3}, {0}}

// TestFormat reads a checkpoint by the words of the safetensors format alone.
func TestFormat(t *testing.T) {
	o := trained[float32](t, smallShapes)
	file := save(t, o)
	n := binary.LittleEndian.Uint64(file)
	data := file[8+n:]
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	var metadata map[string]string
	if err := json.Unmarshal(header["__metadata__"], &metadata); err != nil {
		t.Fatal(err)
	}
	if metadata["optc.steps"] != "3" || metadata["optc.rule"] != "trust" || metadata["optc.hypers"] != "lr=0.01\nlr=0.01" || n%8 != 0 {
		t.Errorf("metadata %v", metadata)
	}
	delete(header, "__metadata__")
	covered := 0
	for name, text := range header {
		var e struct {
			Dtype   string
			Shape   []int
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(text, &e); err != nil || e.Shape == nil {
			t.Fatalf("%s: %s %v", name, text, err)
		}
		count, _ := numel(e.Shape)
		width := map[string]int{"F32": 4, "F64": 8}[e.Dtype]
		if e.Offsets[1]-e.Offsets[0] != count*width || e.Offsets[0]%width != 0 {
			t.Errorf("%s: %v", name, e)
		}
		covered += count * width
		if name == "state/m/"+o.params[2].Name {
			for k, v := range o.states[0][2] {
				if got := math.Float32frombits(binary.LittleEndian.Uint32(data[e.Offsets[0]+4*k:])); got != v {
					t.Errorf("%s[%d] = %g, want %g", name, k, got, v)
				}
			}
		}
	}
	if covered != len(data) || covered != o.StateBytes() || len(header) != 3+2*len(smallShapes) {
		t.Errorf("%d bytes in %d tensors, file has %d, states %d", covered, len(header), len(data), o.StateBytes())
	}
}

func TestLoadErrors(t *testing.T) {
	file := save(t, trained[float32](t, smallShapes))
	n := int(binary.LittleEndian.Uint64(file))
	replace := func(old, new string) []byte {
		header := strings.Replace(string(file[8:8+n]), old, new, 1)
		if header == string(file[8:8+n]) {
			t.Fatalf("no %q in %s", old, header)
		}
		return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), []byte(header), file[8+n:])
	}
	length := func(n uint64) []byte { return slices.Concat(binary.LittleEndian.AppendUint64(nil, n), file[8:]) }
	renamed := func(p []Param[float32], _ *Rule) { p[2].Name = "other" }
	reshaped := func(p []Param[float32], _ *Rule) { p[2].Shape = []int{3, 2} }
	rule := func(edit func(r *Rule)) []byte {
		return save(t, trained(t, smallShapes, func(_ []Param[float32], r *Rule) { edit(r) }))
	}
	cases := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "trust: checkpoint: truncated"},
		{"in the length", file[:7], "truncated"},
		{"in the header", file[:100], "truncated"},
		{"in the data", file[:len(file)-1], "truncated"},
		{"trailing", append(slices.Clone(file), 0), "something follows the last tensor"},
		{"huge header", length(math.MaxUint64), "a header of 18446744073709551615 bytes where"},
		{"no header", length(0), "does not start with {"},
		{"shorter header", length(uint64(n) - 9), "header: "},
		{"longer header", length(uint64(n) + 8), "header: something follows its closing brace"},
		{"not ours", slices.Concat(make([]byte, 8), file), "no safetensors file"},
		{"array", replace("{", "["), "does not start with {"},
		{"no metadata", replace(`"__metadata__"`, `"a"`), "header: "},
		{"unknown field", replace(`"dtype"`, `"type"`), "unknown field"},
		{"another rule", rule(func(r *Rule) { r.Name = "lamb" }), `trust: checkpoint: it is of the rule "lamb", want "trust"`},
		{"another digest", rule(func(r *Rule) { r.Digest = "75" }), `it is of another version of the rule, with digest "75", want "74"`},
		{"another type", save(t, trained[float64](t, smallShapes)), `it is of the element type "F64", want "F32"`},
		{"other shapes", save(t, trained(t, smallShapes, reshaped)), "it is of other parameters or groups"},
		{"other names", save(t, trained(t, smallShapes, renamed)), "it is of other parameters or groups"},
		{"fewer", save(t, trained[float32](t, smallShapes[:3])), "it is of other parameters or groups"},
		{"version", replace(`"optc.format":"2"`, `"optc.format":"1"`), `optc.format is "1", want "2"`},
		{"steps", replace(`"optc.steps":"3"`, `"optc.steps":"-3"`), `step counter "-3": not a count`},
		{"more steps", replace(`"optc.steps":"3"`, `"optc.steps":"4"`), "checksum"},
		{"many steps", replace(`"optc.steps":"3"`, `"optc.steps":"9007199254740993"`), "not a count"},
		{"hyper", replace("lr=0.01", "lr=-1"), "group 0: lr = -1 is outside (0, inf)"},
		{"no hyper", replace("lr=0.01", ""), "group 0: 0 hyperparameters given, there are 1: lr"},
		{"two hypers", replace("lr=0.01", "lr=1 lr=1"), `group 0: hyperparameter "lr=1": there are lr`},
		{"hyper name", replace("lr=0.01", "LR=1"), `hyperparameter "LR=1"`},
		{"hyper groups", replace(`lr=0.01\nlr`, "lr"), "hyperparameters of 1 groups, there are 2"},
		{"dtype", replace(`"F64"`, `"F32"`), `is "F32" [`},
		{"shape", replace(`"shape":[2,3]`, `"shape":[3,2]`), `is "F32" [3 2], want F32 [2 3]`},
		{"offsets", replace(`"data_offsets":[0,8]`, `"data_offsets":[0,9]`), "offsets [0 9], want two that are 8 apart"},
		{"gap", replace(`"data_offsets":[0,8]`, `"data_offsets":[1,9]`), "starts at"},
		{"negative offset", replace(`"data_offsets":[0,8]`, `"data_offsets":[-8,0]`), "offsets"},
		{"no offsets", replace(`"data_offsets":[0,8]`, `"data_offsets":[]`), "offsets"},
		{"missing", replace(`"state/peak"`, `"state/beak"`), `tensor "state/peak" is missing`},
		{"surplus", replace(`"state/peak"`, `"state/beak":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"state/peak"`), `"state/beak" is none of this rule`},
		{"twice", replace(`"state/peak"`, `"state/mean":{},"state/peak"`), `stands there twice`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := trained[float32](t, smallShapes)
			o.SetHyper(0, "lr", 5)
			before := save(t, o)
			wantError(t, o.LoadState(bytes.NewReader(c.file)), c.want)
			if !bytes.Equal(before, save(t, o)) {
				t.Error("something has changed")
			}
		})
	}
}

// TestDamage damages every byte of a checkpoint: it must be refused, or mean the same.
func TestDamage(t *testing.T) {
	file := save(t, trained[float32](t, smallShapes))
	o := mustNew(t, trust[float32](), testParams[float32](rand.New(rand.NewPCG(9, 9)), smallShapes))
	fresh := save(t, o)
	rng := rand.New(rand.NewPCG(4, 2))
	for i := range len(file) * 3 {
		damaged := slices.Clone(file)
		damaged[i/3] ^= 1 << rng.IntN(8)
		if err := o.LoadState(bytes.NewReader(damaged)); err != nil {
			if !bytes.Equal(fresh, save(t, o)) {
				t.Fatalf("byte %d: %v, and something has changed", i/3, err)
			}
			continue
		}
		if !bytes.Equal(file, save(t, o)) {
			t.Fatalf("damage to byte %d is lost on the checksum", i/3)
		}
		if err := o.LoadState(bytes.NewReader(fresh)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRewritten loads a checkpoint that another program has written anew: other order, spaces and metadata of its own.
func TestRewritten(t *testing.T) {
	o := trained[float32](t, smallShapes)
	file := save(t, o)
	n := int(binary.LittleEndian.Uint64(file))
	var header map[string]any
	if err := json.Unmarshal(file[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	header["__metadata__"].(map[string]any)["format"] = "pt"
	var data []byte
	for name, e := range header {
		if name != "__metadata__" {
			entry := e.(map[string]any)
			offsets := entry["data_offsets"].([]any)
			from, to := int(offsets[0].(float64)), int(offsets[1].(float64))
			entry["data_offsets"] = []int{len(data), len(data) + to - from}
			data = append(data, file[8+n+from:8+n+to]...)
		}
	}
	text, err := json.MarshalIndent(header, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	again := slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text, data)
	fresh := mustNew(t, trust[float32](), testParams[float32](rand.New(rand.NewPCG(9, 9)), smallShapes))
	err = fresh.LoadState(bytes.NewReader(again))
	if err != nil || !bytes.Equal(save(t, fresh), file) {
		t.Errorf("rewritten checkpoint: %v", err)
	}
}

func TestStateOfFailingWriter(t *testing.T) {
	o := trained[float32](t, smallShapes)
	size := len(save(t, o))
	for n := range size {
		if err := o.State(&failingWriter{n}); err == nil || !strings.Contains(err.Error(), "trust: writing a checkpoint: disk full") {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
	broken := iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(save(t, o))))
	if err := o.LoadState(broken); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("failing reader: %v", err)
	}
}

type failingWriter struct{ room int }

func (w *failingWriter) Write(b []byte) (int, error) {
	if len(b) > w.room {
		return w.room, errors.New("disk full")
	}
	w.room -= len(b)
	return len(b), nil
}

// FuzzLoadState puts the right length, or one that is off, before a header.
func FuzzLoadState(f *testing.F) {
	for _, file := range [][]byte{
		save(f, trained[float32](f, smallShapes)), save(f, trained[float64](f, smallShapes)), save(f, trained[float32](f, smallShapes[:2])),
	} {
		n := 8 + binary.LittleEndian.Uint64(file)
		f.Add(file[8:n], file[n:], int64(0))
		f.Add(file[8:n], file[n:len(file)-1], int64(-8))
	}
	o := mustNew(f, trust[float32](), testParams[float32](rand.New(rand.NewPCG(9, 9)), smallShapes))
	f.Fuzz(func(t *testing.T, header, data []byte, off int64) {
		file := slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(int64(len(header))+off)), header, data)
		before := save(t, o)
		err := o.LoadState(bytes.NewReader(file))
		after := save(t, o)
		if err != nil && !bytes.Equal(before, after) {
			t.Errorf("%v, and something has changed", err)
		}
		if err == nil {
			if err := o.LoadState(bytes.NewReader(after)); err != nil {
				t.Errorf("what was loaded does not load again: %v", err)
			}
		}
	})
}

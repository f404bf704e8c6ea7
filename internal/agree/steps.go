package agree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
)

var workerCounts = []int{1, 2, 5}

// awkward are numbers of rows or columns about those of a vector's lanes and of a block.
var awkward = []int{31, 33, 1025}

// lengths are those of a model's tensors: small ones, some about a block of the reduction tree and its multiples, some
// with an awkward number of rows or columns, and some longer than a worker's share if the model is to be large.
func (o options) lengths(r *rand.Rand, large bool) []int {
	var lengths []int
	step := [...]int{Short: 5, Medium: 2, Full: 1}[o.size]
	for n := r.IntN(step); n < 68; n += step {
		lengths = append(lengths, n)
	}
	for n := 1000; n <= 1030; n++ {
		if o.size == Full || n == 1024 || r.IntN(12) == 0 && o.size == Medium {
			lengths = append(lengths, n)
		}
	}
	if o.size > Short {
		lengths = append(lengths, 2047, 2048, 2049)
	}
	if o.size == Full {
		lengths = append(lengths, 5000)
	}
	for _, cols := range awkward {
		lengths = append(lengths, (2+r.IntN(2))*cols)
	}
	if large {
		lengths = append(lengths, 64<<10+1+r.IntN(6000))
	}
	if large && o.size == Full {
		lengths = append(lengths, 2*(64<<10+33)) // two rows, each longer than a worker's share
	}
	return lengths
}

// array is values under a name: a parameter, a point of evaluation or a state of one parameter, or the frames of a
// coarser state.
type array[T optrt.Float] struct {
	name  string
	elems []T
	wide  []float64
}

// compareSteps runs models of each regime on the interpreter and on every engine with every number of workers.
func (s *subject[T]) compareSteps() error {
	sum := sha256.New()
	for g := range numRegimes {
		name := fnv.New64()
		name.Write([]byte(s.name))
		r := rand.New(rand.NewPCG(uint64(g), name.Sum64()))
		steps := [...]int{Short: 3, Medium: 3, Full: 5}[s.size]
		large := g == plain && (s.library && s.size > Short && s.float32() || s.size == Full && r.IntN(8) == 0)
		m := newModel[T](r.Uint64(), g, s.fitting(s.lengths(r, large)), steps, s.compiled.Checked.Hypers, s.compiled.Checked.Givens...)
		want, err := s.interpret(m)
		if err != nil {
			return err
		}
		s.count(want, sum)
		for i, e := range s.engines {
			all := large && (s.size == Full || i == len(s.engines)-1) // a small model is one worker's share
			for _, workers := range workerCounts {
				if !all && workers != workerCounts[int(e)%len(workerCounts)] {
					continue
				}
				if err := s.runEngine(m, want, r, optrt.UseEngine(e), optrt.Workers(workers)); err != nil {
					return fmt.Errorf("%s, %d workers, %s numbers: %w", e, workers, g, err)
				}
			}
		}
	}
	s.report.Digests[s.name] = hex.EncodeToString(sum.Sum(nil)[:8])
	return nil
}

// interpret is the arrays after each step as the interpreter has them.
func (s *subject[T]) interpret(m *model[T]) ([][]array[T], error) {
	states, err := s.statePlaces()
	if err != nil {
		return nil, err
	}
	in := s.machine(m)
	var all [][]array[T]
	for _, step := range m.steps {
		for k := range in.Hypers {
			in.Hypers[k] = step.hypers[k]
		}
		in.Given = step.given
		in.Closure = func(x [][]T) ([][]T, float64, error) {
			grads := make([][]T, len(x))
			for i := range x {
				grads[i] = make([]T, len(x[i]))
			}
			loss := step.ask(x, grads)
			return grads, loss, nil
		}
		if err := in.Step(step.grads, step.loss); err != nil {
			return nil, err
		}
		all = append(all, s.interpretedArrays(m, in, states))
	}
	return all, nil
}

// machine is an interpreter of the rule with a model's parameters.
func (s *subject[T]) machine(m *model[T]) *interp.Machine[T] {
	tensors := make([]interp.Tensor, len(m.shapes))
	for i, shape := range m.shapes {
		tensors[i] = interp.Tensor{Name: m.name(i), Shape: shape, Group: m.groups[i]}
	}
	in := interp.New[T](s.compiled.Checked, tensors, 2)
	for i := range m.params {
		copy(in.Params[i], m.params[i])
	}
	return in
}

// interpretedArrays is the arrays as the interpreter has them; states is where it has the states of the plan.
func (s *subject[T]) interpretedArrays(m *model[T], in *interp.Machine[T], states []int) []array[T] {
	prog := s.compiled.Checked
	var now []array[T]
	for i, x := range in.EvalParams() {
		now = append(now, array[T]{name: "x/" + m.name(i), elems: slices.Clone(in.Params[i])}, array[T]{name: "eval/" + m.name(i), elems: slices.Clone(x)})
	}
	for _, st := range states {
		scalars, elems := in.State(st)
		name := "state/" + prog.States[st].Name
		if prog.States[st].Extent == ir.Group {
			scalars = scalars[m.first:]
		}
		if !prog.States[st].Extent.IsArray() {
			now = append(now, array[T]{name: name, wide: slices.Clone(scalars)})
		}
		for i := range elems {
			if !s.keeps(prog.States[st].Name, m, i) {
				continue
			}
			now = append(now, array[T]{name: name + "/" + m.name(i), elems: slices.Clone(elems[i])})
		}
	}
	return now
}

// statePlaces is where the checked program has the states that the plan has kept.
func (s *subject[T]) statePlaces() ([]int, error) {
	index := map[string]int{}
	for i, st := range s.compiled.Checked.States {
		index[st.Name] = i
	}
	var places []int
	for _, st := range s.rule.States {
		i, ok := index[st.Name]
		if !ok {
			return nil, fmt.Errorf("the checked program has no state %s", st.Name)
		}
		places = append(places, i)
	}
	return places, nil
}

// count adds to the report and to a digest what the interpreter says.
func (s *subject[T]) count(steps [][]array[T], sum hash.Hash) {
	for _, arrays := range steps {
		for _, a := range arrays {
			wide := a.wide
			for _, v := range a.elems {
				wide = append(wide, float64(v))
			}
			for i, v := range wide {
				s.report.Values++
				if v != v {
					wide[i] = math.NaN()
				} else if !math.IsInf(v, 0) {
					s.report.Numbers++
				}
			}
			binary.Write(sum, binary.LittleEndian, wide)
		}
	}
}

// runEngine takes a model's steps on an optimizer and compares after each.
func (s *subject[T]) runEngine(m *model[T], want [][]array[T], r *rand.Rand, opts ...optrt.Option) error {
	params := guardAll(r, m.params)
	data := make([][]T, len(params))
	for i := range params {
		data[i] = params[i].data()
	}
	checked := s.compiled.Checked
	if loaded := m.runtimeGiven(checked.Givens, m.steps[0].given, true); loaded != nil {
		opts = append(opts, optrt.Loaded(loaded...))
	}
	o, err := m.optimizer(s.rule, data, opts...)
	if err != nil {
		return err
	}
	for t, step := range m.steps {
		if err := s.setHypers(o, step.hypers[:], t); err != nil {
			return err
		}
		if err := stepGuarded(o, s.rule.ClearsGrad, r, step, data, m.runtimeGiven(checked.Givens, step.given, false)); err != nil {
			return fmt.Errorf("step %d: %w", t+1, err)
		}
		for i := range params {
			if !params[i].intact() {
				return fmt.Errorf("step %d wrote beyond parameter %d of %d elements", t+1, i, params[i].n)
			}
		}
		got, err := s.arraysOf(o, m, data)
		if err != nil {
			return err
		}
		if err := differ(got, want[t]); err != nil {
			return fmt.Errorf("step %d: %w", t+1, err)
		}
	}
	return nil
}

func guardAll[T optrt.Float](r *rand.Rand, arrays [][]T) []guarded[T] {
	out := make([]guarded[T], len(arrays))
	for i, u := range arrays {
		out[i] = newGuarded(r, u)
	}
	return out
}

// setHypers sets the hyperparameters of both groups, one at a time in even steps.
func (s *subject[T]) setHypers(o *optrt.Optimizer[T], hypers [][]float64, t int) error {
	for g := range o.Groups() {
		if t%2 == 1 {
			if err := o.SetHypers(g, hypers[g]); err != nil {
				return err
			}
			continue
		}
		for i, v := range hypers[g] {
			if err := o.SetHyper(g, s.rule.Hypers[i].Name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// stepGuarded takes a step with gradients off their alignment, which it must not change, or must set to zero.
func stepGuarded[T optrt.Float](o *optrt.Optimizer[T], clears bool, r *rand.Rand, step step[T], x [][]T, given []optrt.GivenValue[T]) error {
	grads := guardAll(r, step.grads)
	data := make([][]T, len(grads))
	for i := range grads {
		data[i] = grads[i].data()
	}
	asked := false
	closure := func(to [][]T) (float64, error) {
		asked = true
		for i := range data { // as a user's model does that has one place for its gradients
			for k := range data[i] {
				data[i][k] = T(math.NaN())
			}
		}
		return step.ask(x, to), nil
	}
	if err := o.StepWith(data, optrt.Inputs[T]{Loss: step.loss, Closure: closure, Given: given}); err != nil {
		return err
	}
	for i := range grads {
		if !grads[i].intact() {
			return fmt.Errorf("wrote beyond gradient %d of %d elements", i, grads[i].n)
		}
		for k, v := range data[i] {
			if clears && v != 0 {
				return fmt.Errorf("gradient %d at %d is %v, not cleared", i, k, v)
			}
			if !clears && !asked && !same(v, step.grads[i][k]) {
				return fmt.Errorf("wrote gradient %d at %d", i, k)
			}
		}
	}
	return nil
}

// arraysOf reads parameters, points of evaluation and, through a checkpoint, the states.
func (s *subject[T]) arraysOf(o *optrt.Optimizer[T], m *model[T], data [][]T) ([]array[T], error) {
	eval, err := o.EvalParams()
	if err != nil {
		return nil, err
	}
	return s.arrays(m, data, eval, o.State)
}

// arrays are parameters, points of evaluation and the states that a checkpoint holds.
func (s *subject[T]) arrays(m *model[T], data, eval [][]T, write func(io.Writer) error) ([]array[T], error) {
	var out []array[T]
	for i := range data {
		out = append(out, array[T]{name: "x/" + m.name(i), elems: data[i]}, array[T]{name: "eval/" + m.name(i), elems: eval[i]})
	}
	var file bytes.Buffer
	if err := write(&file); err != nil {
		return nil, err
	}
	states, err := readStates[T](file.Bytes())
	if err != nil {
		return nil, err
	}
	for _, st := range s.rule.States {
		if st.Extent == optrt.PerGroup {
			a := states["state/"+st.Name]
			a.wide = a.wide[m.first:] // that of a group without parameters is nobody's
			states[a.name] = a
		}
	}
	return slices.AppendSeq(out, maps.Values(states)), nil
}

// readStates reads the tensors of a safetensors file, by name.
func readStates[T optrt.Float](file []byte) (map[string]array[T], error) {
	n := binary.LittleEndian.Uint64(file)
	entries := map[string]json.RawMessage{}
	if err := json.Unmarshal(file[8:8+n], &entries); err != nil {
		return nil, err
	}
	delete(entries, "__metadata__")
	out := map[string]array[T]{}
	root := map[string]bool{}
	for name, text := range entries {
		var e struct {
			Dtype   string
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, err
		}
		data := file[8+int(n):][e.Offsets[0]:e.Offsets[1]]
		a := array[T]{name: name}
		if strings.Count(name, "/") == 1 { // a state coarser than an element
			a.wide = numbersIn[float64](data)
		} else {
			a.elems = valuesIn[T](e.Dtype, data)
		}
		root[name] = e.Dtype == "U8"
		out[name] = a
	}
	return widenAll(out, root), nil
}

// valuesIn reads values of a storage format; of q8 they are codes until widenAll has seen the scales.
func valuesIn[T optrt.Float](dtype string, data []byte) []T {
	var u []T
	switch dtype {
	case "BF16", "F16":
		for i := 0; i < len(data); i += 2 {
			h := binary.LittleEndian.Uint16(data[i:])
			if dtype == "F16" {
				u = append(u, elem.F16To[T](h))
			} else {
				u = append(u, elem.BF16To[T](h))
			}
		}
	case "I8":
		for _, b := range data {
			u = append(u, T(int8(b)))
		}
	case "U8":
		for _, b := range data {
			u = append(u, T(b))
		}
	case "F32":
		for _, v := range numbersIn[float32](data) {
			u = append(u, T(v))
		}
	default:
		return numbersIn[T](data)
	}
	return u
}

// widenAll makes values of the codes of q8; root tells which are roots.
func widenAll[T optrt.Float](arrays map[string]array[T], root map[string]bool) map[string]array[T] {
	for name, scale := range arrays {
		rest, ok := strings.CutPrefix(name, "scales/")
		if !ok {
			continue
		}
		delete(arrays, name)
		a := arrays["state/"+rest]
		scales := make([]float32, len(scale.elems))
		for i, v := range scale.elems {
			scales[i] = float32(v)
		}
		signed, roots := make([]int8, len(a.elems)), make([]uint8, len(a.elems))
		for i, v := range a.elems {
			signed[i], roots[i] = int8(v), uint8(v)
		}
		if root[a.name] {
			elem.Q8UnpackRoot(a.elems, roots, scales)
		} else {
			elem.Q8Unpack(a.elems, signed, scales)
		}
	}
	return arrays
}

// keeps reports whether a tensor keeps a state that is an array.
func (s *subject[T]) keeps(state string, m *model[T], i int) bool {
	if s.rule.Class == nil {
		return true
	}
	rows, cols := interp.Shape("rows", m.shapes[i]), interp.Shape("cols", m.shapes[i])
	class := s.rule.Class(m.name(i), []float64{optrt.TensorNumel: float64(rows * cols), optrt.TensorRank: float64(len(m.shapes[i])), optrt.TensorRows: rows, optrt.TensorCols: cols})
	for k, st := range s.rule.States {
		if st.Name == state {
			return s.rule.Classes[class].States[k]
		}
	}
	return false
}

// fitting drops the lengths that are too long for a rule of matrices: the square of a vector's columns is kept.
func (s *subject[T]) fitting(lengths []int) []int {
	limit := math.MaxInt
	if s.ofMatrices() {
		limit = 150
	}
	return slices.DeleteFunc(lengths, func(n int) bool { return n > limit })
}

// ofMatrices reports whether a rule has whole-array operators.
func (s *subject[T]) ofMatrices() bool {
	return slices.ContainsFunc(ir.Reachable(s.compiled.Checked.Roots()...), func(v *ir.Value) bool {
		return v.Kind == ir.Array && v.Op.Kind == op.Array
	})
}

func numbersIn[T optrt.Float](data []byte) []T {
	u := make([]T, len(data)/binary.Size(T(0)))
	for i := range u {
		switch p := any(&u[i]).(type) {
		case *float32:
			*p = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		case *float64:
			*p = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		}
	}
	return u
}

// differ is the first difference between two sets of arrays.
func differ[T optrt.Float](got, want []array[T]) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d arrays, the interpreter has %d", len(got), len(want))
	}
	byName := map[string]array[T]{}
	for _, a := range got {
		byName[a.name] = a
	}
	for _, w := range want {
		g := byName[w.name]
		if err := differIn(w.name, g.elems, w.elems); err != nil {
			return err
		}
		if err := differIn(w.name, g.wide, w.wide); err != nil {
			return err
		}
	}
	return nil
}

func differIn[T optrt.Float](name string, got, want []T) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s has %d elements, not %d", name, len(got), len(want))
	}
	for i := range want {
		if !same(got[i], want[i]) {
			return fmt.Errorf("%s[%d] of %d is %v (%#x), not %v (%#x)", name, i, len(want), got[i], bits(got[i]), want[i], bits(want[i]))
		}
	}
	return nil
}

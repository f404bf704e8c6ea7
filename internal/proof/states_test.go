package proof

import (
	"strconv"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/oracle"
)

// link says how a state of the library follows from a reference's: ours = factor*theirs + add.
type link struct {
	state       string // the end of our state's path
	factor, add float64
}

func same(state string) link { return link{state, 1, 0} }

// moments are Adam's, by the names of both references.
var moments = map[string]link{"mu": same("ema.s"), "exp_avg": same("ema.s"), "nu": same("ema2.s"), "exp_avg_sq": same("ema2.s")}

var velocity = map[string]link{"momentum_buffer": same("m"), "trace": same("m")}

// linkOf finds our name of a reference's state or scalar.
func linkOf(c *oracle.Case, name string) (link, bool) {
	names := map[string]link{}
	switch rule, _, _ := strings.Cut(c.Rule, "_"); rule { // a composed rule keeps the states of the rule that it begins with
	case "sgd":
		names = velocity
	case "adagrad":
		names = map[string]link{"sum": same("s"), "sum_of_squares": same("s")}
	case "rmsprop":
		names = map[string]link{
			"square_avg": same("v"), "nu": same("v"), "grad_avg": same("ema.s"), "mu": same("ema.s"),
			"momentum_buffer": same("b"), "trace": {"b", -1 / c.Hypers["lr"], 0}, // optax has -lr inside the momentum
		}
	case "adam", "adamw", "lamb":
		names = moments
	case "amsgrad":
		names = map[string]link{"max_exp_avg_sq": same("top"), "nu_max": same("top")}
		for n, l := range moments {
			names[n] = l
		}
	case "lion":
		names = map[string]link{"mu": same("m"), "exp_avg": same("m")}
	case "signum":
		names = map[string]link{"ema": same("ema.s")}
	case "lars":
		names = map[string]link{"trace": {"m", -1, 0}}
	case "dog", "ldog":
		name = strings.TrimRight(name, digits)
		names = map[string]link{
			"average": same("avg"), "rbar": same("r"), "max_dist": same("r"), "G": same("sum_sq"),
			"sum_sq_norm_grads": {"sum_sq", 1, c.Hypers["eps"]}, // optax adds eps under the root only
		}
	}
	if name == "learning_rate" {
		return same("learning_rate"), true
	}
	l, ok := names[name]
	return l, ok
}

// reference is a state or scalar of a case with the state of the program that it is compared with.
type reference struct {
	link
	name   string
	index  int // of the state
	tensor int // whose scalar it is, or -1: of the whole model
}

// tensorOf is the number that ends the name of a tensor's own scalar (L-DoG's G0, G1 ...), or -1.
func tensorOf(name string) int {
	i, err := strconv.Atoi(name[len(strings.TrimRight(name, digits)):])
	if err != nil {
		return -1
	}
	return i
}

const digits = "0123456789"

// references links everything that a case stores.
func references(t *testing.T, p *ir.Program, c *oracle.Case) (out []reference) {
	t.Helper()
	for _, name := range append(append([]string{}, c.States...), c.Scalars...) {
		l, ok := linkOf(c, name)
		if !ok {
			t.Fatalf("%s: nothing corresponds to the reference's state %s", c.Name, name)
		}
		r := reference{l, name, -1, tensorOf(name)}
		for i, s := range p.States {
			if s.Name != l.state && !strings.HasSuffix(s.Name, "."+l.state) {
				continue
			}
			if r.index >= 0 {
				t.Fatalf("%s: %s may be %s or %s", c.Name, name, p.States[r.index].Name, s.Name)
			}
			r.index = i
		}
		if r.index < 0 {
			t.Fatalf("%s: rule %s has no state %s", c.Name, p.Name, l.state)
		}
		out = append(out, r)
	}
	return out
}

// stateError is the worst error of what the reference keeps.
func (r *runner[T]) stateError(want, before oracle.Snapshot) (worst float64) {
	for _, ref := range r.refs {
		scalars, elems := r.State(ref.index)
		if arrays, ok := want.States[ref.name]; ok {
			for i := range arrays {
				worst = max(worst, oracle.Error(ref.theirs(wide(elems[i])), arrays[i], at(before.States[ref.name], i)...))
			}
			continue
		}
		if i := ref.tensor; i >= 0 {
			scalars = scalars[i : i+1]
		}
		for _, s := range ref.theirs(scalars) {
			worst = max(worst, oracle.Error([]float64{s}, []float64{want.Scalars[ref.name]}))
		}
	}
	return worst
}

func (ref reference) theirs(ours []float64) []float64 {
	out := make([]float64, len(ours))
	for i, v := range ours {
		out[i] = (v - ref.add) / ref.factor
	}
	return out
}

func (ref reference) ours(theirs []float64) []float64 {
	out := make([]float64, len(theirs))
	for i, v := range theirs {
		out[i] = ref.factor*v + ref.add
	}
	return out
}

// resume continues from what the reference held. Where it holds nothing for a state of ours, the step must not depend on
// that state, whatever it is.
func (r *runner[T]) resume(s oracle.Snapshot) {
	const unknown = 1234.5
	r.T = s.Step
	for i := range r.Params {
		r.Params[i] = narrow[T](s.Params[i])
	}
	for i, state := range r.prog.States {
		for k := range r.Params {
			if state.Name == "x0" {
				r.SetState(i, k, narrow[T](r.c.Init(k)))
			} else {
				r.fill(i, k, unknown)
			}
		}
	}
	for _, ref := range r.refs {
		r.set(ref, s)
	}
}

func (r *runner[T]) fill(i, k int, v float64) {
	scalars, elems := r.State(i)
	if elems != nil {
		for j := range elems[k] {
			elems[k][j] = T(v)
		}
	}
	for j := range scalars {
		r.SetScalar(i, j, v)
	}
}

func (r *runner[T]) set(ref reference, s oracle.Snapshot) {
	if arrays, ok := s.States[ref.name]; ok {
		for k := range arrays {
			r.SetState(ref.index, k, narrow[T](ref.ours(arrays[k])))
		}
		return
	}
	v := ref.ours([]float64{s.Scalars[ref.name]})[0]
	scalars, _ := r.State(ref.index)
	for k := range scalars {
		if ref.tensor < 0 || ref.tensor == k {
			r.SetScalar(ref.index, k, v)
		}
	}
}

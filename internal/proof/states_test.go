package proof

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/optc-lang/optc/internal/oracle"
)

// tensorOf is the number that ends the name of a tensor's own scalar (L-DoG's G0, G1 ...), or -1.
func tensorOf(name string) int {
	i, err := strconv.Atoi(name[len(strings.TrimRight(name, digits)):])
	if err != nil {
		return -1
	}
	return i
}

const digits = "0123456789"

// find is the link of a reference's state, and the index of ours, -1 where there is none.
func (r *runner[T]) find(t *testing.T, name string, tensor int, s oracle.Snapshot) (link, int) {
	t.Helper()
	l, ok := linkOf(place{r.c, tensor, s.Scalars}, name)
	if !ok {
		t.Fatalf("%s: nothing corresponds to the reference's state %s", r.c.Name, name)
	}
	if l.state == "" {
		return l, -1
	}
	return l, r.index(t, l.state)
}

// index finds our state of a name: the whole path or the end of a single one.
func (r *runner[T]) index(t *testing.T, name string) int {
	t.Helper()
	if i, ok := r.indices[name]; ok {
		return i
	}
	found := -1
	for i, s := range r.prog.States {
		if s.Name == name {
			found = i
			break
		}
		if !strings.HasSuffix(s.Name, "."+name) {
			continue
		}
		if found >= 0 {
			t.Fatalf("%s: %s may be %s or %s", r.c.Name, name, r.prog.States[found].Name, s.Name)
		}
		found = i
	}
	if found < 0 {
		t.Fatalf("%s: rule %s has no state %s", r.c.Name, r.prog.Name, name)
	}
	r.indices[name] = found
	return found
}

// unused reports whether the reference has no values of a state for a tensor: none at all, or a single 0 in their place.
func unused(theirs, ours []float64) bool {
	return len(theirs) == 0 || len(theirs) == 1 && theirs[0] == 0 && len(ours) != 1
}

// stateError is the worst error of what the reference keeps.
func (r *runner[T]) stateError(t *testing.T, want, before oracle.Snapshot) (worst float64) {
	t.Helper()
	for _, name := range r.c.States {
		for i, theirs := range want.States[name] {
			l, index := r.find(t, name, i, want)
			if index < 0 {
				continue
			}
			_, elems := r.State(index)
			ours := l.theirs(wide(elems[i]))
			if unused(theirs, ours) {
				continue
			}
			if l.columns {
				ours = signedAs(ours, theirs)
			}
			worst = max(worst, oracle.Error(ours, theirs, at(before.States[name], i)...))
		}
	}
	for _, name := range r.c.Scalars {
		l, index := r.find(t, name, tensorOf(name), want)
		if index < 0 {
			continue
		}
		scalars, _ := r.State(index)
		if i := tensorOf(name); i >= 0 {
			scalars = scalars[i : i+1]
		}
		for _, s := range l.theirs(scalars) {
			worst = max(worst, oracle.Error([]float64{s}, []float64{want.Scalars[name]}))
		}
	}
	return worst
}

// signedAs turns columns of a square matrix that point against those of another.
func signedAs(q, as []float64) []float64 {
	n := int(math.Sqrt(float64(len(q))))
	out := make([]float64, len(q))
	for c := range n {
		along := 0.0
		for k := range n {
			along += q[k*n+c] * as[k*n+c]
		}
		for k := range n {
			out[k*n+c] = q[k*n+c] * math.Copysign(1, along)
		}
	}
	return out
}

func (l link) theirs(ours []float64) []float64 {
	out := make([]float64, len(ours))
	for i, v := range ours {
		out[i] = (v - l.add) / l.factor
	}
	return out
}

func (l link) ours(theirs []float64) []float64 {
	out := make([]float64, len(theirs))
	for i, v := range theirs {
		out[i] = l.factor*v + l.add
	}
	return out
}

// resume continues from what the reference held. Where it holds nothing for a state of ours, the step must not depend on
// that state, whatever it is.
func (r *runner[T]) resume(t *testing.T, s oracle.Snapshot) {
	t.Helper()
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
	for name, v := range derived(r.c, s) {
		r.setScalar(r.index(t, name), -1, v)
	}
	for _, name := range r.c.States {
		for k, theirs := range s.States[name] {
			l, index := r.find(t, name, k, s)
			if index < 0 {
				continue
			}
			_, elems := r.State(index)
			if !unused(theirs, wide(elems[k])) {
				r.SetState(index, k, narrow[T](l.ours(theirs)))
			}
		}
	}
	for _, name := range r.c.Scalars {
		if l, index := r.find(t, name, tensorOf(name), s); index >= 0 {
			r.setScalar(index, tensorOf(name), l.ours([]float64{s.Scalars[name]})[0])
		}
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

// setScalar sets a step value, for one tensor or, with -1, all of it.
func (r *runner[T]) setScalar(index, tensor int, v float64) {
	scalars, _ := r.State(index)
	for k := range scalars {
		if tensor < 0 || tensor == k {
			r.SetScalar(index, k, v)
		}
	}
}

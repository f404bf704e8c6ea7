package property

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/derive"
	"github.com/optc-lang/optc/compiler/ir"
)

// Stability is for which lr the minimum of h*x^2/2 attracts: the derivative of the step (x and states to the new ones) at
// x = 0 has no eigenvalue outside of the unit circle.
type Stability struct {
	Known   bool
	Formula string  // of the largest lr, if there is a closed form
	Where   string  // the condition that Formula is for
	At      float64 // lr*h at the defaults of the other hyperparameters, or with PerH false lr for h = 1
	PerH    bool
	Always  bool    // every lr is stable
	Near    bool    // in a neighbourhood of x = 0 alone
	Set     []Value // of Always: hyperparameters that are taken at their defaults
	Jumps   bool    // every element moves by lr exactly, or not at all
	But     []Leaf  // of Jumps: decays that are left out
	Why     string

	limit func(hypers []float64) (float64, bool) // largest lr for the hyperparameters and h
}

// jumps reports whether the step of each element is lr times a sign, with decays as 0.
func (a *asker) jumps(decays []Decay) bool {
	zero := map[*ir.Value]bool{}
	for _, d := range decays {
		zero[d.leaf.value] = true
	}
	f := newFolder(a.p.Pool, func(v *ir.Value) *ir.Value {
		if zero[v] {
			return a.p.Pool.Number(0)
		}
		return nil
	})
	step := a.step(f.value(a.p.X))
	if step == nil || a.lr < 0 {
		return false
	}
	signs, rates := 0, 0
	todo := []*ir.Value{newFolder(a.p.Pool, nil).value(step)}
	for len(todo) > 0 {
		v := todo[0]
		todo = todo[1:]
		switch {
		case v.Kind == ir.Hyper && v.Index == a.lr:
			rates++
		case v.Kind == ir.Apply && v.Op.Name == "sign":
			signs++
		case v.Kind == ir.Spread, v.Kind == ir.Apply && (v.Op.Name == "mul" || v.Op.Name == "neg"):
			todo = append(todo, v.Args...)
		case v.Kind == ir.Apply && v.Op.Name == "sub" && is(v.Args[0], 0):
			todo = append(todo, v.Args[1])
		default:
			return false
		}
	}
	return signs == 1 && rates == 1
}

// jumping is the stability of a rule that does not slow down near the minimum.
func (a *asker) jumping(decays []Decay) Stability {
	s := Stability{Why: "near the minimum the size of a step does not follow the gradient's", Jumps: a.jumps(nil)}
	if !s.Jumps && a.jumps(decays) {
		s.Jumps = true
		for _, d := range decays {
			s.But = append(s.But, d.leaf)
		}
	}
	return s
}

// maxLine bounds the states that a derivative is taken of.
const maxLine = 16

func (a *asker) stability() Stability {
	if a.lr < 0 {
		return Stability{Why: "it has no hyperparameter lr"}
	}
	start := newLine(a.p)
	if start.missing != "" {
		return Stability{Why: "one number has no " + start.missing}
	}
	rest, ok := start.rest(start.defaults())
	if !ok {
		return Stability{Why: "its states do not come to rest at x = 0"}
	}
	if !start.restsAlways(rest, a.lr) {
		return Stability{Why: "where its states rest depends on lr or h"}
	}
	l := newLate(start, a.lr, false)
	j, used, why := a.linear(l, rest)
	if why != "" {
		return Stability{Why: why}
	}
	s := j.answer(l, used)
	if s.Known && !s.Always {
		a.closedLimit(&s, start, rest)
	}
	return s
}

// closedLimit adds the closed form. It is that of generic hyperparameters: where one that is equal to some number is treated
// in another way, s.Where excludes it.
func (a *asker) closedLimit(s *Stability, start *line, rest []float64) {
	l := newLate(start, a.lr, true)
	j, _, why := a.linear(l, rest)
	if why != "" {
		return
	}
	if s.Formula = j.formula(l); s.Formula != "" {
		s.Where = list(append(l.unequal, j.ends(l, s.Formula)...))
	}
}

// ends excludes the ends of intervals at which no small lr attracts, so that the closed form does not hold there.
func (j *jacobian) ends(l *late, formula string) []string {
	var out []string
	for i, h := range l.p.Hypers {
		if i == j.lr || i == j.h || !strings.Contains(formula, h.Name) {
			continue
		}
		for _, v := range []float64{h.Lo, h.Hi} {
			hypers := slices.Clone(j.defaults)
			if hypers[i] = v; math.IsInf(v, 0) || math.Abs(v) > 1e100 || !h.Admits(v) {
				continue
			}
			if _, found := j.limit(hypers); !found {
				if text := h.Name + " is not " + ir.FormatNumber(v); !slices.Contains(l.unequal, text) {
					out = append(out, text)
				}
			}
		}
	}
	return out
}

// linear is the derivative of a step at rest, and the states that it is of; or why there is none.
func (a *asker) linear(l *late, rest []float64) (j *jacobian, used []int, why string) {
	used = l.used()
	if len(used) > maxLine {
		return nil, nil, "it keeps too many states"
	}
	values, wrt := []*ir.Value{l.x}, []*ir.Value{l.p.Pool.Input("x")}
	for _, i := range used {
		values, wrt = append(values, l.states[i]), append(wrt, l.p.Pool.Load(i))
	}
	entries, err := derive.Jacobian(l.p, values, wrt)
	if err != nil {
		return nil, nil, err.Error()
	}
	flat := slices.Concat(entries...)
	for _, v := range ir.Reachable(append(flat, values...)...) {
		if v.Kind == ir.Input && v.Name == "t" {
			return nil, nil, "the step goes on changing with t"
		}
	}
	j = &jacobian{n: len(values), entries: flat, rest: rest, lr: a.lr, h: len(a.p.Hypers), defaults: l.defaults}
	return j, used, j.broken(values, used)
}

func (l *line) defaults() []float64 {
	var out []float64
	for _, h := range l.p.Hypers {
		out = append(out, h.Default)
	}
	return out
}

// restsAlways reports whether states come to the same rest for other values of lr and h.
func (l *line) restsAlways(rest []float64, lr int) bool {
	for _, factor := range []float64{1e-3, 0.37, 19} {
		for _, i := range []int{lr, len(l.p.Hypers) - 1} {
			hypers := l.defaults()
			if hypers[i] *= factor; !l.p.Hypers[i].Admits(hypers[i]) {
				continue
			}
			if other, ok := l.rest(hypers); !ok || !slices.Equal(other, rest) {
				return false
			}
		}
	}
	return true
}

// used are the states that x depends on, directly or through others.
func (l *line) used() []int {
	seen := make([]bool, len(l.states))
	todo := []*ir.Value{l.x}
	for len(todo) > 0 {
		v := todo[0]
		todo = todo[1:]
		for _, n := range ir.Reachable(v) {
			if n.Kind == ir.Load && !seen[n.Index] {
				seen[n.Index] = true
				todo = append(todo, l.states[n.Index])
			}
		}
	}
	var out []int
	for i, s := range seen {
		if s {
			out = append(out, i)
		}
	}
	return out
}

// rest is what the states come to at x = 0.
func (l *line) rest(hypers []float64) (states []float64, ok bool) {
	n := numbers{hypers: hypers}
	for _, s := range l.p.States {
		n.states = append(n.states, s.Init)
	}
	const many = 60
	for t := 1; t <= many; t++ {
		n.t = float64(t)
		next, err := eval(l.states, n)
		if err != nil {
			return nil, false
		}
		settled := true
		for i, s := range next {
			settled = settled && s == n.states[i]
		}
		if n.states = next; settled && t > 3 {
			return n.states, true
		}
	}
	return nil, false
}

// Limit is the largest lr for a curvature, with the other hyperparameters at the defaults of p; infinite if every lr attracts.
func (s Stability) Limit(p *ir.Program, h float64) (lr float64, ok bool) {
	if !s.Known {
		return 0, false
	}
	var hypers []float64
	for _, d := range p.Hypers {
		hypers = append(hypers, d.Default)
	}
	return s.limit(append(hypers, h))
}

// jacobian is the derivative of the step at rest, as values of lr and h.
type jacobian struct {
	n        int
	entries  []*ir.Value
	rest     []float64
	lr, h    int
	defaults []float64
}

// at is the matrix for some hyperparameters, which end with h.
func (j *jacobian) at(hypers []float64) ([]float64, bool) {
	m, err := eval(j.entries, numbers{hypers: hypers, states: j.rest, t: 1e9})
	if err != nil {
		return nil, false
	}
	for _, v := range m {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, false
		}
	}
	return m, true
}

// broken says why the matrix does not tell what a small step from rest is: it is compared with such steps.
func (j *jacobian) broken(values []*ir.Value, used []int) string {
	m, ok := j.at(j.defaults)
	if !ok {
		return "the step has no derivative at x = 0"
	}
	small := 1e-14
	for _, s := range j.rest {
		if s != 0 {
			small = 1e-6
		}
	}
	r := rand.New(rand.NewPCG(11, 11))
	at := func(d []float64) []float64 {
		n := numbers{x: d[0], t: 1e9, hypers: j.defaults, states: slices.Clone(j.rest)}
		for k, i := range used {
			n.states[i] += d[k+1]
		}
		out, _ := eval(values, n)
		return out
	}
	from := at(make([]float64, j.n))
	for range 8 {
		d := make([]float64, j.n)
		for i := range d {
			d[i] = small * r.NormFloat64()
			if i > 0 && from[i] == 0 {
				d[i] = small * small * math.Abs(r.NormFloat64()) // a state may be an average of squares
			}
		}
		to := at(d)
		for i := range to {
			want, size := 0.0, 0.0
			for k := range d {
				want += m[i*j.n+k] * d[k]
				size += math.Abs(m[i*j.n+k] * d[k])
			}
			if !(math.Abs(to[i]-from[i]-want) <= 1e-3*size+1e-3*small) {
				return "the step is not smooth at x = 0"
			}
		}
	}
	return ""
}

// stable reports whether all eigenvalues are inside of the unit circle.
func (j *jacobian) stable(hypers []float64) bool {
	m, ok := j.at(hypers)
	return ok && schurStable(characteristic(m, j.n))
}

// characteristic are the coefficients of det(zI - M), from that of z^n on (Faddeev and Le Verrier).
func characteristic(m []float64, n int) []float64 {
	c := make([]float64, n+1)
	c[0] = 1
	a := make([]float64, n*n)
	for k := 1; k <= n; k++ {
		for i := range n {
			a[i*n+i] += c[k-1]
		}
		next := make([]float64, n*n)
		for i := range n {
			for l := range n {
				for col := range n {
					next[i*n+col] += m[i*n+l] * a[l*n+col]
				}
			}
		}
		a = next
		trace := 0.0
		for i := range n {
			trace += a[i*n+i]
		}
		c[k] = -trace / float64(k)
	}
	return c
}

// schurStable reports whether all roots of a polynomial are inside of the unit circle, by the recursion of Schur and Cohn:
// the last coefficient must be smaller than the first, in each polynomial (c_0 c_i - c_n c_(n-i)) of one degree less.
func schurStable(c []float64) bool {
	for len(c) > 1 {
		n := len(c) - 1
		if !(math.Abs(c[n]) < math.Abs(c[0])) {
			return false
		}
		next := make([]float64, n)
		for i := range n {
			next[i] = c[i] - c[n]/c[0]*c[n-i]
		}
		c = next
	}
	return true
}

// lowest and highest lr that are looked at.
const lowest, highest = 1e-9, 1e9

// limit is the least lr at which a stable minimum stops to attract; found is false if the smallest lr is not stable, and
// the limit infinite if every lr is.
func (j *jacobian) limit(hypers []float64) (lr float64, found bool) {
	at := slices.Clone(hypers)
	test := func(lr float64) bool {
		at[j.lr] = lr
		return j.stable(at)
	}
	lo := lowest / at[j.h]
	if !test(lo) {
		return 0, false
	}
	hi := lo
	for test(hi) {
		lo = hi
		if hi *= 1.1; hi > highest/at[j.h] {
			return math.Inf(1), true
		}
	}
	for range 80 {
		if mid := math.Sqrt(lo * hi); test(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo, true
}

func (j *jacobian) answer(l *late, used []int) Stability {
	s := Stability{limit: j.limit, Near: j.local()}
	one, ok := j.limit(j.defaults)
	if !ok {
		return Stability{Why: "the derivative of the step at x = 0 does not tell whether a small lr attracts"}
	}
	if math.IsInf(one, 1) {
		s.Known, s.Always, s.Set = true, true, j.setAt(l, used)
		return s
	}
	s.Known, s.At = true, one
	ten := slices.Clone(j.defaults)
	ten[j.h] = 10
	if other, ok := j.limit(ten); ok && math.Abs(other*10/one-1) < 1e-6 {
		s.PerH = true
	}
	return s
}

// local reports whether the derivative is another one away from rest, so that it tells of a neighbourhood alone.
func (j *jacobian) local() bool {
	return slices.ContainsFunc(ir.Reachable(j.entries...), func(v *ir.Value) bool {
		return v.Kind == ir.Load || v.Kind == ir.Input && v.Name == "x"
	})
}

// setAt are the hyperparameters but lr and h that a step reads, or that conditions were decided by.
func (j *jacobian) setAt(l *late, used []int) []Value {
	values := []*ir.Value{l.x}
	for _, i := range used {
		values = append(values, l.states[i])
	}
	var out []Value
	read := ir.Reachable(values...)
	for i, h := range l.p.Hypers {
		if i != j.lr && i != j.h && (l.byValue || slices.Contains(read, l.p.Pool.Hyper(i))) {
			out = append(out, Value{Name: h.Name, Default: h.Default})
		}
	}
	return out
}

// formula is the limit in closed form: of one or two quantities, by the conditions of Jury on trace and determinant.
func (j *jacobian) formula(l *late) string {
	if j.n > 2 || l.byValue || slices.ContainsFunc(j.rest, func(s float64) bool { return s != 0 }) {
		return ""
	}
	entries := make([]poly, len(j.entries))
	pool := l.p.Pool
	f := newFolder(pool, func(v *ir.Value) *ir.Value {
		if v.Kind == ir.Load || v.Kind == ir.Input {
			return pool.Number(0)
		}
		return nil
	})
	for i, e := range j.entries {
		var ok bool
		entries[i], ok = polyOf(f.value(e), func(v *ir.Value) (string, bool) {
			if v.Kind == ir.Hyper {
				return l.p.Hypers[v.Index].Name, true
			}
			return "", false
		})
		if !ok {
			return ""
		}
	}
	least := math.Inf(1)
	var num, den poly
	for _, c := range jury(entries, j.n) {
		rest, by, ok := c.split(l.p.Hypers[j.lr].Name)
		if !ok {
			return ""
		}
		values := j.values(l.p.Hypers, j.defaults)
		if q := by.at(values); q < 0 {
			if at := -rest.at(values) / q; at < least {
				least, num, den = at, rest, poly{}.plus(by, -1)
			}
		}
	}
	if num == nil || !j.holds(l.p.Hypers, num, den) {
		return ""
	}
	text, _ := num.text()
	switch d, n := den.text(); {
	case d == "1":
	case n > 1:
		text += "/(" + d + ")"
	default:
		text += "/" + d
	}
	return text
}

// jury are the polynomials that must be positive.
func jury(m []poly, n int) []poly {
	one := variable("").plus(poly{}, 1)
	if n == 1 {
		return []poly{one.plus(m[0], -1), one.plus(m[0], 1)}
	}
	trace := m[0].plus(m[3], 1)
	det := m[0].times(m[3]).plus(m[1].times(m[2]), -1)
	return []poly{one.plus(det, -1), one.plus(trace, -1).plus(det, 1), one.plus(trace, 1).plus(det, 1)}
}

func (j *jacobian) values(decls []ir.HyperDecl, hypers []float64) map[string]float64 {
	out := map[string]float64{}
	for i, h := range decls {
		out[h.Name] = hypers[i]
	}
	return out
}

// holds compares a closed form with the eigenvalues, for the defaults and random values of all other hyperparameters.
func (j *jacobian) holds(decls []ir.HyperDecl, num, den poly) bool {
	r := rand.New(rand.NewPCG(3, 3))
	hypers := slices.Clone(j.defaults)
	for k := range 24 {
		if k > 0 {
			for i, h := range decls {
				hypers[i] = randomIn(r, h)
			}
			hypers[j.h] = math.Exp(4*r.Float64() - 2)
		}
		values := j.values(decls, hypers)
		want, found := j.limit(hypers)
		got := num.at(values) / den.at(values)
		if found && !(math.Abs(got/want-1) < 1e-6) || !found && got > 1e-6 {
			return false
		}
	}
	return true
}

// randomIn is an admitted value of a hyperparameter.
func randomIn(r *rand.Rand, h ir.HyperDecl) float64 {
	lo, hi := max(h.Lo, -4), min(h.Hi, max(h.Lo, -4)+2)
	v := lo + (hi-lo)*(0.02+0.96*r.Float64())
	if h.Integer {
		return math.Ceil(v)
	}
	return v
}

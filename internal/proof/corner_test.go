package proof

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/stdlib"
)

type args map[string]float64

// with is a copy of a with one argument changed.
func (a args) with(name string, v float64) args {
	b := maps.Clone(a)
	b[name] = v
	return b
}

var (
	inf  = math.Inf(1)
	nan  = math.NaN()
	zero = math.Copysign(0, -1)

	line  = args{"n": 0, "start": 0.1, "end": 0.01, "steps": 60, "begin": 10}
	wave  = args{"n": 0, "start": 0.1, "total": 80, "alpha": 0.05}
	climb = args{"n": 0, "peak": 0.02, "warmup": 20, "total": 80, "start": 0.001, "end": 0.002}
)

const (
	linear  = "linear(n; start, end, steps, begin)"
	cosine  = "cosine(n; start, total, alpha)"
	warm    = "warmup_cosine(n; peak, warmup, total, start, end)"
	perNorm = "clip_norm(g; limit)"
	perAll  = "clip_global_norm(g; limit)"
	perElem = "clip_value(g; limit)"
)

var corners = []struct {
	call string
	args args
	grad []float64
	want []float64
}{
	{linear, line, nil, []float64{0.1}},
	{linear, line.with("n", 10), nil, []float64{0.1}},
	{linear, line.with("n", 40), nil, []float64{0.055}},
	{linear, line.with("n", 70), nil, []float64{0.01}},
	{linear, line.with("n", 1e9), nil, []float64{0.01}},
	{linear, line.with("steps", 0), nil, []float64{0.1}},
	{linear, line.with("steps", 0).with("n", 10), nil, []float64{0.1}},
	{linear, line.with("steps", 0).with("n", 11), nil, []float64{0.01}},
	{linear, line.with("start", 0).with("n", 25), nil, []float64{0.0025}}, // upwards

	{cosine, wave, nil, []float64{0.1}},
	{cosine, wave.with("n", 40), nil, []float64{0.0525}},
	{cosine, wave.with("n", 80), nil, []float64{0.005}},
	{cosine, wave.with("n", 1e9), nil, []float64{0.005}},
	{cosine, wave.with("total", 0), nil, []float64{0.005}},
	{cosine, wave.with("alpha", 1).with("n", 33), nil, []float64{0.1}},
	{cosine, wave.with("alpha", 0).with("n", 80), nil, []float64{0}},

	{warm, climb, nil, []float64{0.001}},
	{warm, climb.with("n", 10), nil, []float64{0.0105}},
	{warm, climb.with("n", 20), nil, []float64{0.02}},
	{warm, climb.with("n", 50), nil, []float64{0.011}},
	{warm, climb.with("n", 80), nil, []float64{0.002}},
	{warm, climb.with("n", 1e9), nil, []float64{0.002}},
	{warm, climb.with("warmup", 0), nil, []float64{0.02}},
	{warm, climb.with("warmup", 0).with("n", 80), nil, []float64{0.002}},
	{warm, climb.with("warmup", 80).with("n", 79), nil, []float64{0.0197625}},
	{warm, climb.with("warmup", 80).with("n", 81), nil, []float64{0.002}},

	{perNorm, args{"limit": 5}, []float64{3, 4}, []float64{3, 4}},
	{perNorm, args{"limit": 2.5}, []float64{3, -4}, []float64{1.5, -2}},
	{perNorm, args{"limit": 1}, []float64{0, 0}, []float64{0, 0}},
	{perNorm, args{"limit": 0}, []float64{0, 0}, []float64{0, 0}},
	{perNorm, args{"limit": 0}, []float64{3, -4}, []float64{0, 0}},
	{perNorm, args{"limit": inf}, []float64{3, 4}, []float64{3, 4}},
	{perNorm, args{"limit": 1}, []float64{nan, 1}, []float64{nan, nan}}, // a NaN is data and shows
	{perNorm, args{"limit": 1}, []float64{inf, 1}, []float64{nan, 0}},   // as in PyTorch
	{perAll, args{"limit": 5}, []float64{3, 4}, []float64{3, 4}},
	{perAll, args{"limit": 2.5}, []float64{3, -4}, []float64{1.5, -2}},
	{perAll, args{"limit": 1}, []float64{0, 0}, []float64{0, 0}},
	{perAll, args{"limit": 0}, []float64{0, 0}, []float64{0, 0}},
	{perAll, args{"limit": 0}, []float64{3, -4}, []float64{0, 0}},
	{perElem, args{"limit": 2}, []float64{1, -3, 2, -2, zero, 1e300}, []float64{1, -2, 2, -2, 0, 2}},
	{perElem, args{"limit": 2}, []float64{inf, -inf, nan}, []float64{2, -2, nan}},
	{perElem, args{"limit": 0}, []float64{3, -3}, []float64{0, 0}},

	{"debiased(g; beta)", args{"beta": 0.999}, []float64{3, -1e-3}, []float64{3, -1e-3}},
	{"ema(g; beta)", args{"beta": 0}, []float64{3, -1e-3}, []float64{3, -1e-3}},
	{"lerp(g, 7, w)", args{"w": 0}, []float64{3, -1e-3}, []float64{3, -1e-3}},
	{"lerp(g, 7, w)", args{"w": 1}, []float64{3, 1}, []float64{7, 7}},
	{"rms(g)", nil, []float64{3, -3}, []float64{3, 3}},
}

// The library's functions where a schedule begins or ends and where a divisor is zero, with their arguments as
// hyperparameters and as constants that the compiler folds.
func TestCorners(t *testing.T) {
	for _, c := range corners {
		var b strings.Builder
		b.WriteString("rule corner {\n")
		for _, name := range slices.Sorted(maps.Keys(c.args)) {
			fmt.Fprintf(&b, "  hyper %s = 0 in [-inf, inf]\n", name)
		}
		fmt.Fprintf(&b, "  x <- x - %s\n}\n", c.call)
		for _, fix := range []args{nil, c.args} {
			got := corner(t, b.String(), c.args, fix, c.grad)
			want := c.want
			if len(want) != len(got) {
				t.Fatalf("%s: %d elements", c.call, len(got))
			}
			for i := range want {
				if !(math.Abs(got[i]-want[i]) <= 1e-15*math.Abs(want[i])) && !(math.IsNaN(want[i]) && math.IsNaN(got[i])) {
					t.Errorf("%s with %v, constants %t: %v, want %v", c.call, c.args, fix != nil, got, want)
				}
			}
		}
	}
}

// corner takes the first step from 0 and returns what was subtracted.
func corner(t *testing.T, text string, given, fix args, grad []float64) []float64 {
	t.Helper()
	u := usable(t)(compiler.Load(fstest.MapFS{"corner.opt": {Data: []byte(text)}}, "corner.opt", stdlib.FS))
	r, diags, err := compiler.Compile(u, "corner", compiler.Settings{Fix: fix})
	if err != nil || diags.HasErrors() {
		t.Fatalf("%v %v\n%s", diags, err, text)
	}
	if grad == nil {
		grad = []float64{0}
	}
	checked, optimised := start[float64](r, false, given, grad), start[float64](r, true, given, grad)
	for _, m := range []*interp.Machine[float64]{checked, optimised} {
		m.Step([][]float64{grad}, 0)
		for i := range m.Params[0] {
			m.Params[0][i] = -m.Params[0][i]
		}
	}
	for i, v := range checked.Params[0] {
		if w := optimised.Params[0][i]; math.Float64bits(v) != math.Float64bits(w) && !(v != v && w != w) {
			t.Errorf("checked %v, optimised %v\n%s", v, w, text)
		}
	}
	return checked.Params[0]
}

// start makes the machine of a rule as it was checked, or after the passes.
func start[T elem.Float](r *compiler.Rule, passes bool, given args, x []T) *interp.Machine[T] {
	p := r.Checked
	if passes {
		p = r.Plan.Program
	}
	m := interp.New[T](p, []interp.Tensor{{Shape: []int{len(x)}}}, 1)
	for i, h := range p.Hypers {
		if v, ok := given[h.Name]; ok {
			m.Hypers[0][i] = v
		}
	}
	return m
}

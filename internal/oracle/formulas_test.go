package oracle

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// A run steps through a case by formulas written out here in plain float64 loops, one function a rule.
// They show that the formulas in README.md are what the references compute and that a case's
// hyperparameters and options say everything that is needed.
type run struct {
	*Case
	t       float64
	x, g    [][]float64
	x0      [][]float64
	states  map[string][][]float64
	scalars map[string]float64
}

func start(c *Case) *run {
	r := &run{Case: c, states: map[string][][]float64{}, scalars: map[string]float64{}}
	for i := range c.Tensors {
		r.x = append(r.x, c.Init(i))
		r.x0 = append(r.x0, c.Init(i))
	}
	return r
}

func (r *run) step() {
	r.t++
	r.g = nil
	for i := range r.Tensors {
		r.g = append(r.g, r.Grad(int(r.t), i, r.x[i]))
	}
	if formula, ok := awaited[r.Rule]; ok {
		formula(r)
		return
	}
	wd := r.Hypers["weight_decay"]
	if coupled := !slices.Contains([]string{"adamw", "lion", "lamb", "lars"}, r.Rule); coupled {
		r.each(func(i, j int) { r.g[i][j] += wd * r.x[i][j] })
	}
	formulas[r.Rule](r)
}

func (r *run) each(f func(i, j int)) {
	for i := range r.x {
		for j := range r.x[i] {
			f(i, j)
		}
	}
}

// state is the state the reference calls by one of the names; all its elements begin at first.
func (r *run) state(first float64, names ...string) [][]float64 {
	name := names[0]
	for _, n := range names {
		if slices.Contains(r.States, n) {
			name = n
		}
	}
	if r.states[name] == nil {
		for i := range r.x {
			r.states[name] = append(r.states[name], slices.Repeat([]float64{first}, len(r.x[i])))
		}
	}
	return r.states[name]
}

func (r *run) on(option string) bool { return r.Options[option] == "true" }

func ema(s *float64, v, beta float64) float64 {
	*s = beta**s + (1-beta)*v
	return *s
}

func norm(tensors ...[]float64) float64 {
	sum := 0.0
	for _, t := range tensors {
		for _, v := range t {
			sum += v * v
		}
	}
	return math.Sqrt(sum)
}

func sign(v float64) float64 {
	if v == 0 {
		return 0
	}
	return math.Copysign(1, v)
}

func (r *run) sgd(lr float64) {
	mu := r.Hypers["momentum"]
	m := r.state(0, "momentum_buffer", "trace")
	r.each(func(i, j int) {
		g := r.g[i][j]
		keep := 1 - r.Hypers["dampening"]
		if r.t == 1 {
			keep = 1
		}
		m[i][j] = mu*m[i][j] + keep*g
		d := m[i][j]
		switch {
		case mu == 0:
			d = g
		case r.on("nesterov"):
			d = g + mu*d
		}
		r.x[i][j] -= lr * d
	})
}

func (r *run) adam(lr float64) {
	b1, b2, eps := r.Hypers["beta1"], r.Hypers["beta2"], r.Hypers["eps"]
	m, v := r.state(0, "mu", "exp_avg"), r.state(0, "nu", "exp_avg_sq")
	r.each(func(i, j int) {
		mh := ema(&m[i][j], r.g[i][j], b1) / (1 - math.Pow(b1, r.t))
		vh := ema(&v[i][j], r.g[i][j]*r.g[i][j], b2) / (1 - math.Pow(b2, r.t))
		r.x[i][j] -= lr * mh / (math.Sqrt(vh) + eps)
	})
}

func (r *run) adamw() {
	before := make([][]float64, len(r.x))
	for i := range r.x {
		before[i] = slices.Clone(r.x[i])
	}
	r.adam(r.Hypers["lr"])
	r.each(func(i, j int) { r.x[i][j] -= r.Hypers["lr"] * r.Hypers["weight_decay"] * before[i][j] })
}

func (r *run) amsgrad() {
	b1, b2, form := r.Hypers["beta1"], r.Hypers["beta2"], r.Options["form"]
	m, v := r.state(0, "mu", "exp_avg"), r.state(0, "nu", "exp_avg_sq")
	w := r.state(0, "nu_max", "max_exp_avg_sq")
	c1, c2 := 1-math.Pow(b1, r.t), 1-math.Pow(b2, r.t)
	r.each(func(i, j int) {
		mh := ema(&m[i][j], r.g[i][j], b1)
		vh := ema(&v[i][j], r.g[i][j]*r.g[i][j], b2)
		if form == "optax" {
			vh /= c2
		}
		w[i][j] = max(w[i][j], vh)
		s := w[i][j]
		if form == "torch" {
			s /= c2
		}
		if form != "paper" {
			mh /= c1
		}
		r.x[i][j] -= r.Hypers["lr"] * mh / (math.Sqrt(s) + r.Hypers["eps"])
	})
}

func (r *run) adagrad() {
	eps := r.Hypers["eps"]
	s := r.state(r.Hypers["initial"], "sum", "sum_of_squares")
	lr := r.Hypers["lr"] / (1 + (r.t-1)*r.Hypers["lr_decay"])
	r.each(func(i, j int) {
		g := r.g[i][j]
		s[i][j] += g * g
		switch {
		case !r.on("eps_inside"):
			r.x[i][j] -= lr * g / (math.Sqrt(s[i][j]) + eps)
		case s[i][j] > 0:
			r.x[i][j] -= lr * g / math.Sqrt(s[i][j]+eps)
		}
	})
}

func (r *run) rmsprop() {
	decay, eps, mu := r.Hypers["decay"], r.Hypers["eps"], r.Hypers["momentum"]
	v := r.state(r.Hypers["initial"], "square_avg", "nu")
	m := r.state(0, "grad_avg", "mu")
	b := r.state(0, "momentum_buffer", "trace")
	lr, after := 1.0, -r.Hypers["lr"]
	if strings.HasPrefix(r.Reference, "optax") { // the trace follows the scaling by -lr
		lr, after = after, lr
	}
	r.each(func(i, j int) {
		g := r.g[i][j]
		a := ema(&v[i][j], g*g, decay)
		if r.on("debias") {
			a /= 1 - math.Pow(decay, r.t)
		}
		if r.on("centered") {
			m := ema(&m[i][j], g, decay)
			a -= m * m
		}
		d := lr * g / (math.Sqrt(a) + eps)
		if r.on("eps_inside") {
			d = lr * g / math.Sqrt(a+eps)
		}
		b[i][j] = mu*b[i][j] + d
		if r.on("nesterov") {
			d += mu * b[i][j]
		} else {
			d = b[i][j]
		}
		r.x[i][j] += after * d
	})
}

func (r *run) lion() {
	m := r.state(0, "mu", "exp_avg")
	b1, lr, wd := r.Hypers["beta1"], r.Hypers["lr"], r.Hypers["weight_decay"]
	r.each(func(i, j int) {
		u := sign(b1*m[i][j] + (1-b1)*r.g[i][j])
		r.x[i][j] -= lr * (u + wd*r.x[i][j])
		ema(&m[i][j], r.g[i][j], r.Hypers["beta2"])
	})
}

func (r *run) signum() {
	m := r.state(0, "ema")
	r.each(func(i, j int) {
		r.x[i][j] -= r.Hypers["lr"] * sign(ema(&m[i][j], r.g[i][j], r.Hypers["beta"]))
	})
}

func (r *run) lamb() {
	b1, b2 := r.Hypers["beta1"], r.Hypers["beta2"]
	m, v := r.state(0, "mu"), r.state(0, "nu")
	for i, x := range r.x {
		u := make([]float64, len(x))
		for j, g := range r.g[i] {
			mh := ema(&m[i][j], g, b1) / (1 - math.Pow(b1, r.t))
			vh := ema(&v[i][j], g*g, b2) / (1 - math.Pow(b2, r.t))
			u[j] = mh/(math.Sqrt(vh)+r.Hypers["eps"]) + r.Hypers["weight_decay"]*x[j]
		}
		ratio := trust(x, u, 1, 0)
		for j := range x {
			x[j] -= r.Hypers["lr"] * ratio * u[j]
		}
	}
}

func trust(x, u []float64, coefficient, eps float64) float64 {
	nx, nu := norm(x), norm(u)
	if nx == 0 || nu == 0 {
		return 1
	}
	return coefficient * nx / (nu + eps)
}

func (r *run) lars() {
	m := r.state(0, "trace")
	mu := r.Hypers["momentum"]
	for i, x := range r.x {
		u := slices.Clone(r.g[i])
		for j := range u {
			u[j] += r.Hypers["weight_decay"] * x[j]
		}
		rate := -r.Hypers["lr"] * trust(x, u, r.Hypers["trust"], r.Hypers["eps"])
		for j := range x {
			m[i][j] = rate*u[j] + mu*m[i][j]
			d := m[i][j]
			if r.on("nesterov") {
				d = rate*u[j] + mu*d
			}
			x[j] += d
		}
	}
}

// dogStep is one step of DoG over the tensors [from, to).
func (r *run) dogStep(from, to int, distName, sumName string) {
	x, g := r.x[from:to], r.g[from:to]
	added := r.Hypers["eps"]
	if sumName == "sum_sq_norm_grads" { // optax adds eps under the root only
		added = 0
	}
	if r.t == 1 {
		r.scalars[distName] = r.Hypers["first_move"] * (1 + norm(x...))
		r.scalars[sumName] = added
	}
	var moved [][]float64
	for i := range x {
		d := slices.Clone(x[i])
		for j := range d {
			d[j] -= r.x0[from+i][j]
		}
		moved = append(moved, d)
	}
	far := max(r.scalars[distName], norm(moved...))
	r.scalars[distName] = far
	r.scalars[sumName] += math.Pow(norm(g...), 2)
	rate := r.Hypers["scale"] * far / math.Sqrt(r.scalars[sumName]+r.Hypers["eps"]-added)
	for i := range x {
		for j := range x[i] {
			x[i][j] -= rate * g[i][j]
		}
	}
}

func (r *run) average() {
	gamma, ok := r.Hypers["gamma"]
	if !ok {
		return
	}
	avg := r.state(0, "average")
	c := (gamma + 1) / (gamma + r.t)
	r.each(func(i, j int) { avg[i][j] = (1-c)*avg[i][j] + c*r.x[i][j] })
}

func (r *run) dog() {
	dist, sum := "rbar", "G"
	if strings.HasPrefix(r.Reference, "optax") {
		dist, sum = "max_dist", "sum_sq_norm_grads"
	}
	r.dogStep(0, len(r.x), dist, sum)
	r.average()
}

func (r *run) ldog() {
	for i := range r.x {
		n := string(rune('0' + i))
		r.dogStep(i, i+1, "rbar"+n, "G"+n)
	}
	r.average()
}

func (r *run) cosine(n, total, floor float64) float64 {
	return (1-floor)*(1+math.Cos(math.Pi*min(n, total)/total))/2 + floor
}

func (r *run) rate(lr float64) float64 {
	r.scalars["learning_rate"] = lr
	return lr
}

func (r *run) warmupCosine() {
	h, n := r.Hypers, r.t-1
	lr := h["start"] + (h["peak"]-h["start"])*n/h["warmup"]
	if n >= h["warmup"] {
		lr = h["peak"] * r.cosine(n-h["warmup"], h["total"]-h["warmup"], h["end"]/h["peak"])
	}
	r.adam(r.rate(lr))
}

func (r *run) linear() {
	h := r.Hypers
	n := min(max(r.t-1-h["begin"], 0), h["steps"])
	r.sgd(r.rate((h["start"]-h["end"])*(1-n/h["steps"]) + h["end"]))
}

func (r *run) scaleGrads(by float64) {
	r.each(func(i, j int) { r.g[i][j] *= by })
}

func (r *run) clipValue() {
	clip := r.Hypers["clip"]
	r.each(func(i, j int) { r.g[i][j] = min(max(r.g[i][j], -clip), clip) })
	r.sgd(r.Hypers["lr"])
}

var formulas = map[string]func(r *run){
	"sgd":     func(r *run) { r.sgd(r.Hypers["lr"]) },
	"adam":    func(r *run) { r.adam(r.Hypers["lr"]) },
	"adamw":   (*run).adamw,
	"amsgrad": (*run).amsgrad,
	"adagrad": (*run).adagrad,
	"rmsprop": (*run).rmsprop,
	"lion":    (*run).lion,
	"signum":  (*run).signum,
	"lamb":    (*run).lamb,
	"lars":    (*run).lars,
	"dog":     (*run).dog,
	"ldog":    (*run).ldog,
	"sgd_cosine": func(r *run) {
		r.sgd(r.rate(r.Hypers["start"] * r.cosine(r.t-1, r.Hypers["total"], r.Hypers["alpha"])))
	},
	"adam_warmup_cosine": (*run).warmupCosine,
	"sgd_linear":         (*run).linear,
	"adam_clip_norm": func(r *run) {
		if n := norm(r.g...); n >= r.Hypers["clip"] {
			r.scaleGrads(r.Hypers["clip"] / n)
		}
		r.adam(r.Hypers["lr"])
	},
	"sgd_clip_norm": func(r *run) {
		r.scaleGrads(min(1, r.Hypers["clip"]/(norm(r.g...)+1e-6)))
		r.sgd(r.Hypers["lr"])
	},
	"sgd_clip_value": (*run).clipValue,
}

func TestFormulas(t *testing.T) {
	for _, c := range committed(t) {
		if c.DType != F64 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if worst := follow(&c); worst > max(1e-12, c.Tolerance) {
				t.Errorf("error %.2g of the largest value", worst)
			} else {
				t.Logf("error %.2g", worst)
			}
		})
	}
}

// follow runs the whole case by the formulas and returns the worst error of all it stores.
func follow(c *Case) (worst float64) {
	r := start(c)
	for step := 1; step <= c.Steps[len(c.Steps)-1]; step++ {
		r.step()
		if want, ok := c.After(step); ok {
			worst = max(worst, r.distance(want, Snapshot{Params: make([][]float64, len(r.x))}))
		}
	}
	return worst
}

// distance is the worst error of parameters, states and scalars, measured beside an earlier snapshot.
func (r *run) distance(want, before Snapshot) (worst float64) {
	for i := range r.x {
		worst = max(worst, Error(r.x[i], want.Params[i], before.Params[i]...))
	}
	for name, arrays := range want.States {
		if r.states[name] == nil { // no formula for it
			return math.Inf(1)
		}
		for i := range arrays {
			var beside []float64
			if old := before.States[name]; old != nil {
				beside = old[i]
			}
			got := r.states[name][i]
			if strings.HasPrefix(name, "Q_") {
				got = signedAs(got, arrays[i])
			}
			worst = max(worst, Error(got, arrays[i], beside...))
		}
	}
	for name, v := range want.Scalars {
		got, ok := r.scalars[name]
		if !ok {
			return math.Inf(1)
		}
		worst = max(worst, Error([]float64{got}, []float64{v}))
	}
	return worst
}

// Step by step from the reference's own state, the formulas in float64 must agree with every float32
// case to a few roundings: what a float32 kernel is to be compared with is right.
func TestFloat32Steps(t *testing.T) {
	for _, c := range committed(t) {
		if c.DType != F32 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			worst, pairs := 0.0, 0
			for _, step := range c.Steps {
				if before, ok := c.After(step - 1); ok {
					after, _ := c.After(step)
					r := resume(&c, before)
					r.step()
					worst = max(worst, r.distance(after, before))
					pairs++
				}
			}
			if worst > max(5e-7, c.Tolerance) || pairs < 12 {
				t.Errorf("error %.2g of the largest value over %d steps", worst, pairs)
			} else {
				t.Logf("error %.2g", worst)
			}
		})
	}
}

// resume continues from what the reference held.
func resume(c *Case, s Snapshot) *run {
	r := start(c)
	r.t = float64(s.Step)
	r.x = cloned(s.Params)
	if s.Step == 0 { // states are what the formulas begin with
		return r
	}
	for name, arrays := range s.States {
		r.states[name] = cloned(arrays)
	}
	maps.Copy(r.scalars, s.Scalars)
	return r
}

func cloned(arrays [][]float64) (out [][]float64) {
	for _, a := range arrays {
		out = append(out, slices.Clone(a))
	}
	return out
}

// A slip must show: each hyperparameter changed by a thousandth, each option turned the other way.
func TestSlipsShow(t *testing.T) {
	for _, c := range committed(t) {
		if c.DType != F64 {
			continue
		}
		for name, v := range c.Hypers {
			slip := c
			slip.Hypers = maps.Clone(c.Hypers)
			slip.Hypers[name] = nudged(v)
			mustShow(t, &c, &slip, name)
		}
		for name, v := range c.Options {
			for _, other := range otherValues(c.Rule, name, v) {
				slip := c
				slip.Options = maps.Clone(c.Options)
				slip.Options[name] = other
				mustShow(t, &c, &slip, name)
			}
		}
	}
}

func nudged(v float64) float64 {
	if v == 0 {
		return 1e-3
	}
	return v * (1 + 1e-3)
}

// forms are the readings of a rule that its cases tell apart.
var forms = map[string][]string{
	"amsgrad": {"torch", "optax", "paper"},
	"adan":    {"paper", "optax"},
	"prodigy": {"authors", "optax"},
}

func otherValues(rule, option, v string) []string {
	set := []string{"true", "false"}
	switch option {
	case "form":
		if set = forms[rule]; set == nil {
			set = []string{"torch", "optax"}
		}
	case "scale":
		set = []string{"original", "match_rms_adamw", "fan_out", "consistent_rms"}
	case "every", "memory":
		set = []string{"3", "10"}
	case "penalty":
		set = []string{"l1", "l0", "ridge", "elastic_net", "scad", "log_sum"}
	case "over":
		set = []string{"each_row", "each_col", "whole"}
	case "set":
		if set = []string{"l2ball", "l1ball", "linfball", "simplex"}; v == "nonneg" || v == "box" { // which have other hyperparameters
			set = nil
		}
	case "map":
		set = []string{"entropy", "half_square"}
	case "max_dim": // the states' shapes tell it
		set = nil
	}
	return slices.DeleteFunc(slices.Clone(set), func(w string) bool { return w == v })
}

func mustShow(t *testing.T, c, slip *Case, name string) {
	t.Helper()
	if worst := follow(slip); worst < 1e-10 != blind(c, name) {
		t.Errorf("%s: a slip in %s gives error %.2g", c.Name, name, worst)
	}
}

// blind names what a case by its nature cannot see: dampening and Nesterov's step without momentum,
// and a default eps beside what is much larger.
func blind(c *Case, name string) bool {
	switch name {
	case "dampening", "nesterov":
		mu, has := c.Hypers["momentum"]
		return has && mu == 0
	case "decoupled", "decay_at_z":
		return c.Hypers["weight_decay"] == 0
	case "warmup":
		return c.Hypers["warmup"] == 0
	case "power_lr": // 1 to any power
		return c.Hypers["warmup"] == 0 && c.Hypers["lr"] == 1
	case "threshold": // no step is so near it
		return c.Hypers["threshold"] == 5
	case "high": // no step size is so large
		return c.Hypers["high"] == 50
	case "eps":
		return slices.Contains([]string{"dog", "muon", "adabelief", "sophia", "rms_nadam", "snr"}, c.Rule) && c.Hypers["eps"] < 1e-6
	case "lambda": // a threshold between values
		return c.Options["penalty"] == "l0"
	case "t0": // beyond the last step
		return c.Hypers["t0"] == 1e6
	case "eps1":
		return c.Hypers["eps1"] < 1e-12 && c.Options["form"] == "torch"
	case "safeguard":
		return c.Hypers["lr"] == 1 && c.Options["debias"] == "false"
	}
	return false
}

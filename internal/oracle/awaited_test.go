package oracle

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Formulas of the rules whose cases wait in the folder next. They apply weight decay themselves.
var awaited = map[string]func(r *run){
	"adafactor":           (*run).adafactor,
	"muon":                (*run).muon,
	"muon_nadam":          (*run).muonNadam,
	"soap":                (*run).soap,
	"shampoo":             (*run).shampoo,
	"sam_sgd":             func(r *run) { r.perturb(); r.decayedSGD() },
	"sam_adam":            func(r *run) { r.perturb(); r.adam(r.Hypers["lr"]) },
	"lookahead_sgd":       func(r *run) { r.lookahead(r.decayedSGD) },
	"lookahead_adam":      func(r *run) { r.lookahead(func() { r.adam(r.Hypers["lr"]) }) },
	"schedule_free_adamw": (*run).scheduleFreeAdamW,
	"schedule_free_sgd":   (*run).scheduleFreeSGD,
	"prodigy":             (*run).prodigy,
	"dadapt_adam":         (*run).dadaptAdam,
	"nadam":               func(r *run) { r.nadam(r.all(), "exp_avg") },
	"radam":               (*run).radam,
	"rms_nadam":           (*run).rmsNAdam,
	"snr":                 (*run).snr,
	"adamax":              (*run).adamax,
	"adamaxw":             (*run).adamax,
	"adadelta":            (*run).adadelta,
	"adan":                (*run).adan,
	"adabelief":           (*run).adabelief,
	"yogi":                (*run).yogi,
	"adabound":            (*run).adabound,
	"adopt":               (*run).adopt,
	"ademamix":            (*run).ademamix,
	"asgd":                (*run).asgd,
	"lbfgs":               (*run).lbfgs,
	"rprop":               (*run).rprop,
	"novograd":            (*run).novograd,
	"fromage":             (*run).fromage,
	"polyak_sgd":          (*run).polyak,
	"cocob":               (*run).cocob,
	"sgd_centralized":     (*run).centralized,
	"sophia":              (*run).sophia,

	"prox_sgd":               (*run).proxSGD,
	"fista":                  (*run).fista,
	"group_lasso":            (*run).groupLasso,
	"projected_sgd":          (*run).projectedSGD,
	"frank_wolfe":            (*run).frankWolfe,
	"mirror_descent":         (*run).mirrorDescent,
	"exponentiated_gradient": (*run).exponentiatedGradient,
	"hypergradient_sgd":      (*run).hypergradientSGD,
	"adam_hd":                (*run).adamHD,
}

// sized is a state whose arrays have the sizes that the case says; its elements begin at 0.
func (r *run) sized(name string) [][]float64 {
	if r.states[name] == nil {
		for i := range r.x {
			r.states[name] = append(r.states[name], make([]float64, r.size(name, i)))
		}
	}
	return r.states[name]
}

// from is a state that begins as the given arrays.
func (r *run) from(name string, first [][]float64) [][]float64 {
	if r.states[name] == nil {
		r.states[name] = cloned(first)
	}
	return r.states[name]
}

// single is a scalar with its first value.
func (r *run) single(name string, first float64) float64 {
	if _, ok := r.scalars[name]; !ok || r.t == 1 {
		r.scalars[name] = first
	}
	return r.scalars[name]
}

func (r *run) all() []int {
	var tensors []int
	for i := range r.x {
		tensors = append(tensors, i)
	}
	return tensors
}

func (r *run) torch() bool { return r.Options["form"] == "torch" }

// debias is 1 - beta^n.
func (r *run) debias(name string, n float64) float64 { return 1 - math.Pow(r.Hypers[name], n) }

// decay adds weight_decay*x to the gradient, or takes lr*weight_decay*x from x before all else.
func (r *run) decay() {
	wd, lr := r.Hypers["weight_decay"], r.Hypers["lr"]
	r.each(func(i, j int) {
		if r.on("decoupled") {
			r.x[i][j] *= 1 - lr*wd
		} else {
			r.g[i][j] += wd * r.x[i][j]
		}
	})
}

func dot(a, b [][]float64) float64 {
	sum := 0.0
	for i := range a {
		for j := range a[i] {
			sum += a[i][j] * b[i][j]
		}
	}
	return sum
}

func norm1(tensors [][]float64) float64 {
	sum := 0.0
	for _, t := range tensors {
		for _, v := range t {
			sum += math.Abs(v)
		}
	}
	return sum
}

func rms(v []float64) float64 { return norm(v) / math.Sqrt(float64(len(v))) }

func mean(v []float64) float64 {
	sum := 0.0
	for _, e := range v {
		sum += e
	}
	return sum / float64(len(v))
}

// ---- wrappers

func (r *run) decayedSGD() {
	r.each(func(i, j int) { r.g[i][j] += r.Hypers["weight_decay"] * r.x[i][j] })
	r.sgd(r.Hypers["lr"])
}

// perturb takes the gradient at SAM's point.
func (r *run) perturb() {
	power := 0.0
	if r.on("adaptive") {
		power = 1
	}
	scaled, y := cloned(r.g), cloned(r.x)
	r.each(func(i, j int) { scaled[i][j] *= math.Pow(math.Abs(r.x[i][j]), power) })
	n := norm(scaled...)
	if !strings.HasPrefix(r.Reference, "optax") {
		n += 1e-12
	}
	r.each(func(i, j int) { y[i][j] += r.Hypers["rho"] * math.Pow(r.x[i][j], 2*power) * r.g[i][j] / n })
	for i := range r.g {
		r.g[i] = r.Grad(int(r.t), i, y[i])
	}
}

func (r *run) lookahead(base func()) {
	slow := r.from("slow", r.x)
	base()
	if math.Mod(r.t, r.Hypers["every"]) != 0 {
		return
	}
	r.each(func(i, j int) {
		slow[i][j] += r.Hypers["alpha"] * (r.x[i][j] - slow[i][j])
		r.x[i][j] = slow[i][j]
	})
}

// freeWeights gives the rate and the weight of the new point in the average.
func (r *run) freeWeights(sum, top string) (rate, c float64) {
	rate = r.Hypers["lr"]
	if warmup := r.Hypers["warmup"]; warmup > 0 {
		rate *= min(1, r.t/warmup)
	}
	w := r.single(sum, 0)
	r.scalars[top] = max(r.single(top, 0), rate)
	weight := math.Pow(r.t, r.Hypers["power_t"]) * math.Pow(r.scalars[top], r.Hypers["power_lr"])
	r.scalars[sum] = w + weight
	return rate, weight / r.scalars[sum]
}

func (r *run) scheduleFreeAdamW() {
	h := r.Hypers
	v := r.state(0, "exp_avg_sq", "nu")
	z := r.from("z", r.x)
	a := r.from("average", r.x)
	top := "max_lr"
	if r.torch() {
		top = "lr_max"
	}
	rate, c := r.freeWeights("weight_sum", top)
	r.each(func(i, j int) {
		y, at := r.x[i][j], r.x[i][j]
		if r.on("decay_at_z") {
			at = z[i][j]
		}
		g := r.g[i][j]
		d := g / (math.Sqrt(ema(&v[i][j], g*g, h["beta2"])/r.debias("beta2", r.t)) + h["eps"])
		if !r.torch() {
			a[i][j] = (y - (1-h["beta1"])*z[i][j]) / h["beta1"]
		}
		z[i][j] -= rate * (h["weight_decay"]*at + d)
		a[i][j] = (1-c)*a[i][j] + c*z[i][j]
		r.x[i][j] = h["beta1"]*a[i][j] + (1-h["beta1"])*z[i][j]
	})
}

func (r *run) scheduleFreeSGD() {
	h := r.Hypers
	z := r.from("z", r.x)
	if r.torch() {
		rate, c := r.freeWeights("weight_sum", "lr_max")
		r.each(func(i, j int) {
			g := r.g[i][j] + h["weight_decay"]*r.x[i][j]
			y := r.x[i][j] + c*(z[i][j]-r.x[i][j])
			r.x[i][j] = y + rate*(h["momentum"]*(1-c)-1)*g
			z[i][j] -= rate * g
		})
		return
	}
	a := r.from("average", r.x)
	rate, c := r.freeWeights("weight_sum", "max_lr")
	mu := h["momentum"]
	r.each(func(i, j int) {
		y := r.x[i][j]
		a[i][j] = (y - (1-mu)*z[i][j]) / mu
		z[i][j] -= rate * (r.g[i][j] + h["weight_decay"]*y)
		a[i][j] = (1-c)*a[i][j] + c*z[i][j]
		r.x[i][j] = mu*a[i][j] + (1-mu)*z[i][j]
	})
}

// ---- estimated step sizes

func (r *run) fromStart() [][]float64 {
	d := cloned(r.x0)
	r.each(func(i, j int) { d[i][j] -= r.x[i][j] })
	return d
}

func (r *run) prodigy() {
	h := r.Hypers
	dName, numName, s := "d", "d_numerator", r.state(0, "s", "grad_sum")
	if r.Options["form"] == "optax" {
		dName, numName = "estim_lr", "numerator_weighted"
	}
	m, v := r.state(0, "exp_avg"), r.state(0, "exp_avg_sq")
	d, d0 := r.single(dName, h["d0"]), h["d0"]
	k := d * h["lr"]
	if r.on("debias") {
		k *= math.Sqrt(r.debias("beta2", r.t)) / r.debias("beta1", r.t)
	}
	if !r.on("decoupled") {
		r.each(func(i, j int) { r.g[i][j] += h["weight_decay"] * r.x[i][j] })
	}
	num := h["beta3"]*r.single(numName, 0) + d/d0*k*dot(r.g, r.fromStart())
	push := k
	if r.on("safeguard") {
		push = d
	}
	r.each(func(i, j int) {
		g := r.g[i][j]
		m[i][j] = h["beta1"]*m[i][j] + d*(1-h["beta1"])*g
		v[i][j] = h["beta2"]*v[i][j] + d*d*(1-h["beta2"])*g*g
		s[i][j] = h["beta3"]*s[i][j] + d/d0*push*g
	})
	e := h["d_coef"] * num / norm1(s)
	if dName == "d" {
		top := max(r.single("d_max", d0), e)
		if d == d0 {
			d = max(d, e)
		}
		r.scalars["d_max"] = top
		if growth, ok := h["growth"]; ok {
			top = min(top, d*growth)
		}
		d = top
	} else {
		d = max(d, e)
	}
	r.scalars[dName], r.scalars[numName] = d, num
	r.each(func(i, j int) {
		step := k * m[i][j] / (math.Sqrt(v[i][j]) + d*h["eps"])
		if r.on("decoupled") {
			step += h["weight_decay"] * k * r.x[i][j]
		}
		r.x[i][j] -= step
	})
}

func (r *run) dadaptAdam() {
	h := r.Hypers
	m, v, s := r.state(0, "exp_avg"), r.state(0, "exp_avg_sq"), r.state(0, "grad_sum")
	d, num, b := r.single("estim_lr", h["d0"]), r.single("numerator_weighted", 0), math.Sqrt(h["beta2"])
	k := d * h["lr"] * math.Sqrt(r.debias("beta2", r.t)) / r.debias("beta1", r.t)
	weighted := cloned(s)
	r.each(func(i, j int) { weighted[i][j] /= math.Sqrt(v[i][j]) + h["eps"] })
	num = b*num + (1-b)*k*dot(r.g, weighted)
	r.each(func(i, j int) {
		g := r.g[i][j]
		m[i][j] = h["beta1"]*m[i][j] + (1-h["beta1"])*k*g
		ema(&v[i][j], g*g, h["beta2"])
		s[i][j] = b*s[i][j] + (1-b)*k*g
	})
	r.scalars["estim_lr"] = max(d, num/((1-b)*norm1(s)))
	r.scalars["numerator_weighted"] = num
	r.each(func(i, j int) {
		r.x[i][j] -= h["weight_decay"]*k*r.x[i][j] + m[i][j]/(math.Sqrt(v[i][j])+h["eps"])
	})
}

// ---- Adam's relatives

// nadam works on some of the tensors.
func (r *run) nadam(tensors []int, first string) {
	h := r.Hypers
	m, v := r.state(0, "mu", first), r.state(0, "nu", "exp_avg_sq")
	at := func(n float64) float64 { return h["beta1"] * (1 - 0.5*math.Pow(0.96, n*h["momentum_decay"])) }
	var mu, next, product float64
	aside, given := h["adam_weight_decay"]
	if !given {
		r.decay()
	}
	if r.torch() {
		mu, next = at(r.t), at(r.t+1)
		product = r.single("mu_product", 1) * mu
		r.scalars["mu_product"] = product
	}
	for _, i := range tensors {
		for j, g := range r.g[i] {
			ema(&m[i][j], g, h["beta1"])
			s := math.Sqrt(ema(&v[i][j], g*g, h["beta2"])/r.debias("beta2", r.t)) + h["eps"]
			if mu != 0 {
				r.x[i][j] -= h["lr"]*(1-mu)/(1-product)*g/s + h["lr"]*next/(1-product*next)*m[i][j]/s
				continue
			}
			r.x[i][j] -= h["lr"] * (r.ahead("beta1", m[i][j], g)/s + aside*r.x[i][j])
		}
	}
}

func (r *run) rmsNAdam() {
	h := r.Hypers
	m, v := r.state(0, "m"), r.state(0, "v")
	for i, x := range r.x {
		u, square := make([]float64, len(x)), 0.0
		for j, g := range r.g[i] {
			ahead := ema(&m[i][j], g, h["beta1"])/r.debias("beta1", r.t) + g
			u[j] = ahead / max(math.Sqrt(ema(&v[i][j], g*g, h["beta2"])/r.debias("beta2", r.t)), h["eps"])
			square += u[j] * u[j]
		}
		rms := max(math.Sqrt(square/float64(len(x))), h["eps"])
		for j := range x {
			x[j] -= h["lr"] * (u[j]/rms + h["weight_decay"]*x[j])
		}
	}
}

func (r *run) snr() {
	h := r.Hypers
	m, v := r.state(0, "m"), r.state(0, "v")
	for i, x := range r.x {
		for j, g := range r.g[i] {
			over := ema(&v[i][j], g*g, h["beta2"]) / max(math.Abs(ema(&m[i][j], g, h["beta1"])), h["eps"])
			x[j] -= h["lr"] * (g/max(over, h["eps"]) + h["weight_decay"]*x[j])
		}
	}
}

// ahead is optax's Nesterov momentum: the corrected average of the next step and this one's gradient.
func (r *run) ahead(beta string, m, g float64) float64 {
	b := r.Hypers[beta]
	return b*m/r.debias(beta, r.t+1) + (1-b)*g/r.debias(beta, r.t)
}

func (r *run) radam() {
	h := r.Hypers
	m, v := r.state(0, "mu", "exp_avg"), r.state(0, "nu", "exp_avg_sq")
	r.decay()
	c2 := r.debias("beta2", r.t)
	top := 2/(1-h["beta2"]) - 1
	rho := top - 2*r.t*(1-c2)/c2
	rect := math.Sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))
	threshold, given := h["threshold"]
	use := rho > 5
	if given {
		use = rho >= threshold
	}
	r.each(func(i, j int) {
		g := r.g[i][j]
		u := ema(&m[i][j], g, h["beta1"]) / r.debias("beta1", r.t)
		ema(&v[i][j], g*g, h["beta2"])
		switch {
		case use && r.torch():
			u *= math.Sqrt(c2) / (math.Sqrt(v[i][j]) + h["eps"]) * rect
		case use:
			u *= rect / (math.Sqrt(v[i][j]/c2) + h["eps"])
		}
		r.x[i][j] -= h["lr"] * u
	})
}

func (r *run) adamax() {
	h := r.Hypers
	m, u := r.state(0, "mu", "exp_avg"), r.state(0, "nu", "exp_inf")
	r.each(func(i, j int) {
		g, late := r.g[i][j], h["weight_decay"]*r.x[i][j]
		if r.Rule == "adamax" {
			g, late = g+late, 0
		}
		ema(&m[i][j], g, h["beta1"])
		u[i][j] = max(h["beta2"]*u[i][j], math.Abs(g)+h["eps"])
		r.x[i][j] -= h["lr"] * (m[i][j]/r.debias("beta1", r.t)/u[i][j] + late)
	})
}

func (r *run) adadelta() {
	h := r.Hypers
	v, u := r.state(0, "square_avg", "e_g"), r.state(0, "acc_delta", "e_x")
	r.each(func(i, j int) {
		g := r.g[i][j] + h["weight_decay"]*r.x[i][j]
		d := math.Sqrt(u[i][j]+h["eps"]) / math.Sqrt(ema(&v[i][j], g*g, h["rho"])+h["eps"]) * g
		ema(&u[i][j], d*d, h["rho"])
		r.x[i][j] -= h["lr"] * d
	})
}

func (r *run) adan() {
	h := r.Hypers
	m, v, n := r.state(0, "exp_avg", "m"), r.state(0, "exp_avg_diff", "v"), r.state(0, "exp_avg_sq", "n")
	old, sign := r.state(0, "previous_grad", "g"), 1.0
	ahead := 1 - h["beta2"] // as optax has it; the paper's beta2 is 1 - this one
	if r.Options["form"] == "paper" {
		sign, ahead = -1, h["beta2"]
	}
	c1, c2, c3 := r.debias("beta1", r.t), r.debias("beta2", r.t), r.debias("beta3", r.t)
	r.each(func(i, j int) {
		g, e := r.g[i][j], 0.0
		if r.t > 1 {
			e = g - sign*old[i][j]
		}
		old[i][j] = sign * g
		w := g + ahead*e
		d := ema(&m[i][j], g, h["beta1"])/c1 + ahead*ema(&v[i][j], e, h["beta2"])/c2
		d /= math.Sqrt(ema(&n[i][j], w*w, h["beta3"])/c3+h["eps_root"]) + h["eps"]
		shrink := h["lr"] * h["weight_decay"]
		if r.on("decoupled") {
			r.x[i][j] -= h["lr"]*d + shrink*r.x[i][j]
		} else {
			r.x[i][j] = (r.x[i][j] - h["lr"]*d) / (1 + shrink)
		}
	})
}

func (r *run) adabelief() {
	h := r.Hypers
	m, s := r.state(0, "mu"), r.state(0, "nu")
	r.each(func(i, j int) {
		g := r.g[i][j]
		ema(&m[i][j], g, h["beta1"])
		e := g - m[i][j]
		s[i][j] = h["beta2"]*s[i][j] + (1-h["beta2"])*e*e + h["eps_root"]
		u := m[i][j] / r.debias("beta1", r.t)
		if r.on("nesterov") {
			u = r.ahead("beta1", m[i][j], g)
		}
		r.x[i][j] -= h["lr"] * u / (math.Sqrt(s[i][j]/r.debias("beta2", r.t)) + h["eps"])
	})
}

func (r *run) yogi() {
	h := r.Hypers
	m, v := r.state(h["initial"], "mu"), r.state(h["initial"], "nu")
	r.each(func(i, j int) {
		g := r.g[i][j]
		u := ema(&m[i][j], g, h["beta1"]) / r.debias("beta1", r.t)
		v[i][j] -= (1 - h["beta2"]) * sign(v[i][j]-g*g) * g * g
		r.x[i][j] -= h["lr"] * u / (math.Sqrt(v[i][j]/r.debias("beta2", r.t)) + h["eps"])
	})
}

func (r *run) adabound() {
	h := r.Hypers
	m, v := r.state(0, "exp_avg"), r.state(0, "exp_avg_sq")
	r.decay()
	low, high := h["final_lr"]*(1-1/(h["gamma"]*r.t+1)), h["final_lr"]*(1+1/(h["gamma"]*r.t))
	rate := h["lr"] * math.Sqrt(r.debias("beta2", r.t)) / r.debias("beta1", r.t)
	r.each(func(i, j int) {
		g := r.g[i][j]
		ema(&m[i][j], g, h["beta1"])
		ema(&v[i][j], g*g, h["beta2"])
		r.x[i][j] -= min(max(rate/(math.Sqrt(v[i][j]+1e-15)+h["eps"]), low), high) * m[i][j]
	})
}

func (r *run) adopt() {
	h := r.Hypers
	m, v := r.state(0, "mu"), r.state(0, "nu")
	bound := math.Inf(1)
	if r.on("clipped") {
		bound = math.Pow(r.t-1, 0.25)
	}
	r.each(func(i, j int) {
		g := r.g[i][j]
		if r.t == 1 {
			v[i][j] = g * g
			return
		}
		u := g / max(math.Sqrt(v[i][j]), h["eps"])
		u = min(max(u, -bound), bound)
		ema(&v[i][j], g*g, h["beta2"])
		d := ema(&m[i][j], u, h["beta1"])
		if r.on("nesterov") {
			d = h["beta1"]*d + (1-h["beta1"])*u
		}
		r.x[i][j] -= h["lr"] * d
	})
}

func (r *run) ademamix() {
	h := r.Hypers
	m1, m2, v := r.state(0, "m1"), r.state(0, "m2"), r.state(0, "nu")
	r.each(func(i, j int) {
		g := r.g[i][j]
		u := ema(&m1[i][j], g, h["beta1"])/r.debias("beta1", r.t) + h["alpha"]*ema(&m2[i][j], g, h["beta3"])
		u /= math.Sqrt(ema(&v[i][j], g*g, h["beta2"])/r.debias("beta2", r.t)+h["eps_root"]) + h["eps"]
		r.x[i][j] -= h["lr"] * (u + h["weight_decay"]*r.x[i][j])
	})
}

// ---- others

func (r *run) asgd() {
	h := r.Hypers
	a := r.state(0, "average")
	rate := h["lr"] / math.Pow(1+h["decay"]*h["lr"]*(r.t-1), h["alpha"])
	c := 1 / max(1, r.t-1-h["t0"])
	r.each(func(i, j int) {
		x := &r.x[i][j]
		g := r.g[i][j] + h["weight_decay"]**x
		*x -= h["decay"] * rate * *x
		*x -= rate * g
		a[i][j] += c * (*x - a[i][j])
	})
}

// pairs are L-BFGS's y and s, the oldest first, as they are stored.
func (r *run) pairs() (y, s [][][]float64) {
	for k := range int(r.scalars["pairs"]) {
		digit := string(rune('0' + k))
		y, s = append(y, r.states["y"+digit]), append(s, r.states["s"+digit])
	}
	return y, s
}

func (r *run) keepPairs(y, s [][][]float64) {
	r.scalars["pairs"] = float64(len(y))
	for k := range 10 {
		digit := string(rune('0' + k))
		if k < len(y) {
			r.states["y"+digit], r.states["s"+digit] = y[k], s[k]
		} else {
			r.states["y"+digit], r.states["s"+digit] = r.zeros(), r.zeros()
		}
	}
}

func (r *run) zeros() [][]float64 {
	out := cloned(r.x)
	for i := range out {
		clear(out[i])
	}
	return out
}

// add is a + c*b.
func add(a [][]float64, c float64, b [][]float64) [][]float64 {
	out := cloned(a)
	for i := range out {
		for j := range out[i] {
			out[i][j] += c * b[i][j]
		}
	}
	return out
}

func (r *run) lbfgs() {
	y, s := r.pairs()
	scale, rate := 1.0, r.Hypers["lr"]
	if r.t == 1 {
		rate *= min(1, 1/norm1(r.g))
	} else {
		dy := add(r.g, -1, r.states["prev_grad"])
		ds := add(r.zeros(), r.scalars["moved"], r.states["d"])
		scale = r.scalars["H_diag"]
		if ys := dot(dy, ds); ys > 1e-10 {
			y, s = append(y, dy), append(s, ds)
			if memory, _ := strconv.Atoi(r.Options["memory"]); len(y) > memory {
				y, s = y[1:], s[1:]
			}
			scale = ys / dot(dy, dy)
		}
	}
	al := make([]float64, len(y))
	q := add(r.zeros(), -1, r.g)
	for k := len(y) - 1; k >= 0; k-- {
		al[k] = dot(s[k], q) / dot(y[k], s[k])
		q = add(q, -al[k], y[k])
	}
	d := add(r.zeros(), scale, q)
	for k := range y {
		d = add(d, al[k]-dot(y[k], d)/dot(y[k], s[k]), s[k])
	}
	r.keepPairs(y, s)
	r.states["d"], r.states["prev_grad"] = d, cloned(r.g)
	r.scalars["moved"], r.scalars["H_diag"] = rate, scale
	r.x = add(r.x, rate, d)
}

func (r *run) rprop() {
	h := r.Hypers
	step := r.state(h["lr"], "step_size")
	prev := r.state(0, "prev")
	r.each(func(i, j int) {
		g := r.g[i][j]
		factor := 1.0
		if p := g * prev[i][j]; p > 0 {
			factor = h["up"]
		} else if p < 0 {
			factor, g = h["down"], 0
		}
		step[i][j] = min(max(step[i][j]*factor, h["low"]), h["high"])
		r.x[i][j] -= step[i][j] * sign(g)
		prev[i][j] = g
	})
}

func (r *run) novograd() {
	h := r.Hypers
	m := r.state(0, "mu")
	for i := range r.x {
		name, n := "nu"+string(rune('0'+i)), math.Pow(norm(r.g[i]), 2)
		if r.t > 1 {
			n = h["beta2"]*r.scalars[name] + (1-h["beta2"])*n
		}
		r.scalars[name] = n
		for j, g := range r.g[i] {
			u := g/(math.Sqrt(n+h["eps_root"])+h["eps"]) + h["weight_decay"]*r.x[i][j]
			m[i][j] = h["beta1"]*m[i][j] + u
			r.x[i][j] -= h["lr"] * m[i][j]
		}
	}
}

func (r *run) fromage() {
	lr, floor := r.Hypers["lr"], r.Hypers["min_norm"]
	c := 1 / math.Sqrt(1+lr*lr)
	for i, x := range r.x {
		ratio := max(norm(x), floor) / max(norm(r.g[i]), floor)
		for j, g := range r.g[i] {
			x[j] = c * (x[j] - lr*ratio*g)
		}
	}
}

func (r *run) polyak() {
	h := r.Hypers
	below := math.Pow(h["lr"]*norm(r.g...), 2) + h["eps"]
	if below <= 0x1p-52 {
		return
	}
	rate := h["lr"] * min((r.Loss(r.x)-h["f_min"])/below, h["max_lr"])
	r.each(func(i, j int) { r.x[i][j] -= rate * r.g[i][j] })
}

func (r *run) cocob() {
	h := r.Hypers
	c, scale := r.state(0, "cumulative_gradients"), r.state(h["eps"], "scale")
	sum, reward := r.state(0, "subgradients"), r.state(0, "reward")
	r.each(func(i, j int) {
		x0 := r.x0[i][j]
		g := h["lr"] * (r.g[i][j] + h["weight_decay"]*r.x[i][j])
		scale[i][j] = max(scale[i][j], math.Abs(g))
		sum[i][j] += math.Abs(g)
		reward[i][j] = max(reward[i][j]-g*(r.x[i][j]-x0), 0)
		c[i][j] -= g
		l := scale[i][j]
		r.x[i][j] = x0 + c[i][j]/(l*max(sum[i][j]+l, h["alpha"]*l))*(l+reward[i][j])
	})
}

func (r *run) centralized() {
	for i, t := range r.Tensors {
		if len(t.Shape) < 2 {
			continue
		}
		for row := range slices.Chunk(r.g[i], len(r.g[i])/t.Shape[0]) {
			m := mean(row)
			for j := range row {
				row[j] -= m
			}
		}
	}
	r.sgd(r.Hypers["lr"])
}

func (r *run) sophia() {
	h := r.Hypers
	m, hess := r.state(0, "mu"), r.state(0, "nu")
	every, _ := strconv.ParseFloat(r.Options["every"], 64)
	for i := range r.x {
		curvature := r.Curvature(i)
		for j, g := range r.g[i] {
			u := ema(&m[i][j], g, h["beta1"]) / r.debias("beta1", r.t) / max(h["gamma"]*hess[i][j], h["eps"])
			u = min(max(u, -h["clip"]), h["clip"])
			r.x[i][j] -= h["lr"] * (u + h["weight_decay"]*r.x[i][j])
			if math.Mod(r.t-1, every) == 0 {
				ema(&hess[i][j], curvature[j], h["beta2"])
			}
		}
	}
}

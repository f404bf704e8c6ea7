package proof

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/internal/oracle"
)

// link says how a state of the library follows from a reference's: ours = factor*theirs + add.
type link struct {
	state       string // our state's path, or its end; "" where we keep nothing of it
	factor, add float64
	columns     bool // of a matrix whose columns may point either way
}

func same(state string) link { return link{state: state, factor: 1} }

var nothing = link{factor: 1}

// moments are Adam's, by the names of both references.
var moments = map[string]link{"mu": same("ema.s"), "exp_avg": same("ema.s"), "nu": same("ema2.s"), "exp_avg_sq": same("ema2.s")}

// maximum are AdaMax's.
var maximum = map[string]link{"mu": same("ema.s"), "exp_avg": same("ema.s"), "nu": same("top"), "exp_inf": same("top")}

var velocity = map[string]link{"momentum_buffer": same("m"), "trace": same("m")}

// plain are the names of the references' states whose names or places with us are always the same, by rule.
var plain = map[string]map[string]link{
	"sgd": velocity, "sam_sgd": velocity,
	"adagrad": {"sum": same("s"), "sum_of_squares": same("s")},
	"adam":    moments, "adamw": moments, "lamb": moments, "sam_adam": moments,
	"amsgrad":             with(moments, map[string]link{"max_exp_avg_sq": same("top"), "nu_max": same("top")}),
	"lion":                {"mu": same("m"), "exp_avg": same("m")},
	"signum":              {"ema": same("ema.s")},
	"lars":                {"trace": {state: "m", factor: -1}},
	"lookahead_sgd":       with(velocity, map[string]link{"slow": same("slow")}),
	"lookahead_adam":      with(moments, map[string]link{"slow": same("slow")}),
	"schedule_free_adamw": {"z": same("z"), "exp_avg_sq": same("ema.s"), "nu": same("ema.s"), "weight_sum": same("total"), "lr_max": same("top"), "max_lr": same("top")},
	"schedule_free_sgd":   {"z": same("z"), "weight_sum": same("total"), "lr_max": same("top"), "max_lr": same("top")},
	"prodigy": {
		"exp_avg": same("m"), "exp_avg_sq": same("v"), "s": same("s"), "grad_sum": same("s"), "d": same("d"), "estim_lr": same("d"),
		"d_max": same("top"), "d_numerator": same("num"), "numerator_weighted": same("num"),
	},
	"dadapt_adam": {"exp_avg": same("m"), "exp_avg_sq": same("v"), "grad_sum": same("s"), "estim_lr": same("d"), "numerator_weighted": same("num")},
	"nadam":       with(moments, map[string]link{"mu_product": same("product")}),
	"radam":       moments, "adabound": moments,
	"rms_nadam": {"m": same("ema.s"), "v": same("ema2.s")},
	"snr":       {"m": same("ema.s"), "v": same("ema2.s")},
	"adamax":    maximum, "adamaxw": maximum,
	"adadelta": {"square_avg": same("v"), "e_g": same("v"), "acc_delta": same("u"), "e_x": same("u")},
	"adan": {
		"exp_avg": same("ema.s"), "exp_avg_diff": same("ema2.s"), "exp_avg_sq": same("ema3.s"), "previous_grad": {state: "old", factor: -1},
		"m": same("ema.s"), "v": same("ema2.s"), "n": same("ema3.s"), "g": same("old"),
	},
	"adabelief": {"mu": same("ema.s"), "nu": same("spread")},
	"yogi":      {"mu": same("m"), "nu": same("v")},
	"adopt":     {"mu": same("m"), "nu": same("v")},
	"ademamix":  {"m1": same("ema.s"), "m2": same("ema2.s"), "nu": same("ema3.s")},
	"asgd":      {"average": same("avg")},
	"rprop":     {"prev": same("prev"), "step_size": same("size")},
	"novograd":  {"mu": same("m"), "nu0": same("n"), "nu1": same("n"), "nu2": same("n"), "nu3": same("n"), "nu4": same("n"), "nu5": same("n")},
	"cocob":     {"cumulative_gradients": same("total"), "reward": same("reward"), "scale": same("top"), "subgradients": same("sum_abs")},
	"sophia":    {"mu": same("ema.s"), "nu": same("curvature")},
	"muon":      {"momentum_buffer": same("m"), "mu": same("m")},
	"soap": {
		"exp_avg": same("m"), "exp_avg_sq": same("v"), "G_0": same("l"), "G_1": same("r"),
		"Q_0": {state: "lv", factor: 1, columns: true}, "Q_1": {state: "rv", factor: 1, columns: true},
	},
	"adafactor": {
		"v_row": same("r"), "v_col": same("c"), "v": same("v"), "row_var": same("r"), "col_var": same("c"), "variance": same("v"), "ema": same("m"),
	},
	"fista":             {"average": same("z"), "t": same("s")},
	"hypergradient_sgd": {"momentum_buffer": same("m"), "dx": same("dx_da"), "lr0": same("a"), "lr1": same("a")},
	"adam_hd":           {"exp_avg": same("ema.s"), "exp_avg_sq": same("ema2.s"), "dx": same("dx_da"), "lr0": same("a"), "lr1": same("a")},
	"lbfgs":             {"d": same("d"), "prev_grad": same("gp"), "H_diag": same("scale"), "moved": same("moved"), "pairs": nothing},
}

func with(a, b map[string]link) map[string]link {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// place is a tensor of a case, or -1 for the model, and the numbers that the reference held then.
type place struct {
	*oracle.Case
	tensor  int
	scalars map[string]float64
}

func (p place) matrix() bool { return len(p.Tensors[p.tensor].Shape) > 1 }

// special are the states that depend on hyperparameters, on the tensor or on the step.
var special = map[string]func(p place, name string) link{
	"rmsprop": func(p place, name string) link {
		return map[string]link{
			"square_avg": same("v"), "nu": same("v"), "grad_avg": same("ema.s"), "mu": same("ema.s"), "momentum_buffer": same("b"),
			"trace": {state: "b", factor: -1 / p.Hypers["lr"]}, // optax has -lr inside the momentum
		}[name]
	},
	"dog":  distances,
	"ldog": distances,
	"shampoo": func(p place, name string) link {
		switch {
		case name == "momentum_buffer":
			return same("p")
		case name == "pre_cond_0" && p.matrix():
			return same("l")
		}
		return same("r") // a vector has its columns alone
	},
	"muon_nadam": func(p place, name string) link {
		switch {
		case name == "nu":
			return same("ema2.s")
		case p.matrix():
			return same("muon.m")
		}
		return same("ema.s")
	},
	"lbfgs": func(p place, name string) link {
		oldest, err := strconv.Atoi(name[1:])
		if err != nil || !strings.Contains("sy", name[:1]) {
			return link{}
		}
		at := int(p.scalars["pairs"]) - 1 - oldest
		if at < 0 {
			return nothing
		}
		return same(fmt.Sprintf("%s[%d]", name[:1], at))
	},
}

func distances(p place, name string) link {
	return map[string]link{
		"average": same("avg"), "rbar": same("r"), "max_dist": same("r"), "G": same("sum_sq"),
		"sum_sq_norm_grads": {state: "sum_sq", factor: 1, add: p.Hypers["eps"]}, // optax adds eps under the root only
	}[strings.TrimRight(name, digits)]
}

// linkOf finds our name of a reference's state or scalar.
func linkOf(p place, name string) (link, bool) {
	rule := p.Rule
	if plain[rule] == nil && special[rule] == nil { // a composed rule keeps the states of the rule that it begins with
		rule, _, _ = strings.Cut(rule, "_")
	}
	if l, ok := plain[rule][name]; ok {
		return l, true
	}
	if find := special[rule]; find != nil {
		if l := find(p, name); l.factor != 0 {
			return l, true
		}
	}
	switch name {
	case "learning_rate":
		return same(name), true
	case "average":
		return nothing, true // it is compared as the point of evaluation
	}
	return link{}, false
}

// derived are our states that a reference has in other words: what they are in a snapshot.
func derived(c *oracle.Case, s oracle.Snapshot) map[string]float64 {
	out := map[string]float64{}
	switch c.Rule {
	case "prodigy":
		if d, ok := s.Scalars["estim_lr"]; ok { // optax has no bound on its growth
			out["top"] = d
		}
	case "lbfgs":
		pairs := int(s.Scalars["pairs"])
		for k := range 10 {
			digit, at, product := strconv.Itoa(k), pairs-1-k, 0.0
			for i, y := range s.States["y"+digit] {
				for j := range y {
					product += y[j] * s.States["s"+digit][i][j]
				}
			}
			if at >= 0 {
				out[fmt.Sprintf("rho[%d]", at)] = 1 / product
			} else {
				out[fmt.Sprintf("rho[%d]", k)] = 0
			}
		}
	}
	return out
}

// settings are the options and hyperparameters that a case asks of the library, where we need fewer words than the headers
// of the references have.
func settings(c *oracle.Case) (options map[string]string, hypers map[string]float64) {
	options, hypers = maps.Clone(c.Options), maps.Clone(c.Hypers)
	switch c.Rule {
	case "adafactor":
		options["averaged"] = strconv.FormatBool(hypers["momentum"] != 0)
		if hypers["momentum"] == 0 {
			delete(hypers, "momentum")
		}
	case "schedule_free_adamw", "schedule_free_sgd", "prodigy":
		delete(options, "form") // one recursion is all forms
	case "muon_nadam":
		options = nil // the composed rule has them fixed
	}
	return options, hypers
}

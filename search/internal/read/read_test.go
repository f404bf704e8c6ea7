package read

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/seen"
	"github.com/optc-lang/optc/search/internal/vm"
	"github.com/optc-lang/optc/stdlib"
)

// library has what Library reads, which parses it anew every time.
var library = func() *check.Unit {
	unit, _ := compiler.Library(stdlib.FS)
	return unit
}()

// TestLibrary tells which rules of the library are genomes, and of the others why not.
func TestLibrary(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{"sgd", "g; lr 0.01; decay 0"},
		{"signum", "sign(ema(g; 0.1)); lr 0.001; decay 0"},
		{"lion", "sign(lerp(ema(g; 0.01), g; 0.09090909090909083)); lr 0.0001; decay 0"},
		{"adam", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8)); lr 0.001; decay 0"},
		{"adamw", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8)); lr 0.001; decay 0.01"},
		{"adagrad", "div(g, add(sqrt(total(square(g))), 1e-10)); lr 0.01; decay 0"},
		{"rmsprop", "div(g, add(sqrt(ema(square(g); 0.01)), 1e-8)); lr 0.01; decay 0"},
		{"adabelief", "div(avg(g; 0.1), add(sqrt(avg(add(square(sub(g, ema(g; 0.1))), 1e-13); 0.001)), 1e-16)); lr 0.001; decay 0"},
		{"ademamix", "div(add(avg(g; 0.1), mul(5, ema(g; 0.0001))), add(sqrt(avg(square(g); 0.001)), 1e-8)); lr 0.001; decay 0"},
		{"amsgrad", "optc/std/adam.opt:57:24: error: rule amsgrad is no genome: a power of 1 - 0.999^t scales"},
		{"adamax", "optc/std/adamax.opt:18:3: error: rule adamax is no genome: the state top is made of itself in a way that a genome has not: `max(beta2*top, abs(g + weight_decay*x) + eps)`"},
		{"yogi", "optc/std/adabelief.opt:39:3: error: rule yogi is no genome: the state m begins at `initial`"},
		{"adan", "optc/std/adan.opt:26:3: error: rule adan is no genome: the state old begins at `g`"},
		{"nadam", "rule nadam is no genome: it reads t other than to correct an average: `1 - beta1*(1 - 0.5*0.96^(t*momentum_decay))`"},
		{"radam", "rule radam is no genome: it reads t"},
		{"lookahead", "rule lookahead is no genome: its new x is"},
		{"adopt", "rule adopt is no genome: its new x is"},
		{"adadelta", "optc/std/adadelta.opt:17:3: error: rule adadelta is no genome: the state u is made of itself"},
		{"rprop", "rule rprop is no genome: the state size"},
		{"sgd_centralized", "rule sgd_centralized is no genome: it reduces per row: `sum(g per row)`; over a tensor a genome has mean(a), sum(a*b)"},
		{"polyak_sgd", "rule polyak_sgd is no genome: it reads the loss"},
		{"novograd", "rule novograd is no genome: the state n has another value in the first step: `sum(g^2)`; a genome's states begin at 0"},
		{"sophia", "rule sophia is no genome: the state curvature is made of itself"},
		{"sam", "rule sam is no genome: it asks the model again"},
		{"asgd", "rule asgd is no genome: the model is evaluated at a point other than x; leave `eval` out"},
		{"shampoo", "rule shampoo is no genome: there is no operator for whole arrays, as matmul makes one of `p`, an expression too long to show"},
		{"muon", "rule muon is no genome: its new x is one of two, chosen by the shape or the name of the tensor; a step is x - lr*(update + decay*x)"},
		{"prodigy", "rule prodigy is no genome: its new x is one of two, chosen by `sum(abs("},
		{"soap", "rule soap is no genome: its new x is one of two, chosen by `t - 1 > 0`"},
		{"no_such_rule", "there is no rule no_such_rule"},
	} {
		rule, err := Of(library, c.rule, compiler.Settings{})
		if got := said(rule, err); err == nil && got != c.want || err != nil && !strings.Contains(got, c.want) {
			t.Errorf("%s: %s\nnot %s", c.rule, got, c.want)
		}
	}
	set := compiler.Settings{Options: map[string]string{"form": "optax"}, Fix: map[string]float64{"beta1": 0.5}}
	if got, want := said(Of(library, "amsgrad", set)), "div(avg(g; 0.5), add(sqrt(most(avg(square(g); 0.001))), 1e-8)); lr 0.001; decay 0"; got != want {
		t.Errorf("amsgrad: %s\nnot %s", got, want)
	}
	if rule, err := Library("adamw"); err != nil || rule.LR.Name != "lr" || rule.Decay.Name != "weight_decay" {
		t.Errorf("%v, %v", rule, err)
	}
}

// said is a rule, or why there is none.
func said(rule Rule, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s; lr %v; decay %v", rule.Genome, rule.LR.Value, rule.Decay.Value)
}

// TestWholeLibrary reads every rule of the library. What is read does what the rule does.
func TestWholeLibrary(t *testing.T) {
	var readable []string
	for _, name := range library.Rules() {
		rule, err := Of(library, name, compiler.Settings{})
		if err == nil {
			readable = append(readable, name)
			compare(t, library, rule)
			continue
		}
		d, ok := err.(lang.Diagnostics)
		if !ok || len(d) != 1 || d[0].File == "" || d[0].Span.Start.Line < 1 || !strings.HasPrefix(d[0].Message, "rule "+name+" is no genome: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	const want = "adabelief adagrad adam adamw ademamix fromage lamb lars lion mirror_descent rms_nadam rmsprop sgd signum snr"
	if got := strings.Join(readable, " "); got != want {
		t.Errorf("of the library these are genomes: %s\nnot %s", got, want)
	}
}

// hand are rules as people write them, and what they become.
var hand = []struct{ name, body, want string }{
	{"adam with the step size corrected", "state m = 0\nstate v = 0\nm <- 0.9*m + 0.1*g\nv <- 0.99*v + 0.01*g^2\nx <- x - lr/(1 - 0.9^t)*m/(sqrt(v/(1 - 0.99^t)) + 1e-8)",
		"div(avg(g; 0.1), add(sqrt(avg(square(g); 0.01)), 1e-8)); lr 0.1; decay 0"},
	{"adam with one factor", "x <- x - lr*sqrt(1 - 0.99^t)/(1 - 0.9^t)*ema(g; 0.9)/sqrt(ema(g^2; 0.99))", "div(avg(g; 0.1), sqrt(avg(square(g); 0.01))); lr 0.1; decay 0"},
	{"adam by rsqrt", "x <- x - lr*debiased(g; 0.9)*rsqrt(debiased(g^2; 0.99) + 1e-8)", "mul(avg(g; 0.1), recip(sqrt(add(avg(square(g); 0.01), 1e-8)))); lr 0.1; decay 0"},
	{"the corrected root", "x <- x - lr*ema(g; 0.9)/(sqrt(ema(g^2; 0.99))/sqrt(1 - 0.99^t) + 1e-8)", "div(ema(g; 0.1), add(sqrt(avg(square(g); 0.01)), 1e-8)); lr 0.1; decay 0"},
	{"the rate within the quotient", "x <- x - lr*g/(abs(g) + 1)", "div(g, add(abs(g), 1)); lr 0.1; decay 0"},
	{"heavy ball", "state m = 0\nm <- 0.9*m + g\nx <- x - lr*m", "mul(10, ema(g; 0.1)); lr 0.1; decay 0"},
	{"heavy ball of hyperparameters", "hyper beta = 0.99 in [0, 1)\nstate m = 0\nm <- beta*m + g\nx <- x - lr*m", "mul(100, ema(g; 0.01)); lr 0.1; decay 0"},
	{"heavy ball with the rate within", "state m = 0\nm <- 0.9*m + lr*g\nx <- x - m", "ema(g; 0.1); lr 1; decay 0"},
	{"a ball without friction", "state m = 0\nm <- m - 2*g\nx <- x + lr*m", "neg(total(mul(-2, g))); lr 0.1; decay 0"},
	{"the library's momentum", "x <- sgd(x, g; lr = lr, momentum = 0.9)", "mul(10, ema(g; 0.1)); lr 0.1; decay 0"},
	{"the library's Nesterov", "x <- sgd(x, g; lr = lr, momentum = 0.9, nesterov = true)", "add(g, mul(0.9, mul(10, ema(g; 0.1)))); lr 0.1; decay 0"},
	{"the library's AMSGrad", "x <- amsgrad(x, g; lr = lr, form = optax)", "div(avg(g; 0.1), add(sqrt(most(avg(square(g); 0.001))), 1e-8)); lr 0.1; decay 0"},
	{"the library's RMSProp", "x <- rmsprop(x, g; lr = lr, momentum = 0.9, eps_inside = true)", "mul(10, ema(div(g, sqrt(add(ema(square(g); 0.01), 1e-8))); 0.1)); lr 0.1; decay 0"},
	{"Lion's decay is longer", "state m = 0\nx <- x - lr*sign(0.99*m + 0.01*g)\nm <- 0.9*m + 0.1*g", "sign(lerp(prev(ema(g; 0.1)), g; 0.01)); lr 0.1; decay 0"},
	{"Lion of equal decays", "state m = 0\nlet u = sign(0.9*m + 0.1*g)\nm <- 0.9*m + 0.1*g\nx <- x - lr*u", "sign(ema(g; 0.1)); lr 0.1; decay 0"},
	{"Lion turned round", "state m = 0\nx <- x - lr*sign(0.2*g + 0.8*m)\nm <- 0.9*m + 0.1*g", "sign(lerp(ema(g; 0.1), g; 0.11111111111111105)); lr 0.1; decay 0"},
	{"lerp", "state m = 0\nm <- lerp(m, g, 0.1)\nx <- x - lr*lerp(g, m, 0.3)", "lerp(g, ema(g; 0.1); 0.3); lr 0.1; decay 0"},
	{"the step before", "state old = 0\nlet d = g - old\nold <- g\nx <- x - lr*(g + 0.5*d)", "add(g, mul(0.5, sub(g, prev(g)))); lr 0.1; decay 0"},
	{"an average begun at zero", "hyper begin = 0 in [0, 1]\nstate m = begin\nm <- 0.5*m + 0.5*abs(g)\nx <- x - lr*g/m", "div(g, ema(abs(g); 0.5)); lr 0.1; decay 0"},
	{"an average of two terms", "state m = 0\nm <- 0.5*m + 0.25*g + 0.25*sign(g)\nx <- x - lr*m", "mul(0.5, ema(add(g, sign(g)); 0.5)); lr 0.1; decay 0"},
	{"one value a tensor", "state n per tensor = 0\nn <- 0.9*n + 0.1*norm(g)\nx <- x - lr*g/max(n, 1e-12)", "div(g, ema(sqrt(dot(g, g)); 0.1)); lr 0.1; decay 0"},
	{"a cosine", "x <- x - lr*g*max(dot(g, x)/(norm(g)*norm(x)), 0.5)", "mul(g, max(cosine(g, x), 0.5)); lr 0.1; decay 0"},
	{"an rms", "x <- x - lr*g/rms(g)", "rmsnorm(g); lr 0.1; decay 0"},
	{"masks", "x <- x - lr*where(g > 0 and not (x <= g), 1, where(g == x or g != 2, 2, sign(g)))",
		"where(g, where(sub(x, g), 1, where(abs(sub(g, x)), where(abs(sub(g, 2)), 2, sign(g)), 2)), where(abs(sub(g, x)), where(abs(sub(g, 2)), 2, sign(g)), 2)); lr 0.1; decay 0"},
	{"masks as numbers", "x <- x - lr*g*(g*x > 0)", "mul(g, where(mul(g, x), 1, 0)); lr 0.1; decay 0"},
	{"clamp", "x <- x - lr*(clamp(g, -2, 2) + clamp(g, -1, 2) + clamp(g, -abs(x), abs(x)) + clip_value(g; 3))",
		"add(add(add(clip(g, 2), min(max(g, -1), 2)), clip(g, x)), clip(g, 3)); lr 0.1; decay 0"},
	{"powers", "x <- x - lr*(g^3 + g^-2 + (g^2)^0.5 + (g^2)^-0.25)", "add(add(add(mul(square(g), g), recip(square(g))), sqrt(square(g))), recip(sqrt(sqrt(square(g))))); lr 0.1; decay 0"},
	{"a scalar step", "x <- x - lr*norm(g)", "add(sqrt(dot(g, g)), mul(0, g)); lr 0.1; decay 0"},
	{"decay outside", "hyper wd = 0.5 in [0, 1]\nx <- x*(1 - lr*wd) - lr*g", "g; lr 0.1; decay 0.5"},
	{"decay first", "hyper wd = 0.5 in [0, 1]\nx <- x - lr*wd*x\nx <- x - lr*sign(g)", "sign(g); lr 0.1; decay 0.5"},
	{"decay by a number", "x <- x - lr*(g + 0.01*x)", "g; lr 0.1; decay 0.01"},
	{"decay beside a rule that reads x", "hyper wd = 0.5 in [0, 1]\nx <- x - lr*(g + 0.25*x + sign(x) + wd*x)", "add(add(g, mul(0.25, x)), sign(x)); lr 0.1; decay 0.5"},
	{"decay in the gradient", "hyper wd = 0.5 in [0, 1]\nx <- x - lr*ema(g + wd*x; 0.9)", "ema(add(g, mul(0.5, x)); 0.1); lr 0.1; decay 0"},
	{"decay of two hyperparameters", "hyper a = 0.5 in [0, 1]\nhyper b = 0.5 in [0, 1]\nx <- x - lr*(g + a*b*x)", "g; lr 0.1; decay 0.25"},
	{"a sum of steps", "x <- x - lr*g\nx <- x - 2*lr*sign(g)", "add(g, mul(2, sign(g))); lr 0.1; decay 0"},
	{"ascent", "x <- x + lr*g", "neg(g); lr 0.1; decay 0"},
	{"a rate of a part", "x <- x - 0.5*g - lr*sign(g)", "mul(0.5, add(g, mul(0.2, sign(g)))); lr 1; decay 0"},
	{"no rate", "x <- 0.75*x - 0.5*g", "mul(0.5, g); lr 1; decay 0.25"},
	{"no change", "x <- x", "mul(0, g); lr 0.1; decay 0"},
	{"decided at once", "option on = false\nhyper mu = 0 in [0, 1]\nstate m = 0\nm <- where(t == 1 or mu == 0, g, mu*m + g)\nwhen on { m <- x }\nx <- x - lr*m", "g; lr 0.1; decay 0"},
	{"a term of the step that is 0", "hyper slow = 0 in [0, 1]\nx <- x - lr/(1 + (t - 1)*slow)*g", "g; lr 0.1; decay 0"},
	{"terms of 0", "hyper z = 0 in [0, 1]\nstate m = 0\nm <- 0.9*m + z*exp(g) + 0.1*g + z*z*x\nx <- x - lr*(z*exp(x) + m - z*g)", "ema(g; 0.1); lr 0.1; decay 0"},
	{"tidy", "clear g\nstate unused = 3\nunused <- unused + 1\nx <- x - lr*tanh(-g)", "tanh(neg(g)); lr 0.1; decay 0"},
}

// TestByHand reads rules as people write them, and runs them beside what they become.
func TestByHand(t *testing.T) {
	for _, c := range hand {
		unit := load(t, "rule mine {\nhyper lr = 0.1 in (0, inf)\n"+c.body+"\n}\n")
		rule, err := Of(unit, "mine", compiler.Settings{})
		if got := said(rule, err); got != c.want {
			t.Errorf("%s: %s\nnot %s", c.name, got, c.want)
			continue
		}
		compare(t, unit, rule)
	}
}

func load(t testing.TB, text string) *check.Unit {
	t.Helper()
	unit, diagnostics := compiler.Load(fstest.MapFS{"mine.opt": {Data: []byte(text)}}, "mine.opt", stdlib.FS)
	if diagnostics.HasErrors() {
		t.Fatalf("%s\n%v", text, diagnostics)
	}
	return unit
}

// compare runs a rule by the interpreter of the rule language, and its genome by the machine of the search.
func compare(t *testing.T, unit *check.Unit, rule Rule) {
	t.Helper()
	compiled, diagnostics, err := compiler.Compile(unit, rule.Name, compiler.Settings{})
	if err != nil || compiled == nil {
		t.Fatal(diagnostics, err)
	}
	p, err := vm.Compile(rule.Genome)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	m := p.New([]int{n})
	want := interp.New[float32](compiled.Checked, []interp.Tensor{{Name: "w", Shape: []int{n}}}, 1)
	r := rand.New(rand.NewPCG(7, 8))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	copy(want.Params[0], x)
	for step := range 20 {
		g := make([]float32, n)
		for i := range g {
			g[i] = float32(math.Copysign(0.2+r.Float64(), r.NormFloat64()))
		}
		m.Step([][]float32{x}, [][]float32{g}, rule.LR.Value, rule.Decay.Value)
		if err := want.Step([][]float32{g}, 0); err != nil {
			t.Fatal(err)
		}
		for i, v := range x {
			if w := want.Params[0][i]; math.Abs(float64(v-w)) > 2e-5*(1+math.Abs(float64(w))) {
				t.Fatalf("%s as %s: step %d, element %d: %v, the rule gives %v", rule.Name, rule.Genome, step, i, v, w)
			}
		}
		copy(x, want.Params[0]) // rounding must not add up through signs
	}
}

// long makes a value that is too long to show.
var long = "let u = g\n" + strings.Repeat("u <- tanh(u + 0.5)*(u + 1)\n", 10)

// TestRefused tells what no genome is, and where.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"x <- x - lr*exp(g)", "mine.opt:3:1: error: rule mine is no genome: there is no exp: `exp(g)`; a genome has add, sub, mul"},
		{"let u = log(g)\nx <- x - lr*u", "mine.opt:3:1: error: rule mine is no genome: there is no log"},
		{"let u = g^1.7\nx <- x - lr*u", "mine.opt:3:1: error: rule mine is no genome: there is no power of 1.7"},
		{"x <- x - lr*abs(g)^x", "there is no power with an exponent that changes"},
		{"x <- x - lr/sqrt(t)*g", "it reads t other than to correct an average"},
		{"x <- x - lr/(1 - 0.9^t)*g", "a power of 1 - 0.9^t scales `g`, which holds no moving average that keeps 0.9 to be corrected"},
		{"x <- x - lr*ema(g; 0.8)/(1 - 0.9^t)", "a power of 1 - 0.9^t scales"},
		{"x <- x - lr*(ema(g; 0.9) + g)/(1 - 0.9^t)", "a power of 1 - 0.9^t scales"},
		{"x <- g", "mine.opt:3:1: error: rule mine is no genome: its new x is `g`; a step is x - lr*(update + decay*x)"},
		{"x <- x - lr*lr*g", "lr scales the update, and is read within it too"},
		{"x <- x - lr*sign(g + lr*x)", "lr scales the update, and is read within it too"},
		{"x <- 2*x - lr*g", "its new x is"},
		{"x <- -x - lr*g", "its new x is"},
		{long + "let w = x - lr*u\nx <- tanh(w)", "its new x has the old x within the tanh of w; a step is"},
		{long + "x <- tanh(x - lr*u)", "its new x has the old x within the tanh of what is too long to show"},
		{long + "x <- g@g'@x - lr*u", "its new x has the old x within matmul, which computes with whole arrays"},
		{long + "x <- sign(x) - lr*u", "its new x has the old x within `sign(x)`"},
		{long + "x <- 2*x - lr*u", "its new x is not the old x once, less an update and a decay"},
		{long + "let n = sum(u)\nwhen n > 0 { x <- x - lr*u }", "its new x is one of two, chosen by the gt of n"},
		{"x <- sign(x) - lr*g", "its new x is"},
		{"state s = 1\ns <- 0.9*s + 0.1*g\nx <- x - lr*s", "mine.opt:4:1: error: rule mine is no genome: the state s begins at 1; a genome's states begin at 0"},
		{"state s = g\ns <- 0.9*s + 0.1*g\nx <- x - lr*s", "the state s"},
		{"state s = 0\ns <- 0.9*s*s + 0.1*g\nx <- x - lr*s", "mine.opt:4:1: error: rule mine is no genome: the state s is made of itself"},
		{"state s = 0\ns <- 2*s + g\nx <- x - lr*s", "the state s keeps 2 of itself, which is not between 0 and 1"},
		{"state s = 0\ns <- -0.5*s + g\nx <- x - lr*s", "the state s keeps -0.5 of itself"},
		{"state s = 0\ns <- sign(s) + g\nx <- x - lr*s", "the state s is made of itself"},
		{"state s = 0\nstate r = 0\nlet old = s\ns <- 0.5*s + 0.5*r\nr <- 0.5*r + 0.5*old*g\nx <- x - lr*s", "is made of itself"},
		{"state s as bf16 = 0\ns <- 0.9*s + 0.1*g\nx <- x - lr*s", "the state s is kept in another format than the parameter; leave `as bf16` out"},
		{"x <- x - lr*sqrt(ema(g; 0.9))", "is not known never to be negative, and its root is taken"},
		{"x <- x - lr*g/0", "divisor"},
		{"x <- x - lr*g/max(abs(g) per model)", "it reduces per model"},
		{"x <- x - lr*g/norm(g per model)", "it reduces per model"},
		{"x <- x - lr*(g - mean(g per row))", "mine.opt:3:18: error: rule mine is no genome: it reduces per row"},
		{"x <- x - lr*g*sum(g)", "there is no such reduction: `sum(g)`"},
		{"x <- x - lr*g/max(abs(g))", "there is no such reduction"},
		{"x <- x - lr*g/numel(x)", "no genome"},
		{"when rank(x) > 1 { x <- x - lr*g }", "its new x is"},
		{"x <- x - lr*g*rank(x)", "it reads `rank(x)`"},
		{"x <- x - lr*g*loss", "it reads the loss"},
		{"x <- x - lr*where(named(\"*.bias\"), g, 0)", "no genome"},
		{"given h\nx <- x - lr*h", "mine.opt:3:1: error: rule mine is no genome: it is given h"},
		{"x <- x - lr*(g + normal())", "it draws"},
		{"x <- x - lr*(g@g'@g)", "there is no operator for"},
		{"x <- x - lr*orthogonalize(g)", "there is no operator for `orthogonalize(g"},
		{"x <- x - lr*g*median(g)", "no genome"},
		{"probe h = grad at x + g\nx <- x - lr*h", "it asks the model again"},
		{"state s = 0\ns <- 0.5*s + 0.5*x\nx <- x - lr*g\neval s", "mine.opt:6:1: error: rule mine is no genome: the model is evaluated at a point other than x"},
		{"x <- x - lr*g/where(t % 10 == 0, 1, 2)", "it reads t"},
		{"x <- x - lr*inf*g", "one of its constants is inf"},
	} {
		rule, err := Of(load(t, "rule mine {\nhyper lr = 0.1 in (0, inf)\n"+c.body+"\n}\n"), "mine", compiler.Settings{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s\nnot %s", c.body, said(rule, err), c.want)
		}
	}
}

// TestFiles finds the rule of a file.
func TestFiles(t *testing.T) {
	two := "rule a { x <- x - g }\nrule b = adam(; eps = 1e-7)\n"
	for _, c := range []struct{ text, rule, want string }{
		{two, "a", "g; lr 1; decay 0"},
		{two, "b", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-7)); lr 0.001; decay 0"},
		{two, "signum", "sign(ema(g; 0.1)); lr 0.001; decay 0"},
		{two, "rms_nadam", "rmsnorm(div(add(avg(g; 0.05), g), sqrt(avg(square(g); 0.01)))); lr 0.00863; decay 0"}, // as it was found
		{two, "snr", "div(g, div(ema(square(g); 0.05), abs(ema(g; 0.02)))); lr 0.0926; decay 0"},
		{two, "", "f.opt:1:1: error: the file declares 2 rules: a, b; name the one to begin with"},
		{two, "c", "there is no rule c"},
		{"rule a { x <- x - g }\n", "", "g; lr 1; decay 0"},
		{"fn f(u) = u\n", "", "f.opt:1:1: error: the file declares 0 rules; name"},
		{"", "", "f.opt:1:1: error: the file declares 0 rules"},
		{"rule a = yogi(; eps = 1e-4)\n", "", "optc/std/adabelief.opt:39:3: error: rule a is no genome: the state m begins at `initial`"},
		{"import \"other.opt\"\nrule a { x <- x - g }\n", "", "cannot read other.opt"},
		{"rule a { x <- x - h }\n", "", "f.opt:1:19: error"},
		{"rule a { x <- ", "", "f.opt:1"},
		{strings.Repeat("x", 1<<21), "", "f.opt"},
		{"rule a = b\nrule b = a\n", "a", "f.opt"},
	} {
		rule, err := Text("f.opt", []byte(c.text), c.rule)
		if got := said(rule, err); err == nil && got != c.want || err != nil && !strings.Contains(got, c.want) {
			t.Errorf("%.60s: %s\nnot %s", c.text, got, c.want)
		}
		if _, ok := err.(lang.Diagnostics); err != nil && !ok {
			t.Errorf("%.60s: the error is a %T", c.text, err)
		}
	}
}

// TestRoundTrip reads what random genomes are printed as.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := genome.DefaultMutator()
	equal, prints, total := 0, 0, 240
	for i := range total {
		if m.Leaves = []genome.Op{genome.G}; i%4 == 0 {
			m.Leaves = append(m.Leaves, genome.X)
		}
		g, err := genome.Start(genome.Starts[i%len(genome.Starts)].Name)
		if err != nil {
			t.Fatal(err)
		}
		for range r.IntN(50) {
			g = m.Mutate(g, r)
		}
		if i%3 == 0 && !g.Canonical().Scalars()[g.Canonical().Root] {
			g = g.Canonical()
		}
		lr, decay := r.Float64(), float64(r.IntN(2))*r.Float64()
		text, err := g.Rule("found", g.String(), lr, decay)
		if err != nil {
			t.Fatal(err)
		}
		rule, err := Text("found.opt", []byte(text), "")
		if err != nil {
			t.Fatalf("%s\n%s\n%v", g, text, err)
		}
		if rule.Name != "found" || rule.LR != (Hyper{"lr", lr}) || rule.Decay != (Hyper{"decay", decay}) {
			t.Fatalf("%s\n%v, %v", text, rule.LR, rule.Decay)
		}
		if rule.Genome.States() > g.States() {
			t.Errorf("%s has more states as %s", g, rule.Genome)
		}
		if rule.Genome.Canonical().Key() == g.Canonical().Key() {
			equal++
		} else if samePrint(t, g, rule.Genome) {
			prints++
		} else if worst := apart(t, g, rule.Genome); worst > 1e-4 {
			t.Fatalf("%s\n%s\n%s: they are %v apart", g, text, rule.Genome, worst)
		}
	}
	t.Logf("of %d genomes %d have the same form, %d more the same fingerprint; the others differ by rounding", total, equal, prints)
	if equal < total*85/100 {
		t.Errorf("only %d of %d have the same form", equal, total)
	}
}

// samePrint reports whether two genomes have the same fingerprint, which rounding may prevent.
func samePrint(t *testing.T, a, b genome.Genome) bool {
	t.Helper()
	var taker seen.Taker
	p, errA := taker.Take(a)
	q, errB := taker.Take(b)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	return p.Digest == q.Digest
}

// apart is how far two genomes move apart in some steps, relative to their steps.
func apart(t *testing.T, a, b genome.Genome) float64 {
	t.Helper()
	const n = 40
	var machines []*vm.Machine
	for _, g := range []genome.Genome{a, b} {
		p, err := vm.Compile(g)
		if err != nil {
			t.Fatal(err)
		}
		machines = append(machines, p.New([]int{n}))
	}
	r := rand.New(rand.NewPCG(7, 8))
	worst := 0.0
	for range 6 {
		x, g := make([]float32, n), make([]float32, n)
		for i := range g {
			x[i], g[i] = float32(r.NormFloat64()), float32(math.Copysign(0.3+r.Float64(), r.NormFloat64()))
		}
		u, v := make([]float32, n), make([]float32, n)
		machines[0].Update([][]float32{u}, [][]float32{x}, [][]float32{g})
		machines[1].Update([][]float32{v}, [][]float32{x}, [][]float32{g})
		for i := range u {
			if d := math.Abs(float64(u[i]-v[i])) / (1 + math.Abs(float64(u[i]))); d > worst {
				worst = d
			}
		}
	}
	return worst
}

// TestHostile spoils rule files at random, and hands in what is no rule file at all: whatever happens is an error or a genome.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var sources []string
	for _, c := range hand {
		sources = append(sources, "rule mine {\nhyper lr = 0.1 in (0, inf)\n"+c.body+"\n}\n")
	}
	kinds := []*regexp.Regexp{regexp.MustCompile(`[a-z_]+\b`), regexp.MustCompile(`\b[0-9.]+(e-?[0-9]+)?`), regexp.MustCompile(`==|<=|>|[-+*/^]`), regexp.MustCompile(`[^ ]`)}
	var words [][]string
	for _, kind := range kinds {
		words = append(words, kind.FindAllString(strings.Join(sources, ""), -1))
	}
	words[3] = append(words[3], "\x00", "\xff", " per tensor", "@", "'", " as q8", "\n")
	accepted := 0
	for range 150 {
		text := sources[r.IntN(len(sources))]
		for range 1 + r.IntN(3) {
			kind := []int{0, 0, 1, 1, 2, 2, 3}[r.IntN(7)]
			if at := kinds[kind].FindAllStringIndex(text, -1); len(at) > 0 {
				place := at[r.IntN(len(at))]
				text = text[:place[0]] + words[kind][r.IntN(len(words[kind]))] + text[place[1]:]
			}
		}
		rule, err := Text("mine.opt", []byte(text), "")
		if err != nil {
			continue
		}
		accepted++
		if err := rule.Genome.Check(); err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
	}
	t.Logf("%d were rules still", accepted)
	for range 60 {
		garbage := make([]byte, r.IntN(300))
		for i := range garbage {
			garbage[i] = byte(r.IntN(256))
		}
		if _, err := Text("mine.opt", garbage, "mine"); err == nil {
			t.Fatalf("%q is a rule", garbage)
		}
	}
}

// TestLarge reads rules that grow beyond what a genome holds in little time.
func TestLarge(t *testing.T) {
	double := "let a = g\n" + strings.Repeat("a <- a*a + x\n", 3000) + "x <- x - lr*a"
	sums := "let a = x\n" + strings.Repeat("a <- a + a\n", 3000) + "x <- x - lr*a"
	flips := "let b = g*x\n" + strings.Repeat("b <- b*tanh(b)\n", 40) + "x <- x - lr*b/(1 - 0.9^t)"
	rates := "let a = sign(lr*g)\n" + strings.Repeat("a <- a*(a*1.5)\n", 40) + "x <- x - lr*a"
	masks := "let a = g > 0\n" + strings.Repeat("a <- a and not a\n", 40) + "x <- x - lr*where(a, g, x)"
	chain := "let a = x\n" + strings.Repeat("a <- a - lr*g\n", 3000) + "x <- a"
	times := "let a = t\n" + strings.Repeat("a <- a*0 + t\n", 3000) + "x <- x - lr*a*g"
	states := ""
	for i := range 500 {
		states += fmt.Sprintf("state s%d = 0\ns%d <- 0.9*s%d + 0.1*%s\n", i, i, i, []string{"g", fmt.Sprintf("s%d", i-1)}[min(i, 1)])
	}
	for _, body := range []string{double, sums, flips, rates, masks, chain, times, states + "x <- x - lr*s499", "let a = g\nrepeat 9000 { a <- sin(a) }\nx <- x - lr*a"} {
		rule, err := Text("mine.opt", []byte("rule mine {\nhyper lr = 0.1 in (0, inf)\n"+body+"\n}\n"), "")
		if err == nil {
			t.Errorf("%.60s is %s", body, rule.Genome.Encode())
		} else if text := err.Error(); len(text) > 3000 {
			t.Errorf("%.60s: an error of %d bytes", body, len(text))
		} else {
			t.Logf("%.40q: %.200s", body, text)
		}
	}
}

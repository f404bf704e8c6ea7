package interp_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/runtime/elem"
)

const rules = `
fn lerp(a, b, w) = a + w*(b - a)
fn ema(u; beta) {
  state s = 0
  s <- lerp(u, s, beta)
  return s
}
fn debiased(u; beta) = ema(u; beta)/(1 - beta^t)
rule sgd {
  hyper lr = 0.01 in (0, inf); hyper momentum = 0.9 in [0, 1); hyper weight_decay = 0.1 in [0, inf)
  state m = 0
  g <- g + weight_decay*x
  m <- where(t == 1, g, momentum*m + g)
  x <- x - lr*m
}
rule adam {
  hyper lr = 1e-3 in (0, inf); hyper beta1 = 0.9 in [0, 1); hyper beta2 = 0.999 in [0, 1); hyper eps = 1e-8 in (0, inf)
  x <- x - lr*(debiased(g; beta1)/(sqrt(debiased(g^2; beta2)) + eps))
}
rule lion {
  hyper lr = 1e-4 in (0, inf); hyper beta1 = 0.9 in [0, 1); hyper beta2 = 0.99 in [0, 1)
  state m = 0
  let u = sign(lerp(g, m, beta1))
  x <- x - lr*u
  m <- lerp(g, m, beta2)
}
rule lamb {
  hyper lr = 1e-3 in (0, inf); hyper beta1 = 0.9 in [0, 1); hyper beta2 = 0.999 in [0, 1); hyper eps = 1e-6 in (0, inf); hyper weight_decay = 0.01 in [0, inf)
  let u = debiased(g; beta1)/(sqrt(debiased(g^2; beta2)) + eps) + weight_decay*x
  let nx = norm(x)
  let nu = norm(u)
  x <- x - lr*where(nx > 0 and nu > 0, nx/nu, 1)*u
}
rule memory {
  state old = 3
  let before = old
  old <- x
  x <- x + g + before
}
rule swap {
  state a = 1
  state b = 2
  let c = a
  a <- b
  b <- c
  x <- x + a
}
rule extents {
  state total per model = 0
  state per_group per group = 0
  state per_tensor = 0
  total <- total + sum(g per model)
  per_group <- max(g per group)
  per_tensor <- numel(x) + 10*rows(x) + 100*cols(x) + 1000*rank(x) + mean(1 + 0*rank(x) per model)
  x <- x*total
  eval x + t
}
`

func machine[T elem.Float](t *testing.T, rule string, tensors []interp.Tensor, groups int) *interp.Machine[T] {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(rules)}}, "r.opt", fstest.MapFS{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, diags := check.Rule(u, rule, check.Settings{})
	if p == nil {
		t.Fatal(diags)
	}
	p, err := pass.Run(p, pass.Program[:1], nil)
	if err != nil {
		t.Fatal(err)
	}
	return interp.New[T](p, tensors, groups)
}

func lerp[T elem.Float](a, b, w T) T { return a + T(w*(b-a)) }

func root[T elem.Float](x T) T { return T(math.Sqrt(float64(x))) }

// step is one step of a rule as a person would write its loop, in the order of the formula. s are the states.
type step[T elem.Float] func(t int, x, g []T, s [][]T)

func sgd[T elem.Float](t int, x, g []T, s [][]T) {
	lr, mu, decay := T(0.01), T(0.9), T(0.1)
	for i := range x {
		d := g[i] + T(decay*x[i])
		if t == 1 {
			s[0][i] = d
		} else {
			s[0][i] = T(mu*s[0][i]) + d
		}
		x[i] -= T(lr * s[0][i])
	}
}

// adamDirection updates both moments; step values are float64 and rounded once.
func adamDirection[T elem.Float](t, i int, g T, s [][]T, eps T) T {
	c1, c2 := T(1-elem.Pow(0.9, float64(t))), T(1-elem.Pow(0.999, float64(t)))
	s[0][i] = lerp(g, s[0][i], T(0.9))
	s[1][i] = lerp(T(g*g), s[1][i], T(0.999))
	return s[0][i] / c1 / (root(s[1][i]/c2) + eps)
}

func adam[T elem.Float](t int, x, g []T, s [][]T) {
	for i := range x {
		x[i] -= T(T(1e-3) * adamDirection(t, i, g[i], s, T(1e-8)))
	}
}

func lion[T elem.Float](_ int, x, g []T, s [][]T) {
	for i := range x {
		u := lerp(g[i], s[0][i], T(0.9))
		if u > 0 {
			u = 1
		} else if u < 0 {
			u = -1
		}
		x[i] -= T(T(1e-4) * u)
		s[0][i] = lerp(g[i], s[0][i], T(0.99))
	}
}

func lamb[T elem.Float](t int, x, g []T, s [][]T) {
	u, xx, uu := make([]T, len(x)), make([]T, len(x)), make([]T, len(x))
	for i := range x {
		u[i] = adamDirection(t, i, g[i], s, T(1e-6)) + T(T(0.01)*x[i])
		xx[i], uu[i] = T(x[i]*x[i]), T(u[i]*u[i])
	}
	nx, nu := math.Sqrt(elem.Reduce(elem.ReduceSum, xx)), math.Sqrt(elem.Reduce(elem.ReduceSum, uu))
	ratio := 1.0
	if nx > 0 && nu > 0 {
		ratio = nx / nu
	}
	for i := range x {
		x[i] -= T(T(float64(1e-3*ratio)) * u[i])
	}
}

// follow compares the interpreter with a loop over several steps and tensors, bit by bit.
func follow[T elem.Float](t *testing.T, rule string, states int, loop step[T]) {
	tensors := []interp.Tensor{{Shape: []int{7}}, {Shape: []int{40, 33}}, {}, {Shape: []int{0}}}
	m := machine[T](t, rule, tensors, 1)
	r := rand.New(rand.NewPCG(21, 1))
	x, s := make([][]T, len(tensors)), make([][][]T, len(tensors))
	for i := range tensors {
		randrule.Fill(r, m.Params[i], 0)
		x[i] = append([]T(nil), m.Params[i]...)
		for range states {
			s[i] = append(s[i], make([]T, len(x[i])))
		}
	}
	for n := 1; n <= 8; n++ {
		g := make([][]T, len(tensors))
		for i := range g {
			g[i] = make([]T, len(x[i]))
			randrule.Fill(r, g[i], []int{0, 50}[n%2])
			loop(n, x[i], g[i], s[i])
		}
		m.Step(g, 0)
		for i := range x {
			for j := range x[i] {
				if a, b := m.Params[i][j], x[i][j]; a != b && (a == a || b == b) {
					t.Fatalf("%s, step %d, x[%d][%d]: %v, the loop says %v", rule, n, i, j, a, b)
				}
			}
		}
	}
}

func TestHandWrittenLoops(t *testing.T) {
	follow(t, "sgd", 1, sgd[float32])
	follow(t, "sgd", 1, sgd[float64])
	follow(t, "adam", 2, adam[float32])
	follow(t, "adam", 2, adam[float64])
	follow(t, "lion", 1, lion[float32])
	follow(t, "lion", 1, lion[float64])
	follow(t, "lamb", 2, lamb[float32])
	follow(t, "lamb", 2, lamb[float64])
}

func TestStateTakesOldX(t *testing.T) {
	m := machine[float64](t, "memory", []interp.Tensor{{Shape: []int{1}}}, 1)
	want := []float64{13, 23, 46}
	for i, w := range want {
		m.Step([][]float64{{10}}, 0)
		if m.Params[0][0] != w {
			t.Errorf("step %d: x = %v, want %v", i+1, m.Params[0][0], w)
		}
	}
	if _, old := m.State(0); old[0][0] != 23 {
		t.Errorf("old = %v, want 23", old[0][0])
	}
}

func TestStatesSwap(t *testing.T) {
	m := machine[float64](t, "swap", []interp.Tensor{{Shape: []int{1}}}, 1)
	for range 3 {
		m.Step([][]float64{{0}}, 0)
	}
	a, _ := m.State(0)
	b, _ := m.State(1)
	if a[0] != 2 || b[0] != 1 || m.Params[0][0] != 2+1+2 {
		t.Errorf("a %v, b %v, x %v", a, b, m.Params)
	}
}

func TestExtents(t *testing.T) {
	tensors := []interp.Tensor{{Shape: []int{2, 3}, Group: 1}, {Shape: []int{2}}, {Shape: []int{2, 2, 5}, Group: 1}, {}}
	m := machine[float32](t, "extents", tensors, 2)
	g := [][]float32{{1, 2, 3, 4, 5, 6}, {7, -8}, make([]float32, 20), {9}}
	if e := m.EvalParams(); &e[0][0] != &m.Params[0][0] {
		t.Error("before the first step the model is evaluated at x")
	}
	m.Params[1][0] = 2
	m.Step(g, 0)
	if total, _ := m.State(0); len(total) != 1 || total[0] != 29 {
		t.Errorf("total %v", total)
	}
	if group, _ := m.State(1); len(group) != 2 || group[0] != 9 || group[1] != 6 {
		t.Errorf("max per group %v", group)
	}
	want := []float64{6 + 20 + 300 + 2000 + 1, 2 + 10 + 200 + 1000 + 1, 20 + 20 + 1000 + 3000 + 1, 1 + 10 + 100 + 0 + 1}
	shapes, _ := m.State(2)
	for i := range want {
		if shapes[i] != want[i] {
			t.Errorf("tensor %d: %v, want %v", i, shapes[i], want[i])
		}
	}
	if m.Params[1][0] != 58 || m.EvalParams()[1][0] != 59 {
		t.Errorf("x %v, evaluated at %v", m.Params[1], m.EvalParams()[1])
	}
}

// TestGroups holds that each group has its own hyperparameters.
func TestGroups(t *testing.T) {
	m := machine[float64](t, "lion", []interp.Tensor{{Shape: []int{1}}, {Shape: []int{1}, Group: 1}}, 2)
	m.Hypers[1] = append([]float64(nil), m.Hypers[1]...)
	m.Hypers[1][0] = 0.5
	m.Step([][]float64{{1}, {1}}, 0)
	if m.Params[0][0] != -1e-4 || m.Params[1][0] != -0.5 {
		t.Errorf("%v", m.Params)
	}
}

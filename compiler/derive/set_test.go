package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// onTensors runs a program on several tensors and returns the new x of each.
func onTensors(t testing.TB, p *ir.Program, tensors []interp.Tensor, groups int, hypers []float64, x [][]float64) [][]float64 {
	t.Helper()
	m := interp.New[float64](p, tensors, groups)
	zeros := make([][]float64, len(x))
	for i := range x {
		copy(m.Params[i], x[i])
		zeros[i] = make([]float64, len(x[i]))
	}
	for g := range groups {
		copy(m.Hypers[g], hypers)
	}
	if err := m.Step(zeros, 0); err != nil {
		t.Fatal(err)
	}
	return m.Params
}

// member is a set of the table, or a penalty, by what defines it: how far u is outside, and the value of a penalty.
type member struct {
	name, params string
	outside      func(u []float64, h []float64) float64
	penalty      func(u []float64, h []float64) float64 // of what has a prox
	random       func(r *rand.Rand, n int, h []float64) []float64
	convex       bool
}

func total(u []float64) (sum float64) {
	for _, x := range u {
		sum += x
	}
	return sum
}

func absolutes(u []float64) []float64 {
	out := make([]float64, len(u))
	for i, x := range u {
		out[i] = math.Abs(x)
	}
	return out
}

func length(u []float64) float64 { return math.Sqrt(inner2(u, u)) }

func inner2(u, v []float64) (sum float64) {
	for i := range u {
		sum += u[i] * v[i]
	}
	return sum
}

func scaled(u []float64, by float64) []float64 {
	out := make([]float64, len(u))
	for i := range u {
		out[i] = u[i] * by
	}
	return out
}

func gaussian(r *rand.Rand, n int) []float64 {
	u := make([]float64, n)
	for i := range u {
		u[i] = r.NormFloat64()
	}
	return u
}

// onSimplex draws a member of the simplex, a corner among them.
func onSimplex(r *rand.Rand, n int, sum float64) []float64 {
	u := make([]float64, n)
	if r.IntN(3) == 0 {
		u[r.IntN(n)] = sum
		return u
	}
	for i := range u {
		u[i] = r.ExpFloat64() * truth(r.IntN(3) > 0)
	}
	if s := total(u); s > 0 {
		return scaled(u, sum/s)
	}
	u[0] = sum
	return u
}

func signed(r *rand.Rand, u []float64) []float64 {
	for i := range u {
		u[i] *= float64(2*r.IntN(2) - 1)
	}
	return u
}

var members = []member{
	{name: "box", params: "lo, hi", convex: true, outside: func(u, h []float64) float64 {
		return max(h[0]-slices.Min(u), slices.Max(u)-h[1])
	}, random: func(r *rand.Rand, n int, h []float64) []float64 {
		u := make([]float64, n)
		for i := range u {
			u[i] = h[0] + (h[1]-h[0])*[]float64{0, 1, r.Float64()}[r.IntN(3)]
		}
		return u
	}},
	{name: "nonneg", convex: true, outside: func(u, _ []float64) float64 { return -slices.Min(u) },
		random: func(r *rand.Rand, n int, _ []float64) []float64 { return absolutes(gaussian(r, n)) }},
	{name: "simplex", params: "radius", convex: true, outside: func(u, h []float64) float64 {
		return max(-slices.Min(u), math.Abs(total(u)-h[0]))
	}, random: func(r *rand.Rand, n int, h []float64) []float64 { return onSimplex(r, n, h[0]) }},
	{name: "l1ball", params: "radius", convex: true, outside: func(u, h []float64) float64 { return total(absolutes(u)) - h[0] },
		random: func(r *rand.Rand, n int, h []float64) []float64 { return signed(r, onSimplex(r, n, h[0])) }},
	{name: "l2ball", params: "radius", convex: true, outside: func(u, h []float64) float64 { return length(u) - h[0] },
		random: func(r *rand.Rand, n int, h []float64) []float64 {
			u := gaussian(r, n)
			return scaled(u, h[0]*[]float64{1, r.Float64()}[r.IntN(2)]/length(u))
		}},
	{name: "linfball", params: "radius", convex: true, outside: func(u, h []float64) float64 { return slices.Max(absolutes(u)) - h[0] },
		random: func(r *rand.Rand, n int, h []float64) []float64 {
			u := make([]float64, n)
			for i := range u {
				u[i] = h[0] * []float64{-1, 1, 2*r.Float64() - 1}[r.IntN(3)]
			}
			return u
		}},
	{name: "topk", params: "k", outside: func(u, h []float64) float64 {
		n := 0.0
		for _, x := range u {
			n += truth(x != 0)
		}
		return n - h[0]
	}, random: func(r *rand.Rand, n int, h []float64) []float64 {
		u := make([]float64, n)
		for range min(n, int(h[0])) {
			u[r.IntN(n)] = 3 * r.NormFloat64()
		}
		return u
	}},
	{name: "sphere", params: "radius", outside: func(u, h []float64) float64 { return math.Abs(length(u) - h[0]) },
		random: func(r *rand.Rand, n int, h []float64) []float64 {
			u := gaussian(r, n)
			return scaled(u, h[0]/length(u))
		}},
	{name: "group_l2", params: "lambda", convex: true, penalty: func(u, h []float64) float64 { return h[0] * length(u) }},
	{name: "linf", params: "lambda", convex: true, penalty: func(u, h []float64) float64 { return h[0] * slices.Max(absolutes(u)) }},
}

// partsOf are the values that an operator `per` an extent takes together: of several tensors, by their indices.
func partsOf(per string, tensors []interp.Tensor) (parts [][][2]int) {
	group := map[[2]int]int{}
	for i, t := range tensors {
		rows, cols := int(interp.Shape("rows", t.Shape)), int(interp.Shape("cols", t.Shape))
		for j := range rows * cols {
			key := [2]int{i, 0}
			switch per {
			case "row":
				key[1] = j / cols
			case "col":
				key[1] = j % cols
			case "group":
				key = [2]int{-1 - t.Group, 0}
			case "model":
				key = [2]int{-1, 0}
			}
			at, ok := group[key]
			if !ok {
				at = len(parts)
				group[key] = at
				parts = append(parts, nil)
			}
			parts[at] = append(parts[at], [2]int{i, j})
		}
	}
	return parts
}

func pick(x [][]float64, part [][2]int) []float64 {
	out := make([]float64, len(part))
	for i, at := range part {
		out[i] = x[at[0]][at[1]]
	}
	return out
}

// worlds are tensors of many shapes, with values that are random, tied, zero or alike.
func worlds(r *rand.Rand) (tensors []interp.Tensor, x [][]float64) {
	shapes := [][]int{{1}, {7}, {4, 5}, {1, 6}, {5, 1}, {2, 3, 2}, {}, {1, 1}}
	for range 1 + r.IntN(3) {
		tensor := interp.Tensor{Shape: shapes[r.IntN(len(shapes))], Group: r.IntN(2)}
		n := 1
		for _, d := range tensor.Shape {
			n *= d
		}
		u := make([]float64, n)
		kind := r.IntN(5)
		for i := range u {
			switch kind {
			case 0:
				u[i] = 3 * r.NormFloat64()
			case 1:
				u[i] = float64(r.IntN(5) - 2)
			case 2:
				u[i] = 0
			case 3:
				u[i] = 1.5
			default:
				u[i] = r.NormFloat64() * math.Exp(4*r.NormFloat64())
			}
		}
		tensors, x = append(tensors, tensor), append(x, u)
	}
	return tensors, x
}

// setHypers draws the parameters of a set, zero among them.
func setHypers(r *rand.Rand, params string) []float64 {
	var h []float64
	for _, p := range strings.Split(params, ", ") {
		switch p {
		case "":
		case "k":
			h = append(h, float64(r.IntN(5)))
		case "lo":
			h = append(h, 2*r.NormFloat64())
		case "hi":
			h = append(h, h[0]+math.Abs(r.NormFloat64())*truth(r.IntN(4) > 0))
		default:
			h = append(h, 2*r.Float64()*truth(r.IntN(6) > 0))
		}
	}
	return h
}

// TestProjectAndLMO holds what they give to what defines them: it is in the set, and of the members drawn at random, and of
// those right beside it, none is nearer or has a lesser inner product. For a convex set that is (v - p)·(s - p) <= 0 for
// every member s (Kinderlehrer and Stampacchia), which no other point has.
func TestProjectAndLMO(t *testing.T) {
	rounds := 40
	if *full {
		rounds = 600
	}
	for _, s := range members {
		if s.penalty != nil {
			continue
		}
		set, _ := op.LookupSet(s.name)
		for _, what := range []string{"project", "lmo"} {
			if what == "lmo" && set.LMO == "" {
				continue
			}
			for _, per := range []string{"", "row", "col", "group", "model"} {
				p := setRule(t, s, what, per, "")
				r := rand.New(rand.NewPCG(uint64(len(s.name)), uint64(len(per))))
				for range rounds {
					h := setHypers(r, s.params)
					tensors, x := worlds(r)
					got := onTensors(t, p, tensors, 2, inOrder(p, s.params, h), x)
					for _, part := range partsOf(per, tensors) {
						v, u := pick(x, part), pick(got, part)
						if what == "lmo" {
							holdLeast(t, r, s, per, h, v, u)
						} else {
							holdNearest(t, r, s, per, h, v, u)
						}
						if t.Failed() {
							return
						}
					}
				}
			}
		}
	}
}

// setRule is the rule that applies what to x, of a set with its parameters as hyperparameters.
func setRule(t *testing.T, s member, what, per, after string) *ir.Program {
	t.Helper()
	text, call := "rule r {\n", s.name
	if s.params != "" {
		var args []string
		for _, p := range strings.Split(s.params, ", ") {
			text += "  hyper " + p + " = 1 in (-inf, inf)\n"
			if per == "model" { // of all groups alike
				p = "max(" + p + " per model)"
			}
			args = append(args, p)
		}
		call += "(; " + strings.Join(args, ", ") + ")"
	}
	if after != "" {
		text += "  hyper step = 1 in [0, inf)\n"
		if per == "model" {
			after = "; step = max(step per model)"
		}
	}
	if per != "" {
		per = " per " + per
	}
	return checked(t, fmt.Sprintf("%s  x <- %s(%s, x%s%s)\n}\n", text, what, call, per, after))
}

func holdNearest(t *testing.T, r *rand.Rand, s member, per string, h, v, u []float64) {
	t.Helper()
	size := 1 + length(v) + length(u)
	if !(s.outside(u, h) <= 1e-12*size) {
		t.Errorf("project(%s%v, %v per %s) = %v is outside by %v", s.name, h, v, per, u, s.outside(u, h))
		return
	}
	for range 60 {
		m := s.random(r, len(v), h)
		away, to := make([]float64, len(v)), make([]float64, len(v))
		for i := range v {
			away[i], to[i] = v[i]-u[i], m[i]-u[i]
		}
		bad := s.convex && inner2(away, to) > 1e-11*size*size
		for i := range v {
			to[i] = v[i] - m[i]
		}
		if bad || length(away) > length(to)+1e-12*size {
			t.Errorf("project(%s%v, %v per %s) = %v, and %v is nearer", s.name, h, v, per, u, m)
			return
		}
	}
}

func holdLeast(t *testing.T, r *rand.Rand, s member, per string, h, v, u []float64) {
	t.Helper()
	size := 1 + length(v)*(1+length(u))
	if !(s.outside(u, h) <= 1e-12*(1+length(u))) {
		t.Errorf("lmo(%s%v, %v per %s) = %v is outside by %v", s.name, h, v, per, u, s.outside(u, h))
		return
	}
	for range 60 {
		if m := s.random(r, len(v), h); inner2(v, m) < inner2(v, u)-1e-12*size {
			t.Errorf("lmo(%s%v, %v per %s) = %v, and %v is less", s.name, h, v, per, u, m)
			return
		}
	}
}

// TestProjectByBisection compares the projections whose formula sorts with a search for the multiplier.
func TestProjectByBisection(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 3))
	simplex := checked(t, "rule r { hyper radius = 1 in [0, inf)\n x <- project(simplex(; radius), x) }")
	ball := checked(t, "rule r { hyper radius = 1 in [0, inf)\n x <- project(l1ball(; radius), x) }")
	for range 300 {
		n := 1 + r.IntN(40)
		v := gaussian(r, n)
		if r.IntN(3) == 0 {
			for i := range v {
				v[i] = math.Round(2 * v[i])
			}
		}
		radius := 3 * r.Float64()
		shrunk := func(u []float64, by float64) []float64 {
			out := make([]float64, n)
			for i := range u {
				out[i] = max(u[i]-by, 0)
			}
			return out
		}
		multiplier := func(u []float64, lo float64) float64 {
			hi := slices.Max(u)
			for range 200 {
				if m := (lo + hi) / 2; total(shrunk(u, m)) > radius {
					lo = m
				} else {
					hi = m
				}
			}
			return (lo + hi) / 2
		}
		want := shrunk(v, multiplier(v, slices.Min(v)-radius-1))
		got := onVector(simplex, []float64{radius}, v)
		wantBall, gotBall := slices.Clone(v), onVector(ball, []float64{radius}, v)
		if u := absolutes(v); total(u) > radius {
			wantBall = shrunk(u, multiplier(u, 0))
			for i := range v {
				wantBall[i] = math.Copysign(wantBall[i], v[i])
			}
		}
		for i := range v {
			if !(math.Abs(got[i]-want[i]) <= 1e-12 && math.Abs(gotBall[i]-wantBall[i]) <= 1e-12) {
				t.Fatalf("v = %v, r = %v: value %d is %v and %v, bisection says %v and %v", v, radius, i, got[i], gotBall[i], want[i], wantBall[i])
			}
		}
	}
}

// TestProxOfTablePenalties holds the operators of penalties that are not separable to the descent of their cost in random
// directions, to the conjugate identity v = prox(v) + projection on the dual ball (Moreau), and at their corners.
func TestProxOfTablePenalties(t *testing.T) {
	for _, s := range members {
		if s.penalty == nil {
			continue
		}
		dual := map[string]string{"group_l2": "l2ball", "linf": "l1ball"}[s.name]
		for _, per := range []string{"", "row", "col", "group", "model"} {
			p := setRule(t, s, "prox", per, "; step = step")
			ballOf := setRule(t, member{name: dual, params: "radius"}, "project", per, "")
			r := rand.New(rand.NewPCG(3, uint64(len(per))))
			for range 60 {
				h := append(setHypers(r, s.params), math.Exp(2*r.NormFloat64()))
				tensors, x := worlds(r)
				got := onTensors(t, p, tensors, 2, inOrder(p, s.params, h), x)
				rest := onTensors(t, ballOf, tensors, 2, []float64{h[0] * h[1]}, x)
				for _, part := range partsOf(per, tensors) {
					v, u, q := pick(x, part), pick(got, part), pick(rest, part)
					cost := func(u []float64) float64 {
						sum := h[1] * s.penalty(u, h)
						for i := range u {
							sum += (u[i] - v[i]) * (u[i] - v[i]) / 2
						}
						return sum
					}
					for i := range v {
						if !(math.Abs(u[i]+q[i]-v[i]) <= 1e-12*(1+length(v))) {
							t.Fatalf("prox(%s%v, %v per %s) = %v, and the projection on the dual ball is %v", s.name, h, v, per, u, q)
						}
					}
					for range 40 {
						to := gaussian(r, len(v))
						scale := math.Exp(-8 * r.Float64())
						for i := range to {
							to[i] = u[i] + scale*to[i]*truth(r.IntN(2) == 0)
						}
						if !(cost(u) <= cost(to)+1e-12*(1+cost(u)+length(v)*length(v))) {
							t.Fatalf("prox(%s%v, %v per %s) = %v costs %v, %v costs %v", s.name, h, v, per, u, cost(u), to, cost(to))
						}
					}
				}
			}
		}
	}
}

// TestMatrixSets holds the operators of whole matrices to their equations: the polar factor has orthonormal rows or columns
// and the greatest inner product with v; the shrunk matrix u has v - u = step*lambda times a subgradient of the nuclear norm.
func TestMatrixSets(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 5))
	project := checked(t, "rule r { x <- project(orthogonal, x) }")
	least := checked(t, "rule r { x <- lmo(orthogonal, x) }")
	nuclear := checked(t, "rule r { hyper lambda = 1 in [0, inf)\n x <- prox(nuclear(; lambda), x; step = 0.5) }")
	for range 60 {
		rows, cols := 1+r.IntN(6), 1+r.IntN(6)
		tensors := []interp.Tensor{{Shape: []int{rows, cols}}}
		v := gaussian(r, rows*cols)
		u := onTensors(t, project, tensors, 1, nil, [][]float64{v})[0]
		minus := onTensors(t, least, tensors, 1, nil, [][]float64{v})[0]
		for i := range u {
			if math.Abs(u[i]+minus[i]) > 1e-12 {
				t.Fatalf("lmo is %v, the polar factor %v", minus, u)
			}
		}
		if gap := orthonormalGap(u, rows, cols); !(gap <= 1e-10) {
			t.Fatalf("%d×%d: the polar factor of %v is %v, %v from orthonormal", rows, cols, v, u, gap)
		}
		for range 20 {
			if m := orthonormal(r, rows, cols); inner2(m, v) > inner2(u, v)+1e-9 {
				t.Fatalf("%d×%d: %v is nearer to %v than %v", rows, cols, m, v, u)
			}
		}
		lambda := 4 * r.Float64() * truth(r.IntN(5) > 0)
		shrunk := onTensors(t, nuclear, tensors, 1, []float64{lambda}, [][]float64{v})[0]
		rest := make([]float64, len(v))
		for i := range v {
			rest[i] = v[i] - shrunk[i]
		}
		// A subgradient has spectral norm at most step*lambda, and <rest, u> = step*lambda*nuclear(u), of which the polar
		// factor's inner product with u is the nuclear norm.
		if s := spectral(r, rest, rows, cols); !(s <= 0.5*lambda*(1+1e-9)+1e-9) {
			t.Fatalf("v - prox has spectral norm %v, more than step*lambda = %v", s, 0.5*lambda)
		}
		norm := 0.0
		if length(shrunk) > 0 {
			norm = nuclearNorm(shrunk, rows, cols)
		}
		if gap := math.Abs(inner2(rest, shrunk) - 0.5*lambda*norm); !(gap <= 1e-8*(1+norm)) {
			t.Fatalf("<v - u, u> is %v from step*lambda*nuclear(u): u = %v, v = %v", gap, shrunk, v)
		}
	}
	for _, shape := range [][]int{{3, 4}, {1, 1}} {
		zero := make([]float64, shape[0]*shape[1])
		got := onTensors(t, nuclear, []interp.Tensor{{Shape: shape}}, 1, []float64{1}, [][]float64{zero})[0]
		if length(got) != 0 {
			t.Errorf("prox of nuclear at zero is %v", got)
		}
	}
}

// gram is u'u or uu', whichever is smaller.
func gram(u []float64, rows, cols int) (g []float64, n int) {
	n = min(rows, cols)
	g = make([]float64, n*n)
	for i := range n {
		for j := range n {
			for k := range max(rows, cols) {
				if rows <= cols {
					g[i*n+j] += u[i*cols+k] * u[j*cols+k]
				} else {
					g[i*n+j] += u[k*cols+i] * u[k*cols+j]
				}
			}
		}
	}
	return g, n
}

func orthonormalGap(u []float64, rows, cols int) (gap float64) {
	g, n := gram(u, rows, cols)
	for i := range g {
		gap = max(gap, math.Abs(g[i]-truth(i%(n+1) == 0)))
	}
	return gap
}

// orthonormal draws a matrix by Gram and Schmidt.
func orthonormal(r *rand.Rand, rows, cols int) []float64 {
	n, k := max(rows, cols), min(rows, cols)
	var basis [][]float64
	for len(basis) < k {
		v := gaussian(r, n)
		for range 2 {
			for _, b := range basis {
				c := inner2(v, b)
				for i := range v {
					v[i] -= c * b[i]
				}
			}
		}
		basis = append(basis, scaled(v, 1/length(v)))
	}
	u := make([]float64, rows*cols)
	for i := range k {
		for j := range n {
			if rows <= cols {
				u[i*cols+j] = basis[i][j]
			} else {
				u[j*cols+i] = basis[i][j]
			}
		}
	}
	return u
}

// spectral is the greatest singular value, by the power method from several vectors.
func spectral(r *rand.Rand, u []float64, rows, cols int) float64 {
	g, n := gram(u, rows, cols)
	best := 0.0
	for range 3 {
		v := gaussian(r, n)
		for range 300 {
			w := make([]float64, n)
			for i := range n {
				w[i] = inner2(g[i*n:(i+1)*n], v)
			}
			l := length(w)
			if l == 0 {
				return best
			}
			best, v = max(best, math.Sqrt(l/length(v))), scaled(w, 1/l)
		}
	}
	return best
}

// nuclearNorm is the sum of the singular values: the square roots of the eigenvalues of the Gram matrix, by Jacobi's rotations.
func nuclearNorm(u []float64, rows, cols int) (sum float64) {
	g, n := gram(u, rows, cols)
	for range 60 {
		for p := range n {
			for q := range p {
				if g[p*n+q] == 0 {
					continue
				}
				theta := (g[q*n+q] - g[p*n+p]) / (2 * g[p*n+q])
				tan := math.Copysign(1, theta) / (math.Abs(theta) + math.Sqrt(theta*theta+1))
				c := 1 / math.Sqrt(tan*tan+1)
				s := tan * c
				for k := range n {
					a, b := g[k*n+p], g[k*n+q]
					g[k*n+p], g[k*n+q] = c*a-s*b, s*a+c*b
				}
				for k := range n {
					a, b := g[p*n+k], g[q*n+k]
					g[p*n+k], g[q*n+k] = c*a-s*b, s*a+c*b
				}
			}
		}
	}
	for i := range n {
		sum += math.Sqrt(max(g[i*n+i], 0))
	}
	return sum
}

// TestSetTable holds that every row of the table is tested here.
func TestSetTable(t *testing.T) {
	tested := map[string]bool{"orthogonal": true, "nuclear": true}
	for _, s := range members {
		tested[s.name] = true
	}
	for _, s := range op.Sets {
		if !tested[s.Name] {
			t.Errorf("%s is not tested", s.Name)
		}
	}
}

// onTensorsWith runs a program on one vector with a gradient.
func onTensorsWith(t testing.TB, p *ir.Program, x, g []float64) []float64 {
	t.Helper()
	m := interp.New[float64](p, []interp.Tensor{{Shape: []int{len(x)}}}, 1)
	copy(m.Params[0], x)
	if err := m.Step([][]float64{g}, 0); err != nil {
		t.Fatal(err)
	}
	return m.Params[0]
}

// TestLargeAndSmallNorms holds sets with a norm to their sizes where the squares of float32 overflow or vanish.
func TestLargeAndSmallNorms(t *testing.T) {
	for _, c := range []struct {
		call string
		want func(scale float64) []float64 // of (3, 0, -4) times the scale
	}{
		{"project(sphere(; 1), x)", func(float64) []float64 { return []float64{0.6, 0, -0.8} }},
		{"lmo(sphere(; 2), x)", func(float64) []float64 { return []float64{-1.2, 0, 1.6} }},
		{"project(l2ball(; 1e-20), x)", func(scale float64) []float64 { return []float64{min(0.6e-20, 3*scale), 0, max(-0.8e-20, -4*scale)} }},
		{"project(l2ball(; 0.5), x)", func(scale float64) []float64 { return []float64{min(0.3, 3*scale), 0, max(-0.4, -4*scale)} }},
		{"lmo(l2ball(; 1), x)", func(float64) []float64 { return []float64{-0.6, 0, 0.8} }},
	} {
		p := checked(t, "rule r { x <- "+c.call+" }")
		for _, scale := range []float64{1e30, 1e37, 1, 1e-20, 1e-30, 1e-37} {
			x := []float32{float32(3 * scale), 0, float32(-4 * scale)}
			for i, u := range onVector(p, nil, x) {
				if want := c.want(scale)[i]; !(math.Abs(float64(u)-want) <= 1e-5*math.Abs(want)) {
					t.Errorf("%s at %v is %v, want %v", c.call, x[i], u, want)
				}
			}
		}
	}
}

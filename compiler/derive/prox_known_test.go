package derive_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/ir"
)

// textbook is a penalty with the closed form of its proximal operator; h are its parameters, of which the last is the step.
type textbook struct {
	fn, params string
	draw       func(r *rand.Rand) []float64
	prox       func(v float64, h []float64) float64
	ties       func(h []float64) []float64 // the |v| with two minima
	at         func(h []float64) []float64 // where the formula changes
}

func softly(v, by float64) float64 { return math.Copysign(max(math.Abs(v)-by, 0), v) }

// between draws a number from lo to hi.
func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// scadForm is that of Fan and Li 2001, (2.8), for any step s < a - 1; with s = 1 the thresholds are 2*lambda and a*lambda.
func scadForm(v float64, h []float64) float64 {
	lambda, a, s := h[0], h[1], h[2]
	switch w := math.Abs(v); {
	case w <= (1+s)*lambda:
		return softly(v, s*lambda)
	case w <= a*lambda:
		return ((a-1)*v - math.Copysign(s*a*lambda, v)) / (a - 1 - s)
	}
	return v
}

// logSumRoot is the greater stationary point of lambda*log(1 + u/eps) for |v|, NaN if there is none, with its cost less
// that of zero.
func logSumRoot(w float64, h []float64) (u, excess float64) {
	lambda, eps, s := h[0], h[1], h[2]
	u = (w - eps + math.Sqrt((w+eps)*(w+eps)-4*s*lambda)) / 2
	return u, s*lambda*math.Log1p(u/eps) + u*(u/2-w)
}

var textbooks = []textbook{
	{"l1_", "lambda", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 2), between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 { return softly(v, h[0]*h[1]) }, nil,
		func(h []float64) []float64 { return []float64{h[0] * h[1]} }},
	{"l0_", "lambda", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 2), between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 { return v * truth(v*v > 2*h[0]*h[1]) },
		func(h []float64) []float64 { return []float64{math.Sqrt(2 * h[0] * h[1])} }, nil},
	{"ridge_", "lambda", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 2), between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 { return v / (1 + h[0]*h[1]) }, nil, nil},
	{"elastic_", "lambda, alpha", func(r *rand.Rand) []float64 {
		return []float64{between(r, 0.1, 2), between(r, 0.1, 0.9), between(r, 0.1, 3)}
	}, func(v float64, h []float64) float64 { return softly(v, h[2]*h[0]*h[1]) / (1 + h[2]*h[0]*(1-h[1])) }, nil,
		func(h []float64) []float64 { return []float64{h[0] * h[1] * h[2]} }},
	{"huber_", "delta", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 2), between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 {
			if math.Abs(v) <= h[0]*(1+h[1]) {
				return v / (1 + h[1])
			}
			return v - math.Copysign(h[1]*h[0], v)
		}, nil, func(h []float64) []float64 { return []float64{h[0] * (1 + h[1])} }},
	{"scad_", "lambda, a", func(r *rand.Rand) []float64 {
		a := between(r, 2.1, 5)
		return []float64{between(r, 0.1, 2), a, between(r, 0.05, 0.9*(a-1))}
	}, scadForm, nil, func(h []float64) []float64 { return []float64{h[0] * h[2], h[0] * (1 + h[2]), h[0] * h[1]} }},
	{"scad_", "lambda, a", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 2), between(r, 2.2, 5), 1} },
		func(v float64, h []float64) float64 {
			lambda, a := h[0], h[1]
			switch w := math.Abs(v); {
			case w <= 2*lambda:
				return softly(v, lambda)
			case w <= a*lambda:
				return ((a-1)*v - math.Copysign(a*lambda, v)) / (a - 2)
			}
			return v
		}, nil, func(h []float64) []float64 { return []float64{h[0], 2 * h[0], h[0] * h[1]} }},
	{"mcp_", "lambda, gamma", func(r *rand.Rand) []float64 {
		gamma := between(r, 1, 4)
		return []float64{between(r, 0.1, 2), gamma, between(r, 0.05, 0.9*gamma)}
	}, func(v float64, h []float64) float64 {
		if math.Abs(v) > h[0]*h[1] {
			return v
		}
		return softly(v, h[2]*h[0]) / (1 - h[2]/h[1])
	}, nil, func(h []float64) []float64 { return []float64{h[0] * h[2], h[0] * h[1]} }},
	{"firm_", "low, high", func(r *rand.Rand) []float64 {
		low := between(r, 0.1, 1)
		return []float64{low, low + between(r, 0.2, 2), 1}
	}, func(v float64, h []float64) float64 { // Gao and Bruce 1997
		low, high := h[0], h[1]
		switch w := math.Abs(v); {
		case w <= low:
			return 0 * v
		case w <= high:
			return math.Copysign(high*(w-low)/(high-low), v)
		}
		return v
	}, nil, func(h []float64) []float64 { return []float64{h[0], h[1]} }},
	{"capped_", "lambda, theta", func(r *rand.Rand) []float64 {
		return []float64{between(r, 0.1, 2), between(r, 0.1, 2), between(r, 0.1, 3)}
	}, func(v float64, h []float64) float64 { // Gong et al. 2013, table 1
		lambda, theta, s, w := h[0], h[1], h[2], math.Abs(v)
		far, near := max(theta, w), min(theta, max(0, w-s*lambda))
		cost := func(u float64) float64 { return (u-w)*(u-w)/2 + s*lambda*min(u, theta) }
		if cost(far) < cost(near) {
			return math.Copysign(far, v)
		}
		return math.Copysign(near, v)
	}, func(h []float64) []float64 {
		return []float64{h[1] + h[0]*h[2]/2, math.Sqrt(2 * h[0] * h[1] * h[2])}
	}, func(h []float64) []float64 { return []float64{h[0] * h[2], h[1]} }},
	{"log_sum_", "lambda, eps", func(r *rand.Rand) []float64 {
		return []float64{between(r, 0.1, 2), between(r, 0.1, 2), between(r, 0.1, 3)}
	}, func(v float64, h []float64) float64 {
		u, excess := logSumRoot(math.Abs(v), h)
		if u > 0 && excess < 0 {
			return math.Copysign(u, v)
		}
		return 0 * v
	}, func(h []float64) []float64 { // where the root is as good as zero, by bisection
		lo, hi := 0.0, 100.0
		for range 200 {
			if u, excess := logSumRoot((lo+hi)/2, h); u > 0 && excess < 0 {
				hi = (lo + hi) / 2
			} else {
				lo = (lo + hi) / 2
			}
		}
		return []float64{lo}
	}, nil},
	{"box_", "lo, hi", func(r *rand.Rand) []float64 {
		lo := between(r, -2, 2)
		return []float64{lo, lo + between(r, 0, 3), between(r, 0.1, 3)}
	}, func(v float64, h []float64) float64 { return min(max(v, h[0]), h[1]) }, nil,
		func(h []float64) []float64 { return []float64{h[0], h[1]} }},
	{"nonneg_", "", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 { return max(v, 0) }, nil, nil},
	{"entropy_", "", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 { // s*log(u) + u = v by bisection in log(u)
			lo, hi := -700.0, 700.0
			for range 200 {
				if m := (lo + hi) / 2; h[0]*m+math.Exp(m) < v {
					lo = m
				} else {
					hi = m
				}
			}
			return math.Exp(lo)
		}, nil, nil},
	{"pinball_", "q", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 0.9), between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 {
			return max(v-h[1]*h[0], 0) + min(v+h[1]*(1-h[0]), 0)
		}, nil, func(h []float64) []float64 { return []float64{h[0] * h[1], h[1] * (1 - h[0])} }},
	{"hinge_", "", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 {
			if v >= 1 {
				return v
			}
			return min(v+h[0], 1)
		}, nil, func(h []float64) []float64 { return []float64{1, 1 - h[0]} }},
	{"dead_zone_", "eps", func(r *rand.Rand) []float64 { return []float64{between(r, 0.1, 2), between(r, 0.1, 3)} },
		func(v float64, h []float64) float64 {
			if math.Abs(v) <= h[0] {
				return v
			}
			return math.Copysign(max(math.Abs(v)-h[1], h[0]), v)
		}, nil, func(h []float64) []float64 { return []float64{h[0], h[0] + h[1]} }},
}

const firm = `
fn firm_(u; low, high) = where(abs(u) <= high, low*abs(u) - low*u^2/(2*high), 0.5*low*high)
`

// textbookRule is the rule of a known penalty, with every parameter and the step a hyperparameter.
func textbookRule(b textbook) string {
	text, call := "rule r {\n", b.fn
	if b.params != "" {
		call += "(; " + b.params + ")"
		for _, p := range strings.Split(b.params, ", ") {
			in := "[0, inf)"
			if b.fn == "box_" {
				in = "(-inf, inf)"
			}
			text += fmt.Sprintf("  hyper %s = 1 in %s\n", p, in)
		}
	}
	return text + "  hyper step = 1 in [0, inf)\n  x <- prox(" + call + ", x; step = step)\n}\n"
}

func textbookProgram(t *testing.T, b textbook) *ir.Program {
	t.Helper()
	return checked(t, knownPenalties+firm+textbookRule(b))
}

// inOrder gives a program's hyperparameters, which stand in the order of their use, the values of params and the step.
func inOrder(p *ir.Program, params string, h []float64) []float64 {
	names := []string{"step"}
	if params != "" {
		names = append(strings.Split(params, ", "), "step")
	}
	out := make([]float64, len(p.Hypers))
	for i, d := range p.Hypers {
		out[i] = h[slices.Index(names, d.Name)]
	}
	return out
}

// TestProxIsTheTextbooks compares the derived proximal operators with the closed forms of the literature.
func TestProxIsTheTextbooks(t *testing.T) {
	for _, b := range textbooks {
		r := rand.New(rand.NewPCG(8, 15))
		p := textbookProgram(t, b)
		compared := 0
		for range 60 {
			h := b.draw(r)
			var ties, v []float64
			if b.ties != nil {
				ties = b.ties(h)
			}
			for range 30 {
				v = append(v, 3*r.NormFloat64())
			}
			near := append([]float64{0}, ties...)
			if b.at != nil {
				near = append(near, b.at(h)...)
			}
			for _, k := range near {
				v = append(v, k, -k, math.Nextafter(k, 9), k+1e-6, k-1e-6, -k-1e-9)
			}
			v = append(v, 1e-300, -1e-300, 1e8, -1e8, 1e150)
			for i, got := range onVector(p, inOrder(p, b.params, h), v) {
				if slices.ContainsFunc(ties, func(x float64) bool { return math.Abs(math.Abs(v[i])-x) < 1e-9*(1+x) }) {
					continue
				}
				compared++
				if want := b.prox(v[i], h); !(math.Abs(got-want) <= 1e-12*max(1, math.Abs(want))) {
					t.Errorf("prox of %s(%s) with %v at %v is %v, the textbook says %v", b.fn, b.params, h, v[i], got, want)
					return
				}
			}
		}
		if compared < 60*30 {
			t.Errorf("%s was compared at %d points only", b.fn, compared)
		}
	}
}

// TestProxTies holds that of two minima the one nearer to zero is taken.
func TestProxTies(t *testing.T) {
	for _, c := range []struct {
		expr string
		v    float64
		want float64
	}{
		{"prox(l0_(; 0.5), x; step = 1)", 1, 0}, {"prox(l0_(; 0.5), x; step = 1)", -1, 0}, {"prox(l0_(; 2), x; step = 4)", 4, 0},
		{"prox(l0_(; 0.5), x; step = 1)", math.Nextafter(1, 2), math.Nextafter(1, 2)},
		{"prox(capped_(; 1, 1), x; step = 1)", 1.5, 0.5}, {"prox(capped_(; 1, 1), x; step = 1)", -1.5, -0.5},
		{"prox(wells, x; step = 4)", 0, -1}, // of -1 and 1 either: but always the same
		{"prox(apart, x; step = 4)", 0, 1}, {"prox(apart_, x; step = 4)", 0, -1},
	} {
		got := apply(t, knownPenalties+`
fn wells(u) = abs(abs(u) - 1)
fn apart(u) = where(u < -2, abs(u + 3), where(u < 0, 1, abs(u - 1)))
fn apart_(u) = where(u > 2, abs(u - 3), where(u > 0, 1, abs(u + 1)))
`, c.expr, []float64{c.v})[0]
		if got != c.want && !(strings.Contains(c.expr, "wells") && math.Abs(got) == 1) {
			t.Errorf("%s at %v is %v, want %v", c.expr, c.v, got, c.want)
		}
	}
}

// TestProxAtTheLimits gives the known penalties what no formula is made for: parameters of zero, the least and greatest
// steps, and values that are no numbers or infinite.
func TestProxAtTheLimits(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	v := []float64{nan, 0, math.Copysign(0, -1), 1, -1, 0.25, 3, 5e-324, -5e-324, 1e150, -1e150, inf, -inf} // with squares
	ends := map[string][2]float64{"box_": {-1, 1}, "nonneg_": {0, inf}, "entropy_": {0, inf}}
	for _, b := range textbooks {
		p := textbookProgram(t, b)
		base := b.draw(rand.New(rand.NewPCG(1, 2)))
		if b.fn == "box_" {
			base[0], base[1] = -1, 1
		}
		for _, step := range []float64{0, 5e-324, 1e-300, 1e-8, 1, 1e8, 1e300} {
			for zero := -1; zero < len(base)-1; zero++ {
				h := slices.Clone(base)
				h[len(h)-1] = step
				if zero >= 0 {
					if b.fn == "box_" || zero > 0 { // a width or a divisor
						continue
					}
					h[zero] = 0
				}
				hypers := inOrder(p, b.params, h)
				got := onVector(p, hypers, v)
				domain, bounded := ends[b.fn]
				for i, u := range got {
					switch {
					case v[i] != v[i]:
						if u == u {
							t.Errorf("%s with %v at NaN is %v", b.fn, h, u)
						}
					case math.IsInf(v[i], 0): // as far as the domain goes
						want := v[i]
						if bounded {
							want = min(max(want, domain[0]), domain[1])
						}
						if u != want && step < 1e300 && b.fn != "entropy_" && (b.fn != "pinball_" || h[0] > 0) { // 0*inf
							t.Errorf("%s with %v at %v is %v, want %v", b.fn, h, v[i], u, want)
						}
					case u != u || bounded && (u < domain[0] || u > domain[1]):
						t.Errorf("%s with %v at %v is %v", b.fn, h, v[i], u)
					case step == 0 && !bounded && math.Abs(u-v[i]) > 1e-160: // whose square is zero
						t.Errorf("%s with step 0 at %v is %v", b.fn, v[i], u)
					}
				}
			}
		}
	}
}

// penaltyNames are those of separable penalties; the compiler derives their operators without having heard of them. (Ridge
// is also the summand of inv_root.)
var penaltyNames = regexp.MustCompile(`(?i)(^|[^a-z0-9])(scad|mcp|huber|lasso|elastic|elasticnet|l0|l1|firm|logsum|log_sum|capped|geman|hinge|pinball|laplace|bregman|tikhonov)([^a-z0-9]|$)`)

// TestNoPenaltyStandsInTheCompiler looks for names of separable penalties among the identifiers and strings of the compiler.
func TestNoPenaltyStandsInTheCompiler(t *testing.T) {
	files, words := 0, 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		files++
		ast.Inspect(f, func(n ast.Node) bool {
			text := ""
			switch n := n.(type) {
			case *ast.Ident:
				text = n.Name
			case *ast.BasicLit:
				text = n.Value
			}
			if words++; penaltyNames.MatchString(text) {
				t.Errorf("%s: %s", set.Position(n.Pos()), text)
			}
			return true
		})
		return nil
	})
	if err != nil || files < 40 || words < 10000 {
		t.Errorf("%d files with %d words: %v", files, words, err)
	}
}

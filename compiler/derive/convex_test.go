package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/derive"
)

// shape is a function of one variable as text and as code, with the ends of its domain.
type shape struct {
	text   string
	f      func(u float64) float64
	lo, hi float64
	terms  []shape // of a sum, with their weights
}

// shaper writes shapes with hyperparameters, whose values it draws.
type shaper struct {
	r      *rand.Rand
	hypers []string
	redraw []func() // give the hyperparameters other values of their intervals
}

// constant is a number, or a hyperparameter with an interval that holds its value.
func (s *shaper) constant(lo, hi float64) (string, *float64) {
	v := new(float64)
	*v = math.Round(100*between(s.r, lo, hi)) / 100
	if s.r.IntN(3) > 0 || len(s.hypers) > 5 {
		return fmt.Sprint(*v), v
	}
	name := fmt.Sprintf("h%d", len(s.hypers))
	to, most := "inf)", 1000*hi
	if s.r.IntN(3) == 0 {
		to, most = fmt.Sprintf("%g]", hi), hi
	}
	from, least := "(0", lo/1000
	if s.r.IntN(2) == 0 {
		from, least = fmt.Sprintf("[%g", lo), lo
	}
	s.hypers = append(s.hypers, fmt.Sprintf("  hyper %s = %g in %s, %s\n", name, *v, from, to))
	s.redraw = append(s.redraw, func() { *v = least * math.Pow(most/least, s.r.Float64()) })
	return name, v
}

var unbounded = [2]float64{math.Inf(-1), math.Inf(1)}

func logistic(u float64) float64 { return max(u, 0) + math.Log1p(math.Exp(-math.Abs(u))) }

// atom is a function of a, the text of an inner value; a's values are given to the code.
func (s *shaper) atom(a string) (string, func(float64) float64) {
	k, kv := s.constant(0.5, 3)
	m, mv := s.constant(0.1, 2)
	type one struct {
		text string
		f    func(u float64) float64
	}
	all := []one{
		{"(%[1]s)^2", func(u float64) float64 { return u * u }},
		{"(%[1]s)^4", func(u float64) float64 { return u * u * u * u }},
		{"(%[1]s)^6", func(u float64) float64 { return math.Pow(u, 6) }},
		{"exp(%[1]s)", math.Exp}, {"exp(-%[2]s*(%[1]s))", func(u float64) float64 { return math.Exp(-*kv * u) }},
		{"log(1 + exp(%[1]s))", logistic}, {"softplus(%[2]s*(%[1]s))", func(u float64) float64 { return logistic(*kv * u) }},
		{"log(exp(%[1]s) + exp(-(%[1]s)))", func(u float64) float64 { return math.Abs(u) + math.Log1p(math.Exp(-2*math.Abs(u))) }},
		{"log(1 + exp(%[1]s) + exp(-%[2]s*(%[1]s)))", func(u float64) float64 { return math.Log(1 + math.Exp(u) + math.Exp(-*kv*u)) }},
		{"sqrt(1 + (%[1]s)^2)", func(u float64) float64 { return math.Hypot(1, u) }},
		{"sqrt(%[3]s^2 + (%[1]s)^2)", func(u float64) float64 { return math.Hypot(*mv, u) }},
		{"%[2]s^2*(sqrt(1 + ((%[1]s)/%[2]s)^2) - 1)", func(u float64) float64 { return *kv * *kv * (math.Hypot(1, u/(*kv)) - 1) }},
		{"cosh(%[1]s)", math.Cosh}, {"log(cosh(%[1]s))", func(u float64) float64 { return math.Abs(u) + math.Log1p(math.Exp(-2*math.Abs(u))) - math.Ln2 }},
		{"(%[1]s)*atan(%[1]s)", func(u float64) float64 { return u * math.Atan(u) }},
		{"(1 + (%[1]s)^2)^1.5", func(u float64) float64 { return math.Pow(1+u*u, 1.5) }},
		{"exp((%[1]s)^2/%[2]s)", func(u float64) float64 { return math.Exp(u * u / (*kv)) }},
		{"log(1 + exp((%[1]s)^2))", func(u float64) float64 { return logistic(u * u) }},
		{"(%[1]s)*erf(%[1]s)", func(u float64) float64 { return u * math.Erf(u) }},
		{"1/(1 + exp(%[1]s))", func(u float64) float64 { return 1 / (1 + math.Exp(u)) }},
		{"tanh(%[1]s)", math.Tanh}, {"atan(%[1]s)", math.Atan}, {"sin(%[2]s*(%[1]s))", func(u float64) float64 { return math.Sin(*kv * u) }},
		{"log(1 + (%[1]s)^2)", func(u float64) float64 { return math.Log1p(u * u) }},
		{"(%[1]s)^3", func(u float64) float64 { return u * u * u }},
		{"exp(-(%[1]s)^2)", func(u float64) float64 { return math.Exp(-u * u) }},
		{"(%[1]s)^2*exp(%[1]s)", func(u float64) float64 { return u * u * math.Exp(u) }},
		{"1/(1 + (%[1]s)^2)", func(u float64) float64 { return 1 / (1 + u*u) }},
		{"(%[1]s)*tanh(%[1]s)", func(u float64) float64 { return u * math.Tanh(u) }},
		{"sqrt(1 + (%[1]s)^4)", func(u float64) float64 { return math.Sqrt(1 + u*u*u*u) }},
	}
	one_ := all[s.r.IntN(len(all))]
	text := strings.NewReplacer("%[1]s", a, "%[2]s", k, "%[3]s", m).Replace(one_.text)
	return text, one_.f
}

// onDomain are functions with a domain that ends.
func (s *shaper) onDomain() shape {
	k, kv := s.constant(0.5, 3)
	all := []shape{
		{"u*log(u)", func(u float64) float64 { return u * math.Log(u) }, 0, 9, nil}, {"-log(u)", func(u float64) float64 { return -math.Log(u) }, 0, 9, nil},
		{"-sqrt(u)", func(u float64) float64 { return -math.Sqrt(u) }, 0, 9, nil}, {"u^1.5", func(u float64) float64 { return math.Pow(u, 1.5) }, 0, 9, nil},
		{"-log(1 - u^2)", func(u float64) float64 { return -math.Log(1 - u*u) }, -1, 1, nil},
		{"log(u)^2", func(u float64) float64 { l := math.Log(u); return l * l }, 0, 9, nil},
		{"u*log(u/" + k + ") + " + k + " - u", func(u float64) float64 { return u*math.Log(u/(*kv)) + *kv - u }, 0, 9, nil},
		{"u*log(u) + (1 - u)*log(1 - u)", func(u float64) float64 { return u*math.Log(u) + (1-u)*math.Log(1-u) }, 0, 1, nil},
		{"-log(u) - " + k + "*log(2.5 - u)", func(u float64) float64 { return -math.Log(u) - *kv*math.Log(2.5-u) }, 0, 2.5, nil},
		{"log(u)", math.Log, 0, 9, nil}, {"sqrt(u)", math.Sqrt, 0, 9, nil}, {"u^0.3", func(u float64) float64 { return math.Pow(u, 0.3) }, 0, 9, nil},
		{"u^(-" + k + ")", func(u float64) float64 { return math.Pow(u, -*kv) }, 0, 9, nil},
	}
	return all[s.r.IntN(len(all))]
}

// inner is u, an affine function of it, or a function that is neither.
func (s *shaper) inner() (string, func(float64) float64) {
	a, av := s.constant(0.3, 2)
	b, bv := s.constant(0.1, 2)
	switch s.r.IntN(7) {
	case 0:
		return a + "*u - " + b, func(u float64) float64 { return *av*u - *bv }
	case 1:
		return b + " - u", func(u float64) float64 { return *bv - u }
	case 2:
		return "u/" + a + " + 1", func(u float64) float64 { return u/(*av) + 1 }
	case 3:
		if s.r.IntN(2) == 0 {
			return s.atom("u")
		}
	}
	return "u", func(u float64) float64 { return u }
}

// shape is a sum of terms.
func (s *shaper) shape() shape {
	out := shape{"", func(float64) float64 { return 0 }, unbounded[0], unbounded[1], nil}
	for i := range 1 + s.r.IntN(3) {
		var term shape
		if s.r.IntN(6) == 0 {
			term = s.onDomain()
		} else {
			in, g := s.inner()
			text, f := s.atom(in)
			term = shape{text, func(u float64) float64 { return f(g(u)) }, unbounded[0], unbounded[1], nil}
		}
		w, wv := s.constant(0.05, 2)
		sum, f := out.f, term.f
		weighted := func(u float64) float64 { return *wv * f(u) }
		if i == 0 {
			out.text = w + "*(" + term.text + ")"
		} else if s.r.IntN(7) == 0 {
			out.text += " - " + w + "*(" + term.text + ")"
			weighted = func(u float64) float64 { return -*wv * f(u) }
		} else {
			out.text += " + " + w + "*(" + term.text + ")"
		}
		out.f = func(u float64) float64 { return sum(u) + weighted(u) }
		out.terms = append(out.terms, shape{"", weighted, term.lo, term.hi, nil})
		out.lo, out.hi = max(out.lo, term.lo), min(out.hi, term.hi)
	}
	return out
}

// bent is the least second difference over a dense grid, and the largest, each over the size of what rounding can make of it.
func (s shape) bent() (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, scale := range []float64{6, 1.3, 25} {
		lo, hi := max(s.lo, -scale), min(s.hi, scale)
		const n = 300
		h := (hi - lo) / n
		for i := 2; i < n-1; i++ {
			u := lo + h*float64(i)
			a, b, c := s.f(u-h), s.f(u), s.f(u+h)
			size := math.Abs(a) + 2*math.Abs(b) + math.Abs(c)
			if d := (a - 2*b + c) / (size*1e-14 + 1e-300); size < 1e200 && !math.IsNaN(d) {
				least, most = min(least, d), max(most, d)
			}
		}
	}
	return least, most
}

// bent is the least and largest second difference for many values of the hyperparameters, and whether every term is convex.
func (s *shaper) bent(f shape) (least, most float64, inTerms bool) {
	least, most = f.bent()
	inTerms = true
	for range 1 + 40*len(s.redraw) {
		low, high := f.bent()
		least, most = min(least, low), min(most, high)
		for _, term := range f.terms {
			down, _ := term.bent()
			inTerms = inTerms && down > -5
		}
		if least < -20 {
			break
		}
		for _, again := range s.redraw {
			again()
		}
	}
	return least, most, inTerms
}

// TestConvexityOfRandomFunctions holds that what is proved to be convex has no second difference below zero, and prints the
// share of the convex functions that is proved.
func TestConvexityOfRandomFunctions(t *testing.T) {
	count := 160
	if *full {
		count = 6000
	}
	r := rand.New(rand.NewPCG(44, 3))
	convex, proved, strict, bent, summed, provedSums := 0, 0, 0, 0, 0, 0
	for range count {
		s := &shaper{r: r}
		f := s.shape()
		if f.lo >= f.hi {
			continue
		}
		text := "rule r {\n" + strings.Join(s.hypers, "") + "  x <- " + strings.ReplaceAll(f.text, "u", "x") + "\n}\n"
		text = strings.NewReplacer("softplxs", "softplus").Replace(text)
		p := compiled(t, loaded(t, text), "r", text)
		if p == nil {
			return
		}
		isConvex, isStrict, whole := derive.Convexity(p)
		least, most, inTerms := s.bent(f)
		switch {
		case least < -20:
			if bent++; isConvex {
				t.Errorf("proved to be convex, with a second difference of %v: %s", least, text)
			}
		case least > -5 && most > 1000 && whole:
			if convex++; isStrict {
				strict++
			}
			if inTerms {
				summed++
			}
			if isConvex {
				if proved++; inTerms {
					provedSums++
				}
			} else if testing.Verbose() {
				t.Logf("not proved: %s", text)
			}
		}
	}
	t.Logf("%d convex, of which %d (%.1f %%) are proved to be so and %d strictly; of %d sums of convex terms %d (%.1f %%); none of %d that bend down",
		convex, proved, 100*float64(proved)/float64(convex), strict, summed, provedSums, 100*float64(provedSums)/float64(summed), bent)
	if proved*100 < convex*80 || provedSums*10 < summed*9 {
		t.Errorf("%d of %d convex functions are proved, of %d sums of convex terms %d", proved, convex, summed, provedSums)
	}
}

package pass_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

// fact is a condition, and what it is for a tensor by other means.
type fact struct {
	cond  *ir.Value
	holds func(interp.Tensor) bool
}

// facts are conditions on shape and name.
func facts(pool *ir.Pool) []fact {
	type term struct {
		v  *ir.Value
		of func(interp.Tensor) float64
	}
	shape := func(name string) term {
		return term{pool.Input(name), func(t interp.Tensor) float64 { return interp.Shape(name, t.Shape) }}
	}
	rank, rows, cols := shape("rank"), shape("rows"), shape("cols")
	numel := term{pool.Size(pool.Input("x"), ir.Tensor, nil), func(t interp.Tensor) float64 { return rows.of(t) * cols.of(t) }}
	both := func(op string, a, b term, f func(x, y float64) float64) term {
		return term{pool.Call(op, a.v, b.v), func(t interp.Tensor) float64 { return f(a.of(t), b.of(t)) }}
	}
	number := func(n float64) term { return term{pool.Number(n), func(interp.Tensor) float64 { return n }} }
	sub := func(x, y float64) float64 { return x - y }
	terms := []term{rank, rows, cols, numel,
		both("max", rows, cols, math.Max), both("min", rows, cols, math.Min), both("sub", rows, cols, sub),
		both("mul", rank, rows, func(x, y float64) float64 { return x * y }),
		both("add", number(0.5), cols, func(x, y float64) float64 { return x + y }),
		both("div", rows, cols, func(x, y float64) float64 { return x / y }), // 0/0 is NaN
		both("sub", both("div", rows, cols, func(x, y float64) float64 { return x / y }), rank, sub),
	}
	relations := map[string]func(x, y float64) bool{
		"lt": func(x, y float64) bool { return x < y }, "le": func(x, y float64) bool { return x <= y },
		"gt": func(x, y float64) bool { return x > y }, "ge": func(x, y float64) bool { return x >= y },
		"eq": func(x, y float64) bool { return x == y }, "ne": func(x, y float64) bool { return x != y },
	}
	var out []fact
	add := func(rel string, a, b term) {
		holds := relations[rel]
		out = append(out, fact{pool.Call(rel, a.v, b.v), func(t interp.Tensor) bool { return holds(a.of(t), b.of(t)) }})
	}
	for _, rel := range []string{"lt", "le", "gt", "ge", "eq", "ne"} {
		for i, a := range terms {
			for _, n := range []float64{-1, 0, 0.5, 1, 2, 3, 4.5} {
				add(rel, a, number(n))
				add(rel, number(n), a)
			}
			for _, b := range terms[:i] {
				add(rel, a, b)
				add(rel, b, a)
			}
		}
	}
	for _, pattern := range []string{"a", "b", "a.*", "a.b*", "*.bias", "*", "*b*", "a*s", "b.bias", "*.*.*"} {
		out = append(out, fact{pool.Named(pattern), func(t interp.Tensor) bool { return likeRegexp(pattern, t.Name) }})
	}
	return out
}

// likeRegexp matches a pattern by trying every length of its first star.
func likeRegexp(pattern, name string) bool {
	start, rest, star := strings.Cut(pattern, "*")
	if !star {
		return name == pattern
	}
	name, ok := strings.CutPrefix(name, start)
	for i := range len(name) + 1 {
		if ok && likeRegexp(rest, name[i:]) || ok && rest == "" {
			return true
		}
	}
	return false
}

// TestImpliedIsCertain holds what follows from the conditions that a tensor fulfils to that tensor.
func TestImpliedIsCertain(t *testing.T) {
	all := facts(ir.NewPool())
	rng := rand.New(rand.NewPCG(7, 11))
	decided := 0
	for range 30_000 {
		tensor := interp.Tensor{Name: []string{"a", "b", "a.b", "a.bias", "b.bias", "a.b.bias", "", "as"}[rng.IntN(8)], Shape: make([]int, rng.IntN(5))}
		for i := range tensor.Shape {
			tensor.Shape[i] = rng.IntN(5)
		}
		var choices []ir.Choice
		for range 1 + rng.IntN(6) {
			f := all[rng.IntN(len(all))]
			choices = append(choices, ir.Choice{Cond: f.cond, Is: f.holds(tensor)})
		}
		for range 8 {
			f := all[rng.IntN(len(all))]
			if f.cond.Kind == ir.Number {
				continue
			}
			is, known := pass.Implied(choices, f.cond)
			if !known {
				continue
			}
			if decided++; is != f.holds(tensor) {
				t.Fatalf("%q of shape %v: condition %d is said to be %v after %v", tensor.Name, tensor.Shape, f.cond.ID, is, choices)
			}
		}
	}
	if decided < 30_000 {
		t.Errorf("only %d conditions were decided", decided)
	}
}

package main

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// difference is the derivative of f at 0 by central differences in two widths, extrapolated.
func difference(f func(h float64) float64, h float64) float64 {
	wide := (f(h) - f(-h)) / (2 * h)
	narrow := (f(h/2) - f(-h/2)) / h
	return narrow + (narrow-wide)/3
}

func random(r *rand.Rand) [][]float64 {
	v := zeros[float64]()
	for k := range v {
		for i := range v[k] {
			v[k][i] = r.NormFloat64()
		}
	}
	return v
}

// along is p + h*v.
func along(p, v [][]float64, h float64) [][]float64 {
	out := zeros[float64]()
	for k := range out {
		for i := range out[k] {
			out[k][i] = p[k][i] + h*v[k][i]
		}
	}
	return out
}

func inner(a, b [][]float64) (sum float64) {
	for k := range a {
		for i := range a[k] {
			sum += a[k][i] * b[k][i]
		}
	}
	return sum
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Abs(want)) {
		t.Errorf("%s is %v, not %v", what, got, want)
	}
}

func opened(t *testing.T, n int) problems {
	t.Helper()
	p, err := openAll(1, n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestNetwork compares gradient and curvature with differences of the loss and of the gradient.
func TestNetwork(t *testing.T) {
	p := opened(t, 1)[0]
	r := rand.New(rand.NewPCG(5, 6))
	for range 3 {
		u, v, grad := random(r), random(r), zeros[float64]()
		x := along(p.start, u, 0.1)
		loss(x, p.batches[0], grad)
		want := difference(func(h float64) float64 { return loss(along(x, v, h), p.batches[0], nil) }, 1e-3)
		near(t, "the slope", inner(grad, v), want, 1e-8)
		product := zeros[float64]()
		curvature(product, x, v, p.batches[0])
		want = difference(func(h float64) float64 {
			loss(along(x, v, h), p.batches[0], grad)
			return inner(grad, u)
		}, 1e-3)
		near(t, "the curvature", inner(product, u), want, 1e-8)
	}
}

// TestDerivative compares the derivative in some learning rates with differences of the whole training.
func TestDerivative(t *testing.T) {
	p := opened(t, 1)[0]
	r := rand.New(rand.NewPCG(3, 4))
	var s schedule
	for range steps * layers {
		s = append(s, 0.4*math.Exp(-2*r.Float64()))
	}
	value, inLR, err := p.derivative(s)
	if err != nil {
		t.Fatal(err)
	}
	trained := func(s schedule) float64 {
		v, err := p.value(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if want := trained(s); value != want {
		t.Errorf("the value is %v, not %v", value, want)
	}
	moved := func(i int, h float64) schedule {
		m := slices.Clone(s)
		m[i] += h
		return m
	}
	picked := append(r.Perm(len(s))[:8], 0, 1, len(s)-2, len(s)-1)
	for _, i := range picked {
		want := difference(func(h float64) float64 { return trained(moved(i, h)) }, 2e-3*s[i])
		t.Logf("step %2d, layer %d: %.10f, apart %.0e", i/layers, i%layers, want, math.Abs(inLR[i]/want-1))
		near(t, "the derivative", inLR[i], want, 1e-6)
	}
}

// TestMeanOfProblems compares the derivative over several trainings with those of each.
func TestMeanOfProblems(t *testing.T) {
	all := opened(t, 2)
	s := schedule(slices.Repeat([]float64{0.2}, steps*layers))
	value, inLR, err := all.derivative(s)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	want := make([]float64, len(s))
	for _, p := range all {
		v, one, err := p.derivative(s)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
		for i := range want {
			want[i] += one[i] / 2
		}
	}
	if value != sum/2 || !slices.Equal(inLR, want) {
		t.Errorf("the mean is %v, not %v; the derivatives are %v, not %v", value, sum/2, inLR, want)
	}
}

func TestRefusedRate(t *testing.T) {
	s := schedule(slices.Repeat([]float64{0.2}, steps*layers))
	s[7] = -1
	if _, _, err := opened(t, 2).derivative(s); err == nil || !strings.Contains(err.Error(), "lr") {
		t.Errorf("a negative learning rate: %v", err)
	}
}

// TestLearning improves on the best constant learning rate of a training.
func TestLearning(t *testing.T) {
	all := opened(t, 1)
	start, err := all.best(constant, sameRate)
	if err != nil {
		t.Fatal(err)
	}
	learned, err := learn(start, 20, func(int) (problems, error) { return all, nil }, func(int, float64) {})
	if err != nil {
		t.Fatal(err)
	}
	before, err := all.value(start)
	if err != nil {
		t.Fatal(err)
	}
	after, err := all.value(learned)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the loss falls from %.4f to %.4f", before, after)
	if !(after < 0.85*before) {
		t.Errorf("the loss is %v, and %v with the best constant learning rate", after, before)
	}
}

func TestReport(t *testing.T) {
	if testing.Short() {
		t.Skip("trains some hundred times")
	}
	var out strings.Builder
	if err := report(&out, 1, 2); err != nil {
		t.Fatal(err)
	}
	row := `( +\d+\.\d{4}){4}\n`
	want := `^mean loss of training .*\nconstant` + row + `cosine` + row + `cosine, two layers` + row + `learned, training 0` + row +
		`(  round +\d of 2: \d\.\d{4}\n){2}learned` + row + `\nlearned rates, from 0\.\d{3}\n.*\n( ?\d+\.\.\d+ +\d+\.\d{3} +\d+\.\d{3}\n){10}$`
	if !regexp.MustCompile(want).MatchString(out.String()) {
		t.Errorf("printed\n%s", out.String())
	}
}

package main

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/optc-lang/optc/search"
)

// TestGradient holds the gradient to differences.
func TestGradient(t *testing.T) {
	at := func(w []float32) (float64, []float32) {
		r, err := recovery{}.Open(3, 0)
		if err != nil {
			t.Fatal(err)
		}
		copy(r.Values()[0], w)
		loss := float64(r.Batch(0))
		return loss, r.Grads()[0]
	}
	w := make([]float32, unknowns)
	_, grad := at(w)
	for i := range w {
		const h = 1e-2
		w[i] = h
		above, _ := at(w)
		w[i] = -h
		below, _ := at(w)
		w[i] = 0
		if d := (above - below) / (2 * h); math.Abs(d-float64(grad[i])) > 1e-3*(1+math.Abs(d)) {
			t.Errorf("element %d: %v, by differences %v", i, grad[i], d)
		}
	}
}

func TestSearches(t *testing.T) {
	r, err := search.Run(context.Background(), search.Spec{Archive: filepath.Join(t.TempDir(), "a.db"), Budget: "50evals"}, recovery{})
	if err != nil || len(r.Rules) < 20 {
		t.Fatalf("%v, %v", r, err)
	}
}

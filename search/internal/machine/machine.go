// Package machine says how fast one processor is at what a search does, so that its seconds can be compared with another's.
package machine

import (
	"time"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

// Speed is how fast a processor is.
type Speed struct {
	GEMM  float64 // GFLOP/s of float32 products of matrices of 64x128 and 128x128
	Steps float64 // steps a second of Adam on the task digits
}

// reps is how often each is measured: the best counts.
const reps = 5

// Measure takes about a second.
func Measure() (Speed, error) {
	const m, n, k, times = 64, 128, 128, 200
	a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	var s Speed
	for range reps {
		begin := time.Now()
		for range times {
			gemm.NN(c, a, b, m, n, k, false)
		}
		s.GEMM = max(s.GEMM, 2*m*n*k*times/time.Since(begin).Seconds()/1e9)
	}
	adam, err := genome.Start("adamw")
	if err != nil {
		return s, err
	}
	for range reps {
		begin := time.Now()
		out, err := work.Run(work.Item{Rule: adam.Encode(), Task: "digits", Seed: 1, LR: 1e-3, Numerics: work.Numerics}, task.Builtin)
		if err != nil {
			return s, err
		}
		s.Steps = max(s.Steps, float64(out.Steps)/time.Since(begin).Seconds())
	}
	return s, nil
}

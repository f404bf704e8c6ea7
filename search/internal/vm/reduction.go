package vm

import (
	"math"

	"github.com/optc-lang/optc/search/internal/genome"
)

// reduction is what an operator over the elements of a tensor makes of sums: its value, or the divisor of a normalisation.
type reduction struct {
	sums  []summand
	value func(sums [maxSums]float64, n float64) float64 // over n elements
}

// maxSums bounds the sums of an operator.
const maxSums = 3

// summand is what a sum is of, and the arguments that its kernel reads.
type summand struct {
	kernel *kernel
	args   []int
}

var (
	plain   = summand{kernels["sum"][1], []int{0}}
	product = summand{kernels["dot"][3], []int{0, 1}}
	square  = summand{kernels["dot"][1], []int{0}}
	second  = summand{kernels["dot"][1], []int{1}} // the square of the second argument
)

// reductions are those of the operators that have one.
var reductions = byOp(map[string]reduction{
	"mean": {[]summand{plain}, func(s [maxSums]float64, n float64) float64 { return s[0] / n }},
	"rms":  {[]summand{square}, func(s [maxSums]float64, n float64) float64 { return math.Sqrt(s[0] / n) }},
	"dot":  {[]summand{product}, func(s [maxSums]float64, _ float64) float64 { return s[0] }},
	"cosine": {[]summand{product, square, second}, func(s [maxSums]float64, _ float64) float64 {
		return s[0] / max(float64(math.Sqrt(s[1])*math.Sqrt(s[2])), genome.Eps)
	}},
	"rmsnorm": {[]summand{square}, func(s [maxSums]float64, n float64) float64 { return max(math.Sqrt(s[0]/n), genome.Eps) }},
})

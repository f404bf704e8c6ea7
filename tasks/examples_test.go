package tasks

import (
	"math"
	"testing"
)

// TestExamples computes the loss of each split from its examples by the formula, which must be that of Score.
func TestExamples(t *testing.T) {
	run, err := Open("digits", 3)
	if err != nil {
		t.Fatal(err)
	}
	p := run.Values()
	for split := TrainSet; split <= TestSet; split++ {
		x, classes, err := run.Examples(split)
		if err != nil || len(x) != run.Task().Sizes[split] || len(classes) != len(x) {
			t.Fatalf("%s: %d inputs, %d classes (%v)", split, len(x), len(classes), err)
		}
		var loss float64
		for i, pixels := range x {
			z := layer(layer(pixels, p[w1], p[b1], true), p[w2], p[b2], false)
			var sum float64
			for _, v := range z {
				sum += math.Exp(float64(v))
			}
			loss += math.Log(sum) - float64(z[classes[i]])
		}
		score, err := run.Score(split, nil)
		if loss /= float64(len(x)); err != nil || math.Abs(loss-score.Loss) > 1e-5 {
			t.Errorf("%s: the loss is %v, Score says %v (%v)", split, loss, score.Loss, err)
		}
		clear(x[0])
		if again, _, _ := run.Examples(split); sumOf(again[0]) == 0 {
			t.Errorf("%s: the inputs are not copies", split)
		}
	}
	for _, split := range []Split{-1, 3} {
		if _, _, err := run.Examples(split); err == nil {
			t.Errorf("split %d: no error", int(split))
		}
	}
}

func layer(x, w, b []float32, rectified bool) []float32 {
	out := make([]float32, len(b))
	for k := range out {
		out[k] = b[k]
		for i, v := range x {
			out[k] += v * w[i*len(b)+k]
		}
		if rectified {
			out[k] = max(out[k], 0)
		}
	}
	return out
}

func sumOf(x []float32) (sum float32) {
	for _, v := range x {
		sum += v
	}
	return sum
}

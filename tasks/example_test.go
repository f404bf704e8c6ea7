package tasks_test

import (
	"fmt"

	"github.com/optc-lang/optc/tasks"
)

// descent is the simplest optimizer: x = x - lr*g.
type descent struct {
	values [][]float32
	lr     float32
}

func (d descent) Step(grads [][]float32, _ float64) error {
	for i, x := range d.values {
		for j, g := range grads[i] {
			x[j] -= float32(d.lr * g)
		}
	}
	return nil
}

func Example() {
	run, err := tasks.Open("digits", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := tasks.Train(run, descent{run.Values(), 0.3}, run.Task().Steps, func(p tasks.Progress) {
		if p.Step%240 == 0 {
			fmt.Printf("step %d of %d: loss %.3f\n", p.Step, p.Steps, p.Loss)
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("test accuracy %.3f\n", result.Scores[tasks.TestSet].Accuracy)
	// Output:
	// step 240 of 720: loss 0.083
	// step 480 of 720: loss 0.055
	// step 720 of 720: loss 0.028
	// test accuracy 0.968
}

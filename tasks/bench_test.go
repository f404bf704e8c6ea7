package tasks

import "testing"

// BenchmarkGradient is the cost of a task: gradient evaluations in a second.
func BenchmarkGradient(b *testing.B) {
	for _, task := range All() {
		b.Run(task.Name, func(b *testing.B) {
			run, err := task.Open(1)
			if err != nil {
				b.Fatal(err)
			}
			step := 0
			for b.Loop() {
				run.Batch(step)
				step++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "gradients/s")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*float64(task.Steps)*1e3, "ms/run")
			b.ReportMetric(float64(task.Elements()), "elements")
		})
	}
}

// BenchmarkStep is a step with a plain Adam.
func BenchmarkStep(b *testing.B) {
	run := open(b, "digits", 1)
	opt := newAdam(run.Values(), 0.001)
	step := 0
	for b.Loop() {
		run.Batch(step)
		if err := opt.Step(run.Grads(), 0); err != nil {
			b.Fatal(err)
		}
		step++
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		open(b, "digits", 1)
	}
}

func BenchmarkScore(b *testing.B) {
	run := open(b, "digits", 1)
	for b.Loop() {
		if _, err := run.Score(TestSet, nil); err != nil {
			b.Fatal(err)
		}
	}
}

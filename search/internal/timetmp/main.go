package main

import (
	"fmt"
	"time"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

func main() {
	base, _ := fitness.Baselines()
	for _, rung := range evolve.Default().Rungs {
		for _, t := range rung {
			b := base[t]
			item := work.Item{Rule: b.Rule, Task: t, Seed: 1, LR: b.LR, Decay: b.Decay, Numerics: work.Numerics}
			best := time.Hour
			for range 5 {
				s := time.Now()
				if _, err := work.Run(item, task.Builtin); err != nil {
					panic(err)
				}
				best = min(best, time.Since(s))
			}
			tk, _ := task.Builtin(t)
			fmt.Println(t, best, tk.Steps(), b.Deviation, b.Rule, b.Losses[:3])
		}
	}
}

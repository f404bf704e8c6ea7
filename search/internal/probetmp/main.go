// Command probetmp prints scores by task and rung of rules.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

func main() {
	base, err := fitness.Baselines()
	if err != nil {
		panic(err)
	}
	c := evolve.Default()
	run := func(i work.Item) (work.Outcome, error) { return work.Run(i, task.Builtin) }
	s, err := evolve.New(c, base)
	if err != nil {
		panic(err)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		g, err := genome.Parse(in.Text())
		if err != nil {
			fmt.Println(in.Text(), err)
			continue
		}
		form := g.Canonical()
		f := evolve.NewForm(form.Encode(), 0)
		job := evolve.Job{Limits: make([]float64, 5), Birth: evolve.Birth{Result: evolve.Result{Rule: form.Encode()}}}
		for i := range job.Limits {
			job.Limits[i] = -1e9
		}
		for range 3 {
			job.Birth.Result.Seed++
			r, err := s.Evaluate(job, run)
			if err != nil {
				panic(err)
			}
			f.Add(r, c.Rungs)
			job.Evaluated = f
		}
		sc := f.Scores()
		n := 0
		fmt.Printf("%-60s", in.Text())
		for _, rung := range c.Rungs {
			n += len(rung)
			fmt.Printf(" %6.2f", fitness.Total(sc[:n]))
		}
		fmt.Print("  |")
		for _, v := range sc {
			fmt.Printf(" %5.2f", v)
		}
		fmt.Println(" ", f.LRs)
	}
}

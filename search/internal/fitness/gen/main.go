// Command gen measures what AdamW reaches on every task to search on, into internal/fitness/baselines.tsv, from the folder
// of the module: a quarter of an hour.
package main

import (
	"log"
	"os"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

func main() {
	log.SetFlags(0)
	var all []fitness.Baseline
	run := func(item work.Item) (work.Outcome, error) { return work.Run(item, task.Builtin) }
	for _, t := range tasks.Of(tasks.Search) {
		b, err := fitness.Measure(run, t.Name, t.Baseline.LR)
		if err != nil {
			log.Fatal(err)
		}
		log.Printf("%s: %s lr %g decay %g deviation %.3g", b.Task, b.Rule, b.LR, b.Decay, b.Deviation)
		all = append(all, b)
	}
	if err := os.WriteFile("internal/fitness/baselines.tsv", []byte(fitness.Table(all)), 0o644); err != nil {
		log.Fatal(err)
	}
}

package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/simplify"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

type verifyCmd struct {
	fileArg
	trainFlags
	Share float64 `default:"0.01" help:"Share of the evaluations that are done again, drawn anew each time."`
}

// Help is the verb's example.
func (verifyCmd) Help() string {
	return `Makes all births of an archive again from its seed, does some of the evaluations again, and compares everything with what is kept, to the last bit. The exit code is 1 if anything differs.

Example:
  optc search verify search.db --share 0.05`
}

// Run verifies.
func (cmd *verifyCmd) Run(c *console) error {
	s, err := cmd.spec()
	if err != nil {
		return err
	}
	s.Archive = cmd.File
	v, err := search.Verify(c.ctx, s, cmd.Share, rand.Uint64())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: %d births made again, %d of %d evaluations done again: all the same.\n", cmd.File, v.Births, v.Repeated, v.Stored)
	return err
}

type workerCmd struct{}

// Help is the verb's example.
func (workerCmd) Help() string {
	return `Reads training runs from the standard input, one in JSON a line, and writes what comes of each: what a program of one's own does that a spec names as its worker, for tasks that it alone knows. {"Outcome": ..., "Error": ""} answers
  {"Rule":"g =0","Task":"digits","Split":0,"Seed":1,"LR":0.1,"Decay":0,"Steps":0,"Numerics":"` + work.Numerics + `"}

Example:
  optc search worker <items.jsonl >outcomes.jsonl`
}

// Run serves.
func (workerCmd) Run(c *console) error {
	served := make(chan error, 1)
	go func() {
		served <- work.Serve(c.ctx, work.Local{Find: simplify.Finder(task.Builtin)}, c.in, c.out)
	}()
	select {
	case err := <-served:
		return err
	case <-c.ctx.Done():
		return nil // nobody waits for the run under way
	}
}

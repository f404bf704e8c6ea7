package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/simplify"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

type verifyCmd struct {
	fileArg
	trainFlags
	Share float64 `default:"0.01" help:"Share of the evaluations, and of the training runs of simplification and tests, that are done again, drawn anew each time: at least 8; 0 for none."`
}

// Help is the verb's example.
func (verifyCmd) Help() string {
	return `Makes all births of an archive again from its seed, does some of the evaluations and other training runs again, works sealed tests out from theirs, and compares everything with what is kept, to the last bit. The exit code is 1 if anything differs.

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
	_, err = io.WriteString(c.out, verified(cmd.File, v))
	return err
}

// verified says what was compared, and what was not.
func verified(file string, v search.Verified) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d births made again, %d of %d evaluations done again: all the same.\n", file, v.Births, v.Repeated, v.Stored)
	for _, line := range []struct {
		count  int
		format string
		of     []any
	}{
		{v.Stored - v.Repeated, "Evaluations that were not done again: %d; --share 1 does all.", []any{v.Stored - v.Repeated}},
		{v.Runs, "Training runs of simplification and tests: %d of %d done again; on tasks that are not known here: %d.", []any{v.RunsRepeated, v.Runs, v.RunsUnknown}},
		{v.Tests, "Sealed tests whose result follows from their training runs: %d of %d.", []any{v.Recalled, v.Tests}},
		{v.Lost, "Sealed tests that were begun and whose result is not there: %d; they count as looks.", []any{v.Lost}},
		{v.Untold, "Known rules that were met and that no event tells of: %d.", []any{v.Untold}},
	} {
		if line.count > 0 {
			fmt.Fprintf(&b, line.format+"\n", line.of...)
		}
	}
	return b.String()
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

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/internal/staged"
	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/machine"
	"github.com/optc-lang/optc/search/internal/report"
	"github.com/optc-lang/optc/search/internal/sealed"
	"github.com/optc-lang/optc/search/internal/simplify"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

type reportCmd struct {
	ruleArg
	trainFlags
	Output string `short:"o" placeholder:"FILE.html" help:"The page; the archive's name with .html by default."`
}

// Help is the verb's example.
func (reportCmd) Help() string {
	return `Writes one HTML file, which opens without a network: the pick and the hall of fame, fitness against size, fitness over births, the family tree of the rule, its training losses beside AdamW's and Lion's, and what optc search simplify and optc search test have found out.

Example:
  optc search report search.db -o search.html`
}

// Run writes the page.
func (cmd *reportCmd) Run(c *console) error {
	o, r, err := cmd.openRule(archive.Read)
	if err != nil {
		return err
	}
	defer o.archive.Close()
	name := cmp.Or(cmd.Output, strings.TrimSuffix(o.Archive, ".db")+".html")
	if err := spare(name); err != nil {
		return err
	}
	find, err := cmd.find(o)
	if err != nil {
		return err
	}
	p, err := o.page(c, r, find)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := report.Write(&b, p); err != nil {
		return err
	}
	if err := staged.Write(name, b.Bytes()); err != nil {
		return err
	}
	fmt.Fprintln(c.out, name)
	return nil
}

// spare refuses to write over an archive: a search of days is worth more than a slip of the hand.
func spare(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return nil // there is none, or writing will say why not
	}
	defer f.Close()
	head := make([]byte, len(database))
	if _, err := io.ReadFull(f, head); err == nil && string(head) == database {
		return usagef("-o %s: that is an archive, or another database; name another file", name)
	}
	return nil
}

// database is how the files of SQLite begin.
const database = "SQLite format 3\x00"

// hallRows is how many rules the page lists.
const hallRows = 25

// page is all that the archive tells.
func (o *opened) page(c *console, r *search.Rule, find task.Finder) (report.Page, error) {
	p := report.Page{}
	for _, fill := range []func(*report.Page) error{o.about, o.searched, o.progress} {
		if err := fill(&p); err != nil {
			return p, err
		}
	}
	for i := range o.Rules {
		f := formOf(&o.Rules[i])
		p.Forms = append(p.Forms, f)
		if i < hallRows {
			p.Hall = append(p.Hall, f)
		}
	}
	text, err := r.Text(ruleName(r))
	if err != nil {
		return p, err
	}
	p.Pick = &report.Pick{Form: formOf(r), Rule: text}
	if speed, err := machine.Measure(); err == nil {
		p.Machine = report.Machine{GEMM: speed.GEMM, Steps: speed.Steps}
	}
	if r.Pick {
		p.Pick.Why = "The smallest rule that went through as many rungs as the best, is nearly as good, and was evaluated at least half as often."
	}
	if err := o.family(&p, r.ID); err != nil {
		return p, err
	}
	if err := o.findings(&p, r); err != nil {
		return p, err
	}
	p.Curves, err = o.curves(c, r, find)
	return p, err
}

func formOf(r *search.Rule) report.Form {
	f := report.Form{ID: strconv.Itoa(r.ID), Name: r.Name, Formula: r.Formula, Bound: r.Bound, Fitness: r.Mean, Rungs: r.Rung + 1, Size: r.Size,
		StateBytes: r.StateBytes, Flops: float64(r.Flops), Degree: math.NaN(), Births: r.Births, Evaluations: r.Evaluations, Scores: r.Scores}
	if g, err := genome.Decode(r.Encoded); err == nil {
		f.Degree = g.Degrees()[g.Root]
	}
	return f
}

// about is what the search is, and what it took.
func (o *opened) about(p *report.Page) error {
	size, err := o.archive.Size()
	if err != nil {
		return err
	}
	p.Archive = report.Archive{Name: o.Archive, Digest: o.Digest, Numerics: o.config.Numerics, Seed: o.config.Seed, Bytes: size}
	cpu, err := o.archive.CPU(o.Births)
	if err != nil {
		return err
	}
	t := &p.Totals
	t.Births, t.Forms, t.CPUSeconds = int64(o.Births), int64(len(o.Rules)), cpu
	results, failed := o.archive.Results()
	evaluations := int64(0)
	for _, r := range results {
		evaluations++
		t.Runs += int64(r.Runs)
	}
	t.Evaluated, t.Cached = t.Forms, t.Births-evaluations
	return *failed
}

// searched is the grammar, the tasks and the spec.
func (o *opened) searched(p *report.Page) error {
	for _, text := range o.config.Starts {
		p.Starts = append(p.Starts, report.Named{Name: search.NameOfFormula(text), Text: text})
	}
	for _, op := range slices.Concat(o.config.Mutator.Leaves, o.config.Mutator.Ops) {
		p.Operators = append(p.Operators, report.Named{Name: op.String(), Text: op.Row().Doc})
	}
	for rung, names := range o.config.Rungs {
		for _, name := range names {
			t := report.Task{Name: name, Rung: rung}
			if known, err := tasks.Lookup(name); err == nil {
				t.Doc, t.Parameters, t.Batch, t.Steps = known.Doc, known.Elements(), known.BatchSize, known.Steps
			}
			p.Tasks = append(p.Tasks, t)
		}
	}
	c := o.config
	row := func(name string, value any) {
		p.Spec = append(p.Spec, report.Named{Name: name, Text: fmt.Sprint(value)})
	}
	row("seed", c.Seed)
	row("islands", fmt.Sprintf("%d of %d", c.Islands, c.Population))
	row("tournament", c.Tournament)
	row("percentile", c.Percentile)
	row("migration", c.Migration)
	row("polish", c.Polish)
	row("confirm", c.Confirm)
	row("omit", c.Omit)
	row("symmetry", c.Symmetry)
	row("plateau", c.Plateau)
	row("operators and states at most", fmt.Sprintf("%d, %d", c.Mutator.MaxNodes, c.Mutator.MaxStates))
	if c.Control != evolve.Evolution {
		row("control", c.Control)
	}
	return nil
}

// progress is the best form over the births.
func (o *opened) progress(p *report.Page) error {
	p.Progress.Births = o.Births
	forms := map[string]*evolve.Form{}
	var best *evolve.Form
	results, failed := o.archive.Results()
	for birth, r := range results {
		f := forms[r.Rule]
		if f == nil {
			f = evolve.NewForm(r.Rule, birth)
			forms[r.Rule] = f
		}
		f.Add(r, o.config.Rungs)
		if best == nil || evolve.Compare(f, best) < 0 {
			best = f
			level := report.Level{Birth: birth, Bound: f.Bound(), ID: strconv.Itoa(f.First), Name: search.NameOf(r.Rule)}
			if g, err := genome.Decode(r.Rule); err == nil {
				level.Formula = g.String()
			}
			p.Progress.Best = append(p.Progress.Best, level)
		}
	}
	if *failed != nil {
		return *failed
	}
	events, err := o.archive.Events()
	for _, e := range events {
		p.Progress.Events = append(p.Progress.Events, report.Event{Birth: e.Birth, Kind: e.Kind, Text: e.Text})
	}
	return err
}

// family is the line of a birth.
func (o *opened) family(p *report.Page, id int) error {
	line, err := o.archive.Lineage(id)
	if err != nil {
		return err
	}
	slices.Reverse(line)
	bounds := map[genome.Key]float64{}
	for i := range o.Rules {
		if g, err := genome.Decode(o.Rules[i].Encoded); err == nil {
			bounds[g.Key()] = o.Rules[i].Bound
		}
	}
	p.Family.Winner = id
	var last genome.Genome
	for i, b := range line {
		g, err := genome.Decode(b.Genome)
		if err != nil {
			return err
		}
		g = g.Canonical()
		birth := report.Birth{Index: b.Index, Parent: b.Parent, Formula: g.String(), Bound: math.NaN()}
		if v, ok := bounds[b.Form]; ok {
			birth.Bound = v
		}
		if i > 0 {
			birth.Change = change(last, g)
		}
		last = g
		p.Family.Births = append(p.Family.Births, birth)
	}
	return nil
}

// findings are what simplify, funnel and test have found out of a rule.
func (o *opened) findings(p *report.Page, r *search.Rule) error {
	var s simplify.Result
	n, err := o.archive.Found(r.ID, simplified, &s)
	if err != nil {
		return err
	}
	if n > 0 {
		p.Simplified = &report.Simplified{Formula: s.Genome.String(), Measured: measured(&s)}
		for _, step := range s.Steps {
			p.TakenOut = append(p.TakenOut, report.KnockOut{Node: step.Text, Replacement: step.With, Loss: step.Against.Mean, Error: step.Against.Error})
		}
		for _, part := range s.Parts {
			p.KnockOuts = append(p.KnockOuts, report.KnockOut{Node: part.Text, Replacement: part.With, Loss: part.Loss.Mean, Error: part.Loss.Error})
		}
	}
	if err := o.checks(p, r); err != nil {
		return err
	}
	var t sealed.Result
	if n, err = o.archive.Found(r.ID, tested, &t); err != nil || n == 0 {
		return err
	}
	looks, err := o.archive.Found(-1, tested, nil)
	p.Sealed = sealedTest(t, looks)
	if g, wrong := genome.Decode(t.Rule); wrong == nil && t.Rule != r.Encoded {
		p.Sealed.Of = g.String()
	}
	return err
}

// checks are the rule's fitness in the search and in the funnel, if it went through that.
func (o *opened) checks(p *report.Page, r *search.Rule) error {
	var rankings []simplify.Ranking
	if n, err := o.archive.Found(-1, ranked, &rankings); err != nil || n == 0 {
		return err
	}
	for _, ranking := range rankings {
		for place, s := range ranking.Standings {
			if s.ID == strconv.Itoa(r.ID) {
				p.Checks = append(p.Checks, report.Check{Name: fmt.Sprintf("%d times the cost", ranking.Factor), Error: math.NaN(), Fitness: s.Score,
					Text: fmt.Sprintf("rank %d of %d on %s", place+1, len(ranking.Standings), strings.Join(ranking.Tasks, ", "))})
			}
		}
	}
	if len(p.Checks) > 0 {
		p.Checks = slices.Insert(p.Checks, 0, report.Check{Name: "the search", Text: "on its own tasks, by the seeds that chose it", Fitness: r.Mean, Error: math.NaN()})
	}
	return nil
}

func sealedTest(t sealed.Result, looks int) *report.Sealed {
	out := &report.Sealed{Looks: looks, Drawn: "the digest of the archive, the rule and the task", Fewer: sealed.Fewer}
	for _, v := range t.Versus {
		out.Versus = append(out.Versus, report.Versus{Baseline: v.Baseline, Wins: v.Wins, Losses: v.Losses, Ties: v.Ties, Sign: v.SignHolm, Rank: v.RankHolm, Ratio: v.Ratio, Shorter: v.Shorter})
	}
	for _, row := range t.Rows {
		out.Seeds = len(row.Seeds) - 1
		task := report.SealedTask{Task: row.Task}
		for _, e := range row.Entries[1:] {
			lead := math.NaN()
			if !e.Diverged && !row.Entries[0].Diverged {
				lead = e.Loss - row.Entries[0].Loss
			}
			task.Leads = append(task.Leads, lead)
		}
		out.Tasks = append(out.Tasks, task)
	}
	return out
}

// curvePoints is how many losses of a run the page draws.
const curvePoints = 100

// curves trains once more, with the learning rates of the search and its first seed, beside AdamW and Lion.
func (o *opened) curves(c *console, r *search.Rule, find task.Finder) ([]report.Curve, error) {
	var out []report.Curve
	lion, err := genome.Start("lion")
	if err != nil {
		return nil, err
	}
	run := func(i work.Item) (work.Outcome, error) { return work.Run(i, find) }
	for i, name := range o.tasks() {
		if i >= len(r.LRs) || c.ctx.Err() != nil {
			break
		}
		base := o.base[name]
		curve := report.Curve{Task: name}
		t, err := find(name)
		if err != nil {
			return nil, err
		}
		steps := t.Steps()
		item := work.Item{Rule: lion.Encode(), Task: name, Seed: 1, Decay: base.Decay, Numerics: work.Numerics}
		tuned, err := fitness.Tune(run, item, base, 0)
		if err != nil {
			return nil, err
		}
		for _, of := range []struct {
			name, rule string
			lr         float64
		}{{ruleName(r), r.Encoded, r.LRs[i]}, {"AdamW", base.Rule, base.LR}, {"Lion", item.Rule, tuned.LR}} {
			traced := report.Run{Rule: of.name, Steps: steps}
			_, err := work.Trace(work.Item{Rule: of.rule, Task: name, Seed: 1, LR: of.lr, Decay: base.Decay, Numerics: work.Numerics}, find, curvePoints,
				func(loss float64) { traced.Losses = append(traced.Losses, loss) })
			if err != nil {
				return nil, err
			}
			curve.Runs = append(curve.Runs, traced)
		}
		out = append(out, curve)
	}
	return out, nil
}

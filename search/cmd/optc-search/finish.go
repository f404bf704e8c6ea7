package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/sealed"
	"github.com/optc-lang/optc/search/internal/simplify"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

// The kinds of findings that archives keep.
const (
	simplified = "simplified"
	ranked     = "ranked"
	tested     = archive.Tested
)

// trainFlags are of verbs that train.
type trainFlags struct {
	Workers int    `placeholder:"N" help:"Training runs side by side; as many as there are processors by default."`
	Spec    string `placeholder:"FILE.toml" help:"The spec file, for a search on tasks of its own."`
}

// spec is what the flags say.
func (f trainFlags) spec() (s search.Spec, err error) {
	if f.Spec != "" {
		if s, err = search.ReadSpec(f.Spec); err != nil {
			return s, usageError{err}
		}
	}
	orElse(&s.Workers, f.Workers)
	return s, nil
}

// find finds the tasks of an archive, larger forms among them.
func (f trainFlags) find(o *opened) (task.Finder, error) {
	s, err := f.spec()
	if err != nil {
		return nil, err
	}
	find, err := s.Finder()
	if err != nil {
		return nil, err
	}
	for _, name := range o.tasks() {
		if _, err := find(name); err != nil {
			return nil, usagef("%s is a search on a task of its own, %s: give the spec that names its worker program or its data with --spec FILE.toml; a task in Go alone is known to its own program", o.Archive, name)
		}
	}
	return simplify.Finder(find), nil
}

// pool is what trains, with the archive as memory: what is broken off goes on where it was.
func (f trainFlags) pool(c *console, o *opened) (*pool.Pool, error) {
	spec, err := f.spec()
	if err != nil {
		return nil, err
	}
	workers, err := spec.WorkerCount()
	if err != nil {
		return nil, usageError{err}
	}
	find, err := f.find(o)
	if err != nil {
		return nil, err
	}
	local := work.Local{Find: find}
	cache := &committing{Archive: o.archive}
	p := &pool.Pool{Workers: workers, Cache: cache}
	p.Run = func(i work.Item) (work.Outcome, error) { return local.Do(c.ctx, i) }
	var last, begun time.Time
	var what string
	p.Report = func(step pool.Progress) {
		now := time.Now()
		if step.What != what {
			what, begun = step.What, now
		}
		if now.Sub(last) > time.Second || step.Done == step.Of {
			fmt.Fprintf(c.err, "%s: %d of %d%s\n", step.What, step.Done, step.Of, left(now.Sub(begun), step.Done, step.Of))
			last = now
		}
	}
	return p, nil
}

// left is how long the rest will take if it goes on so, in words, where that can be said.
func left(took time.Duration, done, of int) string {
	if done == 0 || done == of || took < 2*time.Second {
		return ""
	}
	rest := time.Duration(float64(took) * float64(of-done) / float64(done))
	return fmt.Sprintf(", about %s left", rest.Round(time.Second))
}

// committing is an archive that commits what it is given now and then. The pool asks it from one goroutine at a time.
type committing struct {
	*archive.Archive
	last time.Time
}

// Put keeps an outcome.
func (a *committing) Put(key work.Key, item work.Item, out work.Outcome) error {
	if err := a.Archive.Put(key, item, out); err != nil || time.Since(a.last) < time.Second {
		return err
	}
	a.last = time.Now()
	return a.Commit()
}

type simplifyCmd struct {
	ruleArg
	trainFlags
	Seeds int `default:"5" help:"Runs on each task; they are of seeds that the search has not used."`
	Rungs int `default:"0" placeholder:"N" help:"Only the tasks of the first N rungs; all by default."`
}

// Help is the verb's example.
func (simplifyCmd) Help() string {
	return `Takes from a rule, one after the other, every operator and constant that it trains as well without: the paired losses on the same tasks and seeds must not be worse by more than a standard error (numbers above zero are worse). Then it says for each operator that is left what would be lost without it. The result is kept in the archive. May be interrupted, and goes on where it was.

Example:
  optc search simplify search.db 4711`
}

// Run simplifies a rule.
func (cmd *simplifyCmd) Run(c *console) error {
	o, r, err := cmd.openRule(archive.Open)
	if err != nil {
		return err
	}
	return closing(o.archive, cmd.simplify(c, o, r))
}

func (cmd *simplifyCmd) simplify(c *console, o *opened, r *search.Rule) error {
	if cmd.Seeds < 2 || cmd.Rungs < 0 {
		return usagef("--seeds %d --rungs %d: at least 2 and 0", cmd.Seeds, cmd.Rungs)
	}
	g, err := genome.Decode(r.Encoded)
	if err != nil {
		return err
	}
	names := o.tasks()
	if cmd.Rungs > 0 {
		names = nil
		for _, rung := range o.config.Rungs[:min(cmd.Rungs, len(o.config.Rungs))] {
			names = append(names, rung...)
		}
	}
	of, err := simplify.TasksOf(names, nil, o.base)
	if err != nil {
		return err
	}
	config := simplify.Default(g, of)
	config.Seeds = cmd.Seeds
	p, err := cmd.pool(c, o)
	if err != nil {
		return err
	}
	result, err := simplify.Run(c.ctx, p, config)
	if err != nil {
		return err
	}
	if err := o.archive.Find(r.ID, simplified, result); err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "rule %d\t%s\n", r.ID, r.Formula)
	for _, s := range result.Steps {
		fmt.Fprintf(w, "%s becomes %s\t%s\n", s.Text, s.With, loss(s.Against))
	}
	fmt.Fprintf(w, "simplified\t%s\n", result.Genome)
	if m := search.NameOf(result.Genome.Encode()); m != "" {
		fmt.Fprintf(w, "known as\t%s\n", m)
	}
	fmt.Fprintf(w, "against the original\t%s\n\nwithout\tis lost, in deviations\n", loss(result.Against))
	for _, p := range result.Parts {
		fmt.Fprintf(w, "%s, %s instead\t%s\n", p.Text, orNothing(p.With), loss(p.Loss))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "\nMeasured %s; above zero is worse. With --simplified, explain, export and test take what is left.\n", measured(&result))
	return err
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

func loss(d simplify.Difference) string { return fmt.Sprintf("%+.3f ± %.3f", d.Mean, d.Error) }

type funnelCmd struct {
	fileArg
	trainFlags
	Top int `short:"n" default:"16" help:"How many of the best rules."`
}

// Help is the verb's example.
func (funnelCmd) Help() string {
	return `Ranks the best rules anew on wider models and longer runs: all on tasks that cost about 10 times as much, the best eight on tasks that cost about 100 times as much, where AdamW is tuned alike. Half an hour of a processor and more. May be interrupted, and goes on where it was.

Example:
  optc search funnel search.db -n 8`
}

// Run ranks the best rules.
func (cmd *funnelCmd) Run(c *console) error {
	o, err := cmd.openArchive(archive.Open)
	if err != nil {
		return err
	}
	return closing(o.archive, cmd.funnel(c, o))
}

func (cmd *funnelCmd) funnel(c *console, o *opened) error {
	if cmd.Top < 1 {
		return usagef("--top %d: at least 1", cmd.Top)
	}
	if len(o.Rules) == 0 {
		return usagef("%s: no rule has been evaluated yet", o.Archive)
	}
	var entrants []simplify.Entrant
	for _, r := range o.Rules[:min(cmd.Top, len(o.Rules))] {
		g, err := genome.Decode(r.Encoded)
		if err != nil {
			return err
		}
		entrants = append(entrants, simplify.Entrant{ID: strconv.Itoa(r.ID), Genome: g})
	}
	var names []string
	for _, name := range o.tasks() {
		if _, err := simplify.Lookup(simplify.Name(name, 10)); err == nil {
			names = append(names, name)
		}
	}
	of, err := simplify.TasksOf(names, nil, o.base)
	if err != nil {
		return err
	}
	p, err := cmd.pool(c, o)
	if err != nil {
		return err
	}
	rankings, err := simplify.Funnel(c.ctx, p, entrants, of, simplify.DefaultStages())
	if err != nil {
		return err
	}
	if err := o.archive.Find(o.Rules[0].ID, ranked, rankings); err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, ranking := range rankings {
		fmt.Fprintf(w, "tasks that cost %d times as much: %s\n", ranking.Factor, strings.Join(ranking.Tasks, ", "))
		fmt.Fprintln(w, "ID\tfitness\tscores")
		for _, s := range ranking.Standings {
			fmt.Fprintf(w, "%s\t%.2f\t%.2f\n", s.ID, s.Score, s.Scores)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

type testCmd struct {
	formArg
	trainFlags
}

// Help is the verb's example.
func (testCmd) Help() string {
	return `Trains with a rule, AdamW with β2 = 0.999 and 0.95, Lion and Signum, all tuned alike in learning rate and decay, on 24 tasks that no search reads, and says on how many of them the rule's loss is lower, and how likely that is by chance. Splits and seeds follow from the digest of the archive and the rule, so nobody can have tuned on them; each test is written into the archive, and how many there were is part of the result: test once, at the end.

Example:
  optc search test search.db 4711 --simplified`
}

// Run tests a rule.
func (cmd *testCmd) Run(c *console) error {
	o, f, err := cmd.openForm(archive.Open)
	if err != nil {
		return err
	}
	return closing(o.archive, cmd.test(c, o, f))
}

func (cmd *testCmd) test(c *console, o *opened, f *form) error {
	g, err := genome.Decode(f.Encoded)
	if err != nil {
		return err
	}
	var digest [sha256.Size]byte
	if _, err := hex.Decode(digest[:], []byte(o.Digest)); err != nil {
		return err
	}
	config, err := sealed.Default(sealed.Rule{Name: f.name, Genome: g}, digest)
	if err != nil {
		return err
	}
	p, err := cmd.pool(c, o)
	if err != nil {
		return err
	}
	result, err := sealed.Run(c.ctx, p, config)
	if err != nil {
		return err
	}
	if err := o.archive.Find(f.ID, tested, result); err != nil {
		return err
	}
	looks, err := o.archive.Found(-1, tested, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %s\n\n", f.name, f.Formula)
	return showTest(c, result, looks)
}

// showTest prints a test.
func showTest(c *console, t sealed.Result, looks int) error {
	fmt.Fprintln(c.out, "Logarithms of the losses, means over seeds, on examples that nothing was tuned by: the lower the better.")
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "task\t%s", t.Candidate)
	for _, v := range t.Versus {
		fmt.Fprintf(w, "\t%s", v.Baseline)
	}
	fmt.Fprintln(w)
	for _, row := range t.Rows {
		fmt.Fprintf(w, "%s", row.Task)
		for _, e := range row.Entries {
			if e.Diverged {
				fmt.Fprint(w, "\tdiverged")
			} else {
				fmt.Fprintf(w, "\t%.4f", e.Loss)
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\nagainst\tlower\thigher\tp, sign test\tp, signed ranks\tratio of losses\tas good in 1/1.15 of the steps")
	for _, v := range t.Versus {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.3g\t%.3g\t%.3f\t%d\n", v.Baseline, v.Wins, v.Losses, v.SignHolm, v.RankHolm, v.Ratio, v.Shorter)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out, `
Lower and higher count the tasks on which the rule's loss is; p is how likely so many or more would be if the two were equally good,
one-sided and by Holm's method for all %d: below .05 is evidence, near 1 is none. The ratio is the median over tasks.
%s
Tests of this archive so far, this one included: %d.
`, len(t.Versus), verdict(t), looks)
	return err
}

// evidence is how unlikely an outcome by chance must be.
const evidence = 0.05

// verdict says what a test comes to.
func verdict(t sealed.Result) string {
	var beaten []string
	for _, v := range t.Versus {
		if v.SignHolm < evidence && v.RankHolm < evidence {
			beaten = append(beaten, v.Baseline)
		}
	}
	if len(beaten) == 0 {
		return fmt.Sprintf("%s is not surely better than any of them.", t.Candidate)
	}
	return fmt.Sprintf("%s is better than %s, by both tests.", t.Candidate, strings.Join(beaten, ", "))
}

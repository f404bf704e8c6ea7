package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/known"
	"github.com/optc-lang/optc/search/internal/live"
	"github.com/optc-lang/optc/search/internal/sealed"
	"github.com/optc-lang/optc/search/internal/simplify"
)

type hallCmd struct {
	fileArg
	Top  int  `short:"n" default:"20" help:"How many rules."`
	All  bool `help:"All rules, also those that are nearly the same as a better one."`
	JSON bool `name:"json" help:"As JSON, one rule a line; Scores and LRs are in the order of the tasks of status, and Rung counts from 0."`
}

// Help is the verb's example.
func (hallCmd) Help() string {
	return `Lists the rules that were evaluated, those that went through most rungs first, and among them those whose fitness is surely highest. Rules that differ in constants alone, or in whether averages are corrected for their start, are one line, that of the best; alike says how many more there are. A fitness of 0 is that of AdamW, tuned for each task; a bound is the fitness less what may be luck; evals says how often a rule was evaluated, with other seeds each time. An arrow marks the pick: the smallest that is nearly as good as the best, and was evaluated at least half as often.

Example:
  optc search hall search.db -n 10
  optc search hall search.db --json | jq .Formula`
}

// Run lists rules.
func (cmd *hallCmd) Run(c *console) error {
	o, err := cmd.openRead()
	if err != nil {
		return err
	}
	defer o.archive.Close()
	rules := o.Rules
	if !cmd.All {
		rules = search.Fold(rules)
		rules = rules[:min(len(rules), max(0, cmd.Top))]
	}
	if cmd.JSON {
		out := json.NewEncoder(c.out)
		for _, r := range rules {
			if err := out.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(o.Rules) == 0 {
		fmt.Fprintln(c.out, "No rule has been evaluated yet.")
		return nil
	}
	width := max(20, min(60, live.Columns(os.Stdout)-hallNumbers))
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tID\tbound\tfitness\trungs\tops\tstate\tevals\talike\trule")
	for _, r := range rules {
		arrow := ""
		if r.Pick {
			arrow = "→"
		}
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%s\t%d\t%d B\t%d\t%d\t%s\n", arrow, r.ID, r.Bound, r.Mean, reached(&r), r.Size, r.StateBytes, r.Evaluations, r.Alike, title(&r, width))
	}
	return w.Flush()
}

// hallNumbers is how wide the columns before the rule are, about.
const hallNumbers = 66

// title is a rule in a line.
func title(r *search.Rule, width int) string {
	if r.Name != "" {
		return r.Name
	}
	return shorten(r.Formula, width)
}

type opsCmd struct{}

// Help is the verb's example.
func (opsCmd) Help() string {
	return `Lists the operators of rules with what each does, in the rule language, where it keeps a value s from step to step.

Example:
  optc search ops`
}

// Run lists operators.
func (opsCmd) Run(c *console) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, row := range genome.Ops {
		text := row.Text
		if row.Kind == genome.State {
			text = "s <- " + text
			if row.Value != "" {
				text += ", of which it is " + row.Value
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", row.Name, row.Doc, text)
	}
	return w.Flush()
}

type statusCmd struct{ fileArg }

// Help is the verb's example.
func (statusCmd) Help() string {
	return `Says how many births and evaluations an archive holds, what they cost, what it is a search of, and its digest: equal searches have equal digests, whatever the number of workers and breaks. May be asked while a search runs.

Example:
  optc search status search.db`
}

// Run tells the state of an archive.
func (cmd *statusCmd) Run(c *console) error {
	o, err := cmd.openRead()
	if err != nil {
		return err
	}
	defer o.archive.Close()
	cpu, err := o.archive.CPU(o.Births)
	if err != nil {
		return err
	}
	size, err := o.archive.Size()
	if err != nil {
		return err
	}
	evaluations, runs := 0, 0
	results, failed := o.archive.Results()
	for _, r := range results {
		evaluations++
		runs += r.Runs
	}
	if *failed != nil {
		return *failed
	}
	var text strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&text, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("archive", "%s, %.1f MB", o.Archive, float64(size)/1e6)
	row("births", "%d, %d evaluated, %d rules", o.Births, evaluations, len(o.Rules))
	row("runs", "%d, %s of processors, %.1f evaluations a second of them", runs, time.Duration(cpu*float64(time.Second)).Round(time.Second/10), float64(evaluations)/max(cpu, 1))
	row("seed", "%d", o.config.Seed)
	row("start", "%s", strings.Join(o.config.Starts, ", "))
	if o.config.Control != evolve.Evolution {
		row("control", "%s", o.config.Control)
	}
	for i, rung := range o.config.Rungs {
		row(fmt.Sprintf("rung %d", i+1), "%s; rules: %d", strings.Join(rung, ", "), o.onRung(i))
	}
	events, err := o.archive.Events()
	if err != nil {
		return err
	}
	for _, e := range events[max(0, len(events)-12):] {
		row("met", "%s, at birth %d", e.Text, e.Birth)
	}
	if len(o.Rules) > 0 {
		best, err := o.rule("")
		if err != nil {
			return err
		}
		row("pick", "%d: %s, fitness %.2f, at least %.2f", best.ID, title(best, 80), best.Mean, best.Bound)
	}
	row("digest", "%s", o.Digest)
	_, err = io.WriteString(c.out, text.String())
	return err
}

// onRung is how many rules were run on a rung.
func (o *opened) onRung(rung int) (n int) {
	for i := range o.Rules {
		if o.Rules[i].Rung >= rung {
			n++
		}
	}
	return n
}

type lineageCmd struct {
	ruleArg
	All bool `help:"Also births whose rule is their parent's."`
}

// Help is the verb's example.
func (lineageCmd) Help() string {
	return `Shows the ancestors of a rule from the start on: at which birth it changed, what came and went, and the fitness that it had then.

Example:
  optc search lineage search.db 4711`
}

// Run shows ancestors.
func (cmd *lineageCmd) Run(c *console) error {
	o, rule, err := cmd.openRule(archive.Read)
	if err != nil {
		return err
	}
	defer o.archive.Close()
	id := rule.ID
	if cmd.ID != "" {
		fmt.Sscan(cmd.ID, &id)
	}
	line, err := o.archive.Lineage(id)
	if err != nil {
		return err
	}
	slices.Reverse(line)
	by := map[genome.Key]*search.Rule{}
	for i := range o.Rules {
		if g, err := genome.Decode(o.Rules[i].Encoded); err == nil {
			by[g.Key()] = &o.Rules[i]
		}
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "birth\tfitness\trungs\tchange\trule")
	start, err := genome.Parse(o.config.Starts[line[0].Index%o.config.Islands%len(o.config.Starts)])
	if err != nil {
		return err
	}
	last := start.Canonical()
	for i, b := range line {
		g, err := genome.Decode(b.Genome)
		if err != nil {
			return err
		}
		form := g.Canonical()
		if !cmd.All && i > 0 && form.Key() == last.Key() && i < len(line)-1 {
			continue
		}
		fitness, rungs := "", ""
		if r := by[b.Form]; r != nil {
			fitness, rungs = fmt.Sprintf("%.2f", r.Mean), reached(r)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", b.Index, fitness, rungs, shorten(change(last, form), 40), shorten(form.String(), 90))
		last = form
	}
	return w.Flush()
}

// change lists the operators that came and went from one rule to the next.
func change(from, to genome.Genome) string {
	count := map[string]int{}
	for _, word := range words(from) {
		count[word]--
	}
	for _, word := range words(to) {
		count[word]++
	}
	var out []string
	for _, word := range slices.Sorted(maps.Keys(count)) {
		switch n := count[word]; {
		case n > 0:
			out = append(out, strings.Repeat("+"+word+" ", n))
		case n < 0:
			out = append(out, strings.Repeat("-"+word+" ", -n))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return strings.TrimSpace(strings.Join(out, ""))
}

// words are the operators of a rule, with their constants.
func words(g genome.Genome) []string {
	fields := strings.Fields(g.Encode())
	out := make([]string, 0, len(fields))
	for _, f := range fields[:len(fields)-1] {
		name, _, _ := strings.Cut(f, "(")
		if name != "g" {
			out = append(out, name)
		}
	}
	return out
}

type explainCmd struct{ formArg }

// Help is the verb's example.
func (explainCmd) Help() string {
	return `Says what a rule is, as a rule file and in the operators of the search, how it answers to the scale of the gradient, what it costs, how it did on each task, with which learning rate, and what simplify and test have found out.

Example:
  optc search explain search.db 4711
  optc search explain search.db 4711 --simplified`
}

// Run explains a rule.
func (cmd *explainCmd) Run(c *console) error {
	o, f, err := cmd.openForm(archive.Read)
	if err != nil {
		return err
	}
	defer o.archive.Close()
	return o.explain(c.out, f)
}

func (o *opened) explain(out io.Writer, r *form) error {
	g, err := genome.Decode(r.Encoded)
	if err != nil {
		return err
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("rule", "%d of %s", r.ID, o.Archive)
	if r.of != nil {
		row("simplified", "what is left of %s", r.of.Original)
	}
	row("update", "%s", r.Formula)
	if m, ok := known.Name(g); ok {
		row("known as", "%s: %s", m, m.Doc)
	}
	if r.of == nil {
		row("fitness", "%.2f, at least %.2f: mean of the scores less half their deviation", r.Mean, r.Bound)
		row("rungs", "%s", reached(r.Rule))
	} else {
		row("lost", "%s deviations, %s; above zero is worse than the whole rule", loss(r.of.Against), measured(r.of))
	}
	row("cost", "%d operators, %d bytes of state and %d operations an element", r.Size, r.StateBytes, r.Flops)
	row("degree", "%s", degree(g))
	if r.of == nil {
		row("births", "%d", r.Births)
		row("evaluations", "%d", r.Evaluations)
	}
	if err := o.foundOut(row, r); err != nil {
		return err
	}
	text, err := r.Text(r.name)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", text)
	if r.of != nil {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "task\tscore\tlearning rate\tAdamW's loss, its deviation")
	for i, task := range o.tasks() {
		if i >= len(r.Scores) {
			break
		}
		b := o.base[task]
		fmt.Fprintf(w, "%s\t%+.2f\t%.3g\t%.4f, %.4f (logarithms)\n", task, r.Scores[i], r.LRs[i], b.Mean(), b.Deviation)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nA score is how much lower the logarithm of the loss is than AdamW's of the same seed, in deviations of AdamW's over seeds,\nwithin %g and %g; below -1 it grows with the logarithm.\n", fitness.Worst, fitness.Best)
	return nil
}

// foundOut adds what simplify and test have found out of a form.
func (o *opened) foundOut(row func(name, format string, args ...any), r *form) error {
	var s simplify.Result
	if n, err := o.archive.Found(r.ID, simplified, &s); err != nil {
		return err
	} else if n > 0 && r.of == nil {
		row("simplified", "%s (--simplified says more)", s.Genome)
	}
	var t sealed.Result
	if n, err := o.archive.Found(r.ID, tested, &t); err != nil || n == 0 || t.Rule != r.Encoded {
		return err
	}
	for _, v := range t.Versus {
		row("sealed test", "better than %s on %d of %d tasks (p %.2g and %.2g)", v.Baseline, v.Wins, len(t.Rows), v.SignHolm, v.RankHolm)
	}
	return nil
}

// degree says how an update answers to the scale of gradients.
func degree(g genome.Genome) string {
	switch d := g.Degrees()[g.Root]; {
	case d != d:
		return "gradients c times as large make updates that are no power of c times as large"
	case d == 0:
		return "0: the scale of gradients changes nothing"
	default:
		return fmt.Sprintf("%g: gradients c times as large make updates c^%g times as large", d, d)
	}
}

// ruleName is what a rule is called in its file.
func ruleName(r *search.Rule) string { return fmt.Sprintf("found_%d", r.ID) }

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/live"
)

type runCmd struct {
	File     string   `arg:"" optional:"" default:"search.db" help:"The archive: a new one, or one to go on with."`
	Spec     string   `placeholder:"FILE.toml" help:"A file that says all of this; flags say otherwise."`
	Budget   string   `placeholder:"TIME" help:"When to stop: 10m (on the clock), 10mcpu (of processors), 5000evals (rules evaluated) or 20000runs (of training), the last three from the archive's beginning; without one it goes on until it is stopped."`
	Seed     *uint64  `help:"Decides everything that is drawn; 1 by default."`
	Start    []string `sep:"none" placeholder:"RULE" help:"What to begin with: empty, sgd, adamw, lion, std/NAME, FILE.opt, FILE.opt:NAME, or a rule as the hall prints it; an island each in turn; sgd by default."`
	Ops      []string `placeholder:"OP" help:"Operators that births add, ${ops}; all but x, the parameter, by default. Starts may have others, and rules that are equal are written with what is shortest."`
	MaxNodes *int     `placeholder:"N" help:"Operators of a rule at most; 20 by default."`
	MaxState *int     `placeholder:"N" help:"Values an element that a rule may keep from step to step; 3 by default."`
	Symmetry string   `enum:",equivariant,none" default:"" help:"What rules are held to: equivariant, the default, are those whose update takes the gradient's sign and a power of its scale; with none, constants may be compared with gradients."`
	Workers  *int     `placeholder:"N" help:"Goroutines; as many as there are processors by default. The result does not depend on it."`
	Control  string   `enum:",random,tune" default:"" help:"What to hold a search against: random selects nothing, tune only changes AdamW's constants."`
	Against  string   `placeholder:"FILE" help:"With --control: the archive of the search; the control has its spec, and takes --times its time of processors, and then it is said who won."`
	Times    *int     `placeholder:"N" help:"With --against: how many times the processors' time of the search; 4 by default."`
	Plain    bool     `help:"A log instead of the live view."`
	Quiet    bool     `help:"Print the result alone."`
}

// Help is the verb's example.
func (runCmd) Help() string {
	return `Begins with a simple rule, changes it at random, trains small real models with each new rule, and keeps what trains best, on eight islands side by side. Rules are ranked by how much better than a tuned AdamW they are, over all tasks, less what may be luck. Everything is kept in the archive; ctrl-c loses nothing, and the same command goes on. The same seed gives the same archive, bit for bit, for any number of workers.

Example:
  optc search --budget 2m
  optc search mine.db --budget 5000evals --start adamw --ops add,sub,mul,div,ema,sign,sqrt,square --workers 2
  optc search --spec search.toml
  optc search control.db --control random --against mine.db`
}

func (cmd *runCmd) spec() (search.Spec, error) {
	var s search.Spec
	var err error
	if cmd.Spec != "" {
		if s, err = search.ReadSpec(cmd.Spec); err != nil {
			return s, usageError{err}
		}
	}
	if s.Archive == "" || cmd.File != "search.db" {
		s.Archive = cmd.File
	}
	orElse(&s.Budget, cmd.Budget)
	if err := cmd.numbers(&s); err != nil {
		return s, err
	}
	orElse(&s.Control, cmd.Control)
	orElse(&s.Symmetry, cmd.Symmetry)
	if len(cmd.Start) > 0 {
		s.Start = nil
		for _, text := range cmd.Start {
			s.Start = append(s.Start, apart(text)...)
		}
	}
	if len(cmd.Ops) > 0 {
		s.Ops = cmd.Ops
	}
	if _, err := os.Stat(s.Archive); err != nil && filepath.Ext(s.Archive) == "" {
		return s, usagef("there is no archive %s, and a new one needs an ending, such as %s.db", s.Archive, s.Archive)
	}
	if _, err := search.ParseBudget(s.Budget); err != nil {
		return s, usageError{err}
	}
	return s, nil
}

// numbers sets those that flags say. In a spec 0 is the default, but who writes 0 on a command line means it.
func (cmd *runCmd) numbers(s *search.Spec) error {
	for _, flag := range []struct {
		name string
		from *int
		to   *int
	}{{"max-nodes", cmd.MaxNodes, &s.MaxNodes}, {"workers", cmd.Workers, &s.Workers}, {"times", cmd.Times, new(int)}} {
		if flag.from == nil {
			continue
		}
		if *flag.from < 1 {
			return usagef("--%s %d: at least 1", flag.name, *flag.from)
		}
		*flag.to = *flag.from
	}
	if cmd.Times != nil && cmd.Against == "" {
		return usagef("--times %d: how much more time a control has than the search --against", *cmd.Times)
	}
	if cmd.MaxState != nil {
		if s.MaxState = *cmd.MaxState; s.MaxState == 0 {
			s.MaxState = -1
		}
	}
	if cmd.Seed != nil {
		if s.Seed = *cmd.Seed; s.Seed == 0 {
			return usagef("--seed 0: seeds count from 1")
		}
	}
	return nil
}

// apart takes starts apart at commas, but for those within a rule.
func apart(text string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range text {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out, from = append(out, text[from:i]), i+1
		}
	}
	return append(out, text[from:])
}

// orElse sets what a flag says.
func orElse[T comparable](to *T, flag T) {
	var zero T
	if flag != zero {
		*to = flag
	}
}

// Run searches.
func (cmd *runCmd) Run(c *console) error {
	s, err := cmd.spec()
	if err != nil {
		return err
	}
	if cmd.Against != "" {
		return cmd.against(c, s)
	}
	_, err = cmd.search(c, s)
	if _, none := os.Stat(s.Archive); errors.Is(err, context.Canceled) && none != nil {
		return errors.New("broken off while AdamW was tuned on the tasks: there is no archive yet, and the same command begins anew")
	}
	return err
}

// search searches and shows how it goes.
func (cmd *runCmd) search(c *console, s search.Spec) (*search.Result, error) {
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	states := make(chan live.State, 1)
	var w watcher
	s.Progress = func(p search.Progress) {
		state := w.state(p)
		select {
		case states <- state:
		default:
		}
	}
	shown := make(chan error, 1)
	go func() { shown <- cmd.show(ctx, c, states, stop) }()
	result, err := search.Run(ctx, s)
	last := w.last
	last.Done = true
	switch {
	case errors.Is(err, context.Canceled):
		last.Message = "Stopped."
	case err != nil:
		last.Message = err.Error()
	case ctx.Err() != nil:
		last.Message = "Stopped. Nothing is lost: the same command goes on."
	}
	if w.any {
		states <- last
	}
	close(states)
	if viewed := <-shown; viewed != nil && !errors.Is(viewed, live.ErrLeft) && !errors.Is(viewed, context.Canceled) {
		fmt.Fprintf(c.err, "optc search: the view: %v\n", viewed)
	}
	if err != nil {
		return nil, err
	}
	if w.any {
		last.Control = s.Control != ""
		if _, err := fmt.Fprint(c.out, live.Summary(last, live.Columns(os.Stdout))); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// show shows states until there are no more.
func (cmd *runCmd) show(ctx context.Context, c *console, states <-chan live.State, stop func()) error {
	switch {
	case cmd.Quiet:
		for range states {
		}
		return nil
	case !cmd.Plain && live.Terminal(os.Stdin, os.Stdout):
		return live.View(context.WithoutCancel(ctx), os.Stdin, os.Stdout, states, stop)
	}
	log := live.Log(c.err)
	for s := range states {
		log(s)
	}
	return nil
}

// watcher makes of progress what is shown.
type watcher struct {
	last   live.State
	any    bool
	marks  []mark
	curve  []live.Point
	events []live.Event
	first  map[int]time.Duration // when a rule of the hall was seen first
}

// mark is the counters at a time.
type mark struct {
	at                       time.Duration
	births, candidates, eval int
}

// window is how long rates look back.
const window = 10 * time.Second

func (w *watcher) state(p search.Progress) live.State {
	s := live.State{Archive: p.Archive, Seed: p.Seed, Starts: p.Start, Workers: p.Workers, Births: p.Births, Known: p.Births - p.Evaluated, Dull: p.Dull,
		Evaluated: p.Evaluated, Runs: p.Runs, Elapsed: p.Elapsed, Budget: p.Budget.Time, BudgetEvals: p.Budget.Evals}
	now := mark{p.Elapsed, p.Births, p.Births + p.Dull, p.Evaluated}
	for len(w.marks) > 1 && now.at-w.marks[0].at > window {
		w.marks = w.marks[1:]
	}
	if p.Resuming > 0 {
		w.marks = nil
	} else if len(w.marks) > 0 {
		from := w.marks[0]
		if d := (now.at - from.at).Seconds(); d > 0 {
			s.BirthRate, s.CandidateRate, s.EvalRate = float64(now.births-from.births)/d, float64(now.candidates-from.candidates)/d, float64(now.eval-from.eval)/d
		}
	}
	if p.Resuming == 0 {
		w.marks = append(w.marks, now)
	}
	for i, tasks := range p.Rungs {
		rung := live.Rung{Tasks: tasks}
		if i < len(p.Limits) {
			rung.Limit, rung.Reached, rung.Passed = p.Limits[i], p.Reached[i], p.Reached[i+1]
			if i == len(p.Rungs)-1 {
				rung.Limit = math.NaN() // nothing comes after it
			}
		}
		s.Rungs = append(s.Rungs, rung)
	}
	first := map[int]time.Duration{}
	for _, r := range p.Hall {
		at, seen := w.first[r.ID]
		if !seen {
			at = p.Elapsed
		}
		first[r.ID] = at
		rule := shown(r)
		rule.Age = p.Elapsed - at
		s.Hall = append(s.Hall, rule)
	}
	w.first = first
	for _, r := range p.Front {
		s.Front = append(s.Front, shown(r))
	}
	w.remember(&s, p)
	w.last, w.any = s, true
	return s
}

// remember adds what earlier snapshots told.
func (w *watcher) remember(s *live.State, p search.Progress) {
	if len(s.Hall) > 0 {
		if n := len(w.curve); n == 0 || w.curve[n-1].Best != s.Hall[0].Bound {
			w.curve = append(w.curve, live.Point{Birth: s.Births, Best: s.Hall[0].Bound})
		}
	}
	for _, e := range p.Events {
		w.events = append(w.events, live.Event{Birth: e.Birth, Text: e.Text})
	}
	w.events = w.events[max(0, len(w.events)-100):]
	s.Curve, s.Events = w.curve[:len(w.curve):len(w.curve)], w.events[:len(w.events):len(w.events)]
	if p.Resuming > 0 {
		s.Message = fmt.Sprintf("going through %d births of the archive", p.Resuming)
	}
}

func shown(r search.Rule) live.Rule {
	return live.Rule{ID: r.ID, Name: r.Name, Formula: r.Formula, Bound: r.Bound, Mean: r.Mean, Rung: r.Rung + 1, Size: r.Size, StateBytes: r.StateBytes,
		Flops: r.Flops, Count: r.Evaluations, Pick: r.Pick, Scores: r.Scores}
}

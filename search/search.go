// Package search finds update rules by evolution on small training tasks, and prints them as rule files that optc compiles.
//
// It prints nothing itself. What a search has found is in [Result].Rules, the best first; [Fold] leaves of rules that are nearly the
// same the first, as the list that the program calls the hall does, and [Progress].Hall is that list while a search is under way.
// The rule to look at first has Pick set, and [Rule.Text] writes a rule as a file.
//
// [Run] works on a search until its budget is spent and keeps it in an archive, from which it can go on, be looked at, and be
// checked: a search depends on its [Spec] and tasks alone, so any number of workers, on any machine and with any breaks, come
// to the same births with the same results. The tasks are those of optc's package tasks, or one's own ([Task]). The program
// optc-search (cmd/optc-search, the verb optc search) is this package on a command line.
package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/cpu"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/known"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// Task is what rules are tried on: a model with data. It has three methods:
//
//	Name() string                             one word, under which archives know it
//	Steps() int                               of a training run
//	Open(seed, split uint64) (TaskRun, error) begins a run; equal arguments must give equal runs, bit for bit
//
// Package search/task says more of each, and makes tasks of the models of optc's package tasks. The tasks that come with optc
// need no Task: [Spec].Rungs names them.
type Task = task.Task

// TaskRun is a task in training, which belongs to one goroutine. It has four methods:
//
//	Values() [][]float32               the parameters, which the search changes
//	Grads() [][]float32                of the same lengths, set by Batch
//	Batch(step int) float32            the loss of a step's minibatch, and its gradient
//	Loss(split Split) (float64, error) the mean loss on examples that Batch has not seen
type TaskRun = task.Run

// Split is a part of a task's examples.
type Split = task.Split

// The parts: what rules are trained on, what the search chooses by, and what it never reads.
const (
	TrainSet = tasks.TrainSet
	ValidSet = tasks.ValidSet
	TestSet  = tasks.TestSet
)

// Progress is how a search goes.
type Progress struct {
	Archive   string
	Births    int // so far
	Evaluated int // of them, the others being of rules known already
	Forms     int // different rules evaluated
	Dull      int // candidates thrown away since they cannot train or lack the symmetry
	Runs      int // training runs; while AdamW is tuned, before there is an archive, those of the tuning
	Restarts  int
	Resuming  int           // births that are still taken from the archive, before new ones are made
	Elapsed   time.Duration // of this run of the search
	CPU       time.Duration // of processors, since the beginning of the archive
	Workers   int
	Seed      uint64
	Start     []string
	Rungs     [][]string
	Limits    []float64 // by rung: the score that rules must reach to go on
	Reached   []int     // by rung: rules that were run on it; a last one more for those that went through all
	Hall      []Rule    // the 16 best rules, the best first, of those that are nearly the same the first alone; see [Fold]
	Front     []Rule    // those that no other beats in fitness, size and state alike
	Events    []Event   // since it was told last: tasks that are measured, known rules that are met, islands that begin anew
	Budget    Budget
}

// Event is something that happened at a birth.
type Event struct {
	Birth int
	Text  string
}

// hallSize is how many rules progress tells of, which differ in more than constants; they are looked for among the first hallFrom.
const (
	hallSize = 16
	hallFrom = 200
)

// Run searches until the budget of the spec is spent, the context ends or an error. Only an error of the search itself is an
// error: a context that ends is not. That of a spec that asks for what cannot be is a
// [SpecError]. With tasks given and no rungs in the spec, they are the rungs, in their order. The archive of the spec is made, or gone on with if there is one; the result is what [Open] reads of it in the end.
func Run(ctx context.Context, spec Spec, own ...Task) (*Result, error) {
	r := &runner{spec: &spec, started: time.Now(), cpuBefore: cpu.Time()}
	var err error
	if r.budget, err = ParseBudget(spec.Budget); err != nil {
		return nil, err
	}
	if r.budget.CPU > 0 && len(spec.Worker) > 0 {
		return nil, asked(errors.New("a budget of processors' time with a worker program, whose time is not known before it ends: say evaluations or runs"))
	}
	if r.workers, err = spec.WorkerCount(); err != nil {
		return nil, err
	}
	if r.find, r.are, err = spec.tasks(own); err != nil {
		return nil, err
	}
	if len(spec.Rungs) == 0 {
		spec.Rungs = rungsOf(own, spec.Tasks)
	}
	executor, stop, err := spec.executor(r.find)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := r.open(ctx, executor); err != nil {
		return nil, err
	}
	err = r.search(ctx, executor)
	if closed := r.archive.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	return Open(spec.Archive)
}

// rungsOf is a rung for each of the tasks that are given, else of those of the spec.
func rungsOf(own []Task, further []TaskSpec) [][]string {
	var rungs [][]string
	for _, t := range own {
		rungs = append(rungs, []string{t.Name()})
	}
	if len(rungs) == 0 {
		for _, t := range further {
			rungs = append(rungs, []string{t.Name})
		}
	}
	return rungs
}

// executor is who does the training runs.
func (s *Spec) executor(find task.Finder) (e work.Executor, stop func(), err error) {
	if len(s.Worker) == 0 {
		return work.Local{Find: find}, func() {}, nil
	}
	workers, err := s.WorkerCount()
	if err != nil {
		return nil, nil, err
	}
	p, err := work.NewPipes(s.Worker, workers)
	if err != nil {
		return nil, nil, err
	}
	return p, p.Close, nil
}

// runner is a search that is worked on.
type runner struct {
	spec      *Spec
	budget    Budget
	workers   int
	find      task.Finder
	are       string // what tasks of one's own are
	config    evolve.Config
	base      map[string]fitness.Baseline
	archive   *archive.Archive
	evolved   *evolve.Search
	resumed   int                         // births that the archive has
	kept      func() (evolve.Birth, bool) // the next of them
	leave     func()                      // ends reading them
	started   time.Time
	cpuBefore time.Duration // of this process before
	cpuSpent  time.Duration // of runs before
	committed time.Time
	told      time.Time
	tuned     int             // training runs that have tuned AdamW
	end       func()          // ends the search when the budget's time is over
	clock     *time.Timer     // which does that, once it runs
	pause     time.Duration   // until it is told again
	events    []Event         // since progress was told
	known     map[string]bool // names of rules that were told
}

// open opens the archive, or makes it.
func (r *runner) open(ctx context.Context, executor work.Executor) error {
	if r.spec.Archive == "" {
		return asked(errors.New("a search needs the name of an archive"))
	}
	a, err := archive.Claim(r.spec.Archive)
	switch {
	case errors.Is(err, archive.ErrNone):
		return r.create(ctx, executor)
	case err != nil:
		return err
	}
	if r.config, r.base, err = a.Config(); err == nil {
		var said evolve.Config
		if said, err = r.spec.over(r.config); err == nil {
			if diff := difference(r.config, said); diff != "" {
				err = asked(fmt.Errorf("%s: %s: leave it out, or begin another archive", r.spec.Archive, diff))
			}
		}
	}
	if err == nil {
		err = r.sameTasks(a)
	}
	if err == nil {
		err = r.resume(a)
	}
	if err != nil {
		return errors.Join(err, a.Close())
	}
	return nil
}

// sameTasks refuses to go on with tasks that have become others.
func (r *runner) sameTasks(a *archive.Archive) error {
	h, err := a.Header()
	if err != nil || h.Tasks == r.are {
		return err
	}
	if r.are == "" {
		return asked(fmt.Errorf("%s is a search on tasks of its own: give them again, with --spec FILE.toml on the command line", a.Path()))
	}
	return asked(fmt.Errorf("%s is a search on other tasks:\n%.1000sand not:\n%.1000sBegin another archive", a.Path(), h.Tasks, r.are))
}

func (r *runner) resume(a *archive.Archive) error {
	spent, err := a.CPU(a.Births())
	if err == nil {
		err = whole(a, r.base)
	}
	if err != nil {
		return err
	}
	r.cpuSpent, r.resumed, r.archive = time.Duration(spent*float64(time.Second)), a.Births(), a
	events, err := a.Events()
	r.known = map[string]bool{}
	for _, e := range events {
		r.known[e.Kind] = true
	}
	return err
}

// create begins a new archive.
func (r *runner) create(ctx context.Context, executor work.Executor) error {
	var err error
	if r.config, err = r.spec.over(evolve.Default()); err != nil {
		return err
	}
	if r.base, err = r.baselines(ctx, executor); err != nil {
		return err
	}
	if _, err := evolve.New(r.config, r.base); err != nil { // before there is a file
		return asked(err)
	}
	text, err := json.MarshalIndent(r.config, "", "  ")
	if err != nil {
		return err
	}
	var all []fitness.Baseline
	for _, name := range slices.Concat(r.config.Rungs...) {
		all = append(all, r.base[name])
	}
	a, err := archive.Create(r.spec.Archive, archive.Header{Spec: string(text), Baselines: fitness.Table(all), Numerics: work.Numerics, Tasks: r.are})
	if err != nil {
		return err
	}
	if err := r.resume(a); err != nil {
		return errors.Join(err, a.Close())
	}
	return nil
}

// baselines are AdamW's losses on the tasks of the rungs, measured now where they are not known.
func (r *runner) baselines(ctx context.Context, executor work.Executor) (map[string]fitness.Baseline, error) {
	known, err := fitness.Baselines()
	if err != nil {
		return nil, err
	}
	if r.budget.Time > 0 {
		var stop func()
		ctx, stop = context.WithTimeoutCause(ctx, r.budget.Time-time.Since(r.started), errSpent)
		defer stop()
	}
	for _, name := range slices.Concat(r.config.Rungs...) {
		if _, err := r.find(name); err != nil {
			return nil, asked(err)
		}
		if _, ok := known[name]; ok {
			continue
		}
		if known[name], err = r.tune(ctx, executor, name); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// tune measures AdamW's losses on a task. There is no archive yet that could keep a part of it.
func (r *runner) tune(ctx context.Context, executor work.Executor, name string) (fitness.Baseline, error) {
	r.events = append(r.events, Event{Text: "tuning AdamW on the task " + name})
	r.tell(true)
	before, told := r.tuned, time.Now()
	b, err := fitness.MeasureAnew(func(i work.Item) (work.Outcome, error) {
		out, err := doWithin(ctx, executor, i)
		if err != nil {
			return out, err
		}
		r.tuned++
		if time.Since(told) > tuningEvery {
			r.events = append(r.events, Event{Text: fmt.Sprintf("tuning AdamW on the task %s: %d training runs so far", name, r.tuned-before)})
			told = time.Now()
		}
		r.tell(false)
		return out, nil
	}, name)
	if err != nil && errors.Is(context.Cause(ctx), errSpent) {
		err = fmt.Errorf("budget %s: its time is over, and AdamW, which rules are measured by, is still being tuned on the task %s, after %d training runs; nothing of it is kept, so say a longer budget, or give the task fewer steps",
			r.spec.Budget, name, r.tuned-before)
	}
	return b, err
}

// doWithin does an item until the context ends, and does not wait for what is under way then: a step of a task may take long.
func doWithin(ctx context.Context, executor work.Executor, item work.Item) (work.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return work.Outcome{}, err
	}
	type done struct {
		out work.Outcome
		err error
	}
	to := make(chan done, 1)
	go func() {
		out, err := executor.Do(ctx, item)
		to <- done{out, err}
	}()
	select {
	case d := <-to:
		return d.out, d.err
	case <-ctx.Done():
		return work.Outcome{}, ctx.Err()
	}
}

// search runs the evolution.
func (r *runner) search(ctx context.Context, executor work.Executor) error {
	var err error
	if r.evolved, err = evolve.New(r.config, r.base); err != nil {
		return err
	}
	ctx, r.end = context.WithCancel(ctx)
	defer r.end()
	if r.resumed == 0 {
		r.wind()
	}
	defer func() {
		if r.clock != nil {
			r.clock.Stop()
		}
	}()
	r.committed = time.Now()
	results, failed := r.archive.Results()
	births, broken := r.archive.Each(0)
	r.kept, r.leave = iter.Pull(births)
	defer r.leave()
	run := func(i work.Item) (work.Outcome, error) { return executor.Do(ctx, i) }
	err = r.evolved.Run(ctx, r.workers, run, evolve.Resumed{Births: r.resumed, Results: results, Seen: r.seen, Repeat: r.sample()}, r.settled)
	if errors.Is(err, evolve.ErrDiffers) {
		err = fmt.Errorf("%s: %w: the archive is damaged, or this machine computes otherwise than the one that made it", r.spec.Archive, err)
	}
	if errors.Is(err, errSpent) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	if unread := errors.Join(*failed, *broken); unread != nil {
		return unread
	}
	if err == nil {
		r.tell(true)
	}
	return errors.Join(err, r.commit())
}

// wind sets the clock by which the search ends, as it does by an interrupt: what is under way is not waited for, and done again
// when the search goes on. Asking at births alone, a search would end as late as the slowest run of a worker.
func (r *runner) wind() {
	if r.budget.Time > 0 {
		r.clock = time.AfterFunc(r.budget.Time-time.Since(r.started), r.end)
	}
}

// sample draws the evaluations of an archive that are done again before it is gone on with, so that it never mixes two
// arithmetics: a few of every hundred, eight at most.
func (r *runner) sample() func(birth int) bool {
	done := 0
	return func(birth int) bool {
		if done == 8 || rand.New(rand.NewPCG(r.config.Seed, uint64(birth))).Float64() >= 0.03 {
			return false
		}
		done++
		return true
	}
}

// seen is told of births that come from the archive.
func (r *runner) seen(b evolve.Birth) error {
	if err := sameBirth(b, r.kept); err != nil {
		return fmt.Errorf("%s: %w", r.spec.Archive, err)
	}
	r.tell(r.resumed < shortArchive && b.Index%(r.resumed/resumeSteps+1) == 0)
	if r.spec.Evaluated != nil && len(b.Result.Scores) > 0 {
		cpu, err := r.archive.CPU(b.Index)
		if err != nil {
			return err
		}
		r.spec.Evaluated(b.Index, time.Duration(cpu*float64(time.Second)), ruleOf(r.evolved.Form(b.Form), r.config.Rungs))
	}
	if b.Index == r.resumed-1 {
		r.leave()
		r.started = time.Now() // going through the archive is no part of the budget
		r.wind()
		if r.ended(b.Index) {
			return errSpent
		}
	}
	return nil
}

var errSpent = errors.New("the budget is spent")

// settled keeps a birth.
func (r *runner) settled(b evolve.Birth) (more bool, err error) {
	if err := r.archive.Append(b); err != nil {
		return false, err
	}
	if r.spec.Evaluated != nil && len(b.Result.Scores) > 0 {
		r.spec.Evaluated(b.Index, r.cpu(), ruleOf(r.evolved.Form(b.Form), r.config.Rungs))
	}
	if err := r.notice(b); err != nil {
		return false, err
	}
	if island, without, ok := r.evolved.Begun(); ok {
		r.events = append(r.events, Event{b.Index, begun(island, without)})
	}
	if time.Since(r.committed) > commitEvery {
		if err := r.commit(); err != nil {
			return false, err
		}
	}
	r.tell(false)
	return !r.ended(b.Index), nil
}

// Going through a short archive is over before it is time to tell of it: then it is told of in so many steps.
const (
	shortArchive = 50_000
	resumeSteps  = 50
)

// begun says that an island begins anew.
func begun(island int, without []genome.Op) string {
	text := fmt.Sprintf("island %d begins anew", island+1)
	for i, op := range without {
		word := ", "
		if i == 0 {
			word = " without "
		}
		text += word + op.String()
	}
	return text
}

const (
	commitEvery = 500 * time.Millisecond
	tellEvery   = 500 * time.Millisecond
	tuningEvery = 10 * time.Second
)

func (r *runner) cpu() time.Duration { return r.cpuSpent + cpu.Time() - r.cpuBefore }

func (r *runner) commit() error {
	r.committed = time.Now()
	if err := r.archive.Spent(r.cpu().Seconds()); err != nil {
		return err
	}
	return r.archive.Commit()
}

// barren is after how many births without a rule to evaluate a search ends: it would go on for ever, and its archive grow.
const barren = 1 << 17

// ended reports whether the search has ended with a birth: the budget is spent, or the rules that there can be are all known.
func (r *runner) ended(birth int) bool {
	if n := r.evolved.Count().Barren; n >= barren+2*r.config.Islands { // each of which begins with what is known
		r.events = append(r.events, Event{birth, fmt.Sprintf("the search ends: nothing new for %d births, the operators make no more rules", n)})
		return true
	}
	return r.spent()
}

// spent reports whether the budget is.
func (r *runner) spent() bool {
	b := &r.budget
	n := r.evolved.Count()
	return b.Time > 0 && time.Since(r.started) >= b.Time || b.CPU > 0 && r.cpu() >= b.CPU || b.Evals > 0 && n.Evaluated >= b.Evals || b.Runs > 0 && n.Runs >= b.Runs
}

// knownRule is what an evaluated birth is known as.
func knownRule(b evolve.Birth) (m known.Match, ok bool, err error) {
	if len(b.Result.Scores) == 0 {
		return m, false, nil
	}
	g, err := genome.Decode(b.Result.Rule)
	if err == nil {
		m, ok = known.Name(g)
	}
	return m, ok, err
}

// notice tells of known rules among what is evaluated, of each once, whatever its constants.
func (r *runner) notice(b evolve.Birth) error {
	m, ok, err := knownRule(b)
	if err != nil {
		return err
	}
	if !ok || r.known[m.Name] {
		return nil
	}
	r.known[m.Name] = true
	r.events = append(r.events, Event{b.Index, m.String()})
	return r.archive.Tell(archive.Event{Birth: b.Index, Kind: m.Name, Text: m.String()})
}

// tell reports progress, now and then.
func (r *runner) tell(now bool) {
	if r.spec.Progress == nil || !now && time.Since(r.told) < r.pause {
		return
	}
	begin := time.Now()
	defer func() {
		r.told = time.Now()
		r.pause = max(tellEvery, 50*r.told.Sub(begin)) // a large archive takes long to sort
	}()
	p := Progress{Archive: r.spec.Archive, Elapsed: time.Since(r.started), CPU: r.cpu(), Workers: r.workers, Seed: r.config.Seed, Start: r.config.Starts,
		Rungs: r.config.Rungs, Events: r.events, Budget: r.budget}
	r.events = nil
	p.Runs = r.tuned
	if s := r.evolved; s != nil {
		n := s.Count()
		p.Births, p.Evaluated, p.Forms, p.Dull, p.Runs, p.Restarts = n.Known+n.Evaluated, n.Evaluated, n.Forms, n.Dull, n.Runs, n.Restarts
		p.Resuming, p.Limits = max(0, r.resumed-p.Births), s.Limits()
		p.Reached = append(n.Reached, 0)
		if last := len(n.Reached) - 1; last >= 0 {
			p.Reached[last+1] = n.Reached[last]
		}
		all := s.Forms()
		evolve.Sort(all)
		p.Hall, p.Front = Fold(rules(all[:min(hallFrom, len(all))], r.config.Rungs)), front(all, r.config.Rungs)
		p.Hall = p.Hall[:min(hallSize, len(p.Hall))]
	}
	r.spec.Progress(p)
}

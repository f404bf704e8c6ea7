// Package sealed is the last test of what a search has found: against known rules, on tasks that no search has read.
//
// In come a genome, the digest of the archive that it is from, the tasks that are held out, and a pool to train with; out come
// losses by task, and whether the genome's are lower than chance would have it. Splits of the data and seeds are drawn from the
// digest, the rule and the task, so that nobody can have chosen by them. All rules are tuned alike, on examples and a seed that
// the losses to be compared are not of. The result depends on the input alone, whatever the number of workers; a test that is
// broken off begins again with the same cache. The package does not count how often it is asked: archives do.
//
// A test of the 24 tasks with five rules is about 2,100 training runs: 75 seconds of one processor that does 40 to 60 GFLOP/s in
// products of 64x128x128.
package sealed

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/tasks"
)

// Rule is a rule with its name.
type Rule struct {
	Name   string
	Genome genome.Genome
}

// Config is a test.
type Config struct {
	Candidate Rule
	Archive   [sha256.Size]byte // digest
	Baselines []Rule
	Tasks     []tasks.Task
	Decays    []float64 // that are tried with each learning rate
	Seeds     int       // runs of each rule on each task, after it is tuned
	Shorter   float64   // how many times fewer steps the candidate also gets; 0 for no such runs
}

// Fewer is how many times fewer steps the candidate gets besides, by default.
const Fewer = 1.15

// Default is the test of a candidate against AdamW, AdamW with a shorter second average, Lion and Signum on all tasks that are held
// out. On tasks this short the shorter average alone is better than AdamW's usual one, and a find must be better than that.
func Default(candidate Rule, archive [sha256.Size]byte) (Config, error) {
	c := Config{Candidate: candidate, Archive: archive, Tasks: tasks.Of(tasks.HeldOut), Decays: []float64{0, 0.01, 0.1}, Seeds: 3, Shorter: Fewer}
	for _, name := range []string{"adamw", "lion"} {
		g, err := genome.Start(name)
		if err != nil {
			return c, err
		}
		c.Baselines = append(c.Baselines, Rule{name, g})
	}
	for _, r := range []struct{ name, rule string }{
		{"adamw-95", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.05)), 1e-8))"},
		{"signum", "sign(ema(g; 0.1))"}, // Bernstein et al. 2018
	} {
		g, err := genome.Parse(r.rule)
		if err != nil {
			return c, err
		}
		c.Baselines = append(c.Baselines, Rule{r.name, g})
	}
	return c, nil
}

// Result is what came of a test.
type Result struct {
	Candidate, Rule string // its name, and its canonical form
	Archive         string // digest
	Rows            []Row  // by task
	Versus          []Versus
	Runs            int // training runs, those that a cache had included
}

// ErrOther is the error of a test that was of other rules or tasks than this program's.
var ErrOther = errors.New("the test is of other rules or tasks than those of this program")

// Recall makes a result again from training runs that are kept: do finds them, and trains nothing.
func Recall(ctx context.Context, r Result, do fitness.Runner) (Result, error) {
	g, err := genome.Decode(r.Rule)
	if err != nil {
		return Result{}, err
	}
	digest, err := hex.DecodeString(r.Archive)
	if err == nil && len(digest) != sha256.Size {
		err = fmt.Errorf("a digest of %d bytes", len(digest))
	}
	if err != nil {
		return Result{}, err
	}
	c, err := Default(Rule{r.Candidate, g}, [sha256.Size]byte(digest))
	if err != nil {
		return Result{}, err
	}
	if !c.of(r) {
		return Result{}, ErrOther
	}
	return Run(ctx, &pool.Pool{Workers: 1, Run: do}, c)
}

// of reports whether a result is of the same tasks and baselines.
func (c Config) of(r Result) bool {
	same := len(r.Rows) == len(c.Tasks) && len(r.Versus) == len(c.Baselines)
	for i := range min(len(r.Rows), len(c.Tasks)) {
		same = same && r.Rows[i].Task == c.Tasks[i].Name
	}
	for i := range min(len(r.Versus), len(c.Baselines)) {
		same = same && r.Versus[i].Baseline == c.Baselines[i].Name
	}
	return same
}

// Row is a task.
type Row struct {
	Task    string
	Split   uint64
	Seeds   []uint64 // the first tunes, the others judge
	Entries []Entry  // of the candidate, then of the baselines
	Shorter Judged   // the candidate with fewer steps, at the same learning rate
}

// Entry is a rule on a task.
type Entry struct {
	Rule      string
	LR, Decay float64 // the best; 0 if every run diverged
	Turn      int     // see fitness.Tuned
	Judged
}

// Judged is what a rule comes to on examples and with seeds that it is not tuned by.
type Judged struct {
	Loss     float64   // the mean of Losses
	Losses   []float64 // by seed: fitness.Loss, of the test split; none if a run diverged
	Diverged bool
}

// check says what is wrong with a test.
func (c Config) check() error {
	if len(c.Tasks) == 0 || len(c.Tasks) > mostTasks || len(c.Baselines) == 0 || len(c.Decays) == 0 {
		return fmt.Errorf("a test needs baselines, decays, and 1 to %d tasks", mostTasks)
	}
	if c.Seeds < 1 || c.Seeds > mostSeeds {
		return fmt.Errorf("%d seeds: 1 to %d are possible", c.Seeds, mostSeeds)
	}
	for _, d := range c.Decays {
		if !(d >= 0 && d < math.Inf(1)) {
			return fmt.Errorf("a decay of %v", d)
		}
	}
	if c.Shorter != 0 && !(c.Shorter > 1 && c.Shorter < math.Inf(1)) {
		return fmt.Errorf("%v times fewer steps: more than 1 are, or 0 for no such runs", c.Shorter)
	}
	return errors.Join(c.checkRules(), c.checkTasks())
}

const (
	mostTasks = 1000 // 2^-mostTasks is a float64
	mostSeeds = 1000
)

func (c Config) checkRules() error {
	names := map[string]bool{}
	for _, r := range c.rules() {
		if err := r.Genome.Check(); err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
		if r.Name == "" || names[r.Name] {
			return fmt.Errorf("two rules of the name %q, or a rule without a name", r.Name)
		}
		names[r.Name] = true
	}
	return nil
}

func (c Config) checkTasks() error {
	names := map[string]bool{}
	for _, t := range c.Tasks {
		switch {
		case t.Set != tasks.HeldOut:
			return fmt.Errorf("task %s is not held out", t.Name)
		case !(t.Baseline.LR > 0 && t.Baseline.LR < math.Inf(1)):
			return fmt.Errorf("task %s has no baseline", t.Name)
		case names[t.Name]:
			return fmt.Errorf("task %s stands there twice", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}

// rules are the candidate and the baselines.
func (c Config) rules() []Rule { return append([]Rule{c.Candidate}, c.Baselines...) }

// draw is a number that follows from the archive, the candidate's form and a task: number i of them, of 53 bits, which a
// float64 holds too, and not 0, which names a task's own split.
func (c Config) draw(task string, i int) uint64 {
	form := c.Candidate.Genome.Canonical().Key()
	buf := append(append([]byte("sealed\x00"), c.Archive[:]...), form[:]...)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(i))
	sum := sha256.Sum256(append(buf, task...))
	return max(1, binary.LittleEndian.Uint64(sum[:])>>11)
}

// row is a task without its results.
func (c Config) row(task string) Row {
	row := Row{Task: task, Split: c.draw(task, 0), Entries: make([]Entry, 1+len(c.Baselines))}
	for i := range 1 + c.Seeds {
		row.Seeds = append(row.Seeds, c.draw(task, 1+i))
	}
	return row
}

// Run tests.
func Run(ctx context.Context, p *pool.Pool, c Config) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	t := test{Config: c, pool: p, of: c.rules()}
	for _, task := range c.Tasks {
		t.rows = append(t.rows, c.row(task.Name))
	}
	if err := t.measure(ctx); err != nil {
		return Result{}, err
	}
	if err := t.train(ctx); err != nil {
		return Result{}, err
	}
	form := c.Candidate.Genome.Canonical()
	r := Result{Candidate: c.Candidate.Name, Rule: form.Encode(), Archive: hex.EncodeToString(c.Archive[:]), Rows: t.rows}
	for _, n := range t.runs {
		r.Runs += n
	}
	r.Versus = c.versus(r.Rows)
	return r, nil
}

// test is a test under way.
type test struct {
	Config
	pool  *pool.Pool
	of    []Rule
	rows  []Row
	sizes []float64 // by task: of AdamW's first updates
	runs  []int     // by job
}

// sizeSteps are enough to measure the size of first updates.
const sizeSteps = 10

// measure takes the size of AdamW's first updates, which the learning rates of the tasks' baselines belong to.
func (t *test) measure(ctx context.Context) error {
	adamw, err := genome.Start("adamw")
	if err != nil {
		return err
	}
	t.sizes = make([]float64, len(t.rows))
	return t.pool.Do(ctx, "sizes of updates", len(t.rows), func(i int, run fitness.Runner) error {
		item := t.item(i, adamw, 0)
		item.Steps = sizeSteps
		out, err := run(item)
		if err == nil && !(out.Size > 0 && out.Size < math.Inf(1)) {
			err = fmt.Errorf("the first updates of AdamW are of the size %v", out.Size)
		}
		t.sizes[i] = out.Size
		return t.failed(i, "adamw", err)
	})
}

// item is a run of a rule on a task with one of its seeds.
func (t *test) item(task int, g genome.Genome, seed int) work.Item {
	row := &t.rows[task]
	return work.Item{Rule: g.Canonical().Encode(), Task: row.Task, Split: row.Split, Seed: row.Seeds[seed], Numerics: work.Numerics}
}

func (t *test) failed(task int, rule string, err error) error {
	if err != nil {
		return fmt.Errorf("%s on %s: %w", rule, t.rows[task].Task, err)
	}
	return nil
}

// train tunes and judges every rule on every task.
func (t *test) train(ctx context.Context) error {
	n := len(t.of)
	t.runs = make([]int, len(t.rows)*n)
	return t.pool.Do(ctx, "tune and judge", len(t.runs), func(i int, run fitness.Runner) error {
		counted := func(item work.Item) (work.Outcome, error) {
			t.runs[i]++
			return run(item)
		}
		return t.failed(i/n, t.of[i%n].Name, t.entry(counted, i/n, i%n))
	})
}

// entry tunes and judges a rule on a task.
func (t *test) entry(run fitness.Runner, task, rule int) error {
	row := &t.rows[task]
	item := t.item(task, t.of[rule].Genome, 0)
	base := fitness.Baseline{LR: t.Tasks[task].Baseline.LR, Size: t.sizes[task]}
	entry := Entry{Rule: t.of[rule].Name}
	least := math.Inf(1)
	for _, decay := range t.Decays {
		item.Decay = decay
		tuned, err := fitness.Tune(run, item, base, 0)
		if err != nil {
			return err
		}
		if tuned.Loss < least {
			least, entry.LR, entry.Decay, entry.Turn = tuned.Loss, tuned.LR, decay, tuned.Turn
		}
	}
	var err error
	item.LR, item.Decay = entry.LR, entry.Decay
	entry.Judged, err = judge(run, item, row.Seeds[1:])
	if err != nil {
		return err
	}
	row.Entries[rule] = entry
	if rule == 0 && t.Shorter > 0 {
		item.Steps = max(1, int(float64(t.Tasks[task].Steps)/t.Shorter))
		row.Shorter, err = judge(run, item, row.Seeds[1:])
	}
	return err
}

// judge runs an item with seeds that it is not tuned by, and takes the losses on the test split.
func judge(run fitness.Runner, item work.Item, seeds []uint64) (Judged, error) {
	j := Judged{Diverged: item.LR == 0}
	item.Test = true
	for _, seed := range seeds {
		if j.Diverged {
			return Judged{Diverged: true}, nil
		}
		item.Seed = seed
		out, err := run(item)
		if err != nil {
			return j, err
		}
		out.Valid = out.Test
		loss := fitness.Loss(out)
		j.Losses, j.Loss, j.Diverged = append(j.Losses, loss), j.Loss+loss/float64(len(seeds)), out.Diverged
	}
	if j.Diverged {
		return Judged{Diverged: true}, nil
	}
	return j, nil
}

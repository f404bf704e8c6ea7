package sealed

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

func config(t testing.TB, candidate string) Config {
	t.Helper()
	g, err := genome.Parse(candidate)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Default(Rule{"find", g}, [32]byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// world is a runner whose losses follow from rule, task and learning rate.
type world struct {
	loss func(rule, task string) float64 // logarithm of the least; +Inf diverges
	runs atomic.Int64
	most int64 // runs after which it fails; 0 for never
}

var errBroken = errors.New("broken off")

// best is the learning rate of least loss, decayed that of the decays.
const best, decayed = 0.01, 0.01

func (w *world) run(i work.Item) (work.Outcome, error) {
	if n := w.runs.Add(1); w.most > 0 && n > w.most {
		return work.Outcome{}, errBroken
	}
	if i.LR == 0 {
		return work.Outcome{Size: 2}, nil
	}
	least := w.loss(i.Rule, i.Task)
	if math.IsInf(least, 1) {
		return work.Outcome{Size: 2, Diverged: true}, nil
	}
	loss := math.Exp(least + math.Abs(math.Log10(i.LR/best)) + math.Abs(i.Decay-decayed))
	if i.Steps > 0 {
		loss *= 1.1
	}
	out := work.Outcome{Train: loss, Valid: loss, Size: 2}
	if i.Test {
		out.Test, out.Valid = loss, loss/1000 // who judges by it wins
	}
	return out, nil
}

func (w *world) pool(workers int) *pool.Pool { return &pool.Pool{Run: w.run, Workers: workers} }

func run(t testing.TB, w *world, c Config) Result {
	t.Helper()
	r, err := Run(context.Background(), w.pool(2), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// place is the number of a task that is held out.
func place(name string) int {
	for i, t := range tasks.Of(tasks.HeldOut) {
		if t.Name == name {
			return i
		}
	}
	return -1
}

func TestRun(t *testing.T) {
	c := config(t, "tanh(g)")
	for i := range c.Tasks {
		c.Tasks[i].Baseline.LR = best
	}
	find, lion := c.Candidate.Genome.Canonical().Encode(), c.Baselines[1].Genome.Canonical().Encode()
	w := &world{loss: func(rule, task string) float64 {
		i := place(task)
		switch {
		case rule == find && i < 18:
			return -0.2
		case rule == lion && i == 23:
			return math.Inf(1)
		case rule == lion && i < 3:
			return -0.2
		}
		return 0
	}}
	r := run(t, w, c)
	if len(r.Rows) != 24 || len(r.Versus) != 4 || int64(r.Runs)+24 != w.runs.Load() || r.Rule != find || r.Archive[:8] != "01020300" {
		t.Fatalf("%d rows, %+v after %d runs", len(r.Rows), r, w.runs.Load())
	}
	adamw, second := r.Versus[0], r.Versus[1]
	if adamw.Baseline != "adamw" || adamw.Wins != 18 || adamw.Losses != 0 || adamw.Ties != 6 || !near(adamw.Sign, 1.0/(1<<18)) || !near(adamw.SignHolm, 4*adamw.Sign) {
		t.Errorf("%+v", adamw)
	}
	if math.Abs(adamw.Ratio-math.Exp(-0.2)) > 1e-9 || !near(adamw.Rank, 1.0/(1<<18)) || adamw.Shorter != 18 {
		t.Errorf("%+v", adamw)
	}
	if second.Baseline != "lion" || second.Wins != 16 || second.Losses != 0 || second.Ties != 8 || second.Shorter != 16 {
		t.Errorf("%+v", second)
	}
	for i, row := range r.Rows {
		for j, e := range row.Entries {
			if (i == 23 && j == 2) != e.Diverged {
				t.Errorf("%s: %+v", row.Task, e)
			}
			if !e.Diverged && (len(e.Losses) != 3 || e.Decay != decayed || math.Abs(e.LR-best) > 1e-12 || e.Losses[0] != e.Losses[2] || math.Abs(e.Loss-w.loss(c.rules()[j].Genome.Canonical().Encode(), row.Task)) > 1e-9) {
				t.Errorf("%s: %+v", row.Task, e)
			}
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// TestSealed: what tunes does not judge, and all of it follows from archive, rule and task.
func TestSealed(t *testing.T) {
	c := config(t, "tanh(g)")
	c.Tasks = c.Tasks[:5]
	flat := func(string, string) float64 { return 0 }
	r := run(t, &world{loss: flat}, c)
	rows := map[string]Row{}
	drawn := map[uint64]bool{}
	for _, row := range r.Rows {
		rows[row.Task] = row
		for _, n := range append([]uint64{row.Split}, row.Seeds...) {
			if n == 0 || n >= 1<<53 || drawn[n] {
				t.Errorf("%s: %d is drawn", row.Task, n)
			}
			drawn[n] = true
		}
	}
	w := &world{loss: flat}
	p := &pool.Pool{Workers: 1, Run: func(i work.Item) (work.Outcome, error) {
		row := rows[i.Task]
		tunes := i.Seed == row.Seeds[0]
		judges := i.Seed == row.Seeds[1] || i.Seed == row.Seeds[2] || i.Seed == row.Seeds[3]
		if i.Split != row.Split || tunes == i.Test || judges != i.Test {
			t.Errorf("%+v of %+v", i, row)
		}
		return w.run(i)
	}}
	if again, err := Run(context.Background(), p, c); err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("%+v, then %+v, %v", r, again, err)
	}
	others := []func(*Config){
		func(c *Config) { c.Archive[31] = 1 },
		func(c *Config) { c.Candidate = config(t, "sign(g)").Candidate },
	}
	for _, other := range others {
		d := c
		other(&d)
		for _, task := range d.Tasks {
			for i := range 4 {
				if n := d.draw(task.Name, i); drawn[n] {
					t.Errorf("%s: %d again", task.Name, n)
				}
			}
		}
	}
	same := c
	same.Candidate = config(t, "mul(3, tanh(g))").Candidate
	if same.draw("iris", 0) != c.draw("iris", 0) {
		t.Error("the scale of a rule draws another split")
	}
}

type memory map[work.Key]work.Outcome

func (m memory) Get(key work.Key) (work.Outcome, bool, error) {
	out, ok := m[key]
	return out, ok, nil
}

func (m memory) Put(key work.Key, _ work.Item, out work.Outcome) error {
	m[key] = out
	return nil
}

func TestResumes(t *testing.T) {
	c := config(t, "tanh(g)")
	loss := func(rule, task string) float64 { return float64(len(rule)*place(task)%7) / 10 }
	w := &world{loss: loss}
	want := run(t, w, c)
	for _, workers := range []int{1, 3, 40} {
		cache := memory{}
		var got Result
		err := errBroken
		for tries := 0; err != nil; tries++ {
			if !errors.Is(err, errBroken) || tries > 20 {
				t.Fatal(err)
			}
			broken := &world{loss: loss, most: 200}
			p := broken.pool(workers)
			p.Cache = cache
			got, err = Run(context.Background(), p, c)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d workers, broken off: %+v, not %+v", workers, got, want)
		}
		if int64(len(cache)) > w.runs.Load() {
			t.Errorf("%d items, %d runs", len(cache), w.runs.Load())
		}
	}
}

func TestDiverges(t *testing.T) {
	c := config(t, "tanh(g)")
	find := c.Candidate.Genome.Canonical().Encode()
	r := run(t, &world{loss: func(rule, _ string) float64 {
		if rule == find {
			return math.Inf(1)
		}
		return 0
	}}, c)
	if v := r.Versus[0]; v.Losses != 24 || v.Sign != 1 || v.Rank != 1 || !near(v.Ratio/1e6, 1) || v.Shorter != 0 {
		t.Errorf("%+v", v)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	r = run(t, &world{loss: func(string, string) float64 { return math.Inf(1) }}, c)
	if v := r.Versus[2]; v.Ties != 24 || v.Sign != 1 || v.Ratio != 1 || v.SignHolm != 1 {
		t.Errorf("%+v", v)
	}
	w := &world{loss: func(string, string) float64 { return 0 }}
	p := &pool.Pool{Workers: 2, Run: func(i work.Item) (work.Outcome, error) {
		out, err := w.run(i)
		out.Diverged = i.Rule == find && i.Test && i.Seed == c.draw(i.Task, 4)
		return out, err
	}}
	if r, err := Run(context.Background(), p, c); err != nil || !r.Rows[0].Entries[0].Diverged || r.Versus[0].Losses != 24 {
		t.Errorf("%+v, %v", r, err)
	}
	p.Run = func(work.Item) (work.Outcome, error) { return work.Outcome{Size: math.NaN()}, nil }
	if r, err := Run(context.Background(), p, c); err == nil {
		t.Errorf("%+v", r)
	}
}

func TestRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"tasks to search on": func(c *Config) { c.Tasks = tasks.Of(tasks.Search) },
		"no tasks":           func(c *Config) { c.Tasks = nil },
		"the same task":      func(c *Config) { c.Tasks = append(c.Tasks, c.Tasks[0]) },
		"no baseline":        func(c *Config) { c.Tasks[0].Baseline.LR = 0 },
		"no baselines":       func(c *Config) { c.Baselines = nil },
		"no decays":          func(c *Config) { c.Decays = nil },
		"decay":              func(c *Config) { c.Decays = []float64{math.NaN()} },
		"seeds":              func(c *Config) { c.Seeds = 0 },
		"more steps":         func(c *Config) { c.Shorter = 0.5 },
		"genome":             func(c *Config) { c.Candidate.Genome = genome.Genome{} },
		"name":               func(c *Config) { c.Candidate.Name = "lion" },
	} {
		c := config(t, "tanh(g)")
		change(&c)
		if r, err := Run(context.Background(), (&world{}).pool(1), c); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestReal is a test on two small tasks, of AdamW by another name: it ties with AdamW, bit for bit.
func TestReal(t *testing.T) {
	c := config(t, "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8))")
	c.Seeds, c.Decays = 2, []float64{0, 0.1}
	c.Tasks = nil
	for _, of := range tasks.Of(tasks.HeldOut) {
		if of.Name == "iris" || of.Name == "proline" {
			c.Tasks = append(c.Tasks, of)
		}
	}
	do := func(i work.Item) (work.Outcome, error) { return work.Run(i, task.Builtin) }
	r, err := Run(context.Background(), &pool.Pool{Run: do, Workers: 2}, c)
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Versus[0]; v.Ties != 2 || v.Ratio != 1 || v.Sign != 1 {
		t.Errorf("%+v", v)
	}
	for i, row := range r.Rows {
		of := c.Tasks[i].Baseline
		for _, e := range row.Entries {
			if e.Diverged || !(e.Loss < math.Log(3*max(of.Train, of.Valid))) || !(e.LR > 0) {
				t.Errorf("%s: %+v, the task's baseline is %+v", row.Task, e, of)
			}
		}
		if row.Shorter.Diverged || row.Shorter.Loss == row.Entries[0].Loss || strings.Contains(row.Task, "@") {
			t.Errorf("%+v", row)
		}
	}
}

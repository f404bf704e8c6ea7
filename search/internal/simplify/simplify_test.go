package simplify

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

func parse(t testing.TB, text string) genome.Genome {
	t.Helper()
	g, err := genome.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func canonical(t testing.TB, text string) string {
	t.Helper()
	return parse(t, text).Canonical().String()
}

func simplify(t testing.TB, w *world, text string, workers int) Result {
	t.Helper()
	r, err := Run(context.Background(), w.pool(workers), Default(parse(t, text), fakeTasks("a", "b", "c", "d")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		needs          map[string]float64
	}{
		{"all is needed", "sign(ema(g; 0.1))", "sign(ema(g; 0.1))", map[string]float64{"sign": 1, "ema": 1}},
		{"a small term goes, and a constant is rounded", "sign(add(ema(g; 0.13), mul(0.0001, tanh(g))))", "sign(ema(g; 0.1))", map[string]float64{"sign": 1, "ema": 1}},
		{"a state goes", "sign(ema(g; 0.1))", "sign(g)", map[string]float64{"sign": 1}},
		{"nothing is needed", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8))", "g", nil},
		{"one average of two goes, and the guard", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8))", "div(g, sqrt(avg(square(g); 0.001)))",
			map[string]float64{"avg": 1, "sqrt": 1, "square": 1, "div": 1}},
		{"what is for the worse goes", "add(g, tanh(g))", "g", map[string]float64{"tanh": -1}},
		{"near one", "ema(g; 0.9871)", "ema(g; 0.99)", map[string]float64{"ema": 1}},
	} {
		w := &world{needs: c.needs, noise: 0.3}
		r := simplify(t, w, c.from, 1)
		if got := r.Genome.String(); got != canonical(t, c.to) {
			t.Errorf("%s: %s becomes %s, after %+v", c.name, c.from, got, r.Steps)
		}
		if int64(r.Runs) > w.runs.Load() || len(r.Turns) != 4 || len(r.LRs) != 4 || !(r.LRs[0] == fakeLR) || !r.Against.none() {
			t.Errorf("%s: %+v", c.name, r)
		}
		for i, s := range r.Steps {
			if s.Text == "" || s.With == "" || s.Rule == "" || !s.Against.none() || (i == len(r.Steps)-1) != (s.Rule == r.Genome.Encode()) {
				t.Errorf("%s: step %+v", c.name, s)
			}
		}
	}
}

// TestParts asks for what each node is worth.
func TestParts(t *testing.T) {
	r := simplify(t, &world{needs: map[string]float64{"sign": 2, "ema": 0.5, "lerp": 1}, noise: 0.1}, "sign(lerp(ema(g; 0.01), g; 0.1))", 2)
	want := map[string]struct {
		with string
		loss float64
	}{
		"sign(lerp(ema(g; 0.01), g; 0.1))": {"lerp(ema(g; 0.01), g; 0.1)", 2},
		"lerp(ema(g; 0.01), g; 0.1)":       {"ema(g; 0.01)", 1},
		"ema(g; 0.01)":                     {"0", 0.5}, // lerp stays
	}
	if len(r.Parts) != len(want) {
		t.Errorf("%d parts", len(r.Parts))
	}
	for _, p := range r.Parts {
		w := want[p.Text]
		if p.With != w.with || math.Abs(p.Loss.Mean-w.loss) > 0.1 || !(p.Loss.Error > 0 && p.Loss.Error < 0.1) || p.Loss.Pairs != 20 {
			t.Errorf("%+v, not %+v", p, w)
		}
	}
}

// TestBounded: a run that diverges counts no more than any that is far behind.
func TestBounded(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct{ loss, rival, want float64 }{
		{1, 1, 0}, {inf, inf, 0}, {inf, 1, mostDifference}, {1, inf, -mostDifference}, {1.1, 1, 1}, {5, 1, mostDifference}, {-5, 1, -mostDifference},
	} {
		if got := pairOf(c.loss, c.rival, 0.1); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v against %v: %v", c.loss, c.rival, got)
		}
	}
	if d := summarise([]float64{1, 2, 3, 4}); d.Mean != 2.5 || math.Abs(d.Error-math.Sqrt(5.0/3/4)) > 1e-12 || d.Pairs != 4 {
		t.Errorf("%+v", d)
	}
}

// TestAnyWorkers asks for the same result of any number of workers, of a run that is broken off again and again, and of random
// rules.
func TestAnyWorkers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := genome.DefaultMutator()
	for range 10 {
		g := parse(t, "sign(ema(g; 0.1))")
		for range 20 {
			g = m.Mutate(g, r)
		}
		config := Default(g, fakeTasks("a", "b", "c"))
		needs := map[string]float64{"ema": 0.2, "g": 3, "div": 0.1, "sqrt": -0.1}
		w := &world{needs: needs, noise: 1}
		want, err := Run(context.Background(), w.pool(1), config)
		if err != nil {
			if !strings.Contains(err.Error(), "cannot be simplified") {
				t.Fatal(err)
			}
			continue
		}
		holds(t, want)
		total := w.runs.Load()
		if got, err := Run(context.Background(), (&world{needs: needs, noise: 1}).pool(5), config); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("five workers: %+v, one: %+v, %v", got, want, err)
		}
		got, runs := broken(t, config, func() *world { return &world{needs: needs, noise: 1, most: 1 + total/5} })
		if !reflect.DeepEqual(got, want) || runs > total {
			t.Errorf("broken off: %+v after %d runs, else %+v after %d", got, runs, want, total)
		}
	}
}

// broken simplifies with workers that fail after some runs, until it comes to an end. It returns the successful runs.
func broken(t testing.TB, config Config, workers func() *world) (Result, int64) {
	t.Helper()
	cache := memory{}
	for range 20 {
		w := workers()
		r, err := Run(context.Background(), &pool.Pool{Run: w.run, Workers: 1, Cache: cache}, config)
		if err == nil {
			return r, int64(len(cache))
		}
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	}
	t.Fatal("it does not come to an end")
	return Result{}, 0
}

// holds checks what is true of every result.
func holds(t testing.TB, r Result) {
	t.Helper()
	at := r.Original
	for _, s := range r.Steps {
		next, err := genome.Decode(s.Rule)
		if err != nil {
			t.Fatal(err)
		}
		if next.Key() != next.Canonical().Key() {
			t.Errorf("%s is not canonical", s.Rule)
		}
		if !(length(next) < length(at) || length(next) == length(at) && allDigits(next) < allDigits(at)) {
			t.Errorf("%s is not shorter than %s", s.Rule, at.Encode())
		}
		at = next
	}
	if at.Key() != r.Genome.Key() {
		t.Errorf("the steps end at %s, the result is %s", at.Encode(), r.Genome.Encode())
	}
	for _, p := range r.Parts {
		if p.With == "" && p.Rule == "" {
			continue
		}
		if g, err := genome.Decode(p.Rule); err != nil || g.Key() == r.Genome.Key() || p.Loss.Pairs != 15 {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	good := Default(parse(t, "sign(ema(g; 0.1))"), fakeTasks("a", "b"))
	for name, change := range map[string]func(*Config){
		"genome":       func(c *Config) { c.Genome = genome.Genome{} },
		"dull genome":  func(c *Config) { c.Genome = parse(t, "mul(0, g)") },
		"one seed":     func(c *Config) { c.Seeds = 1 },
		"no task":      func(c *Config) { c.Tasks = nil },
		"two tasks":    func(c *Config) { c.Tasks = fakeTasks("a", "a") },
		"no name":      func(c *Config) { c.Tasks = fakeTasks("") },
		"no baseline":  func(c *Config) { c.Tasks = []Task{{Name: "a"}} },
		"no deviation": func(c *Config) { c.Tasks[0].Base.Deviation = 0 },
		"NaN":          func(c *Config) { c.Tasks[0].Base.Decay = math.NaN() },
		"turn":         func(c *Config) { c.Tasks[0].Turn = 1 << 30 },
	} {
		bad := good
		bad.Tasks = append([]Task(nil), good.Tasks...)
		change(&bad)
		if r, err := Run(context.Background(), (&world{}).pool(1), bad); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	diverges := func(work.Item) (work.Outcome, error) { return work.Outcome{Size: 1, Diverged: true}, nil }
	if _, err := Run(context.Background(), &pool.Pool{Run: diverges, Workers: 2}, good); err == nil || !strings.Contains(err.Error(), "diverges") {
		t.Errorf("%v", err)
	}
	if _, err := TasksOf([]string{"a"}, nil, nil); err == nil {
		t.Error("a task without a baseline is taken")
	}
}

func TestConstants(t *testing.T) {
	for _, c := range []struct {
		k        float64
		digits   int
		one, two float64
	}{
		{0.1, 1, 0.1, 0.1}, {0.13, 2, 0.1, 0.13}, {0.93, 1, 0.93, 0.93}, {0.999, 1, 0.999, 0.999}, {0.9871, 3, 0.99, 0.987}, {1, 1, 1, 1}, {0, 0, 0, 0},
		{-0.37, 2, -0.4, -0.37}, {1.0 / 3, 16, 0.3, 0.33}, {1234, 4, 1000, 1200}, {0.5, 1, 0.5, 0.5}, {1e-8, 1, 1e-8, 1e-8}, {0.62, 2, 0.6, 0.62},
	} {
		if d, one, two := digits(c.k), simplest(c.k, 1), simplest(c.k, 2); d != c.digits || one != c.one || two != c.two {
			t.Errorf("%v: %d digits, %v and %v, not %+v", c.k, d, one, two, c)
		}
	}
}

// TestChanges makes changes of random rules: all are canonical, valid, and others.
func TestChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m := genome.DefaultMutator()
	m.Leaves = append(m.Leaves, genome.X)
	var s simplifier
	made := 0
	for range 200 {
		g := parse(t, "g")
		for range 40 {
			g = m.Mutate(g, r)
		}
		g = g.Canonical()
		if g.Check() != nil {
			continue
		}
		for _, group := range s.groups(g) {
			for i, c := range group {
				if c.form.Check() != nil || c.form.Key() == g.Key() || length(c.form) > length(g) || length(c.form) != length(group[0].form) {
					t.Errorf("%s: %+v", g, c)
				}
				if i > 0 && c.form.Key() == group[i-1].form.Key() {
					t.Errorf("%s: %s is there twice", g, c.form)
				}
				made++
			}
		}
	}
	if made < 500 {
		t.Errorf("%d changes", made)
	}
}

// TestText: the text of a graph may be exponentially long.
func TestText(t *testing.T) {
	var g genome.Genome
	g.Nodes = append(g.Nodes, genome.Node{Op: genome.G})
	for i := range genome.MaxNodes/2 - 1 {
		at := uint8(2 * i)
		g.Nodes = append(g.Nodes, genome.Node{Op: genome.Lookup("prev"), Args: [3]uint8{at}}, genome.Node{Op: genome.Lookup("max"), Args: [3]uint8{at, at + 1}})
	}
	g.Root = uint8(len(g.Nodes) - 1)
	if got := text(g, int(g.Root)); len(got) > 2000 || !strings.HasPrefix(got, "node 62 of g prev(0)") {
		t.Errorf("%d characters: %.100s", len(got), got)
	}
	if got := text(g, 2); got != "max(g, prev(g))" {
		t.Error(got)
	}
}

// TestReal takes from a signed momentum a term that does nothing, by two real tasks.
func TestReal(t *testing.T) {
	base, err := fitness.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	of, err := TasksOf([]string{"phishing", "bowl"}, []int{1}, base)
	if err != nil || of[0].Turn != 1 || of[1].Turn != 0 {
		t.Fatal(of, err)
	}
	c := Default(parse(t, "sign(add(ema(g; 0.1), mul(1e-6, tanh(g))))"), of)
	c.Seeds = 3
	run := func(item work.Item) (work.Outcome, error) { return work.Run(item, task.Builtin) }
	r, err := Run(context.Background(), &pool.Pool{Run: run, Workers: 2}, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Steps {
		t.Logf("%s -> %s: %+v", s.Text, s.With, s.Against)
	}
	for _, p := range r.Parts {
		t.Logf("%s -> %s: %+v", p.Text, p.With, p.Loss)
	}
	if length(r.Genome) > 2 || len(r.Steps) == 0 || !r.Against.none() {
		t.Errorf("%s after %+v, %+v", r.Genome, r.Steps, r.Against)
	}
}

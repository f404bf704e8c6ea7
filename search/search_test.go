package search

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// small is a search that takes a moment.
func small(t *testing.T, evals int) Spec {
	t.Helper()
	return Spec{Archive: filepath.Join(t.TempDir(), "a.db"), Rungs: [][]string{{"phishing"}, {"bowl"}}, Lag: 16, Population: 20, Plateau: 20,
		Budget: fmt.Sprintf("%devals", evals), Workers: 2}
}

func run(t *testing.T, s Spec) *Result {
	t.Helper()
	r, err := Run(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// everywhere is the digest of a small search of 120 evaluations on every machine. It changes when births do.
const everywhere = "b963ee7e9157c34237afa948df06b31e3e9cbc390312f1e6195e2cb6862dae36"

// TestEverywhere holds that the machine changes no bit.
func TestEverywhere(t *testing.T) {
	if r := run(t, small(t, 120)); r.Digest != everywhere {
		t.Errorf("the digest is %s, not that of other machines", r.Digest)
	}
}

// TestSameArchive holds that workers and breaks change no bit.
func TestSameArchive(t *testing.T) {
	want := run(t, small(t, 120))
	if len(want.Rules) < 60 || !want.Rules[0].better(want.Rules[len(want.Rules)-1]) {
		t.Fatalf("%d rules, the first of %v, the last of %v", len(want.Rules), want.Rules[0].Bound, want.Rules[len(want.Rules)-1].Bound)
	}
	for _, workers := range []int{1, 4} {
		s := small(t, 120)
		s.Workers = workers
		if got := run(t, s); got.Digest != want.Digest {
			t.Errorf("another archive with %d workers", workers)
		}
	}
	s := small(t, 0)
	for _, evals := range []int{1, 40, 41, 90, 120} {
		s.Budget = fmt.Sprintf("%devals", evals)
		run(t, s)
	}
	a, err := archive.Read(s.Archive)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if digest, err := a.Digest(want.Births); err != nil || digest != want.Digest {
		t.Errorf("broken off and resumed it is another archive, %v", err)
	}
}

func (r Rule) better(than Rule) bool {
	return r.Rung > than.Rung || r.Rung == than.Rung && r.Bound > than.Bound
}

// TestPrefix holds that a longer search begins with a shorter one.
func TestPrefix(t *testing.T) {
	short, s := run(t, small(t, 30)), small(t, 100)
	run(t, s)
	a, err := archive.Read(s.Archive)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if digest, err := a.Digest(short.Births); err != nil || digest != short.Digest {
		t.Errorf("a longer search begins otherwise, %v", err)
	}
}

func TestVerify(t *testing.T) {
	s := small(t, 60)
	r := run(t, s)
	v, err := Verify(context.Background(), s, 0.5, 1)
	if err != nil || v.Births != r.Births || v.Stored < 60 || v.Repeated < 15 {
		t.Fatalf("%+v of %d births, %v", v, r.Births, err)
	}
	for what, change := range map[string]string{
		"a score":   "UPDATE evaluations SET scores = zeroblob(length(scores)) WHERE birth = (SELECT birth FROM evaluations LIMIT 1 OFFSET 9)",
		"a genome":  "UPDATE births SET genome = 'g =0' WHERE id = 50",
		"a rule":    "UPDATE evaluations SET rule = 'g sign(0) =1' WHERE birth = 0",
		"a gap":     "DELETE FROM evaluations WHERE birth = 0",
		"an orphan": "INSERT INTO evaluations SELECT 999999, rule, seed, scores, turns, lrs, runs FROM evaluations WHERE birth = 0",
		"the end":   "DELETE FROM births WHERE id = (SELECT max(birth) FROM evaluations)",
		"AdamW":     "UPDATE meta SET value = replace(value, '.', '.0') WHERE key = 'baselines'",
	} {
		bad := damaged(t, s, change)
		if v, err := Verify(context.Background(), bad, 1, 1); err == nil {
			t.Errorf("%s was changed, and nobody saw: %+v", what, v)
		}
	}
}

// damaged is a search whose archive is a copy that a query has changed.
func damaged(t *testing.T, s Spec, query string) Spec {
	t.Helper()
	from := s.Archive
	s.Archive += ".bad"
	if err := errors.Join(copyFile(from, s.Archive), damage(s.Archive, query)); err != nil {
		t.Fatal(err)
	}
	return s
}

// damage changes the tables of an archive.
func damage(path, query string) error {
	db, err := sql.Open("sqlite3", "file:"+filepath.ToSlash(path))
	if err != nil {
		return err
	}
	_, err = db.Exec(query)
	return errors.Join(err, db.Close())
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// TestRefuses holds that what cannot be is said, and that no file is left by it.
func TestRefuses(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		"no operator \"exp\"":       func(s *Spec) { s.Ops = []string{"add", "exp"} },
		"no start \"adagrad\"":      func(s *Spec) { s.Start = []string{"adagrad"} },
		"say symmetry none":         func(s *Spec) { s.Start = []string{"min(1, g)"} },
		"no symmetry \"odd\"":       func(s *Spec) { s.Symmetry = "odd" },
		"unknown task":              func(s *Spec) { s.Rungs = [][]string{{"nothing"}} },
		"is held out":               func(s *Spec) { s.Rungs = [][]string{{heldOut}} },
		"stands there twice":        func(s *Spec) { s.Rungs = [][]string{{"bowl"}, {"bowl"}} },
		"max_nodes 1000":            func(s *Spec) { s.MaxNodes = 1000 },
		"max_nodes is 2":            func(s *Spec) { s.MaxNodes, s.Start = 2, []string{"adamw"} },
		"budget \"10 minutes\"":     func(s *Spec) { s.Budget = "10 minutes" },
		"workers -1":                func(s *Spec) { s.Workers = -1 },
		"no control \"tournament\"": func(s *Spec) { s.Control = "tournament" },
		"say start adamw":           func(s *Spec) { s.Control = "tune" },
		"there is no folder":        func(s *Spec) { s.Archive = filepath.Join(s.Archive, "b.db") },
		"name of an archive":        func(s *Spec) { s.Archive = "" },
	} {
		s := small(t, 10)
		change(&s)
		_, err := Run(context.Background(), s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
		if ofSpec := errors.As(err, new(SpecError)); ofSpec == (want == "there is no folder") {
			t.Errorf("%s: it is a SpecError: %v", want, ofSpec)
		}
		if found, _ := filepath.Glob(filepath.Join(filepath.Dir(s.Archive), "*")); len(found) > 0 && s.Archive != "" {
			t.Errorf("%s: it leaves %v", want, found)
		}
	}
}

// heldOut is a task that no search may read.
var heldOut = tasks.Of(tasks.HeldOut)[0].Name

// TestOtherSpec holds that an archive is gone on with as it was begun, or not at all.
func TestOtherSpec(t *testing.T) {
	s := small(t, 20)
	run(t, s)
	for want, change := range map[string]func(*Spec){
		"seed is 1 in the archive, not 2": func(s *Spec) { s.Seed = 2 },
		"islands is 8 in the archive":     func(s *Spec) { s.Islands = 3 },
		"rungs is [[phishing] [bowl]] in": func(s *Spec) { s.Rungs = [][]string{{"bowl"}} },
		"mutator is":                      func(s *Spec) { s.Ops = []string{"add", "ema"} },
	} {
		other := s
		change(&other)
		if _, err := Run(context.Background(), other); err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, new(SpecError)) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
	if _, err := Run(context.Background(), Spec{Archive: s.Archive, Budget: "25evals"}); err != nil {
		t.Error(err)
	}
	if err := damage(s.Archive, "UPDATE meta SET value = 'fma-7' WHERE key = 'numerics'"); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), s); err == nil || !strings.Contains(err.Error(), "fma-7") || !strings.Contains(err.Error(), work.Numerics) {
		t.Errorf("of another arithmetic: %v", err)
	}
}

// quadratic is a task of one's own: the distance from a point, along axes of other lengths.
type quadratic struct{ name string }

func (q quadratic) Name() string { return q.name }
func (q quadratic) Steps() int   { return 50 }

func (q quadratic) Open(seed, split uint64) (task.Run, error) {
	r := &quadraticRun{values: [][]float32{make([]float32, 8)}, grads: [][]float32{make([]float32, 8)}}
	for i := range r.values[0] {
		r.values[0][i] = 1 + float32(seed%7)/10 + float32(split%3)
	}
	return r, nil
}

type quadraticRun struct{ values, grads [][]float32 }

func (r *quadraticRun) Values() [][]float32 { return r.values }
func (r *quadraticRun) Grads() [][]float32  { return r.grads }

func (r *quadraticRun) Batch(int) float32 {
	loss := float32(0.01)
	for i, v := range r.values[0] {
		r.grads[0][i] = float32(i+1) * v
		loss += float32(i+1) * v * v / 2
	}
	return loss
}

func (r *quadraticRun) Loss(task.Split) (float64, error) { return float64(r.Batch(0)), nil }

func TestOwnTask(t *testing.T) {
	s := Spec{Archive: filepath.Join(t.TempDir(), "own.db"), Budget: "50evals"}
	r, err := Run(context.Background(), s, quadratic{"mine"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rules) < 20 || len(r.Rules[0].Scores) != 1 {
		t.Errorf("%d rules, %+v", len(r.Rules), r.Rules[0])
	}
	if _, err := Run(context.Background(), s, quadratic{"digits"}); err == nil || !strings.Contains(err.Error(), "two tasks of the name") {
		t.Errorf("a task that takes a name: %v", err)
	}
}

// falling falls silent with an item, if it is said with which.
type falling struct {
	silent string
	done   int
}

func (f *falling) Do(ctx context.Context, item work.Item) (work.Outcome, error) {
	if f.done++; f.silent == strconv.Itoa(f.done) {
		time.Sleep(time.Minute)
	}
	return work.Local{Find: task.Builtin}.Do(ctx, item)
}

// TestMain is a worker program too.
func TestMain(m *testing.M) {
	if os.Getenv("SEARCH_TEST_WORKER") != "" {
		if err := work.Serve(context.Background(), &falling{silent: os.Getenv("SEARCH_TEST_SILENT")}, os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestWorkerPrograms holds that programs on pipes give what goroutines do.
func TestWorkerPrograms(t *testing.T) {
	t.Setenv("SEARCH_TEST_WORKER", "1")
	s := small(t, 40)
	want := run(t, s)
	s = small(t, 40)
	s.Worker = []string{os.Args[0]}
	if got := run(t, s); got.Digest != want.Digest {
		t.Error("another archive")
	}
	s = small(t, 40)
	s.Worker = []string{"false"}
	if _, err := exec.LookPath("false"); err == nil {
		if _, err := Run(context.Background(), s); err == nil || !strings.Contains(err.Error(), "has ended") {
			t.Errorf("a worker that ends: %v", err)
		}
	}
}

// TestStops holds that a search that is stopped at any moment has lost nothing that it told of.
func TestStops(t *testing.T) {
	s := small(t, 0)
	s.Budget = ""
	for _, after := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		ctx, stop := context.WithTimeout(context.Background(), after)
		_, err := Run(ctx, s)
		stop()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	want := run(t, small(t, 300))
	run(t, Spec{Archive: s.Archive, Budget: "300evals"})
	a, err := archive.Read(s.Archive)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if digest, err := a.Digest(want.Births); err != nil || digest != want.Digest {
		t.Errorf("another archive, %v", err)
	}
}

// slow is a task whose steps take as long as it says.
type slow struct {
	quadratic
	steps int
	step  time.Duration
}

func (s slow) Steps() int { return s.steps }

func (s slow) Open(seed, split uint64) (task.Run, error) {
	r, err := s.quadratic.Open(seed, split)
	return slowRun{r, s.step}, err
}

type slowRun struct {
	task.Run
	step time.Duration
}

func (r slowRun) Batch(step int) float32 {
	time.Sleep(r.step)
	return r.Run.Batch(step)
}

// TestTimeWhileTuning holds that the budget's time ends a search that still tunes AdamW, even within a step, and that it says so.
func TestTimeWhileTuning(t *testing.T) {
	for name, own := range map[string]slow{"steps": {quadratic{"mine"}, 20000, time.Millisecond}, "a step": {quadratic{"mine"}, 2, time.Minute}} {
		s := Spec{Archive: filepath.Join(t.TempDir(), "a.db"), Budget: "200ms"}
		var told []Event
		s.Progress = func(p Progress) { told = append(told, p.Events...) }
		begun := time.Now()
		_, err := Run(context.Background(), s, own)
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
		if err == nil || !strings.Contains(err.Error(), "budget 200ms: its time is over, and AdamW, which rules are measured by, is still being tuned on the task mine, after 0 training runs") {
			t.Errorf("%s: the error is %v", name, err)
		}
		if len(told) != 1 || told[0].Text != "tuning AdamW on the task mine" {
			t.Errorf("%s: told of %v", name, told)
		}
	}
}

// TestTellsTuning holds that the training runs of a tuning are told while it goes on.
func TestTellsTuning(t *testing.T) {
	s := Spec{Archive: filepath.Join(t.TempDir(), "a.db"), Budget: "1evals"}
	runs := 0
	s.Progress = func(p Progress) {
		if p.Births == 0 && p.Evaluated == 0 {
			runs = max(runs, p.Runs)
		}
	}
	if _, err := Run(context.Background(), s, slow{quadratic{"mine"}, 10, time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if runs < 10 {
		t.Errorf("%d runs were told", runs)
	}
}

// TestTimeWhileUnderWay holds that the budget's time ends a search whose workers do not answer, and that what is kept is the
// beginning of a search that nothing breaks off.
func TestTimeWhileUnderWay(t *testing.T) {
	t.Setenv("SEARCH_TEST_WORKER", "1")
	t.Setenv("SEARCH_TEST_SILENT", "30")
	s := small(t, 0)
	s.Budget, s.Worker = "1500ms", []string{os.Args[0]}
	begun := time.Now()
	r := run(t, s)
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
	want := small(t, 60)
	long := run(t, want)
	a, err := archive.Read(want.Archive)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if digest, err := a.Digest(r.Births); err != nil || digest != r.Digest {
		t.Errorf("its %d births are no beginning, %v", r.Births, err)
	}
	s.Budget, s.Worker = "60evals", nil
	if again := run(t, s); again.Digest != long.Digest {
		t.Error("gone on with it is another archive")
	}
}

// TestArchiveFails holds that a search ends with the first thing that its archive cannot keep.
func TestArchiveFails(t *testing.T) {
	s := small(t, 1_000_000)
	r := &runner{spec: &s, workers: 2, started: time.Now()}
	var err error
	if r.find, r.are, err = s.tasks(nil); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	local := work.Local{Find: r.find}
	if err := r.open(ctx, local); err != nil {
		t.Fatal(err)
	}
	births, told := 0, 0
	s.Progress = func(p Progress) {
		if told++; told == 1 {
			births = p.Births
			if err := r.archive.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := r.search(ctx, local); err == nil || ctx.Err() != nil {
		t.Errorf("the error is %v", err)
	}
	if n := r.evolved.Count(); n.Known+n.Evaluated > births+1 || told != 1 {
		t.Errorf("%d births were settled, of which %d could be kept; it was told %d times", n.Known+n.Evaluated, births, told)
	}
}

// TestResumeRepeats holds that an archive whose evaluations come out otherwise now is not gone on with.
func TestResumeRepeats(t *testing.T) {
	s := small(t, 200)
	run(t, s)
	s.Budget = "300evals"
	for change, want := range map[string]string{
		"UPDATE evaluations SET runs = runs + 1 WHERE seed = 1 AND runs < 5 * length(turns)":                           "computes otherwise",
		"UPDATE births SET genome = 'g =0' WHERE id = 150":                                                             "of another program",
		"INSERT INTO evaluations SELECT 999999, rule, seed, scores, turns, lrs, runs FROM evaluations WHERE birth = 0": "births that there are not",
	} {
		bad := damaged(t, s, change)
		if _, err := Run(context.Background(), bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: resumed with %v", change, err)
		}
	}
}

// TestOneSearches holds that an archive has one search at a time, which is looked at meanwhile, and that nothing stays of it.
func TestOneSearches(t *testing.T) {
	s := small(t, 20)
	run(t, s)
	a, err := archive.Claim(s.Archive)
	if err != nil {
		t.Fatal(err)
	}
	s.Budget = "30evals"
	if _, err := Run(context.Background(), s); err == nil || !strings.Contains(err.Error(), "another process searches") {
		t.Errorf("two search at once: %v", err)
	}
	if _, err := Open(s.Archive); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	if left, err := filepath.Glob(s.Archive + "*"); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}

// TestEmptyStart holds that a search may begin with no update, which is no rule of its own.
func TestEmptyStart(t *testing.T) {
	s := small(t, 20)
	s.Start = []string{"empty"}
	r := run(t, s)
	if last := r.Rules[len(r.Rules)-1]; last.ID != 0 || last.Size != 1 || !r.Rules[0].better(last) {
		t.Errorf("the last rule is %d, %s, of %v; the first is of %v", last.ID, last.Formula, last.Bound, r.Rules[0].Bound)
	}
}

// TestExhausted holds that a search ends whose operators make no more rules.
func TestExhausted(t *testing.T) {
	s := small(t, 1000)
	s.Ops, s.Rungs = []string{"neg"}, [][]string{{"bowl"}}
	var last []Event
	s.Progress = func(p Progress) { last = append(last, p.Events...) }
	for range 2 { // resumed too
		r := run(t, s)
		if len(r.Rules) != 2 || !strings.Contains(last[len(last)-1].Text, "no more rules") {
			t.Fatalf("%d rules, %v", len(r.Rules), last)
		}
		last = nil
	}
}

// TestAgainstSaysNone holds that a control has the numbers of its search, also where they are none.
func TestAgainstSaysNone(t *testing.T) {
	s := small(t, 10)
	s.Percentile, s.Migration, s.Confirm, s.Omit = -1, -1, -1, -1
	run(t, s)
	c, err := Spec{Control: "random"}.Against(s.Archive, 1)
	if err != nil || c.Percentile != -1 || c.Migration != -1 || c.Confirm != -1 || c.Omit != -1 {
		t.Errorf("the control has percentile %v, migration %v, confirm %v and omit %v, %v", c.Percentile, c.Migration, c.Confirm, c.Omit, err)
	}
}

// TestPick: the smallest of the best, but for one whose fitness is luck.
func TestPick(t *testing.T) {
	for _, c := range []struct {
		rules []Rule
		want  int
	}{
		{nil, -1},
		{[]Rule{{Rung: 2, Bound: 0.5, Size: 6, Evaluations: 7}}, 0},
		{[]Rule{{Rung: 2, Bound: 0.5, Size: 6, Evaluations: 7}, {Rung: 2, Bound: 0.45, Size: 5, Evaluations: 4}}, 1},
		{[]Rule{{Rung: 2, Bound: 0.5, Size: 6, Evaluations: 7}, {Rung: 2, Bound: 0.45, Size: 5, Evaluations: 3}}, 0},
		{[]Rule{{Rung: 2, Bound: 0.5, Size: 6, Evaluations: 1}, {Rung: 2, Bound: 0.45, Size: 5, Evaluations: 1}, {Rung: 2, Bound: 0.39, Size: 1, Evaluations: 8}}, 1},
		{[]Rule{{Rung: 2, Bound: 0.5, Size: 6, Evaluations: 1}, {Rung: 1, Bound: 0.5, Size: 1, Evaluations: 8}}, 0},
	} {
		if got := pick(c.rules); got != c.want {
			t.Errorf("%v: %d, want %d", c.rules, got, c.want)
		}
	}
}

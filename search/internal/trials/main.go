// Command trials does the experiments of bench/search, a seed after another, and tabulates what came of them.
//
//	bench/search/run                              # one more seed of each experiment
//	bench/search/run -only momentum -seeds 1-10
//	bench/search/run -table
//
// An experiment is a file of TOML; a finished seed is a line of results.tsv with the digest of its archive, written when the
// seed has ended. Archives are in the user's cache folder, or where -work says: a seed that was broken off goes on from its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/known"
	"github.com/optc-lang/optc/search/internal/machine"
	"github.com/optc-lang/optc/search/internal/work"
)

// experiment is a line of the table of what must hold.
type experiment struct {
	name  string
	Title string      `toml:"title"`
	Must  string      `toml:"must"`
	Find  string      `toml:"find"`  // name or family of a known rule, or several with " or " between, to be met; the seed ends then
	Times int         `toml:"times"` // instead: controls with so many times the search's time of processors
	Spec  search.Spec `toml:"spec"`  // the budget in time of processors
}

func main() {
	log.SetFlags(0)
	folder := flag.String("folder", "bench/search", "folder of experiments and results")
	only := flag.String("only", "", "experiments, separated by commas; all by default")
	seeds := flag.String("seeds", "", "seeds, as 1-3; the next by default")
	workdir := flag.String("work", "", "folder of archives")
	table := flag.Bool("table", false, "print what came of all seeds so far, and do nothing else")
	until := flag.String("until", "", "a budget after which a seed is broken off, to go on later; that of the experiment by default")
	chains := flag.Int("chains", 0, "instead: how many chains of mutations that nobody selects to try")
	fresh := flag.Bool("fresh", false, "instead: evaluate the picks of these archives with seeds that no search uses")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *folder, *only, *seeds, *workdir, *table, *fresh, *chains, *until); err != nil {
		log.Fatal("trials: ", err)
	}
}

func run(ctx context.Context, folder, only, seeds, workdir string, table, fresh bool, chains int, until string) error {
	all, err := read(folder, only)
	if err != nil {
		return err
	}
	files := filesOf(folder)
	if table {
		return files.tabulate(os.Stdout, all)
	}
	if workdir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		workdir = filepath.Join(cache, "optc-trials")
	}
	if err := os.MkdirAll(workdir, 0o777); err != nil {
		return err
	}
	if chains > 0 {
		return files.chain(ctx, all, workdir, chains)
	}
	if fresh {
		return files.renew(ctx, all, seeds, workdir)
	}
	speed, err := machine.Measure()
	if err != nil {
		return err
	}
	for _, e := range all {
		done, err := files.seeds(&e)
		if err != nil {
			return err
		}
		list, err := seedsOf(seeds, done)
		if err != nil {
			return err
		}
		for _, seed := range list {
			if slices.Contains(done, seed) {
				continue
			}
			if err := files.trial(ctx, &e, seed, workdir, until, speed); err != nil {
				return err
			}
		}
	}
	return nil
}

// files hold what came of all seeds.
type files struct{ results, controls, chains, fresh string }

func filesOf(folder string) files {
	in := func(name string) string { return filepath.Join(folder, name) }
	return files{in("results.tsv"), in("controls.tsv"), in("chains.tsv"), in("fresh.tsv")}
}

// seeds lists the seeds of an experiment that are finished.
func (f files) seeds(e *experiment) ([]uint64, error) {
	var done []uint64
	results, err := readRows[result](f.results)
	if err != nil {
		return nil, err
	}
	controls, err := readRows[controlled](f.controls)
	for _, r := range results {
		if r.Name == e.name && e.ended(r) {
			done = append(done, r.Seed)
		}
	}
	for _, r := range controls {
		if r.Name == e.name {
			done = append(done, r.Seed)
		}
	}
	return done, err
}

// trial does a seed of an experiment and notes what came of it.
func (f files) trial(ctx context.Context, e *experiment, seed uint64, workdir, until string, speed machine.Speed) error {
	if e.Times > 0 {
		r, err := e.controlled(ctx, seed, workdir)
		if err != nil {
			return err
		}
		return addRow(f.controls, r)
	}
	r, err := e.trial(ctx, seed, workdir, until)
	if err != nil {
		return err
	}
	r.GEMM, r.Steps = speed.GEMM, speed.Steps
	return addRow(f.results, r)
}

// tabulate prints what came of all seeds.
func (f files) tabulate(w io.Writer, all []experiment) error {
	results, err := readRows[result](f.results)
	if err != nil {
		return err
	}
	controls, err := readRows[controlled](f.controls)
	if err != nil {
		return err
	}
	chains, err := readRows[chained](f.chains)
	if err != nil {
		return err
	}
	fresh, err := readRows[renewed](f.fresh)
	if err != nil {
		return err
	}
	tabulate(w, all, results)
	tabulateControls(w, all, controls)
	tabulateFresh(w, fresh)
	tabulateChains(w, all, chains)
	return nil
}

// chain tries chains of mutations of the experiments that have none yet.
func (f files) chain(ctx context.Context, all []experiment, workdir string, chains int) error {
	results, err := readRows[result](f.results)
	if err != nil {
		return err
	}
	done, err := readRows[chained](f.chains)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Find == "" || slices.ContainsFunc(done, func(c chained) bool { return c.Name == e.name }) {
			continue
		}
		c, err := e.chain(ctx, results, workdir, chains)
		if err != nil {
			return err
		}
		if err := addRow(f.chains, c); err != nil {
			return err
		}
	}
	return nil
}

// read reads the experiments of a folder.
func read(folder, only string) ([]experiment, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.toml"))
	if err != nil {
		return nil, err
	}
	var all []experiment
	for _, file := range files {
		e := experiment{name: strings.TrimSuffix(filepath.Base(file), ".toml")}
		if only != "" && !slices.Contains(strings.Split(only, ","), e.name) {
			continue
		}
		meta, err := toml.DecodeFile(file, &e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if unknown := meta.Undecoded(); len(unknown) > 0 {
			return nil, fmt.Errorf("%s: nothing is called %q", file, unknown[0])
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no experiment %q in %s", only, folder)
	}
	return all, nil
}

// seedsOf lists seeds to do.
func seedsOf(text string, done []uint64) ([]uint64, error) {
	if text == "" {
		return []uint64{slices.Max(append(done, 0)) + 1}, nil
	}
	from, to, ranged := strings.Cut(text, "-")
	a, err := strconv.ParseUint(from, 10, 32)
	b := a
	if err == nil && ranged {
		b, err = strconv.ParseUint(to, 10, 32)
	}
	if err != nil || a < 1 || b < a {
		return nil, fmt.Errorf("seeds %q: write 3 or 1-10", text)
	}
	var list []uint64
	for s := a; s <= b; s++ {
		list = append(list, s)
	}
	return list, nil
}

// met is when a rule was.
type met struct {
	Birth int // -1: never
	CPU   float64
}

// watcher looks for a rule among those that are evaluated.
type watcher struct {
	find  string
	met   met // one was evaluated
	found met // one was the best of all so far, or did so well that it was run on every task
	top   *search.Rule
}

// take sees a rule after an evaluation at a birth.
func (w *watcher) take(birth int, cpu float64, r search.Rule) {
	best := w.top == nil || r.Rung > w.top.Rung || r.Rung == w.top.Rung && r.Bound > w.top.Bound
	if best {
		w.top = &r
	}
	if w.found.Birth >= 0 || w.met.Birth >= 0 && !best && r.Rung < r.Rungs-1 || !matches(r.Encoded, w.find) {
		return
	}
	if w.met.Birth < 0 {
		w.met = met{birth, cpu}
	}
	if best || r.Rung == r.Rungs-1 {
		w.found = met{birth, cpu}
	}
}

func matches(rule, find string) bool {
	g, err := genome.Decode(rule)
	if err != nil || find == "" {
		return false
	}
	return isOne(find, g)
}

// isOne reports whether a rule is one of those that are to be found.
func isOne(find string, g genome.Genome) bool {
	m, named := known.Name(g)
	family := known.FamilyOf(g)
	for _, name := range strings.Split(find, " or ") {
		if named && m.Name == name || string(family) == name {
			return true
		}
	}
	return false
}

// ended reports whether nothing more can come of a seed.
func (e *experiment) ended(r result) bool {
	b, err := search.ParseBudget(e.Spec.Budget)
	return r.Found.Birth >= 0 || err == nil && b.CPU > 0 && r.CPU >= 0.99*b.CPU.Seconds()
}

// trial does a seed of an experiment, or the beginning of it.
func (e *experiment) trial(ctx context.Context, seed uint64, workdir, until string) (result, error) {
	spec := e.Spec
	if until != "" {
		spec.Budget = until
	}
	spec.Seed, spec.Archive = seed, filepath.Join(workdir, fmt.Sprintf("%s-%d.db", e.name, seed))
	inner, stop := context.WithCancel(ctx)
	defer stop()
	w := watcher{find: e.Find, met: met{Birth: -1}, found: met{Birth: -1}}
	spec.Evaluated = func(birth int, cpu time.Duration, r search.Rule) {
		w.take(birth, cpu.Seconds(), r)
		if e.Find != "" && w.found.Birth >= 0 {
			stop()
		}
	}
	spec.Progress = told(fmt.Sprintf("%s %d", e.name, seed))
	found, err := search.Run(inner, spec)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return result{}, err
	}
	if ctx.Err() != nil {
		return result{}, errors.New("broken off: the same command goes on")
	}
	return e.result(seed, w, found)
}

// told prints how a search goes, on one line.
func told(what string) func(search.Progress) {
	begin := time.Now()
	return func(p search.Progress) {
		fmt.Fprintf(os.Stderr, "\r%s: %d births, %d evaluated, %s of processors, %s  ", what, p.Births, p.Evaluated, p.CPU.Round(time.Second), time.Since(begin).Round(time.Second))
	}
}

// result is the line of a seed that has ended.
func (e *experiment) result(seed uint64, w watcher, found *search.Result) (result, error) {
	a, err := archive.Read(found.Archive)
	if err != nil {
		return result{}, err
	}
	defer a.Close()
	r := result{Name: e.name, Seed: seed, Met: w.met, Found: w.found, Births: found.Births, Numerics: work.Numerics}
	if w.found.Birth >= 0 {
		r.Births = w.found.Birth + 1 // how many more were made before it stopped is chance
	}
	if r.CPU, err = a.CPU(r.Births); err != nil {
		return r, err
	}
	if r.Digest, err = a.Digest(r.Births); err != nil {
		return r, err
	}
	results, failed := a.Results()
	for birth := range results {
		if birth < r.Births {
			r.Evaluated++
		}
	}
	if i := slices.IndexFunc(found.Rules, func(r search.Rule) bool { return r.Pick }); i >= 0 {
		r.Fitness, r.Pick = found.Rules[i].Mean, found.Rules[i].Formula
	}
	return r, *failed
}

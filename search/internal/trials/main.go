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
	Find  string      `toml:"find"` // name or family of a known rule, to be met; the seed ends then
	Spec  search.Spec `toml:"spec"` // the budget in time of processors
}

func main() {
	log.SetFlags(0)
	folder := flag.String("folder", "bench/search", "folder of experiments and results")
	only := flag.String("only", "", "experiments, separated by commas; all by default")
	seeds := flag.String("seeds", "", "seeds, as 1-3; the next by default")
	workdir := flag.String("work", "", "folder of archives")
	table := flag.Bool("table", false, "print what came of all seeds so far, and do nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *folder, *only, *seeds, *workdir, *table); err != nil {
		log.Fatal("trials: ", err)
	}
}

func run(ctx context.Context, folder, only, seeds, workdir string, table bool) error {
	all, err := read(folder, only)
	if err != nil {
		return err
	}
	path := filepath.Join(folder, "results.tsv")
	done, err := readResults(path)
	if err != nil {
		return err
	}
	if table {
		tabulate(os.Stdout, all, done)
		return nil
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
	speed, err := machine.Measure()
	if err != nil {
		return err
	}
	for _, e := range all {
		list, err := seedsOf(seeds, done, e.name)
		if err != nil {
			return err
		}
		for _, seed := range list {
			if slices.ContainsFunc(done, func(r result) bool { return r.Name == e.name && r.Seed == seed }) {
				continue
			}
			r, err := e.trial(ctx, seed, workdir)
			if err != nil {
				return err
			}
			r.GEMM, r.Steps = speed.GEMM, speed.Steps
			if done, err = readResults(path); err != nil { // others may have written
				return err
			}
			done = append(done, r)
			if err := writeResults(path, done); err != nil {
				return err
			}
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
func seedsOf(text string, done []result, name string) ([]uint64, error) {
	if text == "" {
		next := uint64(1)
		for _, r := range done {
			if r.Name == name {
				next = max(next, r.Seed+1)
			}
		}
		return []uint64{next}, nil
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
	if m, ok := known.Name(g); ok && m.Name == find {
		return true
	}
	return string(known.FamilyOf(g)) == find
}

// trial does a seed of an experiment.
func (e *experiment) trial(ctx context.Context, seed uint64, workdir string) (result, error) {
	spec := e.Spec
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
	begin := time.Now()
	spec.Progress = func(p search.Progress) {
		fmt.Fprintf(os.Stderr, "\r%s %d: %d births, %d evaluated, %s of processors, %s  ", e.name, seed, p.Births, p.Evaluated, p.CPU.Round(time.Second), time.Since(begin).Round(time.Second))
	}
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

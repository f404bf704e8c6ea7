// Command bench measures the rules of the library: beside the least that their mathematics takes of this machine, beside the same
// formula in C, and beside the optimizers of other libraries; and how long rules take to build. Its results are files of JSON, its
// tables are printed from them. See README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// wholeStep is the rule of a whole training step.
const wholeStep = ownPrefix + "train"

// flags are the command line.
type flags struct {
	only, rules, sizes, threads, json, work, python, deepspeed string
	reps, placements, side                                     int
	repetition, budget                                         time.Duration
	again, table                                               bool
	seeds                                                      int
}

func readFlags(args []string) (*flags, error) {
	f := &flags{}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.StringVar(&f.only, "only", "roof,gcc,peers,build,overhead,curves", "what to measure: roof (beside the floors), gcc (in the cache, beside C), peers, build, overhead (many tensors, two threads), curves (trainings with numbers of few bits)")
	set.StringVar(&f.rules, "rules", "", "rules of least.tsv, separated by commas, each with all its settings; all by default")
	set.StringVar(&f.sizes, "size", "", "elements, separated by commas: 16K,64M; by default 64M of roof, 16K of gcc, both of peers")
	set.StringVar(&f.threads, "threads", "", "threads, separated by commas; 1,2 by default, of gcc 1")
	set.StringVar(&f.json, "json", "", "file of results; by default bench/results/ONLY.json")
	set.StringVar(&f.work, "work", "", "folder for built programs; by default one in the user's cache folder")
	set.StringVar(&f.python, "python", "python3", "Python with torch and optax, for peers and build")
	set.StringVar(&f.deepspeed, "deepspeed", "", "folder of DeepSpeed's sources, whose kernels are compiled for peers")
	set.IntVar(&f.reps, "reps", 12, "repetitions, at least 7")
	set.IntVar(&f.placements, "placements", 3, "how often the arrays are allocated anew")
	set.IntVar(&f.side, "side", 512, "side of the matrices of matrix rules at most")
	set.IntVar(&f.seeds, "seeds", 10, "trainings of each kind, for curves; at least 2")
	set.DurationVar(&f.repetition, "repetition", 30*time.Millisecond, "least length of a repetition")
	set.DurationVar(&f.budget, "budget", 12*time.Second, "time of a rule's repetitions; a slower rule is measured on fewer elements")
	set.BoolVar(&f.again, "again", false, "measure rows that the file has, too")
	set.BoolVar(&f.table, "table", false, "measure nothing: print the tables of the files of results named, or of all in bench/results")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if f.reps < 7 || f.placements < 1 || f.side < 64 || f.side%64 != 0 {
		return nil, fmt.Errorf("-reps %d -placements %d -side %d: at least 7, at least 1, a multiple of 64", f.reps, f.placements, f.side)
	}
	if f.seeds < 2 {
		return nil, fmt.Errorf("-seeds %d: at least 2, to see how far apart they are", f.seeds)
	}
	return f, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f, err := readFlags(args)
	if err != nil {
		return err
	}
	if f.table {
		return printTables(os.Stdout, f.json)
	}
	b := &bench{plan: plan{f.reps, f.placements, f.repetition, f.budget}, side: f.side}
	if b.sources, err = readSources(); err != nil {
		return err
	}
	if b.rows, err = readLeast(leastText); err != nil {
		return err
	}
	if b.rows, err = chosen(b.rows, f.rules); err != nil {
		return err
	}
	if f.work == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		f.work = filepath.Join(cache, "optc-bench")
	}
	if b.builder, err = newBuilder(ctx, f.work); err != nil {
		return err
	}
	for what := range strings.SplitSeq(f.only, ",") {
		if err := b.measure(ctx, f, what); err != nil {
			return err
		}
	}
	return nil
}

// measure does one of the things that -only names.
func (b *bench) measure(ctx context.Context, f *flags, what string) error {
	sizes, threads := map[string]string{"roof": "64M", "gcc": "16K", "peers": "16K,64M", "build": "1", "overhead": "1", "curves": "1"}[what], "1,2"
	if sizes == "" {
		return fmt.Errorf("-only %s: there are roof, gcc, peers, build, overhead and curves", what)
	}
	if what == "gcc" || what == "build" {
		threads = "1"
	}
	ns, err := sizesOf(orElse(f.sizes, sizes))
	if err != nil {
		return err
	}
	ts, err := sizesOf(orElse(f.threads, threads))
	if err != nil {
		return err
	}
	path := f.json
	if path == "" {
		path = filepath.Join(b.builder.root, "bench", "results", what+".json")
	}
	if b.out, err = openStore(path); err != nil {
		return err
	}
	b.out.begin(b.readConditions(ctx, ts))
	switch what {
	case "peers":
		return b.peers(ctx, f, ns, ts)
	case "build":
		return b.builds(ctx, f)
	case "overhead":
		return b.overhead(ctx, f)
	case "curves":
		return b.curves(ctx, f)
	}
	return b.allRoofs(ctx, f, ns, ts)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// mostShare is the highest share of a roof that was measured well.
const mostShare = 1.03

// allRoofs measures rows beside their floors. A share above mostShare is an error once all are done: the floor is no floor.
func (b *bench) allRoofs(ctx context.Context, f *flags, sizes, threads []int) error {
	var wrong []string
	for _, n := range sizes {
		for _, t := range threads {
			for _, l := range b.rows {
				key := result{Kind: kindRoof, Rule: l.name(), Asked: n, Threads: t}
				if b.out.has(&key) && !f.again {
					continue
				}
				r, err := b.roofs(ctx, l, n, t)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					return fmt.Errorf("%s: %w", l.name(), err)
				}
				if err := b.out.put(*r); err != nil {
					return err
				}
				fmt.Println(r.line())
				if r.Share[1] > mostShare {
					wrong = append(wrong, r.line())
				}
			}
		}
	}
	if wrong != nil {
		return fmt.Errorf("a share above %.2f cannot be; measure these again (-again), or count again in least.tsv:\n%s", mostShare, strings.Join(wrong, "\n"))
	}
	return nil
}

// chosen are the rows of the rules named.
func chosen(rows []least, names string) ([]least, error) {
	if names == "" {
		return rows, nil
	}
	var out []least
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimPrefix(name, "std/")
		before := len(out)
		for _, l := range rows {
			if l.Rule == name || l.name() == name {
				out = append(out, l)
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("-rules: least.tsv has no rule %s", name)
		}
	}
	return out, nil
}

// sizesOf reads numbers separated by commas; K and M count 1024 and 1024K.
func sizesOf(text string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(text, ",") {
		digits, shift := strings.TrimRight(part, "KM"), 0
		switch part[len(digits):] {
		case "":
		case "K":
			shift = 10
		case "M":
			shift = 20
		default:
			return nil, fmt.Errorf("%q is no number such as 16K or 64M", part)
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 1<<40>>shift {
			return nil, fmt.Errorf("%q is no number such as 16K or 64M", part)
		}
		out = append(out, n<<shift)
	}
	return out, nil
}

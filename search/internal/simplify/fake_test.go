package simplify

import (
	"errors"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"sync/atomic"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/work"
)

// world is a runner without tasks: a rule's loss follows from its text.
type world struct {
	needs map[string]float64 // what a rule loses without an operator, in deviations
	noise float64            // in deviations
	runs  atomic.Int64
	most  int64 // runs after which it fails; 0 for never
}

var errBroken = errors.New("broken off")

// fakeDeviation is that of all tasks of a world, the learning rate of whose best runs is fakeLR.
const fakeDeviation, fakeLR = 0.1, 0.01

func (w *world) run(i work.Item) (work.Outcome, error) {
	if n := w.runs.Add(1); w.most > 0 && n > w.most {
		return work.Outcome{}, errBroken
	}
	g, err := genome.Decode(i.Rule)
	if err != nil {
		return work.Outcome{}, err
	}
	if i.LR == 0 {
		return work.Outcome{Size: 1}, nil
	}
	loss := math.Abs(math.Log10(i.LR/fakeLR)) + w.noise*fakeDeviation*random(i)
	for _, name := range slices.Sorted(maps.Keys(w.needs)) {
		if !g.Reads(genome.Lookup(name)) {
			loss += w.needs[name] * fakeDeviation
		}
	}
	return work.Outcome{Train: math.Exp(loss), Valid: math.Exp(loss), Size: 1}, nil
}

// random is between -1 and 1, by rule, task and seed.
func random(i work.Item) float64 {
	i.LR = 0
	key := i.Key()
	h := fnv.New32a()
	h.Write(key[:])
	return float64(h.Sum32())/math.MaxUint32*2 - 1
}

// fakeTasks are tasks of a world.
func fakeTasks(names ...string) []Task {
	var out []Task
	for _, name := range names {
		out = append(out, Task{Name: name, Base: fitness.Baseline{Task: name, Rule: "g =0", LR: fakeLR, Size: 1, Deviation: fakeDeviation}})
	}
	return out
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

func (w *world) pool(workers int) *pool.Pool { return &pool.Pool{Run: w.run, Workers: workers} }

package search

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
)

// Result is what an archive holds.
type Result struct {
	Archive string // the file
	Births  int
	Digest  string // the SHA-256 of what the search depends on and of all births with their results: equal searches have equal ones
	Rules   []Rule // all that have been evaluated, the best first
}

// Rule is an update rule that a search has evaluated.
type Rule struct {
	ID          int       // the birth at which it appeared first
	Formula     string    // the update, up to a positive factor
	Name        string    // of a known rule that it is but for its constants, or ""
	Bound       float64   // a lower bound of Mean: what rules are ranked by
	Mean        float64   // fitness: the mean of Scores less half their deviation
	Scores      []float64 // by task, in the order of the rungs: how much better than a tuned AdamW, in deviations of AdamW's loss over seeds
	LRs         []float64 // by task: the learning rate that was best
	Rung        int       // the last rung that it was run on, counted from 0
	Rungs       int       // how many there are
	Size        int       // operators
	StateBytes  int       // an element
	Flops       int       // arithmetic operations an element
	Births      int       // of this rule, in any writing
	Evaluations int
	Pick        bool   // the one to look at first: the smallest that is nearly as good as the best, and nearly as well known
	Alike       int    // of [Fold]: rules after it that are nearly the same
	Encoded     string // node by node: the length of Formula, in which what is read twice stands twice, has no bound
}

// Open reads the archive of a search, which may be under way.
func Open(path string) (*Result, error) {
	a, err := archive.Read(path)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	c, _, err := a.Config()
	if err != nil {
		return nil, err
	}
	forms, err := a.Forms(c.Rungs)
	if err != nil {
		return nil, err
	}
	r := &Result{Archive: path, Births: a.Births(), Rules: rules(forms, c.Rungs)}
	r.Digest, err = a.Digest(r.Births)
	return r, err
}

// rules makes rules of forms, the best first, and picks one.
func rules(forms []*evolve.Form, rungs [][]string) []Rule {
	out := make([]Rule, len(forms))
	for i, f := range forms {
		out[i] = ruleOf(f, rungs)
	}
	if p := pick(out); p >= 0 {
		out[p].Pick = true
	}
	return out
}

func ruleOf(f *evolve.Form, rungs [][]string) Rule {
	r := Rule{ID: f.First, Bound: f.Bound(), Mean: fitness.Total(f.Scores()), Scores: f.Scores(), LRs: f.LRs, Rung: f.Rung, Rungs: len(rungs),
		Births: f.Births, Evaluations: f.Count, Encoded: f.Rule}
	if g, err := genome.Decode(f.Rule); err == nil {
		r.Formula, r.Size, r.StateBytes, r.Flops, r.Name = g.String(), g.Size(), 4*g.States(), g.Flops(), NameOf(f.Rule)
	}
	return r
}

// front are the forms that no other beats in how good, how small and how sparing of memory they are. They come sorted.
func front(sorted []*evolve.Form, rungs [][]string) []Rule {
	var out []Rule
	least := map[int]int{} // the smallest so far, by state
	for _, f := range sorted {
		beaten := false
		for states, size := range least {
			beaten = beaten || states <= f.States && size <= f.Size
		}
		if !beaten {
			least[f.States] = f.Size
			out = append(out, ruleOf(f, rungs))
		}
	}
	return out
}

// Fold keeps of rules that differ in constants alone, or in whether averages are corrected for their start, the first, and counts
// the others.
func Fold(rules []Rule) []Rule {
	var out []Rule
	at := map[string]int{}
	for _, r := range rules {
		shape := strings.ReplaceAll(constants.ReplaceAllString(r.Encoded, ""), "avg", "ema")
		if i, ok := at[shape]; ok {
			out[i].Alike++
			continue
		}
		at[shape] = len(out)
		out = append(out, r)
	}
	return out
}

// constants are those of an encoded rule.
var constants = regexp.MustCompile(`:[^( ]+`)

// nearly is how much worse than the best a pick may be, in deviations.
const nearly = 0.1

// pick is the smallest of the rules that got as far as the best and are nearly as good, or -1. Of a rule that was evaluated much
// less often than the best the fitness is mostly its luck: it is none.
func pick(sorted []Rule) int {
	best := -1
	for i := range sorted {
		r := &sorted[i]
		if r.Rung != sorted[0].Rung || r.Bound < sorted[0].Bound-nearly {
			break
		}
		if 2*r.Evaluations >= sorted[0].Evaluations && (best < 0 || r.Size < sorted[best].Size) {
			best = i
		}
	}
	return best
}

// rates are the geometric mean of the learning rates that were best, the least and the largest.
func (r *Rule) rates() (mean, least, most float64) {
	sum, n := 0.0, 0
	for _, lr := range r.LRs {
		if lr > 0 {
			sum, n = sum+elem.Log(lr), n+1
			most = max(most, lr)
			if n == 1 || lr < least {
				least = lr
			}
		}
	}
	if n == 0 {
		return 1e-3, 0, 0
	}
	mean, _ = strconv.ParseFloat(strconv.FormatFloat(elem.Exp(sum/float64(n)), 'g', 3, 64), 64) // more digits say nothing
	return mean, least, most
}

// Text is the rule as a rule file. Its default learning rate is the geometric mean of those that were best on the tasks.
func (r *Rule) Text(name string) (string, error) {
	g, err := genome.Decode(r.Encoded)
	if err != nil {
		return "", err
	}
	lr, least, most := r.rates()
	doc := fmt.Sprintf("Found by a search, birth %d: fitness %.2f, at least %.2f, where AdamW tuned for each task is 0; tasks: %d.", r.ID, r.Mean, r.Bound, len(r.Scores))
	if len(r.Scores) == 0 {
		doc = fmt.Sprintf("What was left of birth %d of a search when all was taken away that it trains as well without; tasks: %d.", r.ID, len(r.LRs))
	}
	doc += fmt.Sprintf("\nThe learning rates that were best on them: %.2g to %.2g.", least, most)
	return g.Rule(name, doc, lr, 0)
}

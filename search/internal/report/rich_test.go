package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/tasks"
)

// picked is the rule that the rich page picks.
const picked = "sign(lerp(ema(g; 0.012), g; 0.14))"

// richPage is a page as a long search fills it. Its numbers are made up; its formulas and tasks are real.
func richPage(t testing.TB) Page {
	r := rand.New(rand.NewPCG(1, 2))
	m := genome.DefaultMutator()
	g, err := genome.Parse(picked)
	if err != nil {
		t.Fatal(err)
	}
	rule, err := g.Rule("find", "The best of a search from gradient descent.", 1e-3, 0.01)
	if err != nil {
		t.Fatal(err)
	}
	p := Page{
		Written: "Written by optc 0.9 on 23 November 2026.",
		Archive: Archive{Name: "lion.search", Digest: "5f1e0d6a2b9c4e7788a1b2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d6e7f8", Numerics: "strict-1", Seed: 7, Bytes: 187_400_000},
		Machine: Machine{Name: "an x86-64 server", GEMM: 91.3, Steps: 41200},
		Totals:  Totals{Births: 1_240_812, Forms: 214_300, Evaluated: 27_911, Cached: 1_198_004, Runs: 164_880, CPUSeconds: 3*3600 + 512, Rechecked: 1649},
		Starts:  []Named{{"sgd", "g"}, {"adamw", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8))"}},
		Spec:    []Named{{"seed", "7"}, {"islands", "4 of 100 births"}, {"tournament", "4"}, {"percentile", "0.65"}, {"lag", "64"}, {"repeats", "4"}, {"largest form", "20 operators, 3 states"}, {"the parameter x", "hidden"}},
	}
	for _, row := range genome.Ops[3:] {
		p.Operators = append(p.Operators, Named{row.Name, row.Doc})
	}
	for i, task := range tasks.Of(tasks.Search) {
		p.Tasks = append(p.Tasks, Task{Name: task.Name, Doc: task.Doc, Rung: (i + 1) / 2, Parameters: task.Elements(), Batch: task.BatchSize, Steps: task.Steps})
	}
	p.Forms = richForms(t, r, m)
	p.Hall = richHall(r, len(p.Tasks))
	p.Forms = append(p.Forms, p.Hall...)
	p.Pick = &Pick{
		Form: p.Hall[0], Rule: rule, LaTeX: `x_{t+1} = x_t - \eta\,\operatorname{sign}(0.86\,m_t + 0.14\,g_t)`,
		Why:    "It has the highest bound of all forms that passed every rung, and no other of at most 4 bytes of state comes within one standard error of it.",
		Chance: &Chance{Chains: 1_000_000, Length: 11, Reached: 3},
	}
	p.Pick.Errors = make([]float64, len(p.Tasks))
	for i := range p.Pick.Errors {
		p.Pick.Errors[i] = 0.12 + 0.2*r.Float64()
	}
	p.KnockOuts = []KnockOut{
		{"lerp(ema(g; 0.012), g; 0.14)", "ema(g; 0.012)", 0.21, 0.07}, {"sign(·)", "the identity", 0.94, 0.11},
		{"ema(g; 0.012)", "g", 1.31, 0.12}, {"0.14", "0.1", 0.02, 0.05}, {"0.012", "0.01", -0.01, 0.04},
	}
	p.Checks = []Check{
		{"search runs", "the evaluations that chose it", 0.74, 0.05}, {"fresh seeds", "12 seeds that the search did not use", 0.66, 0.06},
		{"10× the work", "tasks of ten times the cost", 0.58, 0.09}, {"100× the work", "tasks of a hundred times the cost", 0.41, 0.14},
	}
	p.Controls = []Control{
		{"random search", "the same grammar, no selection", 4 * 11312, 0.09, "sign(ema(g; 0.2))"},
		{"AdamW, tuned", "learning rate, decay, both averages and epsilon", 4 * 11312, 0.13, "div(avg(g; 0.15), add(sqrt(avg(square(g); 0.03)), 1e-8))"},
	}
	p.Curves, p.Sealed = richCurves(r, p.Tasks), richSealed(r)
	p.Progress, p.Family = richProgress(r), richFamily(t, r, m)
	return p
}

func richForms(t testing.TB, r *rand.Rand, m genome.Mutator) []Form {
	var out []Form
	for i := range 2600 {
		start := genome.Starts[1+i%3]
		g, err := genome.Parse(start.Text)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(14) {
			g = m.Mutate(g, r)
		}
		g = g.Canonical()
		f := Form{ID: fmt.Sprintf("%07x", r.IntN(1<<28)), Formula: g.String(), Size: g.Size(), StateBytes: 4 * g.States(), Flops: float64(2 * g.Size()), Rungs: max(0, min(5, int(r.ExpFloat64()*1.1)))}
		f.Bound = math.Min(0.5, -2.6+0.42*float64(f.Rungs)+0.25*float64(min(g.States(), 2))+r.NormFloat64()*0.45+0.9*float64(min(g.Size(), 6))/6-0.02*float64(g.Size()))
		out = append(out, f)
	}
	return out
}

func richHall(r *rand.Rand, tasks int) []Form {
	rows := []Form{
		{Name: "Lion's form, β = .86 and .988", Formula: picked, Bound: 0.52, Size: 3, StateBytes: 4, Flops: 7, Front: true},
		{Formula: "sign(lerp(ema(clip(g, ema(abs(g); 0.02)); 0.011), g; 0.13))", Bound: 0.55 - 0.08, Size: 6, StateBytes: 8, Flops: 15},
		{Name: "signed momentum, β = .97", Formula: "sign(ema(g; 0.03))", Bound: 0.31, Size: 2, StateBytes: 4, Flops: 4, Front: true},
		{Formula: "tanh(div(lerp(ema(g; 0.02), g; 0.1), add(rms(g), 1e-8)))", Bound: 0.29, Size: 6, StateBytes: 4, Flops: 22},
		{Name: "Adam's family, β = .8 and .95", Formula: "div(avg(g; 0.2), add(sqrt(avg(square(g); 0.05)), 1e-8))", Bound: 0.07, Size: 6, StateBytes: 8, Flops: 14},
		{Formula: "where(dot(g, ema(g; 0.1)), rmsnorm(ema(g; 0.05)), sign(g))", Bound: 0.02, Size: 6, StateBytes: 8, Flops: 19},
		{Name: "normalised momentum", Formula: "rmsnorm(ema(g; 0.1))", Bound: -0.18, Size: 2, StateBytes: 4, Flops: 6, Front: true},
		{Name: "signed gradient", Formula: "sign(g)", Bound: -0.74, Size: 1, StateBytes: 0, Flops: 1, Front: true},
		{Name: "gradient descent", Formula: "g", Bound: -1.62, Size: 0, StateBytes: 0, Flops: 0, Degree: 1, Front: true},
	}
	for i := range rows {
		f := &rows[i]
		f.ID, f.Rungs, f.Births, f.Evaluations, f.Fitness = fmt.Sprintf("%07x", r.IntN(1<<28)), 5, 1+r.IntN(4000), 1+r.IntN(4), f.Bound+0.22
		if f.Bound < -1 {
			f.Rungs = 4
		}
		if i == 3 {
			f.Degree = math.NaN()
		}
		for range tasks {
			f.Scores = append(f.Scores, max(fitness.Worst, min(fitness.Best, f.Fitness+0.7*r.NormFloat64())))
		}
		if f.Rungs == 4 {
			f.Scores = f.Scores[:7]
		}
	}
	return rows
}

func richCurves(r *rand.Rand, tasks []Task) []Curve {
	var out []Curve
	for i, task := range tasks {
		c := Curve{Task: task.Name}
		for j, rule := range []string{"the pick", "AdamW", "Lion"} {
			run := Run{Rule: rule, Steps: task.Steps}
			start, floor := 2.5-0.1*float64(i), 0.02+0.3*float64(i%4)
			rate := (5 + 0.8*float64(2-j) + r.Float64()) / float64(task.Steps)
			for s := range task.Steps {
				run.Losses = append(run.Losses, (floor+start*math.Exp(-rate*float64(s)))*math.Exp(0.16*r.NormFloat64()))
			}
			if task.Name == "rotated-bowl" && j == 2 {
				run.Diverged = true
				for s := 300; s < len(run.Losses); s++ {
					run.Losses[s] = 0.5 * math.Exp(float64(s-300)*0.4)
				}
				run.Losses = append(run.Losses[:480], math.Inf(1))
				run.Steps = len(run.Losses)
			}
			c.Runs = append(c.Runs, run)
		}
		out = append(out, c)
	}
	return out
}

func richSealed(r *rand.Rand) *Sealed {
	s := &Sealed{Looks: 1, Seeds: 8, Fewer: 1.15, Drawn: "the digests of archive and form", Versus: []Versus{{Baseline: "AdamW", Sign: 0.0033, Rank: 0.00007, Ratio: 0.951, Shorter: 15}, {Baseline: "Lion", Sign: 0.011, Rank: 0.0021, Ratio: 0.972, Shorter: 13}, {Baseline: "Signum", Sign: 0.00002, Rank: 0.000001, Ratio: 0.84, Shorter: 19}}}
	for _, task := range tasks.Of(tasks.HeldOut) {
		row := SealedTask{Task: task.Name, Leads: []float64{0.05 + 0.06*r.NormFloat64(), 0.03 + 0.05*r.NormFloat64(), 0.12 + 0.1*r.NormFloat64()}, Errors: []float64{0.015, 0.012, 0.02}}
		if task.Name == "wine-raw" {
			row.Leads[1] = 13.8
		}
		s.Tasks = append(s.Tasks, row)
		for i, l := range row.Leads {
			if l > 0 {
				s.Versus[i].Wins++
			} else {
				s.Versus[i].Losses++
			}
		}
	}
	return s
}

func richProgress(r *rand.Rand) Progress {
	steps := []Level{
		{0, -1.62, "a", "gradient descent", "g"}, {212, -1.31, "b", "", "rmsnorm(g)"}, {1920, -0.74, "c", "signed gradient", "sign(g)"}, {9133, -0.61, "d", "", "tanh(div(g, 1e-6))"},
		{18811, 0.19, "e", "signed momentum, β = .9", "sign(ema(g; 0.1))"}, {40210, 0.31, "f", "", "sign(ema(g; 0.03))"}, {222000, 0.44, "g", "Lion's form", "sign(lerp(ema(g; 0.05), g; 0.2))"},
		{611000, 0.5, "h", "", "sign(lerp(ema(g; 0.02), g; 0.14))"}, {1010000, 0.52, "i", "", picked},
	}
	p := Progress{Births: 1_240_812, Best: steps}
	for rung := range 4 {
		l := Limit{Name: fmt.Sprintf("rung %d", rung+1)}
		for b := 0; b < p.Births; b += 400 {
			l.Levels = append(l.Levels, Level{Birth: b, Bound: -1.9 + 0.5*float64(rung) + 1.1*(1-math.Exp(-float64(b)/9e4)) + 0.03*r.NormFloat64()})
		}
		p.Limits = append(p.Limits, l)
	}
	for _, e := range []int{310000, 505000, 700400, 933000, 1100210} {
		p.Events = append(p.Events, Event{e, "restart", "an island found nothing better for 50 000 births"})
	}
	return p
}

func richFamily(t testing.TB, r *rand.Rand, m genome.Mutator) Family {
	line := []Birth{
		{0, -1, "g", -1.62, ""}, {212, 0, "rmsnorm(g)", -1.31, "rmsnorm put around g"}, {430, 212, "rmsnorm(g)", -1.33, ""}, {1920, 430, "sign(g)", -0.74, "rmsnorm became sign"},
		{7800, 1920, "sign(g)", -0.75, ""}, {9100, 7800, "sign(g)", -0.74, ""}, {11902, 9100, "sign(add(g, prev(g)))", -0.81, "add put in, of g and prev(g)"},
		{18811, 11902, "sign(ema(g; 0.1))", 0.19, "add became ema, 0.1"}, {40210, 18811, "sign(ema(g; 0.03))", 0.31, "0.1 became 0.03"}, {90888, 40210, "sign(ema(g; 0.03))", 0.31, ""},
		{160003, 90888, "sign(lerp(ema(g; 0.03), g; 0.5))", 0.11, "lerp put in, 0.5"}, {222000, 160003, "sign(lerp(ema(g; 0.05), g; 0.2))", 0.44, "0.5 became 0.2, 0.03 became 0.05"},
		{611000, 222000, "sign(lerp(ema(g; 0.02), g; 0.14))", 0.5, "polished"}, {1010000, 611000, picked, 0.52, "polished"},
	}
	f := Family{Winner: 1010000, Births: line}
	for range 420 {
		parent := line[r.IntN(len(line))]
		f.Births = append(f.Births, Birth{Index: parent.Index + 300 + r.IntN(90000), Parent: parent.Index, Formula: "g", Bound: max(-2.8, parent.Bound-r.ExpFloat64()*0.8)})
	}
	return f
}

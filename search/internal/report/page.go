// Package report writes what a search has found as one HTML file.
//
// In comes a [Page], which the caller fills from an archive; out goes a file that needs nothing else: no network, no font,
// no script beyond its own. The same page gives the same bytes, on every machine. Whatever the page holds, however much of
// it and however strange, the file is well-formed, escaped and of bounded size: curves and clouds of points are thinned
// here, so that their extremes stay, and tables end with how many rows they leave out. The package opens no file, reads no
// archive, trains nothing and knows no time.
package report

// Page is all that a report tells. What is empty is left out of it, and the report says how to get it.
//
// Numbers that are NaN are not known. Strings are plain text of any content. Formulas are as genome.Genome.String writes
// them; those that genome.Parse reads are also set as mathematics.
type Page struct {
	Title   string // "" for one made of the archive's name
	Written string // when, and by which version, as a reader is to see it; "" to say nothing of it
	Archive Archive
	Machine Machine
	Totals  Totals

	Pick       *Pick
	Curves     []Curve // losses of the pick and of baselines
	Simplified *Simplified
	KnockOuts  []KnockOut // what the nodes of the pick, or of what is left of it, are worth
	TakenOut   []KnockOut // what simplification took from it, in order
	Checks     []Check    // what is left of the pick's lead away from the runs that chose it
	Sealed     *Sealed
	Hall       []Form // the best forms, the best first
	Forms      []Form // all that were evaluated
	Progress   Progress
	Family     Family
	Controls   []Control

	Starts    []Named // the rules that the search began with, as formulas
	Operators []Named // the grammar
	Tasks     []Task  // in the order of their rungs, which is that of all scores
	Spec      []Named
}

// Named is a row of a table of names and what they stand for.
type Named struct{ Name, Text string }

// Archive says which archive a page is of.
type Archive struct {
	Name     string // its file, as commands take it
	Digest   string
	Numerics string
	Seed     uint64
	Bytes    int64
}

// Machine says how fast the machine is that CPU seconds are of. Zeros are not known.
type Machine struct {
	Name  string
	GEMM  float64 // GFLOP/s of a matrix product in float32 on one core
	Steps float64 // steps a second of Adam on the reference MLP, on one core
}

// Totals are what a search has done.
type Totals struct {
	Births     int64
	Forms      int64 // that differ
	Evaluated  int64 // forms that were run
	Cached     int64 // births that needed no run
	Runs       int64 // of training
	CPUSeconds float64
	Rechecked  int64 // runs done again elsewhere
	Drifted    int64 // of them, those that came out otherwise
}

// Form is an update rule with what is known of it.
type Form struct {
	ID          string // as commands take it
	Name        string // the known rule that it is; "" for none
	Formula     string
	Bound       float64 // lower bound of its fitness
	Fitness     float64 // the mean of its scores less half their deviation
	Rungs       int     // gone through
	Size        int     // operators
	StateBytes  int     // a parameter
	Flops       float64 // a parameter and step
	Degree      float64 // in the scale of the gradient; NaN if it has none
	Births      int
	Evaluations int
	Front       bool      // no other form is as good or better in everything
	Scores      []float64 // by task, as far as it got
	Errors      []float64 // standard errors of the scores, as far as they are known
}

// Pick is the form that a search puts forward.
type Pick struct {
	Form
	Why    string // it and no other was picked
	Rule   string // as a file of the rule language
	LaTeX  string
	Chance *Chance
}

// Chance is how often mutation alone, without selection, makes the pick's form.
type Chance struct {
	Chains  int64 // of mutations, from the starts
	Length  int   // of a chain, that of the pick's own line
	Reached int64 // chains that met the form
}

// Curve is the training loss on a task, of several rules.
type Curve struct {
	Task string
	Runs []Run
}

// Run is one rule's losses, evenly spaced from its first step to its last.
type Run struct {
	Rule     string
	Steps    int // that it took; 0 for one a loss
	Losses   []float64
	Diverged bool
}

// Simplified is what a simplification has left of the pick.
type Simplified struct {
	Formula  string
	Measured string // on which tasks and seeds
}

// KnockOut is what a form loses without one of its nodes, in deviations of a task's loss over seeds.
type KnockOut struct {
	Node        string // what is taken out
	Replacement string // the best of what was put in its place
	Loss        float64
	Error       float64 // standard
}

// Check is a pick's fitness measured again. The first of them is that of the search itself.
type Check struct {
	Name    string // such as "fresh seeds"
	Text    string // how it was measured
	Fitness float64
	Error   float64 // standard
}

// Sealed is the test on tasks that the search never read.
type Sealed struct {
	Looks  int     // at sealed tasks so far, this one included
	Seeds  int     // a task
	Fewer  float64 // how many times fewer steps the pick also got; 0 for no such runs
	Versus []Versus
	Tasks  []SealedTask
	Drawn  string // what the sealed instances are drawn from
	Of     string // the formula that was tested, if it is not the pick's but what is left of it
}

// Versus is how a pick compares with a baseline over all sealed tasks.
type Versus struct {
	Baseline           string
	Wins, Losses, Ties int
	Sign, Rank         float64 // p of the sign test and of Wilcoxon's signed-rank test, one-sided, corrected by Holm's method
	Ratio              float64 // median over tasks of the pick's loss by the baseline's
	Shorter            int     // tasks on which the pick is as good or better with fewer steps
}

// SealedTask is a sealed task's outcome.
type SealedTask struct {
	Task   string
	Leads  []float64 // by how much the pick's loss is lower, in logarithms, by baseline in the order of Versus
	Errors []float64 // standard, as far as they are known
}

// Progress is a search over its births.
type Progress struct {
	Births int     // so far
	Best   []Level // the best form, whenever it changes
	Limits []Limit
	Events []Event
}

// Level is a value from a birth on, until the next.
type Level struct {
	Birth   int
	Bound   float64
	ID      string // of the form, if it is of one
	Name    string
	Formula string
}

// Limit is what totals had to reach on a rung to go on.
type Limit struct {
	Name   string
	Levels []Level
}

// Event is something that happened to a search.
type Event struct {
	Birth int
	Kind  string // such as "restart"
	Text  string
}

// Family is a form's ancestors, and as many of their other children as the caller cares for.
type Family struct {
	Winner int // the birth whose line is told
	Births []Birth
}

// Birth is a member of a family.
type Birth struct {
	Index   int
	Parent  int // another birth; negative for a start
	Formula string
	Bound   float64
	Change  string // what the mutation did
}

// Control is what another search reached for comparison.
type Control struct {
	Name       string // such as "random search"
	Text       string
	CPUSeconds float64
	Bound      float64
	Formula    string
}

// Task is a task that the search trained on.
type Task struct {
	Name       string
	Doc        string
	Rung       int // counted from 0
	Parameters int
	Batch      int
	Steps      int
}

// Package read takes genomes from rules, so that a search can begin with a rule file: one that it has printed, one written by
// hand, or one of the library.
//
// In comes a rule, which the packages of the compiler have checked; out comes the genome that does the same up to rounding,
// with its learning rate and its decay. Hyperparameters become constants, each at its default. A quotient whose divisor is not
// kept from zero is taken for one that is. What no genome can say is refused, with the place and with what a genome can say.
// The package reads no file and runs no rule.
package read

import (
	"fmt"
	"math"
	"strings"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/stdlib"
)

// Rule is a rule x <- x - LR*(update + Decay*x) as a search takes it.
type Rule struct {
	Name   string
	Doc    string
	Genome genome.Genome // the update
	LR     Hyper         // the hyperparameter that scales the whole update; 1 without a name if there is none
	Decay  Hyper         // what scales x in the update; 0 without a name if nothing does, without a name if it is a constant
}

// Hyper is a hyperparameter at its default.
type Hyper struct {
	Name  string
	Value float64
}

// Text reads a rule of a file, which may be named "" if it is the only one. The file may use the library, but import no
// other. The error, if any, is of the type lang.Diagnostics.
func Text(name string, source []byte, rule string) (Rule, error) {
	unit, diagnostics := compiler.Load(fstest.MapFS{name: {Data: source}}, name, stdlib.FS)
	if diagnostics.HasErrors() {
		return Rule{}, errors(diagnostics)
	}
	if rule != "" {
		return Of(unit, rule, compiler.Settings{})
	}
	if rules := unit.Rules(); len(rules) != 1 {
		return Rule{}, lang.Diagnostics{{File: name, Span: start, Message: fmt.Sprintf("the file declares %d rules%s", len(rules), list(rules)), Hint: "name the one to begin with"}}
	}
	return Of(unit, unit.Rules()[0], compiler.Settings{})
}

// start is the beginning of a file.
var start = lang.Span{Start: lang.Pos{Line: 1, Col: 1}, End: lang.Pos{Line: 1, Col: 1}}

func list(names []string) string {
	const most = 20
	switch {
	case len(names) == 0:
		return ""
	case len(names) > most:
		return ": " + strings.Join(names[:most], ", ") + ", ..."
	}
	return ": " + strings.Join(names, ", ")
}

// Library reads a rule of the library.
func Library(rule string) (Rule, error) {
	unit, diagnostics := compiler.Library(stdlib.FS)
	if diagnostics.HasErrors() {
		return Rule{}, errors(diagnostics)
	}
	return Of(unit, rule, compiler.Settings{})
}

// Of reads a rule of a unit without errors, with its options and hyperparameters as the settings say.
func Of(unit *check.Unit, rule string, set compiler.Settings) (Rule, error) {
	program, diagnostics := check.Rule(unit, rule, set)
	if diagnostics.HasErrors() {
		return Rule{}, errors(diagnostics)
	}
	r := newReader(program, newPlaces(unit, rule))
	return r.rule()
}

// errors are the diagnostics that refuse a file.
func errors(all lang.Diagnostics) lang.Diagnostics {
	var out lang.Diagnostics
	for _, d := range all {
		if d.Severity == lang.Error {
			out = append(out, d)
		}
	}
	return out
}

// reader makes the genome of a program.
type reader struct {
	program *ir.Program
	places  places
	lr      int // the hyperparameter that is the learning rate, or -1

	nodes     []genome.Node
	done      map[*ir.Value]uint8
	constants map[*ir.Value]constant // which depend on lr
	timed     map[*ir.Value]bool     // whether values are made of the step and numbers alone, as these do
	states    map[*ir.Value][]int    // whose new value a value is, as stripped and as seen
	moving    map[int]bool           // of a state: whether its new value is made of its old one
	busy      map[int]bool           // states whose new value is being read
	vain      map[place]bool         // corrections of the start of averages that found none
	within    []string               // names of what is being read, the innermost last
}

func newReader(program *ir.Program, at places) *reader {
	return &reader{program: program, places: at, done: map[*ir.Value]uint8{}, busy: map[int]bool{}, vain: map[place]bool{}}
}

// learns makes a hyperparameter, or none, the learning rate.
func (r *reader) learns(lr int) {
	r.lr, r.constants, r.timed = lr, map[*ir.Value]constant{}, map[*ir.Value]bool{}
	r.states, r.moving = map[*ir.Value][]int{}, map[int]bool{}
	for i, s := range r.program.States {
		v := r.stripped(s.New)
		r.states[v] = append(r.states[v], i)
		if seen := r.seen(v); seen != v {
			r.states[seen] = append(r.states[seen], i)
		}
	}
}

// refusal is what a reader panics with, and rule recovers from.
type refusal struct{ diagnostic lang.Diagnostic }

// refuse ends the reading: a genome cannot say what the format says.
func (r *reader) refuse(hint, format string, args ...any) {
	file, span := r.places.find(r.within)
	panic(refusal{lang.Diagnostic{File: file, Span: span, Hint: hint, Message: fmt.Sprintf("rule %s is no genome: ", r.program.Name) + fmt.Sprintf(format, args...)}})
}

// text is a value as the rule would say it.
func (r *reader) text(v *ir.Value) string {
	text, _ := r.shown(v)
	return text
}

// shown is text, and whether there is one.
func (r *reader) shown(v *ir.Value) (text string, short bool) {
	switch text := r.program.Text(v, nil); {
	case text != "...":
		return "`" + text + "`", true
	case v.Label != "" && !v.Inner:
		return "`" + v.Label + "`, an expression too long to show", false
	}
	return "an expression too long to show", false
}

// rule reads the program.
func (r *reader) rule() (out Rule, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case refusal:
			out, err = Rule{}, lang.Diagnostics{e.diagnostic}
		default:
			panic(e)
		}
	}()
	if r.program.Eval != nil {
		r.within = append(r.within, "eval")
		r.refuse("leave `eval` out", "the model is evaluated at a point other than x")
	}
	out = Rule{Name: r.program.Name, Doc: r.program.Doc}
	root := r.elements(r.step(&out))
	if out.Genome, err = compact(r.nodes, root); err != nil {
		r.refuse("", "%v", err)
	}
	return out, nil
}

// maxMade bounds the nodes that are made, some of which nothing may read in the end.
const maxMade = 200

// add returns the node, an old one if there is one like it.
func (r *reader) add(op genome.Op, k float64, args ...uint8) uint8 {
	n := genome.Node{Op: op, K: k}
	copy(n.Args[:], args)
	for i := range r.nodes {
		if r.nodes[i] == n {
			return uint8(i)
		}
	}
	if len(r.nodes) == maxMade {
		r.refuse("", "it has more than %d operators and leaves", genome.MaxNodes)
	}
	r.nodes = append(r.nodes, n)
	return uint8(len(r.nodes) - 1)
}

func (r *reader) number(k float64) uint8 {
	if math.IsNaN(k) || math.IsInf(k, 0) {
		r.refuse("", "one of its constants is %s", ir.FormatNumber(k))
	}
	return r.add(genome.Const, k)
}

// scaled is k times a node.
func (r *reader) scaled(k float64, at uint8) uint8 {
	switch n := r.nodes[at]; {
	case k == 1:
		return at
	case n.Op == genome.Const:
		return r.number(k * n.K)
	case k == -1:
		return r.add(neg, 0, at)
	}
	return r.add(mul, 0, r.number(k), at)
}

// nonnegative reports whether a node is known never to be negative.
func (r *reader) nonnegative(at uint8) bool {
	n := r.nodes[at]
	return n.Op == dot && n.Args[0] == n.Args[1] || genome.Genome{Nodes: r.nodes, Root: at}.Nonnegative()[at]
}

// elements is a node with one value an element: if it has one a tensor, the same for all elements.
func (r *reader) elements(at uint8) uint8 {
	if !(genome.Genome{Nodes: r.nodes, Root: at}).Scalars()[at] {
		return at
	}
	return r.add(addOp, 0, at, r.add(mul, 0, r.number(0), r.add(genome.G, 0)))
}

// compact is the genome of what the root depends on.
func compact(nodes []genome.Node, root uint8) (genome.Genome, error) {
	whole := genome.Genome{Nodes: nodes, Root: root}
	g := whole.Only(whole.Live())
	if len(g.Nodes) > genome.MaxNodes {
		return g, fmt.Errorf("it has %d operators and leaves, and a genome at most %d", len(g.Nodes), genome.MaxNodes)
	}
	return g, g.Check()
}

// The operators that the code speaks of by name.
var (
	absOp   = genome.Lookup("abs")
	addOp   = genome.Lookup("add")
	avg     = genome.Lookup("avg")
	clip    = genome.Lookup("clip")
	cosine  = genome.Lookup("cosine")
	div     = genome.Lookup("div")
	dot     = genome.Lookup("dot")
	ema     = genome.Lookup("ema")
	lerp    = genome.Lookup("lerp")
	maxOp   = genome.Lookup("max")
	mean    = genome.Lookup("mean")
	minOp   = genome.Lookup("min")
	most    = genome.Lookup("most")
	mul     = genome.Lookup("mul")
	neg     = genome.Lookup("neg")
	prev    = genome.Lookup("prev")
	recip   = genome.Lookup("recip")
	rms     = genome.Lookup("rms")
	rmsnorm = genome.Lookup("rmsnorm")
	sqrt    = genome.Lookup("sqrt")
	square  = genome.Lookup("square")
	sub     = genome.Lookup("sub")
	total   = genome.Lookup("total")
	where   = genome.Lookup("where")
)

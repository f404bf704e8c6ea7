package property

import (
	"math"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// Scaling is how a rule answers to a scaling, if that is proved.
type Scaling struct {
	Proved bool
	Degree float64 // of the step
	LR     float64 // the power of c by which lr is to be multiplied
	But    []Leaf  // taken as 0: in the limit, or because they may be
	Zeros  bool    // but where a norm is zero
	Step   bool    // of a single step, and not of the way from the start
	Why    string  // it is not proved
}

// Leaf is a hyperparameter or a constant of the rule's text.
type Leaf struct {
	Name  string
	Limit bool // it is never 0: what is said holds in the limit
	value *ir.Value
}

// maxAnalyses bounds the graphs that are looked at for one question.
const maxAnalyses = 200

// asker answers questions about one program.
type asker struct {
	p     *ir.Program
	order []*ir.Value
	lr    int  // the hyperparameter lr, or -1
	perLR bool // steps are of degree 1 in lr
	left  int  // analyses
	moves map[string]bool
}

// maxVisits bounds the values that are looked at for one question.
const maxVisits = 2_000_000

func newAsker(p *ir.Program) *asker {
	a := &asker{p: p, order: ir.Reachable(p.Roots()...), lr: -1, moves: map[string]bool{}}
	for i, h := range p.Hypers {
		read := slices.Contains(a.order, p.Pool.Hyper(i))
		if read && (h.Name == "lr" || a.lr < 0 && strings.HasSuffix(h.Name, "_lr") && h.Name != "max_lr") {
			a.lr = i
		}
	}
	return a
}

// ask finds the fewest leaves that must be 0 so that the rule answers to a scaling: breadth first, by the leaves that make
// one side of a clash vanish. ok says whether what was found is what is asked for.
func (a *asker) ask(by scaling, ok func(*degrees) bool) Scaling {
	a.left = min(maxAnalyses, maxVisits/(len(a.order)+1)+1)
	queue := [][]Leaf{nil}
	seen := map[string]bool{}
	why := ""
	for len(queue) > 0 && a.left > 0 {
		but := queue[0]
		queue = queue[1:]
		if key := names(but); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		a.left--
		zero := map[*ir.Value]bool{}
		for _, l := range but {
			zero[l.value] = true
		}
		d := analyse(a.p, a.order, by, zero)
		if d.clash == nil && ok(d) && a.goesOn(but) {
			s := Scaling{Proved: true, But: but, Zeros: d.zeros}
			if d.move.known {
				s.Degree = d.move.d
			}
			return s
		}
		if why == "" {
			why = a.reason(d)
		}
		if d.clash != nil && len(but) < 5 {
			for _, l := range a.candidates(d) {
				queue = append(queue, sorted(append(slices.Clone(but), l)))
			}
		}
	}
	return Scaling{Why: why}
}

func (a *asker) reason(d *degrees) string {
	if d.clash == nil {
		return "x is not of the degree that is asked for"
	}
	text := ""
	if d.clash.at != nil {
		if text = a.p.Text(d.clash.at, nil); len(text) > 60 || strings.Contains(text, "...") {
			text = ""
		} else {
			text = " in " + text
		}
	}
	return d.clash.why + text
}

// candidates are leaves that, as 0, make one side of a clash vanish.
func (a *asker) candidates(d *degrees) []Leaf {
	var out []Leaf
	if d.clash.pair == nil {
		return nil
	}
	var all []Leaf
	for _, n := range ir.Reachable(d.clash.pair...) {
		l, ok := a.leaf(n)
		if !ok || d.zero[n] {
			continue
		}
		all = append(all, l)
		zero := map[*ir.Value]bool{n: true}
		for z := range d.zero {
			zero[z] = true
		}
		for _, side := range d.clash.pair {
			if d.vanishes(side, zero) {
				out = append(out, l)
				break
			}
		}
	}
	if out == nil { // one of them may have given a state its degree
		return all
	}
	return out
}

// small bounds the constants and defaults that are taken for safeguards against a division by zero.
const small = 1e-3

// leaf is n as what may be taken as 0: a safeguard, a decay, or what is 0 by default.
func (a *asker) leaf(n *ir.Value) (Leaf, bool) {
	switch {
	case n.Kind == ir.Hyper && n.Index != a.lr:
		h := a.p.Hypers[n.Index]
		if math.Abs(h.Default) > small && len(a.productsWithX(n)) == 0 {
			return Leaf{}, false
		}
		return Leaf{h.Name, !h.Admits(0), n}, h.Lo <= 0 && h.Hi >= 0
	case n.Kind == ir.Number && !n.Mask && n.Num != 0 && math.Abs(n.Num) <= small:
		return Leaf{ir.FormatNumber(n.Num), true, n}, true
	}
	return Leaf{}, false
}

// vanishes reports whether v is 0 when some leaves are; what is of every degree so far counts as 0.
func (d *degrees) vanishes(v *ir.Value, zero map[*ir.Value]bool) bool {
	is := map[*ir.Value]bool{}
	for _, n := range ir.Reachable(v) {
		at := func(i int) bool { return is[n.Args[i]] }
		switch {
		case zero[n], n.Kind == ir.Number && n.Num == 0 && !n.Mask, n.Kind == ir.Load && d.states[n.Index] == degree{}:
			is[n] = true
		case n.Kind == ir.Spread || n.Kind == ir.Reduce:
			is[n] = at(0)
		case n.Kind == ir.Array && len(n.Args) > 0:
			switch n.Op.Name {
			case "matmul", "outer":
				is[n] = at(0) || at(1)
			case "transpose", "diag", "trace":
				is[n] = at(0)
			}
		case n.Kind == ir.Apply:
			switch n.Op.Name {
			case "mul":
				is[n] = at(0) || at(1)
			case "div":
				is[n] = at(0)
			case "add", "sub", "min", "max":
				is[n] = at(0) && at(1)
			case "where":
				is[n] = at(1) && at(2)
			case "sqrt", "neg", "abs":
				is[n] = at(0)
			case "pow":
				is[n] = at(0) && n.Args[1].Kind == ir.Number && n.Args[1].Num > 0
			}
		}
	}
	return is[v]
}

func sorted(ls []Leaf) []Leaf {
	slices.SortFunc(ls, func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(ls, func(a, b Leaf) bool { return a.Name == b.Name })
}

func names(ls []Leaf) string {
	var out []string
	for _, l := range ls {
		out = append(out, l.Name)
	}
	return strings.Join(out, " ")
}

// xIs asks for a degree of the new x.
func (a *asker) xIs(want float64) func(*degrees) bool {
	return func(d *degrees) bool {
		x := d.of[a.p.X]
		return x.known && same(x.d, want)
	}
}

func (a *asker) xIsPoint(d *degrees) bool { return d.of[a.p.X].point && d.move.known }

// lossScale is the answer to a loss that is multiplied by c: the same steps, or steps of a degree in c for gradients that
// do not depend on x.
func (a *asker) lossScale() Scaling {
	by := scaling{g: 1, loss: 1}
	if s := a.ask(by, a.xIs(0)); s.Proved {
		return s
	}
	by.points = true
	return a.ask(by, a.xIsPoint)
}

// gradientScales is the answer to gradients of which every element is multiplied by a number of its own.
func (a *asker) gradientScales() Scaling {
	return a.ask(scaling{g: 1, each: true}, a.xIs(0))
}

// lrPowers are the powers of c that lr may need where x is multiplied by c: 0 for steps relative to x, 1 for steps of a
// size of their own, 2 for steps along the gradient.
var lrPowers = []float64{0, 1, 2, -1, 0.5, 1.5}

// weightScale is the answer to parameters that are multiplied by c, of a loss of x/c: the gradient is divided by c.
func (a *asker) weightScale() Scaling {
	by := scaling{x: 1, g: -1}
	first := a.ask(by, a.xIs(1))
	if first.Proved || a.lr < 0 {
		return first
	}
	for _, k := range lrPowers[1:] {
		by.hypers = map[int]float64{a.lr: k}
		if s := a.ask(by, a.xIs(1)); s.Proved {
			s.LR = k
			return s
		}
	}
	return first
}

// weightScales is the answer to parameters that are each multiplied by a number of their own, of the loss of what they were.
func (a *asker) weightScales() Scaling {
	return a.ask(scaling{x: 1, g: -1, each: true}, a.xIs(1))
}

// lrDegree is the degree of the way from the start in lr, for gradients that do not depend on x; or else of a single step,
// for any x and gradients so far.
func (a *asker) lrDegree() Scaling {
	if a.lr < 0 {
		return Scaling{Why: "it has no hyperparameter lr"}
	}
	by := scaling{hypers: map[int]float64{a.lr: 1}, points: true}
	first := a.ask(by, a.xIsPoint)
	step := a.step(a.p.X)
	if first.Proved || step == nil {
		return first
	}
	q := *a.p
	q.X = step
	of := &asker{p: &q, order: ir.Reachable(q.Roots()...), lr: a.lr, moves: map[string]bool{}}
	by.points = false
	degree := 0.0
	s := of.ask(by, func(d *degrees) bool {
		degree = d.of[q.X].d
		return d.of[q.X].known
	})
	if !s.Proved {
		return first
	}
	s.Degree, s.Step = degree, true
	return s
}

// step is v - x; nil if v is not told as x and something more.
func (a *asker) step(v *ir.Value) *ir.Value {
	pool := a.p.Pool
	if v.Kind == ir.Input && v.Name == "x" {
		return pool.Number(0)
	}
	if v.Kind != ir.Apply {
		return nil
	}
	switch v.Op.Name {
	case "where":
		if yes, no := a.step(v.Args[1]), a.step(v.Args[2]); yes != nil && no != nil {
			return pool.Call("where", v.Args[0], yes, no)
		}
	case "sub", "add":
		if s := a.step(v.Args[0]); s != nil {
			return pool.Call(v.Op.Name, s, v.Args[1])
		}
	}
	return nil
}

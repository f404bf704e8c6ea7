package ir

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/op"
)

// String prints the program, a line a value, operands first: the text of dumps and golden files.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rule %s\n", p.Name)
	for i, h := range p.Hypers {
		fmt.Fprintf(&b, "hyper %d %s = %v in %s\n", i, h.Name, h.Default, h.Interval())
	}
	for i, g := range p.Givens {
		fmt.Fprintf(&b, "given %d %s %s%s\n", i, g.Name, g.Extent, loadWord(g))
	}
	for i, s := range p.States {
		fmt.Fprintf(&b, "state %d %s %s%s = %v\n", i, s.Name, s.Extent, asWord(s.As), s.Init)
	}
	if p.Params.Format != "" {
		fmt.Fprintf(&b, "params%s\n", asWord(p.Params))
	}
	number := map[*Value]int{}
	for _, v := range Reachable(append(p.Roots(), p.Eval)...) {
		number[v] = len(number)
		fmt.Fprintf(&b, "v%d %s%s = %s", number[v], v.Extent, maskWord(v), p.node(v, number))
		if v.Label != "" {
			fmt.Fprintf(&b, "  # %s", v.Label)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "x <- v%d\n", number[p.X])
	for i, s := range p.States {
		fmt.Fprintf(&b, "state %d <- v%d\n", i, number[s.New])
	}
	if p.Eval != nil {
		fmt.Fprintf(&b, "eval v%d\n", number[p.Eval])
	}
	if p.ClearGrad {
		b.WriteString("clear g\n")
	}
	return b.String()
}

func loadWord(g GivenDecl) string {
	if g.Load {
		return " = load"
	}
	return ""
}

func asWord(s Storage) string {
	if s.Format == "" {
		return ""
	}
	if s.Format == "q8root" {
		return " as " + s.String() + " (never negative)"
	}
	return " as " + s.String()
}

func maskWord(v *Value) string {
	if v.Mask {
		return " mask"
	}
	return ""
}

func (p *Program) node(v *Value, number map[*Value]int) string {
	args := make([]string, len(v.Args))
	for i, a := range v.Args {
		args[i] = "v" + strconv.Itoa(number[a])
	}
	list := strings.Join(args, ", ")
	switch v.Kind {
	case Apply:
		return v.Op.Name + "(" + list + ")"
	case Reduce:
		return fmt.Sprintf("%s(%s per %s)", v.Op.Name, list, v.Per)
	case Array:
		if len(v.Args) == 0 {
			return p.Leaf(v)
		}
		return fmt.Sprintf("%s(%s%s)", v.Op.Name, list, perWord(v))
	case Probe:
		return fmt.Sprintf("probe %s(%s)", v.Name, list)
	case Hold:
		return fmt.Sprintf("hold%d(%s)", v.Index, list)
	case Spread:
		return "spread(" + list + ")"
	case Var:
		return fmt.Sprintf("var%d(%s)", v.Index, list)
	case Derived:
		return v.Name + "(" + list + ")"
	}
	return p.Leaf(v)
}

// perWord is the `per E` of an order statistic that is not over the tensor.
func perWord(v *Value) string {
	if v.Op.Kind != op.Order || v.Per == Tensor {
		return ""
	}
	return " per " + v.Per.String()
}

// Leaf is the text of a value without operands.
func (p *Program) Leaf(v *Value) string {
	switch v.Kind {
	case Number:
		if v.Mask {
			return strconv.FormatBool(v.Num != 0)
		}
		return FormatNumber(v.Num)
	case Input:
		if Inputs[v.Name] == Tensor {
			return v.Name + "(x)"
		}
		return v.Name
	case Hyper:
		return p.Hypers[v.Index].Name
	case Load:
		return p.States[v.Index].Name
	case Size:
		return fmt.Sprintf("size(%s per %s)", v.Of, v.Per)
	case Given:
		return p.Givens[v.Index].Name
	case Named:
		return fmt.Sprintf("named(%q)", v.Name)
	case Draw:
		return fmt.Sprintf("%s(per %s)#%d", v.Name, v.Per, v.Index)
	case Array:
		return fmt.Sprintf("eye(%s)", axes[v.Of][4:])
	}
	return "?"
}

// FormatNumber is the shortest text of v in the rule language.
func FormatNumber(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	case math.IsNaN(v):
		return "(0/0)"
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	return strings.Replace(s, "e+", "e", 1)
}

// Equation is one line of a formula.
type Equation struct {
	Name   string
	Value  *Value
	Extent Extent
	Text   string
	Update bool // Name takes a new value: it stands for the new one in the lines below
}

// String is the line as text.
func (e Equation) String() string {
	if e.Update {
		return e.Name + " <- " + e.Text
	}
	return e.Name + " = " + e.Text
}

// StateNames gives each state a short name for people: that of its declaration in the rule's own body, and for a state
// of a call what the rule calls its new value.
func (p *Program) StateNames() []string {
	taken := NewNames("x", "g", "t", "loss")
	for _, h := range p.Hypers {
		taken.Take(h.Name)
	}
	for _, g := range p.Givens {
		taken.Take(g.Name)
	}
	names := make([]string, len(p.States))
	for _, own := range []bool{true, false} { // the rule's own names stay as they are
		for i, s := range p.States {
			base := s.Name[strings.LastIndex(s.Name, ".")+1:]
			if own != (base == s.Name) {
				continue
			}
			if !own && !s.BesideX() && s.New.Label != "" && s.New.Kind != Input {
				base = s.New.Label
			}
			names[i] = taken.Fresh(base)
		}
	}
	return names
}

// Formula states the whole step: x and every state.
func (p *Program) Formula() []Equation {
	short := p.StateNames()
	names, leaves := map[*Value]string{}, map[*Value]string{}
	roots := []*Value{p.X}
	names[p.X] = "x"
	for i, s := range p.States {
		load := p.Pool.Load(i)
		leaves[load] = short[i]
		if s.New != load && names[s.New] == "" {
			names[s.New] = short[i]
			roots = append(roots, s.New)
		}
	}
	return p.Equations(roots, names, leaves)
}

// Equations states roots as a list of equations in the rule language, operands first: a value that is read more than
// once has a line of its own. names gives the roots' names, leaves those of the values
// that are taken as they are. A root may have the name of a leaf: its line updates it.
func (p *Program) Equations(roots []*Value, names, leaves map[*Value]string) []Equation {
	order := below(roots, leaves)
	w := &writer{p: p, names: map[*Value]string{}}
	taken := NewNames()
	for _, v := range order {
		if n, ok := leaves[v]; ok {
			w.names[v] = n
			taken.Take(n)
		} else if len(v.Args) == 0 {
			taken.Take(p.Leaf(v))
		}
	}
	for _, n := range names {
		taken.Take(n)
	}
	isLine := lines(order, names, leaves)
	for _, v := range order {
		taken.Avoid(v.Label)
	}
	var out, last []Equation
	for i, v := range order {
		if !isLine[v] {
			continue
		}
		name, root := names[v]
		text := w.text(v)
		switch {
		case !root:
			name = invent(v, taken)
		case w.readLater(name, order, i, isLine):
			last = append(last, Equation{Name: name, Value: v, Extent: v.Extent, Text: taken.Fresh(name + "_new"), Update: true})
			name, root = last[len(last)-1].Text, false
		}
		out = append(out, Equation{Name: name, Value: v, Extent: v.Extent, Text: text, Update: root})
		if len(v.Args) > 0 {
			w.names[v] = name
		}
	}
	return foldTurns(append(out, last...))
}

// lines tells which values have a line of their own.
func lines(order []*Value, names, leaves map[*Value]string) map[*Value]bool {
	uses := map[*Value]int{}
	for _, v := range order {
		if _, leaf := leaves[v]; !leaf {
			for _, a := range v.Args {
				uses[a]++
			}
		}
	}
	out := map[*Value]bool{}
	size := map[*Value]int{} // of the text on v's line that is v
	for _, v := range order {
		_, root := names[v]
		_, leaf := leaves[v]
		size[v] = 1
		for _, a := range v.Args {
			if !out[a] && !leaf {
				size[v] += size[a]
			}
		}
		out[v] = root || !leaf && len(v.Args) > 0 && (uses[v] > 1 || size[v] > longLine || v.Kind == Spread || v.Turn > 0) // a spread rounds
	}
	return out
}

// Short reports whether v is at most a line of a formula.
func (p *Program) Short(v *Value) bool { return within(v, longLine) }

// within reports whether v has fewer nodes, each counted as often as it is printed.
func within(v *Value, left int) bool {
	var count func(*Value)
	count = func(v *Value) {
		left--
		for _, a := range v.Args {
			if left > 0 {
				count(a)
			}
		}
	}
	count(v)
	return left > 0
}

// Text is v as one expression, with the given names for some of its values; what is too long for a few lines is left out.
func (p *Program) Text(v *Value, names map[*Value]string) string {
	if !within(v, longText) {
		return "..."
	}
	w := &writer{p: p, names: p.StateLeaves()}
	for n, name := range names {
		w.names[n] = name
	}
	return w.text(v)
}

// longLine bounds the operators on a line of a formula, longText those of a formula that stands alone.
const (
	longLine = 60
	longText = 200
)

// readLater reports whether a line below order[i] reads the leaf called name.
func (w *writer) readLater(name string, order []*Value, i int, isLine map[*Value]bool) bool {
	below := map[*Value]bool{} // printed in a line below i
	for k := len(order) - 1; k >= 0; k-- {
		v := order[k]
		if isLine[v] {
			below[v] = k > i
		}
		if !below[v] {
			continue
		}
		for _, a := range v.Args {
			if !isLine[a] {
				below[a] = true
			}
			if (len(a.Args) == 0 || w.names[a] != "") && w.text(a) == name {
				return true
			}
		}
	}
	return false
}

// invent names a value that is no root: by its label, or by a name that no label of the rule is.
func invent(v *Value, names *Names) string {
	switch {
	case v.Label != "":
		return names.Fresh(v.Label)
	case v.Extent.IsArray():
		return names.Invent("u")
	}
	return names.Invent("c")
}

// Names hands out names that are not taken.
type Names struct {
	taken   map[string]bool
	avoided map[string]bool
	next    map[string]int // number to try for a base
}

// NewNames takes some names from the start.
func NewNames(taken ...string) *Names {
	n := &Names{map[string]bool{}, map[string]bool{}, map[string]int{}}
	n.Take(taken...)
	return n
}

// Take marks names as taken.
func (n *Names) Take(names ...string) {
	for _, name := range names {
		n.taken[name] = true
	}
}

// Fresh is base, or base with the first number that makes it new. It is taken afterwards.
func (n *Names) Fresh(base string) string {
	name := base
	for n.taken[name] {
		n.next[base]++
		name = base + strconv.Itoa(n.next[base])
	}
	n.taken[name] = true
	return name
}

// Avoid keeps a name that somebody else may ask for from being invented.
func (n *Names) Avoid(name string) { n.avoided[name] = true }

// Invent is Fresh, but for names to avoid.
func (n *Names) Invent(base string) string {
	for {
		if name := n.Fresh(base); !n.avoided[name] {
			return name
		}
	}
}

// below lists the values below roots, operands first, and nothing below a leaf.
func below(roots []*Value, leaves map[*Value]string) []*Value {
	return walk(roots, func(v *Value) bool { _, leaf := leaves[v]; return leaf })
}

type writer struct {
	p     *Program
	names map[*Value]string
}

var precedence = map[string]int{"or": 1, "and": 2, "not": 3, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "^": 8}

func (w *writer) text(v *Value) string { s, _ := w.expr(v); return s }

// expr is v's text and its precedence; 10 needs no parentheses anywhere.
func (w *writer) expr(v *Value) (string, int) {
	if n, ok := w.names[v]; ok {
		return n, 10
	}
	switch v.Kind {
	case Reduce:
		name := strings.TrimPrefix(v.Op.Name, "reduce_")
		arg := w.text(v.Args[0])
		if v.Per == Tensor {
			return name + "(" + arg + ")", 10
		}
		return name + "(" + arg + " per " + v.Per.String() + ")", 10
	case Spread, Var, Hold:
		return w.expr(v.Args[0])
	case Array:
		return w.array(v)
	case Probe:
		return "probe(" + v.Name + " at " + w.text(v.Args[0]) + ")", 10
	case Draw:
		if v.Per == Elem {
			return v.Name + "()", 10
		}
		return v.Name + "(per " + v.Per.String() + ")", 10
	case Apply:
		return w.apply(v)
	case Size:
		return counted(v.Of, v.Per), 10
	case Number:
		if v.Num < 0 {
			return w.p.Leaf(v), 7
		}
	}
	return w.p.Leaf(v), 10
}

// array is a whole-array operator: its guard is not said.
func (w *writer) array(v *Value) (string, int) {
	switch v.Op.Name {
	case "eye":
		return w.p.Leaf(v), 10
	case "matmul":
		return w.within(v.Args[0], 6) + "@" + w.within(v.Args[1], 7), 6
	case "transpose":
		return w.within(v.Args[0], 9) + "'", 9
	}
	var args, params []string
	for _, a := range v.Args[:v.Op.Args] {
		args = append(args, w.text(a))
	}
	for i, q := range v.Op.Params {
		params = append(params, q.Name+" = "+w.text(v.Args[v.Op.Args+i]))
	}
	text := strings.Join(args, ", ") + perWord(v)
	if len(params) > 0 {
		text += "; " + strings.Join(params, ", ")
	}
	return v.Op.Name + "(" + text + ")", 10
}

func (w *writer) apply(v *Value) (string, int) {
	o := v.Op
	if o.Name == "real" {
		return w.expr(v.Args[0])
	}
	if o.Name == "pow" && !unrolled(v.Args[1]) {
		return w.within(v.Args[0], 9) + "^" + w.within(v.Args[1], 9), 8
	}
	if o.Infix == "" || o.Name == "pow" {
		args := make([]string, len(v.Args))
		for i, a := range v.Args {
			args[i] = w.text(a)
		}
		return o.Name + "(" + strings.Join(args, ", ") + ")", 10
	}
	if o.Args == 1 {
		level := 7
		sep := ""
		if o.Name == "not" {
			level, sep = 3, " "
		}
		return o.Infix + sep + w.within(v.Args[0], level+1), level
	}
	if o.Name == "mul" && v.Args[0] == v.Args[1] {
		return w.within(v.Args[0], 9) + "^2", 8
	}
	level := precedence[o.Infix]
	sep := " "
	if slices.Contains([]string{"*", "/", "%"}, o.Infix) {
		sep = ""
	}
	left, right := level, level+1
	if o.Mask && o.MaskArgs == 0 {
		left = right // comparisons do not chain
	}
	return w.within(v.Args[0], left) + sep + o.Infix + sep + w.within(v.Args[1], right), level
}

// counted says in the language how many values of extent of there are per extent per.
func counted(of, per Extent) string {
	switch {
	case of == Elem && per == Tensor:
		return "numel(x)"
	case of == Elem:
		return "sum(numel(x) per " + per.String() + ")"
	case of == Tensor:
		return "count(rank(x) >= 0 per " + per.String() + ")"
	}
	return "count(" + counted(Tensor, of) + " >= 0 per " + per.String() + ")"
}

// unrolled reports whether u^b would be read as a product or a root.
func unrolled(b *Value) bool {
	return b.Kind == Number && (b.Num == 0.5 || b.Num >= 2 && b.Num <= 16 && b.Num == math.Floor(b.Num))
}

func (w *writer) within(v *Value, least int) string {
	s, level := w.expr(v)
	if level < least {
		return "(" + s + ")"
	}
	return s
}

// StateLeaves names the states as a step finds them, for Equations.
func (p *Program) StateLeaves() map[*Value]string {
	leaves := map[*Value]string{}
	for i, n := range p.StateNames() {
		leaves[p.Pool.Load(i)] = n
	}
	return leaves
}

// Package page makes a rule's page: what its text says, as a paper prints it.
//
// In come a rule's tree with those of what it calls, and what the compiler knows of it; out goes the page as Markdown, as one
// HTML file or as a LaTeX document. Build turns the tree into a Box, an algorithm whose calls are inlined and whose
// expressions can still be computed; its formulas become a Node each, and three small writers print that. How an operator is
// written stands in the operator table alone. The package compiles nothing, opens no file and asks no time: the same rule
// gives the same bytes.
package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/lang"
)

// Format is how a page is written.
type Format string

// The formats.
const (
	Markdown Format = "md"
	HTML     Format = "html"
	LaTeX    Format = "tex"
)

// Page is what a page says of a rule. Cells are plain text.
type Page struct {
	Name    string
	Doc     string
	Box     *Box
	Derived []Derivation
	Hypers  []HyperRow
	Options []OptionRow
	Givens  [][3]string // name, how many, when
	States  []StateRow
	Costs   []Cost
	Step    string // what the scheduler says
	Source  string
	Usage   []Code
}

// HyperRow is a row of the table of hyperparameters.
type HyperRow struct{ Name, Default, Interval, Doc string }

// OptionRow is a row of the table of options.
type OptionRow struct{ Name, Value, Choices, Doc string }

// StateRow is a row of the table of states.
type StateRow struct{ Name, Extent, Shape, Storage, Initial, F32, F64 string }

// Cost is what a step costs tensors of one kind: a row is what, in float32, in float64.
type Cost struct {
	Which string
	Rows  [][3]string
}

// Code is a piece of code and what it is for.
type Code struct{ Title, Language, Text string }

// Derivation is the closed form of what the compiler derived from the rule's text.
type Derivation struct {
	Call  string // as the rule writes it
	Is    string // what the cases are
	Cases []Case
}

// Case is one formula, Name = Value, and where it holds; a nil When stands for anywhere. Without a Value it is its Text.
type Case struct {
	Name        string
	Value, When lang.Expr
	Text        string
}

// Render writes the page.
func (p *Page) Render(f Format) []byte { return render(f, p.Name, p.blocks(), documentTitle(p)) }

func documentTitle(p *Page) string { return "The rule " + p.Name }

// Entry is a line of an index.
type Entry struct{ Name, File, Summary string }

// Index writes the page that leads to others.
func Index(f Format, title string, entries []Entry) []byte {
	t := table{head: words("Rule", "What it is")}
	for _, e := range entries {
		t.rows = append(t.rows, [][]span{{{kind: link, text: e.Name, to: e.File}}, plain(e.Summary)})
	}
	return render(f, title, []any{heading{1, plain(title)}, t}, title)
}

func render(f Format, name string, blocks []any, title string) []byte {
	switch f {
	case HTML:
		return htmlPage(title, blocks)
	case LaTeX:
		return latexPage(title, blocks)
	}
	return markdownPage(blocks)
}

// A page is a list of blocks: heading, paragraph, table, code, algorithm.
type (
	heading struct {
		level int
		text  []span
	}
	paragraph []span
	table     struct {
		head    [][]span
		rows    [][][]span
		numbers int // so many columns at the end are numbers
	}
	code struct{ language, text string }
	// algorithm is a box: what it requires, then numbered lines.
	algorithm struct {
		number  int
		title   []span
		require [][]span
		lines   []boxLine
	}
	boxLine struct {
		depth    int
		text     []span
		numbered bool
	}
)

// span is a piece of a line.
type span struct {
	kind spanKind
	text string
	math *Node
	to   string // of a link
	wide bool   // of a formula: with fractions of full size
}

type spanKind uint8

const (
	plainText spanKind = iota
	codeText
	bold
	formula
	link
	indent // of a line of a box in Markdown
)

func plain(s string) []span   { return []span{{kind: plainText, text: s}} }
func codes(s string) []span   { return []span{{kind: codeText, text: s}} }
func strong(s string) span    { return span{kind: bold, text: s} }
func mathSpan(n *Node) span   { return span{kind: formula, math: n} }
func textSpan(s string) span  { return span{kind: plainText, text: s} }
func formulas(n *Node) []span { return []span{mathSpan(n)} }

// display is a formula of a line of its own.
func display(n *Node) []span { return []span{{kind: formula, math: n, wide: true}} }

func words(all ...string) [][]span {
	var out [][]span
	for _, w := range all {
		out = append(out, plain(w))
	}
	return out
}

// blocks lays the page out.
func (p *Page) blocks() []any {
	out := []any{heading{1, plain(p.Name)}}
	for _, text := range paragraphs(p.Doc) {
		out = append(out, paragraph(plain(text)))
	}
	out = append(out, p.Box.blocks()...)
	out = append(out, p.derivedBlocks()...)
	out = append(out, p.tables()...)
	out = append(out, p.costBlocks()...)
	out = append(out, heading{2, plain("The rule's text")}, code{"", p.Source})
	if len(p.Usage) > 0 {
		out = append(out, heading{2, plain("Use from Go")})
	}
	for _, c := range p.Usage {
		out = append(out, paragraph(plain(c.Title)), code{c.Language, c.Text})
	}
	return out
}

// paragraphs splits a documentation text at its empty lines.
func paragraphs(doc string) []string {
	var out []string
	for part := range strings.SplitSeq(strings.ReplaceAll(doc, "\r", ""), "\n\n") {
		if text := strings.Join(strings.Fields(part), " "); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// derivedBlocks is the one place where closed forms are printed.
func (p *Page) derivedBlocks() []any {
	if len(p.Derived) == 0 {
		return nil
	}
	out := []any{heading{2, plain("Derived in closed form")}}
	for _, d := range p.Derived {
		out = append(out, paragraph{{kind: codeText, text: d.Call}, textSpan(" is " + d.Is)})
		for _, c := range d.Cases {
			out = append(out, p.Box.symbols.caseLine(c))
		}
	}
	return out
}

func (s *symbols) caseLine(c Case) paragraph {
	if c.Value == nil {
		return paragraph(codes(c.Text))
	}
	line := paragraph(display(row(levelCmp, s.name(c.Name), symbol("="), s.math(c.Value))))
	if c.When != nil {
		line = append(line, textSpan(" where "), mathSpan(s.math(c.When)))
	}
	return line
}

func (p *Page) tables() []any {
	var out []any
	section := func(title string, t table) {
		if len(t.rows) > 0 {
			out = append(out, heading{2, plain(title)}, t.withoutEmpty())
		}
	}
	t := table{head: words("Name", "Symbol", "Default", "Interval", "Meaning")}
	for _, h := range p.Hypers {
		t.rows = append(t.rows, [][]span{codes(h.Name), p.Box.letterOf(h.Name), codes(h.Default), codes(h.Interval), plain(h.Doc)})
	}
	section("Hyperparameters", t)
	t = table{head: words("Name", "Value", "Choices", "Meaning")}
	for _, o := range p.Options {
		t.rows = append(t.rows, [][]span{codes(o.Name), codes(o.Value), plain(o.Choices), plain(o.Doc)})
	}
	section("Options, chosen with -D when the rule is built", t)
	t = table{head: words("Name", "How many", "When")}
	for _, g := range p.Givens {
		t.rows = append(t.rows, [][]span{codes(g[0]), plain(g[1]), plain(g[2])})
	}
	section("Further inputs", t)
	t = table{head: words("Name", "Extent", "Shape", "Kept as", "Starts from", "Bytes in f32", "in f64"), numbers: 2}
	for _, s := range p.States {
		t.rows = append(t.rows, [][]span{codes(s.Name), codes(s.Extent), plain(s.Shape), plain(s.Storage), codes(s.Initial), plain(s.F32), plain(s.F64)})
	}
	section("States", t)
	return out
}

// withoutEmpty drops the columns in which no row says anything.
func (t table) withoutEmpty() table {
	out := table{rows: make([][][]span, len(t.rows)), numbers: t.numbers}
	for i, title := range t.head {
		if !slices.ContainsFunc(t.rows, func(row [][]span) bool { return shows(row[i]) }) {
			continue
		}
		out.head = append(out.head, title)
		for r, row := range t.rows {
			out.rows[r] = append(out.rows[r], row[i])
		}
	}
	return out
}

func shows(cell []span) bool {
	return slices.ContainsFunc(cell, func(s span) bool { return s.text != "" || s.math != nil })
}

// letterOf is how the algorithms write a hyperparameter: the rule's own, or one of a rule that it calls.
func (b *Box) letterOf(name string) []span {
	for _, h := range b.Hypers {
		if h.Name == name {
			return formulas(b.symbols.node(h.Key))
		}
	}
	for _, c := range b.Calls {
		if s := c.letterOf(name); s != nil {
			return s
		}
	}
	return nil
}

func (p *Page) costBlocks() []any {
	if len(p.Costs) == 0 && p.Step == "" {
		return nil
	}
	out := []any{heading{2, plain("Cost of a step for each parameter element")}}
	for _, c := range p.Costs {
		if c.Which != "" {
			out = append(out, paragraph(plain("For "+c.Which+":")))
		}
		t := table{head: words("", "float32", "float64"), numbers: 2}
		for _, r := range c.Rows {
			t.rows = append(t.rows, words(r[:]...))
		}
		out = append(out, t)
	}
	if p.Step != "" {
		out = append(out, paragraph(plain("The step as it is scheduled into passes over memory:")), code{"", p.Step})
	}
	return out
}

// blocks are the algorithm, those of the rules that it calls, and its definitions.
func (b *Box) blocks() []any {
	var out []any
	b.each(1, func(number int, x *Box, callNumbers map[*Box]int) {
		out = append(out, x.algorithm(number, callNumbers))
	})
	return append(out, b.definitions()...)
}

// each calls f for the box and all that it calls, numbered from the first.
func (b *Box) each(first int, f func(int, *Box, map[*Box]int)) {
	var all []*Box
	numbers := map[*Box]int{}
	var walk func(*Box)
	walk = func(x *Box) {
		numbers[x] = first + len(all)
		all = append(all, x)
		for _, c := range x.Calls {
			walk(c)
		}
	}
	walk(b)
	for _, x := range all {
		f(numbers[x], x, numbers)
	}
}

func (b *Box) algorithm(number int, numbers map[*Box]int) algorithm {
	a := algorithm{number: number, title: b.title(), require: b.requirements()}
	for _, l := range b.Lines {
		a.lines = append(a.lines, b.symbols.boxLines(l, 0)...)
	}
	var notes [][]span
	if b.Carried {
		notes = append(notes, []span{textSpan("What no line of a step sets is as it was before the step.")})
	}
	for _, c := range b.Calls {
		what := fmt.Sprintf("%s is algorithm %d", c.Called, numbers[c])
		if c.As != "" {
			what += ", " + c.Name + ", unless the option chooses another rule"
		}
		notes = append(notes, plain(what+"."))
	}
	for _, n := range notes {
		a.lines = append(a.lines, boxLine{text: n})
	}
	return a
}

func (b *Box) title() []span {
	if b.As != "" {
		return plain(b.As + ": the rule " + b.Name + ", by default")
	}
	return plain(b.Name)
}

// requirements are the lines above a box: what it takes, and what its states start from.
func (b *Box) requirements() [][]span {
	var hypers, options, givens [][]span
	for _, h := range b.Hypers {
		n := b.symbols.node(h.Key)
		if h.Default != "" {
			n = row(levelCmp, n, symbol("="), b.symbols.math(parsed(h.Default)), symbol(`\in`), interval(h.Interval))
		}
		hypers = append(hypers, []span{mathSpan(n), textSpan(" (" + h.Name + ")")})
	}
	for _, o := range b.Options {
		options = append(options, []span{mathSpan(b.symbols.node(o.Key)), textSpan(": " + o.Choices)})
	}
	for _, g := range b.Givens {
		when := "in every step"
		if g.Load {
			when = "once"
		}
		givens = append(givens, []span{mathSpan(b.symbols.node(g.Key)), textSpan(" (" + g.Name + ", given " + when + ")")})
	}
	var out [][]span
	for _, items := range [][][]span{hypers, options, givens} {
		out = append(out, enumerate("Require: ", items)...)
	}
	return append(out, b.symbols.initLines(b.Inits)...)
}

// enumerate is a line of all items; none if there are none.
func enumerate(label string, items [][]span) [][]span {
	if len(items) == 0 {
		return nil
	}
	line := []span{strong(label)}
	for i, item := range items {
		if i > 0 {
			line = append(line, textSpan("; "))
		}
		line = append(line, item...)
	}
	return [][]span{line}
}

func (s *symbols) initLines(inits []Init) [][]span {
	var items [][]span
	for _, i := range inits {
		item := formulas(row(levelCmp, s.node(i.Target), symbol(`\gets`), s.math(i.Value)))
		if i.Size != nil {
			item = append(item, textSpan(", "), mathSpan(s.math(i.Size)), textSpan(" entries"))
		}
		if i.When != nil {
			item = append(item, textSpan(" if "), mathSpan(s.math(i.When)))
		}
		items = append(items, item)
	}
	return enumerate("Initialise: ", items)
}

// parsed is a text of the rule language as an expression.
func parsed(text string) lang.Expr {
	file, diags := lang.Parse("", []byte("fn f() = "+text+"\n"))
	if len(diags) > 0 || len(file.Decls) != 1 {
		return key("?")
	}
	return file.Decls[0].(*lang.Fn).Value
}

// interval is [0, 1) or 1..10 as a formula.
func interval(text string) *Node {
	if lo, hi, ok := strings.Cut(text, ".."); ok {
		return fence(`\{`, `\}`, row(anything, limit(lo), symbol(","), symbol(`\ldots`), symbol(","), limit(hi)))
	}
	lo, hi, ok := strings.Cut(strings.Trim(text, "[]()"), ", ")
	if !ok {
		return prose(text)
	}
	return fence(text[:1], text[len(text)-1:], row(anything, limit(lo), symbol(","), limit(hi)))
}

func limit(text string) *Node {
	return newSymbols(nil).math(parsed(text))
}

// boxLines are a line and those within it.
func (s *symbols) boxLines(l Line, depth int) []boxLine {
	var text []span
	switch l.Kind {
	case Set:
		text = display(row(levelCmp, s.math(l.Target), symbol(`\gets`), s.math(l.Value)))
		if l.Size != nil {
			text = append(text, textSpan(", "), mathSpan(s.math(l.Size)), textSpan(" entries"))
		}
	case If:
		text = []span{strong("if "), mathSpan(s.math(l.Value)), strong(" then")}
	case ElseIf:
		text = []span{strong("else if "), mathSpan(s.math(l.Value)), strong(" then")}
	case Else:
		text = []span{strong("else")}
	case For:
		text = s.loop(l)
	case Until:
		text = []span{strong("if "), mathSpan(s.math(l.Value)), strong(" then leave the loop")}
	case Eval:
		text = []span{strong("evaluate the model at "), mathSpan(s.math(l.Value))}
	case Clear:
		text = []span{strong("clear the gradient's arrays")}
	}
	out := []boxLine{{depth, text, true}}
	for _, inner := range l.Body {
		out = append(out, s.boxLines(inner, depth+1)...)
	}
	return out
}

func (s *symbols) loop(l Line) []span {
	if l.Target == nil {
		return []span{strong("repeat "), mathSpan(s.math(l.Value)), strong(" times")}
	}
	return []span{strong("for "), mathSpan(row(levelCmp, s.math(l.Target), symbol("="), s.math(l.Value), symbol(","), symbol(`\ldots`), symbol(","), s.math(l.To))), strong(" do")}
}

// definitions are the fns that boxes call, each once for a name.
func (b *Box) definitions() []any {
	var out []any
	seen := map[string]bool{}
	b.each(1, func(_ int, x *Box, _ map[*Box]int) {
		for _, d := range x.Where {
			if !seen[d.Name] {
				seen[d.Name] = true
				out = append(out, d.block())
			}
		}
	})
	if out = append(b.derivedDefinitions(), out...); len(out) > 0 {
		out = append([]any{paragraph{textSpan("where")}}, out...)
	}
	return out
}

// block is the definition as one formula, or as a small algorithm.
func (d Definition) block() any {
	name := call(function(d.Name), d.keys(d.Args), d.keys(d.Params))
	if len(d.Lines) == 0 && len(d.Inits) == 0 {
		line := paragraph(display(row(levelCmp, name, symbol("="), d.symbols.math(d.Value))))
		if d.Default != "" {
			line = append(line, textSpan(" (the fn "), span{kind: codeText, text: d.Default}, textSpan(", by default)"))
		}
		return line
	}
	a := algorithm{title: []span{mathSpan(name)}, require: d.symbols.initLines(d.Inits)}
	if d.Default != "" {
		a.title = append(a.title, textSpan(": the fn "+d.Default+", by default"))
	}
	for _, l := range d.Lines {
		a.lines = append(a.lines, d.symbols.boxLines(l, 0)...)
	}
	a.lines = append(a.lines, boxLine{text: []span{strong("return "), mathSpan(d.symbols.math(d.Value))}, numbered: true})
	return a
}

func (d Definition) keys(ids []string) []*Node {
	var out []*Node
	for _, id := range ids {
		out = append(out, d.symbols.node(id))
	}
	return out
}

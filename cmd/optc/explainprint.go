package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

func (e *explanation) print(w io.Writer) {
	fmt.Fprintf(w, "rule %s\n", e.Rule)
	for l := range strings.Lines(strings.TrimSpace(e.Doc)) {
		fmt.Fprintf(w, "  %s\n", strings.TrimSpace(l))
	}
	if e.Math != "" {
		fmt.Fprintf(w, "\nmath: %s, whose kernels fuse and approximate\n", e.Math)
	}
	e.printDeclarations(w)
	for _, d := range e.Derived {
		fmt.Fprintf(w, "\nderived: %s\n  is %s\n", d.Call, d.Is)
		var t table
		for _, c := range d.Cases {
			t.add(c.Formula, c.Where)
		}
		t.print(w, "    ")
	}
	for _, k := range e.Tensors {
		fmt.Fprintf(w, "\nformula%s\n", forTensors(k.Which))
		printLines(w, k.Formula, "  ")
	}
	printProperties(w, e.Properties)
	e.printSteps(w)
	for _, k := range e.Tensors {
		fmt.Fprintf(w, "\ncost of a step for each parameter element%s\n", forTensors(k.Which))
		k.costInfo.print(w)
	}
	fmt.Fprintf(w, "\nengines: %s%s\n", strings.Join(e.Engines, ", "), e.lacking())
}

// printSteps prints what the scheduler has made of the rule.
func (e *explanation) printSteps(w io.Writer) {
	title := "a step"
	if e.FirstStep != nil {
		title = "a step, from the second on"
	}
	printStages(w, title, e.Step)
	printStages(w, "the first step", e.FirstStep)
	printStages(w, "EvalParams, the point of evaluation", e.Eval)
}

func forTensors(which string) string {
	if which == "" {
		return ""
	}
	return ", " + which
}

// lacking says why engines are missing.
func (e *explanation) lacking() string {
	var operators []string
	for _, s := range e.PlainGo {
		operators = append(operators, s.Operator)
	}
	if operators == nil {
		return ""
	}
	return " (" + lackText(operators) + ")"
}

func (e *explanation) printDeclarations(w io.Writer) {
	section := func(title string, t table) {
		if len(t.rows) > 0 {
			fmt.Fprintf(w, "\n%s\n", title)
			t.print(w, "  ")
		}
	}
	var t table
	for _, h := range e.Hypers {
		t.add(h.Name, ir.FormatNumber(float64(h.Default)), "in "+h.Interval, oneLine(h.Doc))
	}
	section("hyperparameters: name, default, interval", t)
	t = table{}
	for _, o := range e.Options {
		t.add(o.Name, o.Value, "of "+o.Choices, oneLine(o.Doc))
	}
	section("options, chosen with -D", t)
	t = table{}
	for _, g := range e.Givens {
		when := "every step"
		if g.Load {
			when = "once, when the optimizer is built"
		}
		t.add(g.Name, once(g.Extent), when, oneLine(g.Doc))
	}
	section("further inputs: name, how many, when they are given", t)
	t = table{}
	for _, s := range e.States {
		var notes []string
		if s.As != "" {
			notes = append(notes, "kept as "+s.As)
		}
		if s.Tensors != "" {
			notes = append(notes, "for "+s.Tensors)
		}
		if s.KeptAs != s.Name {
			notes = append(notes, "in checkpoints "+s.KeptAs)
		}
		t.add(s.Name, once(s.Extent), strings.Join(notes, "; "))
	}
	section("states", t)
}

// once says how many there are of what has an extent.
func once(extent string) string {
	switch extent {
	case "elem":
		return "one a parameter element"
	case "col":
		return "one a column"
	case "[row,row]":
		return "a matrix of rows by rows"
	case "[col,col]":
		return "a matrix of columns by columns"
	case "[col,row]":
		return "a matrix of columns by rows"
	}
	return "one a " + extent
}

func oneLine(doc string) string { return strings.Join(strings.Fields(doc), " ") }

func (l line) String() string {
	text := l.Name + " = " + l.Text
	if l.Update {
		text = l.Name + " <- " + l.Text
	}
	if l.Again {
		text += "  (computed again)"
	}
	return text
}

func printLines(w io.Writer, lines []line, indent string) {
	for _, l := range lines {
		fmt.Fprintf(w, "%s%s\n", indent, l)
	}
}

func (c costInfo) print(w io.Writer) {
	t := c.table()
	t.print(w, "  ")
}

func (c costInfo) table() *table {
	t := &table{header: []string{"", "f32", "f64"}, right: map[int]bool{1: true, 2: true}}
	bytes := func(what string, d perDType) { t.add(what, shortNumber(d.F32), shortNumber(d.F64)) }
	count := func(what string, n int) { t.add(what, strconv.Itoa(n), strconv.Itoa(n)) }
	bytes("bytes read and written", c.Bytes)
	bytes("bytes of state", c.StateBytes)
	if c.Scratch.F32 > 0 {
		bytes("bytes of scratch", c.Scratch)
	}
	for _, e := range []string{"row", "col", "[row,row]", "[col,col]"} {
		if d, ok := c.Other[e]; ok {
			bytes("bytes of state and scratch for each "+map[string]string{"row": "row", "col": "column", "[row,row]": "entry of rows by rows", "[col,col]": "entry of columns by columns"}[e], d)
		}
	}
	count("passes over memory", c.Passes)
	count("arithmetic, counted in additions", c.Flops)
	if c.Operators > 0 {
		count("operators on whole arrays, not counted above", c.Operators)
	}
	if c.Probes > 0 {
		count("further calls of the model", c.Probes)
	}
	return t
}

func shortNumber(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// overWords says where the values of an extent are.
var overWords = map[string]string{"elem": "elements", "row": "rows", "col": "columns", "[row,row]": "matrices of rows by rows",
	"[col,col]": "matrices of columns by columns", "[col,row]": "matrices of columns by rows", "tensor": "each tensor", "group": "each group", "model": "the whole model"}

func printStages(w io.Writer, title string, stages []stageInfo) {
	if len(stages) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	passes := map[string]int{}
	which, indent := "", "  "
	shared := 0
	for _, s := range stages {
		if s.Tensors != which {
			which, indent = s.Tensors, "  "
			if which != "" {
				fmt.Fprintf(w, "  %s\n", which)
				indent = "    "
			}
		}
		number := 0
		if s.Where == "pass" {
			if which == "every tensor" || which == "" {
				shared++
			} else {
				passes[which]++
			}
			number = shared + passes[which]
		}
		fmt.Fprintf(w, "%s%s\n", indent, s.title(number))
		printLines(w, s.Lines, indent+"  ")
	}
}

// title is the line above a stage's lines.
func (s stageInfo) title(number int) string {
	when := ""
	if s.If != "" {
		when = ", when " + s.If
	}
	switch s.Where {
	case "pass":
		text := fmt.Sprintf("pass %d over the %s", number, overWords[s.Over])
		var parts []string
		for _, p := range []struct {
			verb  string
			names []string
		}{{"reads", s.Reads}, {"writes", s.Writes}, {"keeps in scratch", s.Keeps}} {
			if len(p.names) > 0 {
				parts = append(parts, p.verb+" "+strings.Join(p.names, " "))
			}
		}
		if s.Bytes != nil {
			text := shortNumber(s.Bytes.F32) + " bytes an element in f32"
			for _, c := range s.Cases {
				if c.Bytes.F32 < s.Bytes.F32 {
					text += fmt.Sprintf(", %s %s %s", shortNumber(c.Bytes.F32), map[bool]string{true: "when", false: "unless"}[c.Is], c.If)
				}
			}
			parts = append(parts, text)
		}
		return text + ": " + strings.Join(parts, "; ")
	case "array":
		return "on whole arrays" + when
	case "order":
		return "order statistic over " + overWords[s.Over] + when
	case "probe":
		return "asks the model (probe)" + when
	case "rotate":
		return "shifts an array by one, nothing is copied" + when
	}
	return "once a " + s.Where
}

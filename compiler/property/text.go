package property

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// Line is one property: what it is of, and what is known.
type Line struct {
	Name  string `json:"property"`
	Known bool   `json:"known"`
	Text  string `json:"text"`
}

// Lines are the report in plain sentences.
func (r *Report) Lines() []Line {
	out := []Line{
		r.LossScale.line("loss times c", "the steps do not depend on it", "steps are multiplied by"),
		r.GradientScales.line("g times c, of each element its own", "the steps do not depend on it", "steps are multiplied by"),
		r.weightLine(),
		r.WeightScales.line("x times c, g over c, of each element its own", "the steps scale along", "steps scale along but for"),
		r.elementLine(),
		r.turnLine(),
	}
	if r.HasLR {
		out = append(out, r.lrLine())
	}
	for _, d := range r.Decays {
		out = append(out, Line{d.Name, true, d.text()})
	}
	out = append(out, r.boundLine(), r.Stability.line())
	if r.Rounded {
		out = append(out, Line{"storage", true, "states that are kept in fewer bits are taken as exact, but in the size of a step"})
	}
	return out
}

// But says under which conditions something holds.
func But(ls []Leaf, zeros bool) string {
	var limits, fixed []string
	for _, l := range ls {
		if l.Limit {
			limits = append(limits, l.Name)
		} else {
			fixed = append(fixed, l.Name)
		}
	}
	text := ""
	if limits != nil {
		text = " but for " + list(limits)
	}
	if fixed != nil {
		text += " with " + list(fixed) + " = 0"
	}
	if zeros {
		text += " where no norm is 0"
	}
	return text
}

func list(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

func unproved(name, why string) Line {
	return Line{name, false, "nothing is proved: " + why}
}

// power is c^d.
func power(name string, d float64) string {
	if same(d, 1) {
		return name
	}
	return name + "^" + bracketed(fraction(d))
}

func bracketed(s string) string {
	if strings.ContainsAny(s, "/-") {
		return "(" + s + ")"
	}
	return s
}

func (s Scaling) line(name, none, some string) Line {
	switch {
	case !s.Proved:
		return unproved(name, s.Why)
	case same(s.Degree, 0):
		return Line{name, true, none + But(s.But, s.Zeros)}
	}
	return Line{name, true, some + " " + power("c", s.Degree) + ", for given gradients" + But(s.But, s.Zeros)}
}

func (r *Report) weightLine() Line {
	s := r.WeightScale
	const name = "x times c, g over c"
	switch {
	case !s.Proved:
		return unproved(name, s.Why)
	case same(s.LR, 0):
		return Line{name, true, "the steps scale along" + But(s.But, s.Zeros)}
	}
	return Line{name, true, "the steps scale along if lr is multiplied by " + power("c", s.LR) + But(s.But, s.Zeros)}
}

func (r *Report) elementLine() Line {
	const name = "elements"
	s := r.Symmetry
	switch {
	case s.Elementwise:
		return Line{name, true, "each is on its own"}
	case s.Permutation:
		return Line{name, true, "they meet in " + s.Why + " and may change places"}
	}
	return Line{name, true, "they meet in " + s.Why}
}

func (r *Report) turnLine() Line {
	const name = "rotations"
	s := r.Symmetry
	switch {
	case s.Rows && s.Cols:
		return Line{name, true, "steps turn with the parameters, from the left (Q@x) and from the right (x@Q)"}
	case s.Rows:
		return Line{name, true, "steps turn with the parameters from the left (Q@x); from the right nothing is proved: " + s.WhyCols}
	case s.Cols:
		return Line{name, true, "steps turn with the parameters from the right (x@Q); from the left nothing is proved: " + s.WhyRows}
	}
	return unproved(name, s.WhyRows)
}

func (r *Report) lrLine() Line {
	const name = "lr"
	s := r.LR
	what := "the way from the start is"
	if s.Step {
		what = "each step is"
	}
	switch {
	case !s.Proved:
		return unproved(name, s.Why)
	case same(s.Degree, 0):
		return Line{name, true, "the steps do not depend on it" + But(s.But, s.Zeros)}
	}
	return Line{name, true, what + " proportional to " + power("lr", s.Degree) + ", for given gradients" + But(s.But, s.Zeros)}
}

func (d Decay) text() string {
	switch d.How {
	case Coupled:
		return d.Name + "*x is added to the gradient and passes through all that follows"
	case Direct:
		if same(d.LR, 0) {
			return "x loses " + d.Name + "*x beside the states, not times lr"
		}
		return "x loses " + d.Name + "*x beside the states, times " + power("lr", d.LR)
	}
	return "a multiple of x enters what is averaged, scaled or normalised"
}

// Figure is a number to four digits, up if it is a bound.
func Figure(v float64) string {
	if v == 0 {
		return "0"
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(v)))
	return strconv.FormatFloat(math.Ceil(v*scale*(1-1e-7))/scale, 'g', 5, 64)
}

func (r *Report) boundLine() Line {
	const name = "size of a step"
	b := r.Bound
	unit, by := "", ""
	if b.PerLR {
		unit, by = " lr", "*lr"
	}
	amount := func(v float64, formula string) string {
		switch {
		case formula == "1" && unit != "":
			return unit[1:]
		case formula != "" && Figure(v) != formula:
			return formula + by + b.where() + " (" + Figure(v) + unit + " at the defaults)"
		}
		return Figure(v) + by
	}
	var parts []string
	if !math.IsInf(b.Element, 1) {
		parts = append(parts, "of each element at most "+amount(b.Element, b.Formula)+b.AtDefaults(true))
	}
	if !math.IsInf(b.Norm, 1) {
		parts = append(parts, "of each tensor in the norm at most "+amount(b.Norm, "")+b.AtDefaults(false))
	}
	if !math.IsInf(b.Trust, 1) {
		parts = append(parts, "of each tensor in the norm at most "+strings.TrimPrefix(amount(b.Trust, ""), "1*")+"*norm(x)"+b.AtDefaults(false))
	}
	if parts == nil {
		return unproved(name, "no bound is found")
	}
	return Line{name, true, strings.Join(parts, "; ") + " whatever the gradients" + b.Except()}
}

func (b Bound) where() string {
	if b.Where == "" {
		return ""
	}
	return " where " + b.Where
}

// AtDefaults names the hyperparameters that a number, or the closed form, is taken at the defaults of. Those that are 0 by
// default are among what Except names.
func (b Bound) AtDefaults(closed bool) string {
	var names []string
	for _, v := range b.At {
		if v.Default != 0 && !(closed && v.InFormula) {
			names = append(names, v.Name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return " at the default of " + names[0]
	}
	return " at the defaults of " + list(names)
}

// Except says under which conditions a bound holds.
func (b Bound) Except() string {
	but := append([]Leaf(nil), b.But...)
	for _, v := range b.At {
		if v.Default == 0 {
			but = append(but, Leaf{Name: v.Name})
		}
	}
	return But(but, b.Zeros)
}

func (s Stability) line() Line {
	const name = "stability on h*x^2/2"
	switch {
	case s.Jumps:
		return Line{name, true, "every element moves by lr or not at all" + But(s.But, false) +
			", so that it reaches the minimum only from a multiple of lr away"}
	case !s.Known:
		return Line{name, false, "no limit of lr is told: " + s.Why}
	case s.Always:
		return Line{name, true, "every lr attracts" + s.near() + settings(s.Set)}
	}
	limit := "lr < " + s.Formula
	at := "lr*h < " + Round(s.At)
	if !s.PerH {
		at = "lr < " + Round(s.At) + " for h = 1"
	}
	if s.Formula == "" {
		return Line{name, true, at + s.near() + " at the defaults"}
	}
	if s.Where != "" {
		limit += " where " + s.Where
	}
	return Line{name, true, limit + s.near() + " (" + at + " at the defaults; the formula is checked at sampled values, not proved)"}
}

// near restricts what a derivative tells to where it holds.
func (s Stability) near() string {
	if s.Near {
		return " near x = 0"
	}
	return ""
}

// settings says which values hyperparameters have.
func settings(at []Value) string {
	var out []string
	for _, v := range at {
		out = append(out, v.Name+" = "+ir.FormatNumber(v.Default))
	}
	if out == nil {
		return ""
	}
	return " with " + list(out)
}

// Round is a number to six digits.
func Round(v float64) string {
	f, _ := strconv.ParseFloat(fmt.Sprintf("%.6g", v), 64)
	return ir.FormatNumber(f)
}

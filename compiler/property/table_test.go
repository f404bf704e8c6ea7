package property_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/property"
	"github.com/optc-lang/optc/stdlib"
)

var update = flag.Bool("update", false, "rewrite testdata/properties.tsv")

const goldenFile = "../../testdata/properties.tsv"

func golden(t *testing.T, got string) {
	t.Helper()
	if t.Failed() {
		return
	}
	if *update {
		if err := os.WriteFile(goldenFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what was found; go test ./compiler/property -run TestClaims -update writes it again:\n%s", goldenFile, got)
	}
}

// closeTo is the share of a bound that some run must reach.
const closeTo = 0.5

// table has a line for each rule and each of the ways in which it treats tensors.
func table(t *testing.T) string {
	var b strings.Builder
	b.WriteString("rule\ttensors\tloss times c\tg times c by element\tx times c\tx times c by element\telements\tQ@x\tx@Q\tlr\tdecay\tlargest step\treached\tstable below\n")
	u := library(t)
	for _, rule := range u.Rules() {
		seen := map[string]int{}
		var lines []string
		for _, s := range subjects(t, u, rule) {
			cells := s.cells(t)
			key := strings.Join(cells, "\t")
			if at, ok := seen[key]; ok {
				head, rest, _ := strings.Cut(lines[at], "\t")
				lines[at] = head + ", " + s.shapes() + "\t" + rest
				continue
			}
			seen[key] = len(lines)
			lines = append(lines, s.shapes()+"\t"+key)
		}
		for _, l := range lines {
			if len(lines) == 1 {
				_, l, _ = strings.Cut(l, "\t")
				l = "all\t" + l
			}
			fmt.Fprintf(&b, "%s\t%s\n", rule, l)
		}
	}
	return b.String()
}

func (s *subject) shapes() string {
	var out []string
	for _, tensor := range s.tensors {
		var dims []string
		for _, d := range tensor.Shape {
			dims = append(dims, strconv.Itoa(d))
		}
		out = append(out, tensor.Name+"["+strings.Join(dims, ",")+"]")
	}
	return strings.Join(out, ", ")
}

// cells are the properties of a subject, each verified by runs.
func (s *subject) cells(t *testing.T) []string {
	r := s.report
	rows, cols := s.symmetry(t)
	s.decays(t)
	loss := scalingCell(r.LossScale, s.lossScale(t), func() string {
		if same(r.LossScale.Degree, 0) {
			return "same steps"
		}
		return "steps times " + power(r.LossScale.Degree)
	})
	grads := scalingCell(r.GradientScales, s.gradientScales(t), func() string { return "same steps" })
	weight := scalingCell(r.WeightScale, s.weightScale(t), func() string {
		if same(r.WeightScale.LR, 0) {
			return "scales along"
		}
		return "scales along, lr times " + power(r.WeightScale.LR)
	})
	weights := scalingCell(r.WeightScales, s.weightScales(t), func() string { return "scales along" })
	lr := "-"
	if r.HasLR {
		lr = scalingCell(r.LR, s.lrDegree(t), func() string {
			text := "degree " + strconv.FormatFloat(r.LR.Degree, 'g', 4, 64)
			if r.LR.Step {
				text += " of each step"
			}
			return text
		})
	}
	return []string{loss, grads, weight, weights, s.elementCell(), string(rows), string(cols), lr, s.decayCell(), s.boundCell(), s.reached(t), s.stabilityCell(t)}
}

func power(d float64) string {
	if same(d, 1) {
		return "c"
	}
	return "c^" + strconv.FormatFloat(d, 'g', 4, 64)
}

func scalingCell(s property.Scaling, v verdict, text func() string) string {
	if v != holds {
		return string(v)
	}
	return text() + property.But(s.But, s.Zeros)
}

func (s *subject) elementCell() string {
	switch y := s.report.Symmetry; {
	case y.Elementwise:
		return "alone"
	case y.Permutation:
		return "alike"
	}
	return "by place"
}

func (s *subject) decayCell() string {
	var out []string
	for _, d := range s.report.Decays {
		text := d.Name + ": " + string(d.How)
		if d.How == property.Direct {
			text += ", degree " + strconv.FormatFloat(d.LR, 'g', 4, 64) + " in lr"
		}
		out = append(out, text)
	}
	if out == nil {
		return "-"
	}
	return strings.Join(out, "; ")
}

func (s *subject) boundCell() string {
	b := s.report.Bound
	var out []string
	add := func(v float64, formula, where, at, of string) {
		if math.IsInf(v, 1) {
			return
		}
		text := property.Figure(v)
		if b.PerLR {
			text += " lr"
		}
		if formula != "" && formula != "1" {
			text += " = " + formula
			if b.PerLR {
				text += " lr"
			}
			if where != "" {
				text += " where " + where
			}
		}
		out = append(out, of+text+at)
	}
	add(b.Element, b.Formula, b.Where, b.AtDefaults(true), "")
	add(b.Norm, "", "", b.AtDefaults(false), "norm: ")
	add(b.Trust, "", "", b.AtDefaults(false), "norm over norm(x): ")
	if out == nil {
		return "not proved"
	}
	return strings.Join(out, "; ") + b.Except()
}

// reached is the share of the bound that the worst run reaches.
func (s *subject) reached(t *testing.T) string {
	b := s.report.Bound
	if math.IsInf(min(b.Element, b.Norm, b.Trust), 1) {
		return "-"
	}
	share := s.bound(t)
	if share > 1+1e-6 {
		t.Errorf("%s: a step is %v times its bound", s.rule, share)
	}
	if share < closeTo {
		t.Errorf("%s: no step comes nearer to its bound than to %v of it", s.rule, share)
	}
	return strconv.FormatFloat(share, 'f', 2, 64)
}

func (s *subject) stabilityCell(t *testing.T) string {
	v, st := s.stability(t), s.report.Stability
	near := ""
	if st.Near {
		near = " near x = 0"
	}
	switch {
	case st.Jumps:
		return "steps of lr" + property.But(st.But, false)
	case v != holds:
		return "-"
	case st.Always:
		return "inf" + near
	case st.Where != "":
		return st.Formula + " where " + st.Where + near
	case st.Formula != "":
		return st.Formula + near
	case st.PerH:
		return property.Round(st.At) + "/h" + near
	}
	return property.Round(st.At) + " for h = 1" + near
}

// fromText is a rule of one kind of tensors, called r.
func fromText(t *testing.T, text string) *subject {
	t.Helper()
	u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return subjects(t, u, "r")[0]
}

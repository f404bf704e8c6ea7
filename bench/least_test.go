package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

func readAll(t *testing.T) (*sources, []least) {
	t.Helper()
	s, err := readSources()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readLeast(leastText)
	if err != nil {
		t.Fatal(err)
	}
	return s, rows
}

// shapeOf is a shape that a rule is counted on.
func shapeOf(c *compiled) []int {
	if c.wantsMatrix() {
		return []int{512, 512}
	}
	return []int{1 << 20}
}

// Every rule of the library has a row, and every row is of a rule and compiles.
func TestLeastIsWhole(t *testing.T) {
	s, rows := readAll(t)
	for _, rule := range s.rules() {
		if !slices.ContainsFunc(rows, func(l least) bool { return l.Rule == rule }) {
			t.Errorf("rule %s has no row in least.tsv", rule)
		}
	}
	if !slices.IsSortedFunc(rows, func(a, b least) int { return strings.Compare(order(a.Rule), order(b.Rule)) }) {
		t.Error("the rows are not in the order of `optc list`, the rules of this folder last")
	}
	for _, l := range rows {
		if !slices.Contains(s.rules(), l.Rule) {
			t.Errorf("least.tsv has a row for %s, which is no rule", l.name())
		} else if _, err := s.compile(l.Rule, l.Set); err != nil {
			t.Error(err)
		}
	}
}

// An option that changes what a rule keeps or moves has a row of its own.
func TestLeastHasTheVariants(t *testing.T) {
	s, rows := readAll(t)
	for _, rule := range s.rules() {
		plain, err := s.compile(rule, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range s.options(rule) {
			for _, choice := range choices(o) {
				set := map[string]string{o.Name.Name: choice}
				c, err := s.compile(rule, set)
				if err != nil {
					t.Fatal(err)
				}
				if traits(c) == traits(plain) {
					continue
				}
				if !slices.ContainsFunc(rows, func(l least) bool { return l.Rule == rule && l.Set[o.Name.Name] == choice }) {
					t.Errorf("%s with %s=%s moves other arrays and has no row in least.tsv", rule, o.Name.Name, choice)
				}
			}
		}
	}
}

// choices are the words that an option can be.
func choices(o *lang.Option) []string {
	if o.Kind == "" && o.Range == nil && len(o.Choices) == 0 {
		return []string{"true", "false"}
	}
	var out []string
	for _, c := range o.Choices {
		out = append(out, c.Name)
	}
	return out
}

// traits are the arrays that a compiled rule keeps, and its traffic.
func traits(c *compiled) string {
	class := c.class(shapeOf(c))
	out := ir.FormatNumber(c.moved(class))
	for i, s := range c.Plan.Program.States {
		if s.Extent.IsArray() && c.Plan.Classes[class].States[i] {
			out += " " + s.Name
		}
	}
	return out
}

// A row names arrays that there are, and none of a rule's states is forgotten; what the compiled rule moves is no less than the
// least. What the model and the runtime move at a probe is not in a kernel, so rules with probes are not held to the last.
func TestLeastIsLeast(t *testing.T) {
	s, rows := readAll(t)
	between := map[string][]string{"muon": {"u"}, "rms_nadam": {"u"}, "sam": {"saved", "worst"}, "sophia": {"draw", "h"}}
	for _, l := range rows {
		c, err := s.compile(l.Rule, l.Set)
		if err != nil {
			t.Fatal(err)
		}
		class := c.class(shapeOf(c))
		states, named := map[string]string{}, map[string]bool{}
		names := c.Plan.Program.StateNames()
		for i, state := range c.Plan.Program.States {
			if state.Extent.IsArray() && state.Extent != ir.Row && state.Extent != ir.Col && c.Plan.Classes[class].States[i] {
				states[names[i]] = state.As.Format
			}
		}
		for _, p := range l.Passes {
			for _, stream := range p.Streams {
				named[stream.Name] = true
				format, ok := states[stream.Name]
				if ok && format != stream.Format {
					t.Errorf("%s: %s is kept as %q, not %q", l.name(), stream.Name, format, stream.Format)
				}
				if !ok && stream.Name != "x" && stream.Name != "g" && !slices.Contains(between[l.Rule], stream.Name) {
					t.Errorf("%s has no array %s", l.name(), stream.Name)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(states)) {
			if !named[name] && !strings.Contains(l.Why, name+" need not be kept") {
				t.Errorf("%s keeps %s, which the row neither counts nor calls needless", l.name(), name)
			}
		}
		probes := slices.ContainsFunc(c.Plan.Later, func(s ir.Stage) bool { return s.Probe != nil })
		if moved := c.moved(class); l.Kind != "matrix" && !probes && moved < l.Bytes {
			t.Errorf("%s moves %g bytes, less than the least, %g: count again", l.name(), moved, l.Bytes)
		}
		if (l.Kind == "matrix") != (l.Products > 0) {
			t.Errorf("%s: products are of matrix rules, and each has some", l.name())
		}
	}
}

// Every way to write a row wrongly is refused.
func TestReadLeastRefuses(t *testing.T) {
	good := leastHeader + "\nadam\t-\telementwise\t12\t-\tx rw, g r\twhy\n"
	if _, err := readLeast(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"rule\t", "rules\t", "first line"},
		{"elementwise", "fast", "none of"},
		{"\t12\t", "\t16\t", "16 bytes are stated"},
		{"\t12\t", "\tmany\t", "parsing"},
		{"x rw", "x rx", "r, w or rw"},
		{"x rw", "x:f8 rw", "no storage format"},
		{"x rw, g r", "x rw, x r", "twice"},
		{"x rw", "0* x rw", "repetitions"},
		{"x rw", "/x x rw", "steps"},
		{"\t-\tele", "\tfast\tele", "NAME=VALUE"},
		{"g r\twhy", "g r", "6 columns"},
		{"why\n", "why\nadam\t-\telementwise\t12\t-\tx rw, g r\twhy\n", "second row"},
	} {
		_, err := readLeast(strings.Replace(good, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

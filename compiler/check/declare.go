package check

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// hyper declares a hyperparameter: a value that was given, or one of the outermost rule.
func (c *checker) hyper(f *frame, s *lang.Hyper) {
	b := &binding{variable: -1, assignWhat: "is a hyperparameter, which a rule never changes"}
	decl, ok := c.hyperDecl(f, s)
	b.bad = !ok
	if !c.declareName(f, s.Name, b) || !ok {
		return
	}
	if arg := f.take(s.Name.Name); arg != nil {
		if b.bad = !c.admits(decl, s.Name.Name, arg); b.bad {
			return
		}
		if !arg.preset {
			b.value = arg.value
			return
		}
		decl.Default = arg.value.Num
	}
	b.value = c.hoist(f, s, decl, s.Name.Name)
	b.bad = b.value == nil
}

// admits reports whether an argument is a value that the hyperparameter may have.
func (c *checker) admits(h ir.HyperDecl, name string, arg *bound) bool {
	if arg.value == nil {
		c.notValue(name, arg)
		return false
	}
	if arg.value.Kind == ir.Number && !h.Admits(arg.value.Num) {
		h.Name = name // as it was given
		c.report(arg.file, arg.where, "", "%s", h.Refusal(arg.value.Num))
		return false
	}
	return true
}

// notValue reports an argument that is a function, or a word that names nothing; what else has no value was reported.
func (c *checker) notValue(name string, arg *bound) {
	function := arg.word
	if arg.callee != nil {
		function = arg.callee.decl.name().Name
	}
	switch {
	case arg.callee != nil || isOperator(function):
		c.report(arg.file, arg.where, "", "%s needs a value, and %s is a function", name, function)
	case arg.word != "":
		c.report(arg.file, arg.where, "", "%s needs a value, and nothing is named %s here", name, arg.word)
	}
}

func (c *checker) hyperDecl(f *frame, s *lang.Hyper) (ir.HyperDecl, bool) {
	h := ir.HyperDecl{Name: s.Name.Name, Doc: s.Doc, Lo: math.Inf(-1), Hi: math.Inf(1), OpenLo: true, OpenHi: true}
	v, ok := c.constant(f, s.Default, "the default of "+s.Name.Name)
	if !ok {
		return h, false
	}
	h.Default = v
	if s.Range != nil && !c.interval(f, s.Range, &h) {
		return h, false
	}
	if !h.Admits(v) {
		c.errorf(f, s.Default.Where(), "", "%s", h.Refusal(v))
		return h, false
	}
	return h, true
}

func (c *checker) interval(f *frame, r *lang.Range, h *ir.HyperDecl) bool {
	lo, ok1 := c.constant(f, r.Lo, "an interval's end")
	hi, ok2 := c.constant(f, r.Hi, "an interval's end")
	if !ok1 || !ok2 {
		return false
	}
	if !(lo <= hi) {
		c.errorf(f, r.Span, "", "the interval is empty: %s is above %s", ir.FormatNumber(lo), ir.FormatNumber(hi))
		return false
	}
	if r.Integers && (lo != math.Floor(lo) || hi != math.Floor(hi)) {
		c.errorf(f, r.Span, fmt.Sprintf("reals are written `[%s, %s]`", ir.FormatNumber(lo), ir.FormatNumber(hi)), "a range first..last needs integers")
		return false
	}
	h.Lo, h.Hi, h.OpenLo, h.OpenHi, h.Integer = lo, hi, r.OpenLo, r.OpenHi, r.Integers
	return true
}

// hoist makes a hyperparameter of the outermost rule, passing every caller on the way, which may have given it or may
// have a declaration of the same name.
func (c *checker) hoist(own *frame, s *lang.Hyper, h ir.HyperDecl, name string) *ir.Value {
	f := own
	for f.caller != nil && f.caller.caller != nil {
		caller := f.caller
		if caller.declared[name] {
			if f.option == "" || caller.declared[f.option+"_"+name] {
				c.errorf(caller, f.site, fmt.Sprintf("pass it: `%s = %s`", name, name), "hyperparameter %s of %s clashes with the caller's own %s", name, calledName(f.called, f.decl), name)
				return nil
			}
			name = f.option + "_" + name
		}
		if arg := caller.take(name); arg != nil {
			if !c.admits(h, name, arg) {
				return nil
			}
			if !arg.preset {
				return arg.value
			}
			h.Default = arg.value.Num
		}
		f = caller
	}
	h.Name = name
	if old, ok := c.hoisted[name]; ok {
		if was := c.prog.Hypers[old.index].Default; old.origin == s && was != h.Default {
			c.errorf(own, s.Name.Span, fmt.Sprintf("pass one of them: `%s = ...`", name), "two calls give %s the defaults %s and %s", name, ir.FormatNumber(was), ir.FormatNumber(h.Default))
			return nil
		}
		if old.origin == s {
			return c.pool.Hyper(old.index)
		}
		c.errorf(own, s.Name.Span, fmt.Sprintf("pass one of them: `%s = ...`", name), "two hyperparameters of different rules are both named %s", name)
		return nil
	}
	if !c.spell(own, s.Name, name) {
		return nil
	}
	c.prog.Hypers = append(c.prog.Hypers, h)
	c.hoisted[name] = hoist{s, len(c.prog.Hypers) - 1}
	return c.pool.Hyper(len(c.prog.Hypers) - 1)
}

// spell takes the Go name of a hyperparameter or given, which no other may have.
func (c *checker) spell(f *frame, at lang.Ident, name string) bool {
	spelled := ir.GoName(name)
	if other, ok := c.spelled[spelled]; ok {
		c.errorf(f, at.Span, "choose another name", "%s and %s are both spelled %s in Go", other, name, spelled)
		return false
	}
	c.spelled[spelled] = name
	return true
}

func (f *frame) take(name string) *bound {
	b := f.given[name]
	if b != nil {
		b.used = true
	}
	return b
}

func (c *checker) option(f *frame, s *lang.Option) {
	b := &binding{variable: -1, assignWhat: "is an option, fixed when the rule is compiled"}
	defer c.declareName(f, s.Name, b)
	arg := f.take(s.Name.Name)
	switch {
	case len(s.Choices) > 0:
		c.choiceOption(f, s, b, arg)
	case s.Kind != "":
		c.calleeOption(f, s, b, arg)
	default:
		c.valueOption(f, s, b, arg)
	}
}

func (c *checker) choiceOption(f *frame, s *lang.Option, b *binding, arg *bound) {
	for _, id := range s.Choices {
		if predeclared[id.Name] || slices.Contains(b.choices, id.Name) {
			c.errorf(f, id.Span, "choose another word", "%s cannot be a choice: it is a name of the language or stands twice", id.Name)
			b.bad = true
		}
		b.choices = append(b.choices, id.Name)
	}
	b.choice = b.choices[0]
	if arg == nil {
		return
	}
	if !slices.Contains(b.choices, arg.word) {
		c.report(arg.file, arg.where, didYouMean(arg.word, b.choices), "option %s is one of %s", s.Name.Name, strings.Join(b.choices, ", "))
		b.bad = true
		return
	}
	b.choice = arg.word
}

func (c *checker) calleeOption(f *frame, s *lang.Option, b *binding, arg *bound) {
	if arg == nil {
		if b.callee = c.calleeOf(f, s.Default); b.callee == nil {
			c.errorf(f, s.Default.Where(), c.calleeHint(f, s.Default), "option %s holds a %s, and this is none", s.Name.Name, s.Kind)
		}
	} else if b.callee = arg.callee; b.callee == nil && arg.word != "" {
		if d, ok := c.unit.lookup(c.unit.root, arg.word); ok {
			b.callee = &callee{decl: d, bound: map[string]*bound{}}
		}
	}
	switch {
	case b.callee != nil || arg == nil:
	case arg.word != "":
		c.report(arg.file, arg.where, didYouMean(arg.word, c.known(f)), "option %s holds a %s, and nothing is named %s", s.Name.Name, s.Kind, arg.word)
	default:
		c.report(arg.file, arg.where, "give it a name", "option %s holds a %s, not a value", s.Name.Name, s.Kind)
	}
	if b.callee != nil && (b.callee.decl.rule != nil) != (s.Kind == "rule") {
		at, file := s.Name.Span, f.decl.file
		if arg != nil {
			at, file = arg.where, arg.file
		}
		c.report(file, at, "", "option %s holds a %s, and %s is none", s.Name.Name, s.Kind, b.callee.decl.name().Name)
		b.callee = nil
	}
	b.bad = b.callee == nil
}

// calleeHint is the likely name of the function that an expression was to name.
func (c *checker) calleeHint(f *frame, e lang.Expr) string {
	name := ""
	switch e := e.(type) {
	case *lang.Name:
		name = e.Name
	case *lang.Call:
		name = e.Fn.Name
	}
	if _, ok := c.unit.lookup(f.decl.in, name); ok || name == "" {
		return ""
	}
	return didYouMean(name, c.known(f))
}

func (c *checker) valueOption(f *frame, s *lang.Option, b *binding, arg *bound) {
	b.value = c.expr(f, s.Default)
	if b.value == nil || b.value.Kind != ir.Number {
		if b.value != nil {
			c.errorf(f, s.Default.Where(), "", "the default of option %s must be a constant", s.Name.Name)
		}
		b.bad = true
		return
	}
	if arg != nil {
		v := arg.value
		if arg.word == "true" || arg.word == "false" {
			v = c.pool.Bool(arg.word == "true")
		}
		if v == nil || v.Kind != ir.Number || v.Mask != b.value.Mask {
			want := "a constant number"
			if b.value.Mask {
				want = "true or false"
			}
			c.report(arg.file, arg.where, "", "option %s needs %s", s.Name.Name, want)
			b.bad = true
			return
		}
		b.value = v
	}
	if s.Range == nil {
		return
	}
	h := ir.HyperDecl{Name: s.Name.Name}
	if c.interval(f, s.Range, &h) && !h.Admits(b.value.Num) {
		at, file := s.Default.Where(), f.decl.file
		if arg != nil {
			at, file = arg.where, arg.file
		}
		c.report(file, at, "", "option %s", h.Refusal(b.value.Num))
		b.bad = true
	}
}

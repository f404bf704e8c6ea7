package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/codegen/goasm"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// slowPass is a pass that runs in plain Go, because an operator in it has no vector code.
type slowPass struct {
	Pass     string `json:"pass"` // as explain numbers them
	Operator string `json:"operator"`
}

// slowPasses lists those of a rule.
func slowPasses(r *compiler.Rule) []slowPass {
	out := []slowPass{}
	seen := map[*ir.Kernel]bool{}
	kinds := kindsOf(r.Plan)
	for _, part := range []struct {
		name   string
		stages []ir.Stage
	}{{"", r.Plan.Later}, {" of the first step", r.Plan.First}, {" of the evaluation", r.Plan.Eval}} {
		for _, k := range kinds {
			n := 0
			for _, s := range part.stages {
				if s.Kernel == nil || s.Class != k.classes[0] {
					continue
				}
				n++
				if o := unvectored(s.Kernel); o != "" && !seen[s.Kernel] {
					name := fmt.Sprintf("pass %d%s", n, part.name)
					if k.text != "" {
						name += " for " + k.text
					}
					out = append(out, slowPass{name, o})
				}
				seen[s.Kernel] = true
			}
		}
	}
	return out
}

// unvectored is an operator of a pass that some instruction set has not, or "".
func unvectored(k *ir.Kernel) string {
	for _, in := range k.Instrs {
		if !everywhere(in.Op) {
			return in.Op
		}
	}
	return ""
}

// everywhere reports whether every instruction set has an operator.
func everywhere(op string) bool {
	return !slices.ContainsFunc(goasm.ISAs, func(isa goasm.ISA) bool { return !goasm.Has(isa, op) })
}

// noteSlow says on the standard error which passes of a rule run in plain Go.
func noteSlow(c *console, r *compiler.Rule) {
	slow := slowPasses(r)
	if len(slow) == 0 {
		return
	}
	var passes, operators []string
	for _, s := range slow {
		passes, operators = append(passes, s.Pass), append(operators, s.Operator)
	}
	fmt.Fprintf(c.err, "optc: note: rule %s runs %s in plain Go, 10 to 100 times slower: %s\n",
		r.Name, strings.Join(passes, ", "), lackText(operators))
}

// lackText says that operators have no vector code.
func lackText(operators []string) string {
	operators = distinctWords(operators)
	if len(operators) == 1 {
		return operators[0] + " has no vector code yet"
	}
	return strings.Join(operators, ", ") + " have no vector code yet"
}

// vectored reports whether a call of an operator becomes vector code, whatever it expands to.
func vectored(o *op.Op) bool {
	if o.Kind > op.Size {
		return false // no pass computes it
	}
	if o.Expand == "" {
		return o.Kind != op.Elementwise || everywhere(o.Name)
	}
	pool := ir.NewPool()
	args := make([]*ir.Value, o.Args)
	for i := range args {
		args[i] = pool.Input([]string{"x", "g", "x"}[i])
		if o.MaskArgs&(1<<i) != 0 {
			args[i] = pool.Call("gt", pool.Input("x"), pool.Input("g"))
		}
	}
	for _, v := range ir.Reachable(pool.Expand(o.Expand, ir.Tensor, nil, args...)) {
		if v.Op != nil && v.Op != o && !vectored(v.Op) {
			return false
		}
	}
	return true
}

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// literal is the text of a number that is kept as a step value.
func literal(v *ir.Value) (string, bool) {
	for v.Kind == ir.Spread {
		v = v.Args[0]
	}
	if v.Kind != ir.Number {
		return "", false
	}
	if v.Mask {
		return fmt.Sprint(v.Num != 0), true
	}
	return ir.FormatNumber(v.Num), true
}

// condition is the text of a condition; "" if there is none.
func (t *teller) condition(v *ir.Value) string {
	if v == nil {
		return ""
	}
	return textOf(t.p, v, t.known[t.class])
}

// name gives a value a name, once for all classes.
func (t *teller) name(v *ir.Value, letter string) string {
	if n := t.names[v]; n != "" {
		return n
	}
	n := ""
	if v.Label == "" || len(v.Args) == 0 && v.Kind != ir.Draw {
		n = t.taken.Invent(letter)
	} else {
		n = t.taken.Fresh(v.Label)
	}
	t.names[v], t.used = n, append(t.used, n)
	return n
}

// values states step values; leaves are read from memory.
func (t *teller) values(values []*ir.Value, leaves map[*ir.Value]string) []line {
	roots, names := []*ir.Value{}, map[*ir.Value]string{}
	for _, v := range values {
		if _, ok := t.known[t.class][v]; !ok && names[v] == "" {
			roots, names[v] = append(roots, v), t.name(v, "k")
		}
	}
	all := map[*ir.Value]string{}
	for _, m := range []map[*ir.Value]string{t.known[t.class], leaves} {
		for v, n := range m {
			all[v] = n
		}
	}
	out := lines(t.p.Equations(roots, t.reserve(names), all))
	for i := range out {
		out[i].Update = false
	}
	for v, n := range names {
		t.known[t.class][v] = n
	}
	return out
}

// reserve adds all names handed out to those of roots, so that no other value is called the same.
func (t *teller) reserve(names map[*ir.Value]string) map[*ir.Value]string {
	out, mine := map[*ir.Value]string{}, map[string]bool{}
	for v, n := range names {
		out[v], mine[n] = n, true
	}
	for _, n := range t.used {
		if !mine[n] {
			out[&ir.Value{}] = n
		}
	}
	return out
}

// at is what an array is called.
func (t *teller) at(class int, p ir.Place) string {
	switch p.Kind {
	case ir.StateStream:
		return t.states[p.Index]
	case ir.ScratchStream:
		return t.holds[class][array{p.Kind, p.Index}]
	}
	return p.Name
}

// operands are the names of arrays that an operator or probe reads, by class.
func (t *teller) operands(args []*ir.Value, in [][]ir.Place, first int) map[*ir.Value]string {
	names := map[*ir.Value][]string{}
	for i, places := range in {
		for n, p := range places {
			if n < len(args) {
				names[args[n]] = append(names[args[n]], t.at(first+i, p))
			}
		}
	}
	leaves := map[*ir.Value]string{}
	for v, n := range names {
		leaves[v] = strings.Join(distinctWords(n), " or ")
	}
	return leaves
}

// wantedOutside are the values that another stage than their own reads.
func wantedOutside(stages []ir.Stage) map[*ir.Value]bool {
	wanted := map[*ir.Value]bool{}
	for _, s := range stages {
		own := map[*ir.Value]bool{}
		for _, v := range s.Values {
			own[v] = true
		}
		want := func(values ...*ir.Value) {
			for _, v := range values {
				wanted[v] = wanted[v] || !own[v]
			}
		}
		for _, v := range s.Values {
			want(v.Args...)
		}
		want(s.From...)
		want(s.If)
		want(s.Ifs...)
		if s.Array != nil {
			want(s.Array.Args...)
		}
		if s.Kernel != nil {
			for _, sc := range s.Kernel.Scalars {
				want(sc.Value)
			}
		}
	}
	return wanted
}

// computedTwice are the values of at least two operations that more than one pass of a class computes, the outermost.
func computedTwice(stages []ir.Stage, class int) map[*ir.Value]bool {
	count := map[*ir.Value]int{}
	for _, s := range stages {
		if s.Kernel != nil && s.Class == class {
			for _, in := range s.Kernel.Instrs {
				if in.Op != "load" && in.Value != nil {
					count[in.Value]++
				}
			}
		}
	}
	twice := map[*ir.Value]bool{}
	for _, s := range stages {
		if s.Kernel == nil || s.Class != class {
			continue
		}
		k := s.Kernel
		mark := func(o ir.Operand) {
			if o.Scalar || k.Instrs[o.Index].Op == "load" || k.Instrs[o.Index].Value == nil {
				return
			}
			in := k.Instrs[o.Index]
			deep := slices.ContainsFunc(in.Args, func(a ir.Operand) bool { return !a.Scalar && k.Instrs[a.Index].Op != "load" })
			if deep && count[in.Value] > 1 {
				twice[in.Value] = true
			}
		}
		for _, in := range k.Instrs {
			if in.Value == nil || count[in.Value] < 2 {
				for _, a := range in.Args {
					mark(a)
				}
			}
		}
		for _, st := range k.Stores {
			mark(st.Value)
		}
		for _, r := range k.Reductions {
			mark(r.Value)
		}
	}
	return twice
}

package read

import (
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/search/internal/genome"
)

// fix is (1 - base^t)^power: with power -1 what corrects an average that keeps base for its start at 0 (Kingma and Ba 2015,
// section 3).
type fix struct{ base, power float64 }

// fixOf is a step value that is one.
func (r *reader) fixOf(v *ir.Value) (fix, bool) {
	if v.Kind != ir.Apply {
		return fix{}, false
	}
	switch v.Op.Name {
	case "sub":
		p := v.Args[1]
		if !r.isNumber(v.Args[0], 1) || p.Kind != ir.Apply || p.Op.Name != "pow" || p.Args[1].Kind != ir.Input || p.Args[1].Name != "t" {
			return fix{}, false
		}
		base, ok := r.constant(p.Args[0])
		return fix{base, 1}, ok && base > 0 && base < 1
	case "sqrt", "rsqrt":
		x, ok := r.fixOf(v.Args[0])
		x.power /= 2
		if v.Op.Name == "rsqrt" {
			x.power = -x.power
		}
		return x, ok
	case "div":
		x, ok := r.fixOf(v.Args[1])
		return fix{x.base, -x.power}, ok && r.isNumber(v.Args[0], 1)
	}
	return fix{}, false
}

const fixHint = "a genome reads the step only where (1 - (1 - k)^t) divides the moving average with that k; the schedule of the learning rate is not the rule's"

// fixed is a node times a correction.
func (r *reader) fixed(at uint8, x fix, of *ir.Value) uint8 {
	to, ok := r.correct(at, x)
	if !ok {
		r.refuse(fixHint, "a power of 1 - %s^t scales %s, which holds no moving average that keeps %s to be corrected", ir.FormatNumber(x.base), r.text(of), ir.FormatNumber(x.base))
	}
	return to
}

// place is a node that a correction may be for something below of.
type place struct {
	at uint8
	fix
}

// correct finds the average below a node that a correction is for.
func (r *reader) correct(at uint8, x fix) (uint8, bool) {
	if r.vain[place{at, x}] {
		return 0, false
	}
	to, ok := r.corrected(at, x)
	if !ok {
		r.vain[place{at, x}] = true
	}
	return to, ok
}

// corrected is correct where it was not in vain before.
func (r *reader) corrected(at uint8, x fix) (uint8, bool) {
	n := r.nodes[at]
	again := func(i int, power float64) (uint8, bool) {
		to, ok := r.correct(n.Args[i], fix{x.base, power})
		if !ok {
			return 0, false
		}
		args := n.Args
		args[i] = to
		return r.add(n.Op, n.K, args[:n.Op.Row().Args]...), true
	}
	switch n.Op {
	case genome.Const:
		return at, n.K == 0
	case ema:
		return r.add(avg, n.K, n.Args[0]), x.power == -1 && complements(x.base, n.K)
	case neg, absOp:
		return again(0, x.power)
	case sqrt:
		return again(0, 2*x.power)
	case square:
		return again(0, x.power/2)
	case mul:
		if to, ok := again(0, x.power); ok {
			return to, true
		}
		return again(1, x.power)
	case div:
		if to, ok := again(0, x.power); ok {
			return to, true
		}
		return again(1, -x.power)
	}
	return 0, false
}

// scaledByStep takes a product or quotient with a correction for what it corrects.
func (r *reader) scaledByStep(v *ir.Value) (uint8, bool) {
	by, rest, ok := r.scale(v)
	if !ok || len(by.fixes) == 0 || by.lr != 0 {
		return 0, false
	}
	at := r.value(rest)
	for _, x := range by.fixes {
		at = r.fixed(at, x, rest)
	}
	return r.scaled(short(by.plain), at), true
}

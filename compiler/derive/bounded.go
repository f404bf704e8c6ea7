package derive

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/ir"
)

// hasLeast refuses a piece along which the cost falls without end: a polynomial that goes to minus infinity, faster than the
// square grows, where the piece does.
func (x *proxer) hasLeast(pc piece) {
	q, ok := x.rational(pc.smooth, map[*ir.Value]ratio{x.u: x.variable()}, false)
	if !ok || len(q.den) != 1 || q.num.degree() < 2 {
		return
	}
	lead := x.mul(x.step, q.num[q.num.degree()])
	if q.num.degree() == 2 {
		lead = x.add(x.Number(0.5), lead)
	}
	if least, ok := x.atDefaults(lead); ok && least < 0 && q.num.degree() == 2 && x.open(pc) {
		x.failures = append(x.failures, Failure{Var: x.u.Index, Warning: true,
			Message: fmt.Sprintf("at the default hyperparameters %s falls faster than the square grows: there the proximal operator has no value", x.text(pc.smooth))})
	}
	rising, falling := x.signIs(lead, nil), x.signIs(lead, nil)
	if q.num.degree()%2 == 1 {
		falling = falling.flip()
	}
	if rising == negative && !x.endsTowards(pc, above) || falling == negative && x.where&negative != 0 && !x.endsTowards(pc, below) {
		fail("bound it, as with `where(abs(u) <= c, ..., inf)`", "the proximal operator has no value: %s falls faster than the square grows", x.text(pc.smooth))
	}
}

// open reports whether a piece is known to go on without end towards some side.
func (x *proxer) open(pc piece) bool {
	return !x.endsTowards(pc, above) || x.where&negative != 0 && !x.endsTowards(pc, below)
}

// endsTowards reports whether a piece ends towards one side, or may: what was assumed of anything but a line may bound it.
func (x *proxer) endsTowards(pc piece, to side) bool {
	for _, a := range pc.assumed {
		q, ok := x.rational(a.arg, map[*ir.Value]ratio{x.u: x.variable()}, false)
		if !ok || len(q.den) != 1 || q.num.degree() != 1 {
			return true
		}
		switch slope := x.signIs(q.num[1], nil); {
		case slope == positive && a.side == -to, slope == negative && a.side == to, slope != positive && slope != negative:
			return true
		}
	}
	return false
}

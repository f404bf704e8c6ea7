package report

import (
	"math"
	"strconv"

	"github.com/optc-lang/optc/runtime/elem"
)

// axis maps values to [0, 1]. Products are rounded before they are added, and logarithms are those of package elem, so
// that no machine draws a line elsewhere.
type axis struct {
	lo, hi float64 // lo < hi, both finite
	log    bool    // then lo > 0
	whole  bool    // it counts: its ticks are whole numbers, and what is below a logarithmic one lies at its start
}

// newAxis is an axis from lo to hi, widened if they are one or nearly so.
func newAxis(lo, hi float64) axis {
	lo, hi = within(min(lo, hi)), within(max(lo, hi))
	if !(hi-lo > 1e-9*max(math.Abs(lo), math.Abs(hi))) {
		pad := math.Abs(lo) / 10
		if pad < 1e-30 {
			pad = 0.5
		}
		lo, hi = lo-pad, hi+pad
	}
	return axis{lo: lo, hi: hi}
}

// rounded moves the ends of a linear axis out to ticks.
func (a axis) rounded(most int) axis {
	step, _, _ := a.step(most)
	a.lo, a.hi = math.Floor(a.lo/step)*step, math.Ceil(a.hi/step)*step
	return a
}

// at is where v lies; it may be beyond the ends, though not far.
func (a axis) at(v float64) float64 {
	if a.log {
		if a.whole {
			v = max(v, a.lo)
		}
		lo := elem.Log(a.lo)
		return max(-1, min(2, (elem.Log(max(v, 1e-300))-lo)/(elem.Log(a.hi)-lo)))
	}
	return max(-1, min(2, (within(v)-a.lo)/(a.hi-a.lo)))
}

// tick is a marked value.
type tick struct {
	at    float64
	label string
}

// ticks are round values on the axis, at most about so many, and at least two if there is a way.
func (a axis) ticks(most int) []tick {
	var out []tick
	for n := most; len(out) < 2 && n <= most+8; n++ {
		if a.log && a.hi/a.lo > 4 {
			out = a.powers(n)
		} else {
			out = a.multiples(n)
		}
	}
	return out
}

// multiples are those of the step that makes at most so many.
func (a axis) multiples(most int) []tick {
	step, mantissa, exponent := a.step(most)
	var out []tick
	first := math.Ceil(a.lo/step - 1e-9)
	for k := first; len(out) < 2*most+2; k++ {
		v := decimal(k*float64(mantissa), exponent)
		if v > a.hi+float64(step*1e-9) {
			break
		}
		if v >= a.lo-float64(step*1e-9) {
			out = append(out, tick{v, tickLabel(v, exponent)})
		}
	}
	return out
}

// step is the least of 1, 2, 5 times a power of ten that makes at most so many steps.
func (a axis) step(most int) (step float64, mantissa, exponent int) {
	want := (a.hi - a.lo) / float64(max(1, most))
	exponent = int(math.Floor(log10(want))) - 1
	for ; ; exponent++ {
		for _, mantissa = range []int{1, 2, 5} {
			if step = decimal(float64(mantissa), exponent); step >= want*(1-1e-9) && (!a.whole || exponent >= 0) {
				return step, mantissa, exponent
			}
		}
	}
}

// powers are powers of ten, with 2 and 5 between them where there is room.
func (a axis) powers(most int) []tick {
	low, high := int(math.Floor(log10(a.lo))), int(math.Ceil(log10(a.hi)))
	between := []int{1}
	if 3*(high-low) <= most+2 {
		between = []int{1, 2, 5}
	}
	stride := max(1, (high-low+most-1)/max(1, most))
	var out []tick
	for e := low; e <= high; e++ {
		if ((e%stride)+stride)%stride != 0 {
			continue
		}
		for _, m := range between {
			if v := decimal(float64(m), e); v >= a.lo*(1-1e-9) && v <= a.hi*(1+1e-9) {
				out = append(out, tick{v, a.powerLabel(m, e)})
			}
		}
	}
	return out
}

func log10(v float64) float64 { return elem.Log(v) / math.Ln10 }

// decimal is mantissa times a power of ten, rounded once.
func decimal(mantissa float64, exponent int) float64 {
	v, _ := strconv.ParseFloat(strconv.FormatFloat(mantissa, 'f', -1, 64)+"e"+strconv.Itoa(exponent), 64)
	return v
}

// tickLabel is a tick in as many digits as its step has.
func tickLabel(v float64, exponent int) string {
	if v == 0 {
		return "0"
	}
	digits := max(1, int(math.Floor(log10(math.Abs(v))))-exponent+1)
	switch {
	case math.Abs(v) >= 1e15 || exponent < -6:
		return number(v, digits)
	case math.Abs(v) >= 1e4 && digits <= 3:
		return short(v)
	}
	return minus(strconv.FormatFloat(v, 'f', max(0, -exponent), 64))
}

// powerLabel is m times ten to the e.
func (a axis) powerLabel(m, e int) string {
	if e >= -4 && e < 4 {
		return strconv.FormatFloat(decimal(float64(m), e), 'f', -1, 64)
	}
	if a.whole && e >= 4 && e < 15 {
		return short(decimal(float64(m), e))
	}
	return power(strconv.Itoa(m), e)
}

package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
)

// point is a place on a chart, in the units of its axes.
type point struct{ x, y float64 }

// thin returns at most most points of a curve, whose x do not fall: of each of some equal stretches of the axis the first,
// the least, the largest and the last, so that what is drawn of them covers the same pixels. Points that are not finite
// become one gap, a point of NaN, where they stand between others.
func thin(curve []point, most int, along axis) []point {
	if len(curve) <= most {
		return gaps(curve)
	}
	stretches := max(1, most/5) // four points and a gap
	stretch := func(p point) int {
		if !elem.IsFinite(p.x) {
			return 0
		}
		return int(float64(stretches) * max(0, min(0.999, along.at(p.x))))
	}
	var out []point
	for from, to := 0, 0; from < len(curve) && len(out) < most; from = to {
		for to = from; to < len(curve) && stretch(curve[to]) == stretch(curve[from]); to++ {
		}
		out = append(out, corners(curve[from:to])...)
	}
	return gaps(out[:min(len(out), most)])
}

// corners are the first, least, largest and last finite points of a stretch, in its order, and a gap if it has one.
func corners(stretch []point) []point {
	at, gap := []int{-1, -1, -1, -1}, -1
	for i, p := range stretch {
		if !elem.IsFinite(p.y) || !elem.IsFinite(p.x) {
			gap = i
			continue
		}
		if at[0] < 0 {
			at = []int{i, i, i, i}
		}
		if p.y < stretch[at[1]].y {
			at[1] = i
		}
		if p.y > stretch[at[2]].y {
			at[2] = i
		}
		at[3] = i
	}
	at = append(at, gap)
	slices.Sort(at)
	var out []point
	for _, i := range slices.Compact(at) {
		if i >= 0 {
			out = append(out, stretch[i])
		}
	}
	return out
}

// gaps makes one NaN of each run of points that are not finite.
func gaps(curve []point) []point {
	out := make([]point, 0, len(curve))
	for _, p := range curve {
		if elem.IsFinite(p.x) && elem.IsFinite(p.y) {
			out = append(out, p)
		} else if len(out) > 0 && elem.IsFinite(out[len(out)-1].y) {
			out = append(out, point{p.x, math.NaN()})
		}
	}
	return out
}

// band is a curve by stretches: the mean of each, and the range that it covers.
type band struct{ at, mean, low, high []float64 }

// bands are the stretches of values that are evenly spaced over steps, NaN where none is finite.
func bands(values []float64, steps float64, most int) band {
	n := min(most, len(values))
	b := band{make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for i := range n {
		from, to := i*len(values)/n, (i+1)*len(values)/n
		sum, count := 0.0, 0
		low, high := math.NaN(), math.NaN()
		for _, v := range values[from:to] {
			if !elem.IsFinite(v) {
				continue
			}
			v = within(v)
			sum += v
			if count++; count == 1 {
				low, high = v, v
			}
			low, high = min(low, v), max(high, v)
		}
		b.at[i] = float64(from+to-1) / 2 * steps / float64(max(1, len(values)-1))
		b.mean[i], b.low[i], b.high[i] = sum/float64(count), low, high // 0/0 is NaN
	}
	return b
}

// huge bounds what is drawn, so that no range overflows.
const huge = 1e100

func within(v float64) float64 { return max(-huge, min(huge, v)) }

// thinForms returns the forms of a cloud that are drawn, the best first: the one that is kept, and of all others the best of
// each cell of a grid. The grid is made coarser until they are few enough.
func thinForms(forms []Form, kept string, most int) []Form {
	var chosen []int
	for rows := most; ; rows /= 2 {
		if chosen = bestOfCells(forms, rows); len(chosen) <= most || rows <= 1 {
			break
		}
	}
	slices.SortFunc(chosen, func(i, j int) int { return cmp.Or(falling(forms[i].Bound, forms[j].Bound), cmp.Compare(i, j)) })
	var out []Form
	if i := slices.IndexFunc(forms, func(f Form) bool { return kept != "" && f.ID == kept && elem.IsFinite(f.Bound) }); i >= 0 {
		out = append(out, forms[i])
		chosen = slices.DeleteFunc(chosen, func(j int) bool { return j == i })
	}
	for _, i := range chosen[:min(len(chosen), most-len(out))] {
		out = append(out, forms[i])
	}
	return out
}

// bestOfCells is one form for each size, count of state bytes, number of passed rungs and row of bounds.
func bestOfCells(forms []Form, rows int) []int {
	type cell struct{ size, bytes, rungs, row int }
	low, high := boundsOf(forms)
	place := map[cell]int{}
	var out []int
	for i := range forms {
		f := &forms[i]
		if !elem.IsFinite(f.Bound) {
			continue
		}
		c := cell{f.Size, f.StateBytes, f.Rungs, int(float64(rows) * share(f.Bound, low, high))}
		if k, ok := place[c]; !ok {
			place[c] = len(out)
			out = append(out, i)
		} else if f.Bound > forms[out[k]].Bound {
			out[k] = i
		}
	}
	return out
}

// boundsOf is the range of the bounds that are finite, 0 and 0 if there is none.
func boundsOf(forms []Form) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for i := range forms {
		if b := forms[i].Bound; elem.IsFinite(b) {
			low, high = min(low, within(b)), max(high, within(b))
		}
	}
	return zeroIfUnknown(low), zeroIfUnknown(high)
}

// share is how far v lies from low to high, in [0, 1].
func share(v, low, high float64) float64 {
	if !(high > low) {
		return 0
	}
	return max(0, min(1, (v-low)/(high-low)))
}

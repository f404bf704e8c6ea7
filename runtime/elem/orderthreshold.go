package elem

import "math"

// Stat is an order statistic that gives one value.
type Stat uint8

// The order statistics: the k-th smallest value (Kth), and the threshold of a sum (Threshold).
const (
	StatKth Stat = iota
	StatThreshold
)

// Statistic is the order statistic s of the elements of parts, with a step value for its parameter: the rank, which Rank
// reads, or the sum.
func Statistic[T Float](s Stat, parts [][]T, param float64) float64 {
	if s == StatThreshold {
		return Threshold(parts, param)
	}
	return float64(Kth(parts, Rank(param), nil))
}

// Statistic sets out, one value a row (or column) of u, to the order statistic s of each, rounded to T.
func (l *Lines[T]) Statistic(s Stat, out []T, byRow bool, u []T, rows, cols int, param float64) {
	lines, step, next := l.cut(byRow, rows, cols)
	for line := range lines {
		l.gather(u, line*next, step)
		out[line] = T(Statistic(s, l.one[:], param))
	}
}

// thresholdBits is how many bits of the keys a pass of Threshold fixes.
const thresholdBits = 8

// Threshold returns the tau for which max(u - tau, 0), summed over the elements u of parts, is r > 0: what is above tau,
// less tau, is the projection onto the simplex of sum r (Held, Wolfe and Crowder 1974, Duchi et al. 2008).
//
// With the values in descending order tau is (u_1 + … + u_k - r)/k for the last k with u_1 + … + u_k - k·u_k < r. That k
// is found by radix selection, as Kth finds a rank: in linear time, and nothing is moved. Sums are kept in twice the
// precision of float64 and in index order: beside the rounding of tau itself the error is at most n·2^-100 times the
// largest magnitude among r and the k values, n being their number in all. Beyond 2^900 underflow at 2^-970 comes on top.
//
// For r = 0 it is the largest value, for an infinite r it is -Inf. It is +Inf where a value is, and -Inf if all are; NaN if
// there is no value, if one is NaN, if r is NaN or negative, and for a value and an r that are both +Inf.
func Threshold[T Float](parts [][]T, r float64) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for _, p := range parts {
		for _, x := range p {
			if x != x {
				return math.NaN()
			}
			least, most = min(least, float64(x)), max(most, float64(x))
		}
	}
	switch {
	case total(parts) == 0 || !(r >= 0) || r > math.MaxFloat64 && most > math.MaxFloat64:
		return math.NaN()
	case most > math.MaxFloat64 || most < -math.MaxFloat64 || r == 0:
		return most
	case r > math.MaxFloat64:
		return math.Inf(-1)
	}
	if max(most, -least, r) >= 0x1p900 {
		return float64(threshold(parts, float64(r*0x1p-100), 0x1p-100) * 0x1p100)
	}
	return threshold(parts, r, 1)
}

// support is what is above a threshold: how many values, and their sum.
type support struct {
	count    int
	sum, low float64
}

func (s *support) add(t support) {
	s.count += t.count
	h, e := twoSum(s.sum, t.sum)
	s.sum, s.low = fastTwoSum(h, e+(s.low+t.low))
}

// holds reports whether the values, each less x, add up to less than r; x is not above any.
func (s *support) holds(x, r float64) bool {
	p, e := twoProd(float64(s.count), x)
	h, l := twoSum(s.sum, -p)
	return (h-r)+(l+(s.low-e)) < 0
}

// digit is what the values with one digit add up to, and the largest and the smallest of them.
type digit struct {
	support
	least, most float64
}

// threshold is Threshold of finite values, each times by, and of r > 0; -Inf may stand among them.
func threshold[T Float](parts [][]T, r, by float64) float64 {
	var (
		digits  [1 << thresholdBits]digit
		above   support
		prefix  uint64
		hi, low uint
	)
	for hi = keyBits[T](); hi > 0; hi = low {
		low = hi - thresholdBits
		clear(digits[:])
		for _, p := range parts {
			addDigits(&digits, p, by, prefix, hi, low)
		}
		last := lowest(&digits, &above, r)
		d := &digits[last]
		if d.least == d.most {
			above.add(d.support)
			break
		}
		prefix = prefix<<thresholdBits | uint64(last)
	}
	h, l := twoSum(above.sum, -r)
	return (h + (l + above.low)) / float64(above.count)
}

// addDigits adds the elements that have the given prefix above bit hi, each times by, to the digit from bit low to hi.
func addDigits[T Float](digits *[1 << thresholdBits]digit, part []T, by float64, prefix uint64, hi, low uint) {
	for _, u := range part {
		key := orderKey(u, 0)
		if key>>hi != prefix {
			continue
		}
		x, d := float64(float64(u)*by), &digits[key>>low&(1<<thresholdBits-1)]
		if d.count == 0 {
			d.least, d.most = x, x
		}
		d.least, d.most = min(d.least, x), max(d.most, x)
		d.add(support{1, x, 0})
	}
}

// lowest returns the lowest digit that has a value of the support, and adds those above it to what is above. The largest
// of all digits has one: the pass before found its largest value there.
func lowest(digits *[1 << thresholdBits]digit, above *support, r float64) (last int) {
	last = -1
	for d := len(digits) - 1; d >= 0; d-- {
		if digits[d].count == 0 {
			continue
		}
		if last >= 0 {
			with := *above
			with.add(digits[last].support)
			if !with.holds(digits[d].most, r) {
				break
			}
			*above = with
		}
		last = d
	}
	return last
}

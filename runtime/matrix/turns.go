package matrix

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
)

// strips is an n×n matrix by strips of gemm.RotateCols columns, of which the last is filled up with zeros: rotations of rows
// go strip by strip, and a strip stays in the cache.
type strips struct {
	data []float64
	n    int
}

const stripCols = gemm.RotateCols

func stripsLen(n int) int { return (n + stripCols - 1) / stripCols * stripCols * n }

func (z strips) count() int { return len(z.data) / max(1, stripCols*z.n) }

func (z strips) strip(k int) []float64 { return z.data[k*stripCols*z.n:][:stripCols*z.n] }

// row returns the part of row i in strip k.
func (z strips) row(k, i int) []float64 { return z.strip(k)[i*stripCols:][:stripCols] }

// load sets z to the transpose of an orthogonal matrix whose first row and column are those of the identity, and q the rest.
func (z strips) load(q []float64) {
	clear(z.data)
	if z.n > 0 {
		z.data[0] = 1
	}
	for k := range z.count() {
		j, end := max(1, k*stripCols), min((k+1)*stripCols, z.n)
		if j < end {
			gemm.Transpose(z.strip(k)[stripCols+j-k*stripCols:], stripCols, q[(j-1)*(z.n-1):], z.n-1, end-j, z.n-1)
		}
	}
}

// transpose sets a to the transpose of z.
func (z strips) transpose(a []float64) {
	for k := range z.count() {
		j := k * stripCols
		gemm.Transpose(a[j*z.n:], z.n, z.strip(k), stripCols, z.n, min(stripCols, z.n-j))
	}
}

// sort orders d ascending, equal ones as they are, and the rows of z with it.
func (z strips) sort(d []float64) {
	for i := range d {
		least := i
		for j := i + 1; j < len(d); j++ {
			if d[j] < d[least] {
				least = j
			}
		}
		if least == i {
			continue
		}
		d[i], d[least] = d[least], d[i]
		for k := range z.count() {
			swap(z.row(k, i), z.row(k, least))
		}
	}
}

// orient makes the first of the entries of row i that are the largest, up to 2^-40, positive.
func (z strips) orient(i int) {
	top := 0.0
	for k := range z.count() {
		top = max(top, largest(z.row(k, i)))
	}
	limit := float64(top * (1 - 0x1p-40))
	for k := range z.count() {
		for _, x := range z.row(k, i) {
			if math.Abs(x) >= limit {
				if x < 0 {
					z.negate(i)
				}
				return
			}
		}
	}
}

func (z strips) negate(i int) {
	for k := range z.count() {
		row := z.row(k, i)
		for j := range row {
			row[j] = -row[j]
		}
	}
}

// turns keeps the rotations of some sweeps over the rows of z, until they are applied strip by strip. What comes out does not
// depend on how many are applied at once.
type turns struct {
	z     strips
	log   []float64 // c and s of every rotation
	used  int
	made  [sweepsAtOnce]made
	count int

	split Split
	item  func(int) // strip, kept so that no call allocates
}

// made is a sweep of rotations of rows i and i+1, i from high-1 down to low.
type made struct{ low, high, at int }

const (
	sweepsAtOnce = 32
	rowsAtOnce   = 32 // of a strip these and one for each sweep are in the cache
)

// begin readies t for rotations of the rows of z. log has room for one sweep at least.
func (t *turns) begin(z strips, log []float64, split Split) {
	if t.item == nil {
		t.item = t.strip
	}
	t.z, t.log, t.split, t.used, t.count = z, log, split, 0, 0
}

// sweep returns room for the c and s of the rotations of a sweep over rows l to m, from the last to the first.
func (t *turns) sweep(l, m int) []float64 {
	need := 2 * (m - l)
	if t.count == sweepsAtOnce || t.used+need > len(t.log) {
		t.apply()
	}
	t.made[t.count] = made{l, m, t.used}
	t.count++
	t.used += need
	return t.log[t.used-need:][:need]
}

// cut ends the sweep that was begun last with the rotation of row low.
func (t *turns) cut(low int) { t.made[t.count-1].low = low }

// end applies what is left.
func (t *turns) end() {
	t.apply()
	t.z, t.log, t.split = strips{}, nil, nil
}

func (t *turns) apply() {
	strips := t.z.count()
	if t.split != nil && t.used*t.z.n >= leastWork {
		t.split(strips, t.item)
	} else {
		for k := range strips {
			t.strip(k)
		}
	}
	t.used, t.count = 0, 0
}

// strip applies the rotations to strip k, to some rows at a time: a rotation of a sweep goes after those of the sweep before
// that turn one of its rows, so each sweep is a row behind the one before.
func (t *turns) strip(k int) {
	z := t.z.strip(k)
	sweeps := t.made[:t.count]
	top, bottom := 0, t.z.n
	for _, s := range sweeps {
		top, bottom = max(top, s.high), min(bottom, s.low)
	}
	for from := top; from > bottom+1-len(sweeps); {
		from -= rowsAtOnce
		for i, s := range sweeps {
			low, high := max(s.low, from+i), min(s.high, from+i+rowsAtOnce)
			if low < high {
				gemm.Rotate(z[low*stripCols:(high+1)*stripCols], t.log[s.at+2*(s.high-high):s.at+2*(s.high-low)])
			}
		}
	}
}

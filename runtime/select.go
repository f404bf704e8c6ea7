package runtime

import (
	"math"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// selector computes order statistics of large arrays: the values that package elem defines, in about one walk instead of
// several. A sample tells between which two values the answer lies, almost surely (Floyd and Rivest 1975); the walk counts
// what is not above the lower one and collects what is between them, in vectors and by all workers. Where the counts show
// that the sample was wrong, where more lies between than there is room for, and where there is a NaN, package elem
// computes the answer, so that it never depends on the sample.
type selector[T Float] struct {
	o    *Optimizer[T]
	job  *job
	args *Args

	sample []T
	kept   []T     // what a walk collected
	pieces []piece // of the arrays that are walked along
	few    [][]T   // what of each is in kept
	one    [1][]T  // the sample
	rest   [1][]T  // kept, to be walked along

	whole bool // all above lo is in kept, by pieces

	made []made[T]    // by part; nil if all are in memory
	tops []*marked[T] // by part; nil if masks are to be in memory
	at   []int        // places in a part, of a sample

	// Of the walk under way.
	task         task
	parts, marks [][]T
	lo, hi       T
	le, gt, used atomic.Int64
}

// made says by what a part is made piece by piece, of which parameter; of is nil if it is in memory.
type made[T Float] struct {
	of    *derived[T]
	param int
}

// task is what is done with each piece.
type task uint8

const (
	sifting task = iota
	marking      // of elements not below lo
	storing      // in memory
)

// piece is a part of an array that a worker claims at a time, and where its share of what was collected begins.
type piece struct{ part, from, n, at, kept int }

// Sizes. A sample is one element of sampleShare; the room is for twice as many as are expected between the two values.
const (
	smallSelection = 1 << 12
	sampleShare    = 1 << 9
	leastSample    = 1 << 11 // but no more than one in fewPerSample
	fewPerSample   = 1 << 4
	mostSample     = 1 << 15
	mostForSum     = 1 << 13
	pieceSlack     = 16 // a store of a whole vector goes beyond what it keeps
)

// ready makes room for statistics of so many elements.
func (s *selector[T]) ready(o *Optimizer[T], elements int) {
	s.o = o
	if s.job == nil {
		s.job = newJob(s)
	}
	room := elements/24 + min(elements, 2*mostSample)
	if elements < smallSelection || room <= len(s.kept) {
		return
	}
	sample := sampleOf(elements, mostSample)
	s.sample, s.at = make([]T, sample), make([]int, 0, sample)
	s.kept = make([]T, room)
	pieces := elements/chunkElements + len(o.x) + 1
	s.pieces, s.few = make([]piece, 0, pieces), make([][]T, 0, pieces)
}

// sampleOf is how many of n elements a sample has, at most so many.
func sampleOf(n, most int) int {
	return min(most, max(n/sampleShare, min(leastSample, n/fewPerSample)))
}

func (s *selector[T]) forget() {
	s.parts, s.marks, s.made, s.tops = nil, nil, nil, nil
	clear(s.few[:cap(s.few)])
}

// statistic is elem.Statistic.
func (s *selector[T]) statistic(stat elem.Stat, parts [][]T, param float64) float64 {
	defer s.forget()
	if stat == elem.StatThreshold {
		if tau, ok := s.threshold(parts, param); ok {
			return tau
		}
	} else if r, ok := s.kth(parts, elem.Rank(param)); ok {
		return float64(r.Value)
	}
	s.store(parts)
	return elem.Statistic(stat, parts, param)
}

// topK is elem.TopK. Of masks that are derived it tells what they are made of, if it can.
func (s *selector[T]) topK(marks, parts [][]T, k int) {
	defer s.forget()
	n := elements(parts)
	r, ok := s.kth(parts, n-k+1)
	ties := r.Equal - r.Nth + 1
	if ok && s.tops != nil && s.tell(parts, r, k, ties) {
		for i, m := range s.made {
			if m.of == nil {
				s.tops[i].mark(marks[i], parts[i], 0)
			}
		}
		return
	}
	for _, top := range s.tops {
		top.stored = true
	}
	switch {
	case !ok:
		s.store(parts)
		elem.TopK(marks, parts, k)
	case ties < r.Equal:
		s.store(parts)
		for i, p := range parts {
			ties = elem.Mark(marks[i], p, r.Value, ties)
		}
	default:
		s.marks, s.lo = marks, r.Value
		s.walk(marking, parts)
	}
}

// tell tells which elements are marked: those above a value, and of those that equal it the first ones. False of zeros, which
// have an order of their own, where not all are marked.
func (s *selector[T]) tell(parts [][]T, r elem.Ranked[T], k, ties int) bool {
	for _, top := range s.tops {
		*top = marked[T]{least: r.Value, until: math.MaxInt, few: top.few[:0]}
	}
	if k <= mostFew && s.whole && r.Value != 0 {
		s.find(r.Value, ties)
		return true
	}
	if ties == r.Equal {
		return true
	}
	if s.lo, s.hi = next(r.Value, -1), next(r.Value, 1); r.Value == 0 || !(s.lo < r.Value && r.Value < s.hi) || s.lo == 0 || s.hi == 0 {
		return false
	}
	s.walk(sifting, parts)
	for i := range s.pieces {
		p, top := &s.pieces[i], s.tops[s.pieces[i].part]
		switch {
		case ties <= 0:
			top.until = min(top.until, p.from)
		case ties <= p.kept:
			top.until = s.place(p, r.Value, ties) + 1
		}
		ties -= p.kept
	}
	return true
}

// find notes the places of the elements above a value, and of the first ties that equal it: a few, of which all are in kept.
func (s *selector[T]) find(value T, ties int) {
	for _, top := range s.tops {
		top.isFew = true
	}
	for i := range s.pieces {
		p := &s.pieces[i]
		if !slices.ContainsFunc(s.kept[p.at:p.at+p.kept], func(x T) bool { return x >= value }) {
			continue
		}
		top := s.tops[p.part]
		for at := p.from; at < p.from+p.n; {
			u := s.piece(s.args, p, at)
			for k := 0; k < len(u); k += findElements {
				v := u[k:min(k+findElements, len(u))]
				if !s.reaches(v, value) {
					continue
				}
				for j, x := range v {
					if x > value || x == value && ties > 0 {
						top.few = append(top.few, at+k+j)
						if x == value {
							ties--
						}
					}
				}
			}
			at += len(u)
		}
	}
}

// findElements are looked through one by one if one of them is looked for.
const findElements = 256

// reaches reports whether one of at most findElements is not below a value other than 0, at once for many.
func (s *selector[T]) reaches(u []T, value T) bool {
	below := next(value, -1)
	if below == 0 {
		return true
	}
	window[T](s.args, 0)
	_, above, _ := sift(unsafe.Slice((*T)(unsafe.Pointer(&s.args.window[0])), findElements+pieceSlack), u, below, T(math.Inf(1)))
	return above > 0
}

// place is where the n-th element of a piece is that equals a value.
func (s *selector[T]) place(p *piece, value T, n int) int {
	for at := p.from; ; {
		u := s.piece(s.args, p, at)
		for i, x := range u {
			if x == value {
				if n--; n == 0 {
					return at + i
				}
			}
		}
		at += len(u)
	}
}

func elements[T Float](parts [][]T) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// kth finds the k-th smallest of the elements; false where it leaves that to package elem.
func (s *selector[T]) kth(parts [][]T, k int) (elem.Ranked[T], bool) {
	n := elements(parts)
	s.whole = false
	var none elem.Ranked[T]
	if n < smallSelection || k < 1 || k > n {
		return none, false
	}
	for first := true; n >= smallSelection; first = false {
		if !s.bracket(parts, n, k) || !s.sift(parts) || int(s.le.Load()+s.gt.Load()) != n {
			return none, false
		}
		le, between := int(s.le.Load()), int(s.used.Load())
		switch {
		case k <= le:
			return s.atLow(parts, k, le)
		case k > le+between:
			return s.atHigh(parts, k, le+between, n)
		}
		if between > n/2 { // ties about 0, most likely: walking on would not end
			return none, false
		}
		s.whole = first && s.gt.Load() == s.used.Load()
		few := s.whole && n-k < mostFew // of which find wants to know in which pieces they were
		k, n = k-le, between
		s.rest[0] = s.kept[:between]
		parts = s.rest[:]
		if few {
			break
		}
	}
	return elem.Choose(parts, k, s.sample), true
}

// atLow is the k-th smallest if it is the lower of the two values, which le elements do not exceed.
func (s *selector[T]) atLow(parts [][]T, k, le int) (elem.Ranked[T], bool) {
	low, less := s.lo, 0
	if low >= leastOf[T]() {
		if s.lo, s.hi = next(low, -1), low; !s.sift(parts) {
			return elem.Ranked[T]{}, false
		}
		less = int(s.le.Load())
	}
	return elem.Ranked[T]{Value: low, Nth: k - less, Equal: le - less}, k > less
}

// atHigh is the k-th smallest if it is the upper of the two values, below which are less elements of n.
func (s *selector[T]) atHigh(parts [][]T, k, less, n int) (elem.Ranked[T], bool) {
	high, le := s.hi, n
	if high <= -leastOf[T]() {
		if s.lo = high; !s.sift(parts) {
			return elem.Ranked[T]{}, false
		}
		le = int(s.le.Load())
	}
	return elem.Ranked[T]{Value: high, Nth: k - less, Equal: le - less}, k <= le
}

// leastOf is the least finite number.
func leastOf[T Float]() T {
	if unsafe.Sizeof(T(0)) == 4 {
		return T(float32(-math.MaxFloat32))
	}
	least := -math.MaxFloat64
	return T(least)
}

// next is the number beside a finite x that is not 0, upwards or (-1) downwards; beside a zero it is the one of least size.
func next[T Float](x T, way int) T {
	if unsafe.Sizeof(x) == 4 {
		return T(math.Nextafter32(float32(x), float32(math.Inf(way))))
	}
	return T(math.Nextafter(float64(x), math.Inf(way)))
}

// bracket samples and sets the two values between which number k of n elements lies, almost surely: 4 deviations of its
// rank in the sample apart from it. They are no zeros, which have an order of their own. False if there is a NaN.
func (s *selector[T]) bracket(parts [][]T, n, k int) bool {
	sample := s.take(parts, n, sampleOf(n, mostSample))
	share := (float64(k) - 0.5) / float64(n)
	size := float64(len(sample))
	off := float64(4*math.Sqrt(float64(size*share*(1-share)))) + 2
	low, high := int(float64(share*size)-off), int(float64(share*size)+off)+1
	s.lo, s.hi = T(math.Inf(-1)), T(math.Inf(1))
	s.one[0] = sample
	if low >= 1 {
		s.lo = elem.Kth(s.one[:], low, nil)
	}
	if high <= len(sample) {
		s.hi = elem.Kth(s.one[:], high, nil)
	}
	if s.lo == 0 {
		s.lo = next(s.lo, -1)
	}
	if s.hi == 0 {
		s.hi = next(s.hi, 1)
	}
	return s.lo <= s.hi
}

// take samples so many of n elements, one of each stretch of them.
func (s *selector[T]) take(parts [][]T, n, size int) []T {
	sample := s.sample[:size]
	part, first := 0, 0 // the number of its first element
	s.at = s.at[:0]
	stretch, more := n/size, n%size // more of the stretches, spread evenly, are longer by one
	for i, from, over := 0, 0, 0; i < size; i++ {
		length := stretch
		if over += more; over >= size {
			over -= size
			length++
		}
		word := (uint64(i) + 1) * 0x9e3779b97f4a7c15 // the golden ratio spreads consecutive numbers
		word ^= word >> 32
		at := from + int(word*0xd1342543de82ef95>>40*uint64(length)>>24)
		from += length
		for at-first >= len(parts[part]) {
			s.takeOf(sample[:i], parts, part)
			first += len(parts[part])
			part++
		}
		s.at = append(s.at, at-first)
	}
	s.takeOf(sample, parts, part)
	return sample
}

// takeOf sets the last elements of a sample to those of a part at s.at.
func (s *selector[T]) takeOf(sample []T, parts [][]T, part int) {
	to := sample[len(sample)-len(s.at):]
	if m := s.madeOf(parts, part); m.of != nil {
		m.of.some(s.o, s.args, to, m.param, s.at)
	} else {
		for i, at := range s.at {
			to[i] = parts[part][at]
		}
	}
	s.at = s.at[:0]
}

// madeOf says by what a part is made; of what was collected by nothing.
func (s *selector[T]) madeOf(parts [][]T, part int) made[T] {
	if s.made == nil || s.isKept(parts) {
		return made[T]{}
	}
	return s.made[part]
}

// isKept reports whether the parts are what a walk has collected.
func (s *selector[T]) isKept(parts [][]T) bool {
	return len(parts) == 1 && len(parts[0]) > 0 && &parts[0][0] == &s.kept[0]
}

// threshold finds the threshold of a sum; false where it leaves that to package elem. What is not above the threshold of
// some of the elements is not above that of all (Condat 2016), and takes no part in it: the threshold of the others has the
// same bits.
func (s *selector[T]) threshold(parts [][]T, r float64) (float64, bool) {
	n := elements(parts)
	if n < smallSelection || unsafe.Sizeof(T(0)) != 4 || !(r > 0) || r > 0x1p100 {
		return 0, false
	}
	var ok bool
	if s.lo, ok = s.guess(parts, n, r); !ok {
		return 0, false
	}
	for range 2 {
		s.hi = T(math.Inf(1))
		low := s.lo
		if !s.sift(parts) || int(s.le.Load()+s.gt.Load()) != n || s.gt.Load() != s.used.Load() || s.gt.Load() == 0 {
			return 0, false
		}
		s.few = s.few[:0]
		for _, p := range s.pieces {
			s.few = append(s.few, s.kept[p.at:p.at+p.kept])
		}
		tau := elem.Threshold(s.few, r)
		size := max(math.Abs(tau), math.Abs(float64(low)), r)
		if tau-float64(low) > float64(0x1p-40*size) {
			return tau, true
		}
		if s.lo = T(tau - float64(0x1p-20*size)); s.lo == 0 {
			s.lo = next(s.lo, -1)
		}
	}
	return 0, false
}

// guess is a value that the threshold is above, most likely: the sample's share of the sum gives the number of elements
// above it, and 4 deviations more are taken.
func (s *selector[T]) guess(parts [][]T, n int, r float64) (T, bool) {
	sample := s.take(parts, n, sampleOf(n, mostForSum))
	s.one[0] = sample
	tau := elem.Threshold(s.one[:], r*float64(len(sample))/float64(n))
	above := 0
	for _, x := range sample {
		if float64(x) > tau {
			above++
		}
	}
	rank := len(sample) - above - int(4*math.Sqrt(float64(above))) - 4
	if rank < 1 || !(math.Abs(tau) <= math.MaxFloat64) {
		return 0, false
	}
	low := elem.Kth(s.one[:], rank, nil)
	if low == 0 {
		low = next(low, -1)
	}
	return low, low >= leastOf[T]()
}

// cut cuts the arrays for a walk.
func (s *selector[T]) cut(parts [][]T) {
	s.parts, s.pieces = parts, s.pieces[:0]
	for i, p := range parts {
		for from := 0; from < len(p); from += chunkElements {
			s.pieces = append(s.pieces, piece{part: i, from: from, n: min(chunkElements, len(p)-from)})
		}
	}
}

// walk does a task on all pieces of the parts.
func (s *selector[T]) walk(t task, parts [][]T) {
	s.le.Store(0)
	s.gt.Store(0)
	s.used.Store(0)
	s.task = t
	s.cut(parts)
	s.job.do(len(s.pieces), s.o.workers, s.args)
}

// sift counts the elements up to lo, those above it, and collects those of them that are below hi. False if there are more
// of these than there is room for. A walk along what was collected keeps a part of it in place.
func (s *selector[T]) sift(parts [][]T) bool {
	if s.isKept(parts) {
		le, gt, kept := sift(s.kept, parts[0], s.lo, s.hi)
		s.le.Store(int64(le))
		s.gt.Store(int64(gt))
		s.used.Store(int64(kept))
		return true
	}
	s.walk(sifting, parts)
	return int(s.used.Load()) <= len(s.kept)
}

// store puts the parts that are made piece by piece in memory.
func (s *selector[T]) store(parts [][]T) {
	if s.made != nil {
		s.walk(storing, parts)
	}
	s.made = nil
}

// piece is the elements of a piece from one on: those to its end, or fewer, in the worker's memory if no other has them.
func (s *selector[T]) piece(a *Args, p *piece, at int) []T {
	u := s.parts[p.part][at : p.from+p.n]
	if s.made == nil || s.made[p.part].of == nil {
		return u
	}
	m := &s.made[p.part]
	to := window[T](a, MaxStreams-1)
	return m.of.piece(s.o, a, to[:min(len(to), len(u))], m.param, at)
}

// runItem does the task on a piece.
func (s *selector[T]) runItem(a *Args, item int) {
	p := &s.pieces[item]
	if s.task == sifting {
		s.siftPiece(a, p)
		return
	}
	for at := p.from; at < p.from+p.n; {
		u := s.piece(a, p, at)
		if s.task == marking {
			markFrom(s.marks[p.part][at:][:len(u)], u, s.lo)
		} else {
			copy(s.parts[p.part][at:], u)
		}
		at += len(u)
	}
}

func (s *selector[T]) siftPiece(a *Args, p *piece) {
	window[T](a, 0)
	own := unsafe.Slice((*T)(unsafe.Pointer(&a.window[0])), chunkElements+pieceSlack)
	le, gt, kept := 0, 0, 0
	for at := p.from; at < p.from+p.n; {
		u := s.piece(a, p, at)
		l, g, k := sift(own[kept:], u, s.lo, s.hi)
		le, gt, kept, at = le+l, gt+g, kept+k, at+len(u)
	}
	s.le.Add(int64(le))
	s.gt.Add(int64(gt))
	p.kept, p.at = kept, int(s.used.Add(int64(kept)))-kept
	if p.at+kept <= len(s.kept) {
		copy(s.kept[p.at:], own[:kept])
	}
}

// sift counts the elements of u up to lo and those above it, and copies those of them that are below hi to the start of to,
// which may be u's own; lo and hi are no zeros. A NaN is not counted.
func sift[T Float](to, u []T, lo, hi T) (le, gt, kept int) {
	wide := 0
	if wide, le, gt, kept = siftWide(to, u, lo, hi); wide == len(u) {
		return le, gt, kept
	}
	for _, x := range u[wide:] {
		if x <= lo {
			le++
		} else if x > lo {
			gt++
			if x < hi {
				to[kept] = x
				kept++
			}
		}
	}
	return le, gt, kept
}

// markFrom sets to to 1 where u is not below lo, in the order of elem.TopK, and to 0 elsewhere.
func markFrom[T Float](to, u []T, lo T) {
	wide := 0
	if lo != 0 {
		wide = markWide(to, u, lo)
	}
	elem.Mark(to[wide:], u[wide:], lo, len(u))
}

package elem

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"
)

// fills are all draws, as numbers of float64.
var fills = map[string]func(dst []float64, s Stream, from int){
	"uniform":    Uniform[float64],
	"normal":     Normal[float64],
	"rademacher": Rademacher[float64],
	"uniform32":  widened(Uniform[float32]),
	"normal32":   widened(Normal[float32]),
	"words": func(dst []float64, s Stream, from int) {
		words := make([]uint32, len(dst))
		Words(words, s, from)
		for i, w := range words {
			dst[i] = float64(w)
		}
	},
}

func widened(fill func([]float32, Stream, int)) func([]float64, Stream, int) {
	return func(dst []float64, s Stream, from int) {
		u := make([]float32, len(dst))
		fill(u, s, from)
		for i, x := range u {
			dst[i] = float64(x)
		}
	}
}

func (s *rng) stream() Stream {
	return Stream{s.next(), s.next() >> s.below(64), uint32(s.next() >> (32 + s.below(32))),
		uint32(s.next() >> (32 + s.below(32))), uint32(s.next() >> (32 + s.below(32)))}
}

// TestDrawPieces: any piece of a sequence holds what the whole holds there,
// and nothing is written beyond it.
func TestDrawPieces(t *testing.T) {
	s := rng(3)
	for name, fill := range fills {
		for range 300 {
			stream, n := s.stream(), int(s.below(700))
			from := int(s.next() >> (22 + s.below(40)))
			whole, pieces := make([]float64, n), make([]float64, n+1)
			fill(whole, stream, from)
			pieces[n] = 42
			for at := 0; at < n; {
				m := min(n-at, int(s.below(1<<s.below(9))))
				fill(pieces[at:at+m], stream, from+at)
				at += m
			}
			if !slices.Equal(whole, pieces[:n]) || pieces[n] != 42 {
				t.Fatalf("%s: %d draws from %d of %+v differ when drawn in pieces", name, n, from, stream)
			}
		}
	}
}

// TestDrawTypes: a float32 is the uniform draw rounded down, and a sign the
// same; a normal draw is near.
func TestDrawTypes(t *testing.T) {
	const n = 5000
	wide, narrow := make([]float64, n), make([]float32, n)
	stream := Stream{Seed: 5, Site: 2}
	Uniform(wide, stream, 1)
	Uniform(narrow, stream, 1)
	for i, x := range wide {
		if want := math.Floor(x*0x1p24) * 0x1p-24; float64(narrow[i]) != want {
			t.Fatalf("uniform %d: %v for float32, %v for float64", i, narrow[i], x)
		}
	}
	Normal(wide, stream, 1)
	Normal(narrow, stream, 1)
	for i, x := range wide {
		if math.Abs(float64(narrow[i])-x) > 1e-6 {
			t.Fatalf("normal %d: %v for float32, %v for float64", i, narrow[i], x)
		}
	}
	Rademacher(wide, stream, 1)
	Rademacher(narrow, stream, 1)
	for i, x := range wide {
		if narrow[i] != float32(x) || math.Abs(x) != 1 {
			t.Fatalf("rademacher %d: %v for float32, %v for float64", i, narrow[i], x)
		}
	}
}

// TestDrawAddresses holds every element to the block and the word that the
// comments name, one by one.
func TestDrawAddresses(t *testing.T) {
	s := rng(8)
	for range 300 {
		stream, from := s.stream(), int(s.next()>>(24+s.below(40)))
		q := stream.Sequence()
		word := func(e int) (high, low uint32) {
			at := func(b uint64) uint32 {
				lo := q.Lo + b + uint64(e/64*16+e%16)
				return Philox([4]uint32{uint32(lo), uint32(lo >> 32), uint32(q.Hi), uint32(q.Hi >> 32)},
					[2]uint32{uint32(q.Key), uint32(q.Key >> 32)})[e/16%4]
			}
			return at(0), at(1 << 39)
		}
		const n = 150
		var words [n]uint32
		var u, x, sign [n]float64
		var u32, x32 [n]float32
		Words(words[:], stream, from)
		Uniform(u[:], stream, from)
		Normal(x[:], stream, from)
		Rademacher(sign[:], stream, from)
		Uniform(u32[:], stream, from)
		Normal(x32[:], stream, from)
		for i := range n {
			e := from + i
			high, low := word(e)
			first := e &^ 16
			vh, vl := word(first)
			wh, wl := word(first + 16)
			a, b := boxMuller(join(vl, vh), join(wl, wh))
			c, d := boxMuller32(vh, wh)
			if e != first {
				a, c = b, d
			}
			bits, _ := word(e/512*16 + e%16)
			want := 1 - 2*float64(bits>>(31-e/16%32)&1)
			if words[i] != high || u[i] != float64(join(low, high)>>11)*0x1p-53 || u32[i] != float32(high>>8)*0x1p-24 ||
				x[i] != a || x32[i] != c || sign[i] != want {
				t.Fatalf("element %d of %+v has other bits than its words", e, stream)
			}
		}
	}
}

func TestUnitEnds(t *testing.T) {
	const most = math.MaxUint32
	if x := unit[float64](most, most); x != 1-0x1p-53 {
		t.Errorf("largest float64 %v", x)
	}
	if x := unit[float32](most, most); x != 1-0x1p-24 {
		t.Errorf("largest float32 %v", x)
	}
	if unit[float64](0, 0) != 0 || unit[float32](0, 0) != 0 {
		t.Error("the smallest draw is not 0")
	}
}

// TestStreamCounters: within the ranges every field can be read back from the
// counter, so no two addresses share it; beyond them the key differs.
func TestStreamCounters(t *testing.T) {
	s := rng(4)
	for range 10000 {
		a := Stream{s.next(), s.below(1 << 40), uint32(s.below(1 << 24)), uint32(s.below(1 << 12)), uint32(s.below(1 << 12))}
		q := a.Sequence()
		b := Stream{q.Key, q.Hi & (1<<40 - 1), uint32(q.Lo >> 40), uint32(q.Hi >> 40 & (1<<12 - 1)), uint32(q.Hi >> 52)}
		if a != b || q.Lo&(1<<40-1) != 0 {
			t.Fatalf("%+v has the counter of %+v", a, b)
		}
	}
	seen := map[Sequence]Stream{}
	for range 100000 {
		a := s.stream()
		if s.below(2) == 0 { // a few bits set, in or out of range
			a = Stream{7, 1 << s.below(64), 1 << s.below(32), 1 << s.below(32), 1 << s.below(32)}
		}
		q := a.Sequence()
		if b, ok := seen[q]; ok && a != b {
			t.Fatalf("%+v and %+v are one sequence", a, b)
		}
		seen[q] = a
	}
}

// drawAll returns n float64 draws of a fill.
func drawAll(name string, n int, s Stream, from int) []float64 {
	u := make([]float64, n)
	fills[name](u, s, from)
	return u
}

// TestDrawMoments: means of powers are within 4.5 deviations of their values.
func TestDrawMoments(t *testing.T) {
	const n = 1 << 20
	uniform := func(k float64) float64 { return 1 / (k + 1) }
	normal := func(k float64) float64 { // 1*3*5*...
		m := math.Mod(k+1, 2)
		for i := 1.0; i < k; i += 2 {
			m *= i
		}
		return m
	}
	sign := func(k float64) float64 { return math.Mod(k+1, 2) }
	for name, moment := range map[string]func(float64) float64{
		"uniform": uniform, "normal": normal, "rademacher": sign, "uniform32": uniform, "normal32": normal,
	} {
		for seed := range uint64(3) {
			u := drawAll(name, n, Stream{Seed: seed}, 0)
			power := slices.Repeat([]float64{1}, n)
			for k := 1.0; k <= 8; k++ {
				sum := 0.0
				for i, x := range u {
					power[i] *= x
					sum += power[i]
				}
				d := sum/n - moment(k)
				if z := d / math.Sqrt((moment(2*k)-moment(k)*moment(k))/n+1e-30); math.Abs(z) > 4.5 {
					t.Errorf("%s, seed %d: moment %v is off by %v deviations", name, seed, k, z)
				} else {
					t.Logf("%s, seed %d: moment %v off by %.2f deviations", name, seed, k, z)
				}
			}
		}
	}
}

// phi is the distribution function of normal draws.
func phi(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// fit returns the statistics of Kolmogorov and Smirnov, sqrt(n) times the
// largest distance, and of Anderson and Darling, which weighs the tails. Each
// is above 1.95 and 6 with a probability of 0.001. It sorts u.
func fit(u []float64, below func(float64) float64) (ks, ad float64) {
	slices.Sort(u)
	n, d, sum := float64(len(u)), 0.0, 0.0
	for i, x := range u {
		f, g := below(x), below(-x)
		if u[0] >= 0 {
			g = 1 - f
		}
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
		sum += float64(2*i+1)*math.Log(max(f, 0x1p-30/n)) + (2*(n-float64(i))-1)*math.Log(max(g, 0x1p-30/n))
	}
	return d * math.Sqrt(n), -n - sum/n
}

func TestDrawDistribution(t *testing.T) {
	uniform := func(x float64) float64 { return x }
	for name, below := range map[string]func(float64) float64{
		"uniform": uniform, "uniform32": uniform, "normal": phi, "normal32": phi,
	} {
		for i, s := range []Stream{{}, {Seed: 1 << 63, Step: 1 << 39}, {Tensor: 7, Site: 3, Turn: 9}, {Site: 1 << 20}} {
			n := 1 << 18
			if i == 0 && name == "normal32" && !testing.Short() {
				n = 12_000_000
			}
			ks, ad := fit(drawAll(name, n, s, i), below)
			t.Logf("%s %+v, %d draws: %.3f, %.3f", name, s, n, ks, ad)
			if ks > 1.95 || ad > 6 {
				t.Errorf("%s %+v: sqrt(n)*D = %v, A^2 = %v", name, s, ks, ad)
			}
		}
	}
}

// TestNormalTails: as many draws beyond 3, 4, 5 and 5.5 as there should be, on
// either side, and up to 8.57 and 6.66 where the bits say so.
func TestNormalTails(t *testing.T) {
	for name, n := range map[string]int{"normal": 1 << 21, "normal32": 1 << 24} {
		u := drawAll(name, n, Stream{Seed: 11}, 0)
		for _, at := range []float64{3, 4, 5, 5.5} {
			want := float64(n) * phi(-at)
			low, high := 0.0, 0.0
			for _, x := range u {
				if x < -at {
					low++
				}
				if x > at {
					high++
				}
			}
			t.Logf("%s beyond %v: %v and %v, expected %.1f", name, at, low, high, want)
			if slack := 4.5*math.Sqrt(want) + 2; math.Abs(low-want) > slack || math.Abs(high-want) > slack {
				t.Errorf("%s beyond %v: %v and %v of %v, want %.1f each", name, at, low, high, n, want)
			}
		}
	}
	for turn, want := range [][2]float64{{1, 0}, {0, 1}, {-1, 0}, {0, -1}} {
		x, y := boxMuller(0, uint64(turn)<<62)
		if far := 8.5716; math.Abs(x-far*want[0]) > 1e-4 || math.Abs(y-far*want[1]) > 1e-4 {
			t.Errorf("the farthest draws of quarter %d: %v, %v", turn, x, y)
		}
		a, b := boxMuller32(uint32(turn&1), uint32(turn)<<30) // the lowest bit does not count
		if far := 6.6604; math.Abs(float64(a)-far*want[0]) > 1e-4 || math.Abs(float64(b)-far*want[1]) > 1e-4 {
			t.Errorf("the farthest draws of float32, quarter %d: %v, %v", turn, a, b)
		}
	}
	if x, y := boxMuller(math.MaxUint64, 1<<60); x != 0 || y != 0 {
		t.Errorf("log 1 gives %v, %v", x, y)
	}
	if x, y := boxMuller32(math.MaxUint32, 0); math.Abs(float64(x)-math.Sqrt(0x1p-31)) > 0x1p-38 || y != 0 {
		t.Errorf("the nearest draw of float32 is %v, %v", x, y)
	}
}

// TestNormalSquares: the sum of the squares of a pair is exponential and their
// angle uniform, as is the product of the distribution functions of pairs.
func TestNormalSquares(t *testing.T) {
	const n = 1 << 20
	for _, name := range []string{"normal", "normal32"} {
		u := drawAll(name, n, Stream{Seed: 12, Step: 3}, 0)
		var square, angle []float64
		for i, x := range u {
			if i&drawLanes == 0 {
				y := u[i+drawLanes]
				square = append(square, -math.Expm1(-(x*x+y*y)/2))
				angle = append(angle, math.Mod(math.Atan2(y, x)/(2*math.Pi)+1, 1))
			}
		}
		for what, v := range map[string][]float64{"squares": square, "angles": angle} {
			ks, ad := fit(v, func(x float64) float64 { return x })
			t.Logf("%s, %s: %.3f, %.3f", name, what, ks, ad)
			if ks > 1.95 || ad > 6 {
				t.Errorf("%s, %s: sqrt(n)*D = %v, A^2 = %v", name, what, ks, ad)
			}
		}
	}
}

// TestUniformCells: the 2^16 equal cells of [0, 1) hold as many draws, by chi
// square (degrees of freedom 65535, deviation 362).
func TestUniformCells(t *testing.T) {
	const n, cells = 1 << 22, 1 << 16
	for seed := range uint64(4) {
		u := make([]float32, n)
		Uniform(u, Stream{Seed: seed, Site: 4}, 0)
		for shift := range 2 { // the upper bits, and those below
			var count [cells]float64
			for _, x := range u {
				count[int(x*[]float32{cells, 256 * cells}[shift])%cells]++
			}
			chi := 0.0
			for _, c := range count {
				chi += (c - n/cells) * (c - n/cells) / (n / cells)
			}
			t.Logf("seed %d: chi square %.0f of 65535", seed, chi)
			if math.Abs(chi-65535) > 4.5*362 {
				t.Errorf("seed %d, bits from %d on: chi square %.0f of 65535", seed, 8*shift, chi)
			}
		}
	}
}

// refBoxMuller is boxMuller to 300 bits.
func refBoxMuller(v, w uint64) (x, y *big.Float) {
	l := refLog(float64(v>>11+1) * 0x1p-53)
	r := newF().Sqrt(mul(bf(-2), l))
	w >>= 11
	n := (w + 1<<50) >> 51
	a := mul(bf(float64(int64(w-n<<51))*0x1p-51), newF().Set(bigHalfPi()))
	z := mul(a, a)
	z.Neg(z)
	c, s := newF(), newF()
	for i := 70; i >= 0; i -= 2 {
		c.Mul(c, z).Add(c, invFact[i])
		s.Mul(s, z).Add(s, invFact[i+1])
	}
	s.Mul(s, a)
	for range n & 3 {
		s, c = c, newF().Neg(s)
	}
	return mul(r, c), mul(r, s)
}

func TestNormalError(t *testing.T) {
	s := rng(5)
	worst := 0.0
	for i := range *samples {
		v, w := s.next(), s.next()
		switch i % 4 {
		case 1: // the farthest, and the nearest to 0
			v >>= s.below(64)
		case 2:
			v = ^(v >> s.below(60))
		case 3: // next to an eighth of a turn
			w = w<<61 + w>>s.below(64)
		}
		u := float64(v>>11+1) * 0x1p-53
		if e := ulps64(logUnit(u), refLog(u)); !(e <= 3) && u != 1 {
			t.Fatalf("logUnit(%v): error of %.2f ULP", u, e)
		}
		x, y := boxMuller(v, w)
		rx, ry := refBoxMuller(v, w)
		for _, e := range []float64{ulps64(x, rx), ulps64(y, ry)} {
			worst = max(worst, e)
			if !(e <= 4) {
				t.Fatalf("boxMuller(%#x, %#x) = %v, %v: error of %.2f ULP", v, w, x, y, e)
			}
		}
	}
	t.Logf("worst error %.2f ULP", worst)
}

// TestNormalError32 holds boxMuller32 to its formula: for the bits at random and
// where they are scarce or the logarithm near 0.
func TestNormalError32(t *testing.T) {
	s := rng(15)
	worst := 0.0
	for i := range *samples {
		v, w := uint32(s.next()), uint32(s.next())
		switch i % 5 {
		case 1:
			v >>= s.below(32)
		case 2:
			v = ^(v >> s.below(32))
		case 3: // next to an eighth of a turn
			w = w<<29 + w>>s.below(32)
		case 4: // next to where k steps
			v = uint32(0xb504f333>>s.below(32)) + uint32(s.below(512)) - 256
		}
		x, y := boxMuller32(v, w)
		rx, ry := refBoxMuller((uint64(v|1)<<21-1)<<11, uint64(w)<<32)
		for k, ref := range []*big.Float{rx, ry} {
			r, _ := ref.Float64()
			e, _ := float32Error([]float32{x, y}[k], r)
			worst = max(worst, e)
			if !(e <= 3) {
				t.Fatalf("boxMuller32(%#x, %#x)[%d] = %v, want %v: error of %.2f ULP", v, w, k, []float32{x, y}[k], r, e)
			}
		}
	}
	t.Logf("worst error %.2f ULP", worst)
}

// correlation of two sequences with mean 0, in deviations.
func correlation(a, b []float64) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i, x := range a {
		ab += x * b[i]
		aa += x * x
		bb += b[i] * b[i]
	}
	return ab / math.Sqrt(aa*bb) * math.Sqrt(float64(len(a)))
}

// TestDrawIndependence: neither neighbours in a sequence nor sequences whose
// addresses differ in one field are correlated, themselves or by squares.
func TestDrawIndependence(t *testing.T) {
	const n = 1 << 17
	base := Stream{Seed: 42, Step: 1000, Tensor: 3, Site: 5, Turn: 2}
	field := map[string]func(s *Stream, d int){
		"seed":   func(s *Stream, d int) { s.Seed += uint64(d) },
		"step":   func(s *Stream, d int) { s.Step += uint64(d) },
		"tensor": func(s *Stream, d int) { s.Tensor += uint32(d) },
		"site":   func(s *Stream, d int) { s.Site += uint32(d) },
		"turn":   func(s *Stream, d int) { s.Turn += uint32(d) },
	}
	center := map[string]float64{"uniform": 0.5, "uniform32": 0.5, "words": 1<<31 - 0.5}
	square := map[string]float64{"uniform": 1. / 12, "normal": 1, "uniform32": 1. / 12, "normal32": 1, "words": (1<<64 - 1) / 12.}
	worst, count := 0.0, 0
	check := func(what string, a, b []float64) {
		z := correlation(a, b)
		worst, count = max(worst, math.Abs(z)), count+1
		if !(math.Abs(z) < 4.5) {
			t.Errorf("%s: correlation of %.2f deviations", what, z)
		}
	}
	for name := range fills {
		centered := func(s Stream) (u, squares []float64) {
			u = drawAll(name, n+130, s, 0)
			squares = make([]float64, len(u))
			for i := range u {
				u[i] -= center[name]
				squares[i] = u[i]*u[i] - square[name]
			}
			return u, squares
		}
		u, u2 := centered(base)
		for _, lag := range []int{1, 2, 3, 4, 16, 32, 64, 128} {
			check(fmt.Sprint(name, " lag ", lag), u[:n], u[lag:lag+n])
			if name != "rademacher" {
				check(fmt.Sprint(name, " squares, lag ", lag), u2[:n], u2[lag:lag+n])
			}
		}
		for f, move := range field {
			for _, d := range []int{1, 2, 1 << 8, 1 << 12} {
				s := base
				move(&s, d)
				v, v2 := centered(s)
				check(fmt.Sprint(name, " ", f, " + ", d), u, v)
				if name != "rademacher" {
					check(fmt.Sprint(name, " squares, ", f, " + ", d), u2, v2)
				}
			}
		}
	}
	t.Logf("worst of %d correlations %.2f deviations", count, worst)
}

// TestUniformPlane: pairs of neighbours fill the square evenly, by chi square
// with 64^2-1 degrees of freedom (deviation 90.5).
func TestUniformPlane(t *testing.T) {
	const n, side = 1 << 19, 64
	for i := range 6 {
		first := i & 1 // within a block, and across two
		u := drawAll("uniform", 2*n, Stream{Seed: 9, Step: uint64(i)}, first)
		var count [side][side]float64
		for i := 0; i < len(u); i += 2 {
			count[int(u[i]*side)][int(u[i+1]*side)]++
		}
		chi, want := 0.0, float64(n)/(side*side)
		for _, row := range count {
			for _, c := range row {
				chi += (c - want) * (c - want) / want
			}
		}
		t.Logf("chi square %.0f of 4095", chi)
		if math.Abs(chi-4095) > 4.5*90.5 {
			t.Errorf("step %d: chi square %.0f of 4095", i, chi)
		}
	}
}

// TestDrawBits: the draws are these on every platform.
func TestDrawBits(t *testing.T) {
	want := map[string]string{
		"uniform": "17067817969de32a", "normal": "964e65c8aaa19586", "uniform32": "ccfca1b66f6d635b", "normal32": "8a3a7e2bbf40935a",
		"rademacher": "4a5ef0440ff6261a", "words": "d0e28a1acc38f898",
	}
	s := rng(6)
	h := map[string]digest{}
	for range 200 {
		stream, from := s.stream(), int(s.next()>>(22+s.below(40)))
		for name := range fills {
			if _, ok := h[name]; !ok {
				h[name] = digest{sha256.New()}
			}
			for _, x := range drawAll(name, 101, stream, from) {
				h[name].put(x)
			}
		}
	}
	for name, d := range h {
		if got := fmt.Sprintf("%x", d.Sum(nil)[:8]); got != want[name] {
			t.Errorf("%s: digest %s, want %s", name, got, want[name])
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	const n = 4096
	run := func(name string, fill func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				fill()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
	u, v, w, s := make([]float32, n), make([]float64, n), make([]uint32, n), Stream{Seed: 1}
	run("uniform32", func() { Uniform(u, s, 0) })
	run("uniform64", func() { Uniform(v, s, 0) })
	run("normal32", func() { Normal(u, s, 0) })
	run("normal64", func() { Normal(v, s, 0) })
	run("rademacher32", func() { Rademacher(u, s, 0) })
	run("words", func() { Words(w, s, 0) })
}

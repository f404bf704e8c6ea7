package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"unsafe"
)

// newton runs a kernel of one quotient or root so that every value is once in a vector that is taken by Newton steps, and
// once in each of the others.
type newton struct {
	run    func(*Args)
	lanes  int
	a, b   []float32
	out    []float32
	filled int
}

// newtonValues is how many values run at a time.
const newtonValues = 1 << 12

// mixGroup is the number of vectors of which one is taken by Newton steps.
const mixGroup = 4

func newNewton(isa string, run func(*Args)) *newton {
	n := &newton{run: run, lanes: map[string]int{"avx2": 8, "avx512": 16, "neon": 4}[isa]}
	n.a, n.b, n.out = make([]float32, mixGroup*newtonValues), make([]float32, mixGroup*newtonValues), make([]float32, mixGroup*newtonValues)
	return n
}

// add takes in a value, and has check see all when they are enough.
func (n *newton) add(a, b float32, check func(a, b, got float32)) {
	at := n.filled/n.lanes*n.lanes*mixGroup + n.filled%n.lanes
	for range mixGroup {
		n.a[at], n.b[at] = a, b
		at += n.lanes
	}
	if n.filled++; n.filled == newtonValues {
		n.flush(check)
	}
}

func (n *newton) flush(check func(a, b, got float32)) {
	args := &Args{N: (n.filled + n.lanes - 1) / n.lanes * n.lanes * mixGroup}
	for i, s := range [][]float32{n.a, n.b, n.out} {
		args.Ptr[i] = unsafe.Pointer(&s[0])
	}
	n.run(args)
	for i := range n.filled {
		at := i/n.lanes*n.lanes*mixGroup + i%n.lanes
		for range mixGroup {
			check(n.a[at], n.b[at], n.out[at])
			at += n.lanes
		}
	}
	n.filled = 0
}

// ulps is how far got is from want in units of the last place of float32 at want.
func ulps(got float32, want float64) float64 {
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

// measureNewton prints the largest errors of roots and quotients by Newton steps, and holds them to quotientULPs and
// special values to what is promised of them.
func measureNewton(kernels []Kernel, has map[string]bool, dense bool) error {
	for _, v := range variants {
		if v.double || !has[v.isa] {
			continue
		}
		n := newNewton(v.isa, v.run)
		var most float64
		var err error
		switch kernels[v.kernel].Name {
		case "root":
			most, err = n.roots(v.isa, dense)
		case "quotient":
			most, err = n.quotients(v.isa, dense)
		default:
			continue
		}
		if err == nil && !(most <= quotientULPs) {
			err = fmt.Errorf("%.3f units of the last place off, want at most %d", most, quotientULPs)
		}
		if err != nil {
			return fmt.Errorf("%s, %s: %w", v.isa, kernels[v.kernel].Name, err)
		}
		fmt.Printf("PASS: %s, %s: at most %.3f units of the last place off\n", v.isa, kernels[v.kernel].Name, most)
	}
	return nil
}

// roots takes the roots of float32 numbers: NaN of what has none, zero and infinity themselves, and within quotientULPs
// for the others. AVX2 gives for numbers that are not normal something between zero and the root of the least that is.
func (n *newton) roots(isa string, dense bool) (most float64, err error) {
	check := func(a, _, got float32) {
		want := math.Sqrt(float64(a))
		switch {
		case math.IsNaN(want) || want == 0 || math.IsInf(want, 0):
			if !same(got, float32(want)) {
				if a < 0 && a > -0x1p-126 && isa == "avx2" && got == 0 {
					return // counts as zero
				}
				err = fmt.Errorf("the root of %v is %v", a, got)
			}
		case a < 0x1p-126 && isa == "avx2":
			if !(got >= 0 && got <= 0x1p-63) {
				err = fmt.Errorf("the root of %v is %v", a, got)
			}
		default:
			if u := ulps(got, want); !(u <= most) {
				most = u
			}
		}
	}
	for x := uint64(0); x < 1<<32; x += 509 {
		n.add(math.Float32frombits(uint32(x)), 0, check)
	}
	if dense { // a factor of 4 changes nothing
		for x := uint32(127 << 23); x < 129<<23; x++ {
			n.add(math.Float32frombits(x), 0, check)
		}
	}
	for _, a := range specials {
		n.add(a, 0, check)
	}
	n.flush(check)
	return most, err
}

var specials = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	math.MaxFloat32, -math.MaxFloat32, 0x1p-126, -0x1p-126, 0x1p126, -0x1p126, 0x1p127, -0x1p127, 0x1p-127, -0x1p-127,
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 3 * math.SmallestNonzeroFloat32, 0x1p-140, 1.5, 3, -7,
}

// quotients divides float32 numbers: all pairs of special ones, those of every significand as a denominator, and random
// ones.
func (n *newton) quotients(isa string, dense bool) (most float64, err error) {
	check := func(a, b, got float32) {
		u, wrong := judgeQuotient(a, b, got)
		if most = max(most, u); wrong != "" && err == nil {
			err = fmt.Errorf("%v/%v is %v, %s", a, b, got, wrong)
		}
	}
	for _, a := range specials {
		for _, b := range specials {
			n.add(a, b, check)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	step, times := uint32(7), 1
	if dense {
		step, times = 1, 3
	}
	for range times {
		for m := uint32(0); m < 1<<23; m += step {
			a := math.Float32frombits(rng.Uint32()&0x807FFFFF | 127<<23)
			n.add(a, math.Float32frombits(m|127<<23), check)
			n.add(a, math.Float32frombits(m|(1+rng.Uint32N(254))<<23), check)
			n.add(math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32()), check)
		}
	}
	n.flush(check)
	return most, err
}

// judgeQuotient holds a quotient to what is promised: NaN, infinity and zero as always for denominators of a magnitude from
// 2^-126 to 2^125, zero, infinity and NaN, and other results within quotientULPs, which it returns. A smaller denominator
// gives at most 1.04 times the quotient and at least what 2^-125 would give; a larger one no more than the quotient in magnitude, but for
// a relative error of 2^-20.
func judgeQuotient(a, b, got float32) (off float64, wrong string) {
	exact := float64(a) / float64(b)
	want := a / b
	size := math.Abs(float64(b))
	switch {
	case size > 0 && size < 0x1p-126 && !math.IsNaN(float64(a)) && !math.IsInf(float64(a), 0):
		least, most := min(math.Abs(exact), math.Abs(float64(a))*0x1p125), math.Abs(exact)*1.04
		if x := math.Abs(float64(got)); !(x >= float64(float32(least))*.99 && (x <= most || math.IsInf(float64(float32(most)), 0))) || got != 0 && (got < 0) != (exact < 0) {
			return 0, fmt.Sprintf("not between %v and %v", least, most)
		}
	case size >= 0x1p125 && !math.IsInf(size, 0) && !math.IsNaN(float64(a)) && !math.IsInf(float64(a), 0):
		if !(math.Abs(float64(got)) <= math.Abs(exact)*(1+0x1p-20)+0x1p-149) {
			return 0, fmt.Sprintf("want no more than %v", exact)
		}
	case size >= 0x1p125 && math.IsInf(float64(a), 0): // the denominator may count as infinite
	case want != want || want == 0 && exact == 0 || math.IsInf(float64(want), 0):
		if !same(got, want) && !(math.Abs(exact) > math.MaxFloat32*(1-0x1p-20) && math.Abs(exact) < 0x1p128*(1+0x1p-20)) {
			return 0, fmt.Sprintf("want %v", want)
		}
	default:
		if math.IsInf(float64(got), 0) && math.Abs(exact) > math.MaxFloat32*(1-0x1p-20) {
			return 0, ""
		}
		return ulps(got, exact), ""
	}
	return 0, ""
}

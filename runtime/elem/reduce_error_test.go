package elem

import (
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// sumBound is the bound of the error of the sum of n elements, as a share of the sum of their absolute values.
func sumBound[T Float](n int) float64 {
	if n == 0 {
		return 0
	}
	lanes, unit := Lanes[T](), 0x1p-53
	if isFloat32[T]() {
		unit = 0x1p-24
	}
	inLane := (min(n, Block) + lanes - 1) / lanes
	roundings := float64(inLane - 1 + bits.Len(uint(lanes)) - 1)
	c := roundings*unit + float64((n-1)/Block)*0x1p-53
	return c / (1 - c)
}

// exactSums are the sum of u and of its absolute values, without rounding: 4096 bits hold any sum of float64.
func exactSums[T Float](u []T) (sum, size *big.Float) {
	exact := func() *big.Float { return new(big.Float).SetPrec(4096) }
	sum, size = exact(), exact()
	for _, v := range u {
		x := exact().SetFloat64(float64(v))
		sum.Add(sum, x)
		size.Add(size, x.Abs(x))
	}
	return sum, size
}

// errorShare is the error of the sum of u as a share of its bound.
func errorShare[T Float](u []T) float64 {
	sum, size := exactSums(u)
	if size.Sign() == 0 {
		return 0
	}
	got := Reduce(ReduceSum, u)
	if math.IsNaN(got) || math.IsInf(got, 0) {
		return math.Inf(1)
	}
	d := new(big.Float).SetPrec(4096).SetFloat64(got)
	d.Abs(d.Sub(d, sum))
	share, _ := d.Quo(d, size.Mul(size, big.NewFloat(sumBound[T](len(u))))).Float64()
	return share
}

// adverse are sums that go wrong where a sum can.
func adverse[T Float](r *rand.Rand) map[string]func(i, n int) T {
	unit, huge, least := T(0x1p-24), T(0x1p100), T(math.SmallestNonzeroFloat32)
	if !isFloat32[T]() {
		unit, huge, least = T(math.Ldexp(1, -53)), T(math.Ldexp(1, 900)), T(math.SmallestNonzeroFloat64)
	}
	lanes := Lanes[T]()
	return map[string]func(i, n int) T{
		"ones":        func(i, n int) T { return 1 },
		"random":      func(i, n int) T { return T(r.NormFloat64()) },
		"positive":    func(i, n int) T { return T(r.Float64()) },
		"alternating": func(i, n int) T { return T(1-2*(i&1)) * T(1+r.Float64()) },
		"cancelling": func(i, n int) T { // the second half takes away the first
			v := T(math.Sin(float64(min(i, n-1-i) + 1)))
			if 2*i >= n {
				v = -v
			}
			return v * huge
		},
		"one huge":    func(i, n int) T { return []T{T(r.Float64()), huge}[b2i(i == n/3)] },
		"huge pair":   func(i, n int) T { return []T{T(r.Float64()), huge, -huge}[b2i(i == 0)+2*b2i(i == n-1 && i > 0)] },
		"decades":     func(i, n int) T { return T(math.Ldexp(r.Float64()-0.5, r.IntN(100)-50)) },
		"subnormal":   func(i, n int) T { return T(r.IntN(2000)-1000) * least },
		"lost":        func(i, n int) T { return []T{unit, 1}[b2i(i%Block < lanes)] }, // each addition to 1 loses all of its half unit
		"just kept":   func(i, n int) T { return []T{unit * (1 + 4*unit), 1}[b2i(i%Block < lanes)] },
		"growing":     func(i, n int) T { return T(i + 1) },
		"signed zero": func(i, n int) T { return T(math.Copysign(0, -1)) },
	}
}

// TestSumError holds the sum to its error bound on adverse numbers, and the bound to be no looser than it is said to be: some
// of them come near it.
func TestSumError(t *testing.T) {
	t.Run("float32", sumError[float32])
	t.Run("float64", sumError[float64])
}

func sumError[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	lengths := []int{31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 1023, 1024, 1025, 2047, 2048, 2049, 5000, 20000}
	for n := range 20 {
		lengths = append(lengths, n)
	}
	worst := 0.0
	for name, number := range adverse[T](r) {
		for _, n := range lengths {
			u := make([]T, n)
			for i := range u {
				u[i] = number(i, n)
			}
			share := errorShare(u)
			if share > 1 {
				t.Errorf("%s, %d elements: %.3g times the bound", name, n, share)
			}
			worst = max(worst, share)
		}
	}
	t.Logf("the largest error is %.3f of its bound", worst)
	if worst < 0.4 {
		t.Errorf("the largest error is %.3f of its bound: too loose to say something", worst)
	}
}

// TestSumErrorIsNoOther asks that sums in another order break the bound, so that it can tell.
func TestSumErrorIsNoOther(t *testing.T) {
	const n = 20000
	u := make([]float32, n)
	for i := range u {
		u[i] = 0x1p-24
	}
	u[0] = 1
	var got float32
	for _, v := range u {
		got += v
	}
	sum, size := exactSums(u)
	d := new(big.Float).SetFloat64(float64(got))
	d.Abs(d.Sub(d, sum))
	if share, _ := d.Quo(d, size.Mul(size, big.NewFloat(sumBound[float32](n)))).Float64(); share < 1 {
		t.Errorf("one by one the error is %.3g of the bound", share)
	}
}

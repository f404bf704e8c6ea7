package elem

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"hash"
	"math"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

const goldenFile = "testdata/golden.txt"

// digest hashes the bits of results; all NaNs are alike.
type digest struct{ hash.Hash }

func (d digest) put(x float64) {
	if x != x {
		x = math.NaN()
	}
	d.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)))
}

// goldenFunctions are all that the package exports, of two arguments each.
func goldenFunctions() []function {
	all := append([]function(nil), functions...)
	more := func(name string, f64 func(a, b float64) float64, f32 func(a, b float32) float32) {
		all = append(all, function{name: name, f64: f64, f32: f32})
	}
	more("sqrt", func(a, _ float64) float64 { return Sqrt(a) }, func(a, _ float32) float32 { return Sqrt(a) })
	more("rsqrt", func(a, _ float64) float64 { return Rsqrt(a) }, func(a, _ float32) float32 { return Rsqrt(a) })
	more("abs", func(a, _ float64) float64 { return Abs(a) }, func(a, _ float32) float32 { return Abs(a) })
	more("sign", func(a, _ float64) float64 { return Sign(a) }, func(a, _ float32) float32 { return Sign(a) })
	more("floor", func(a, _ float64) float64 { return Floor(a) }, func(a, _ float32) float32 { return Floor(a) })
	more("ceil", func(a, _ float64) float64 { return Ceil(a) }, func(a, _ float32) float32 { return Ceil(a) })
	more("round", func(a, _ float64) float64 { return Round(a) }, func(a, _ float32) float32 { return Round(a) })
	more("min", Min[float64], Min[float32])
	more("max", Max[float64], Max[float32])
	more("clamp", func(a, b float64) float64 { return Clamp(a, b, 2) }, func(a, b float32) float32 { return Clamp(a, b, 2) })
	more("copysign", Copysign[float64], Copysign[float32])
	more("mod", Mod[float64], Mod[float32])
	more("powint", func(a, _ float64) float64 { return PowInt(a, 7) }, func(a, _ float32) float32 { return PowInt(a, 7) })
	return all
}

// TestGolden: the bits of 20,000 results of each function in each type, and of
// reductions, are those of the committed digests on every platform.
func TestGolden(t *testing.T) {
	var out strings.Builder
	line := func(name string, d digest) { fmt.Fprintf(&out, "%s %x\n", name, d.Sum(nil)) }
	for _, f := range goldenFunctions() {
		d64, d32 := digest{sha256.New()}, digest{sha256.New()}
		s := rng(1)
		for i := range 20000 {
			a, b := s.pair()
			if i%2 == 0 {
				a, b = s.arg(), s.arg()
			}
			d64.put(f.f64(a, b))
			d32.put(float64(f.f32(float32(a), float32(b))))
		}
		line(f.name+" float64", d64)
		line(f.name+" float32", d32)
	}
	for r := ReduceSum; r <= ReduceMax; r++ {
		d := digest{sha256.New()}
		s := rng(2)
		for n := range 200 {
			u, v := make([]float64, n*n/4), make([]float32, n*n/4)
			for i := range u {
				u[i] = s.float(-5, 5)
				v[i] = float32(u[i])
			}
			d.put(Reduce(r, u))
			d.put(Reduce(r, v))
		}
		line("reduce "+r.String(), d)
	}
	if *update {
		if err := os.WriteFile(goldenFile, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	got, want := strings.Split(out.String(), "\n"), strings.Split(string(data), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d digests, %s has %d", len(got), goldenFile, len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

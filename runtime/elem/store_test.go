package elem

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRoundTrip compares with the formats' own functions, and holds that what is kept stays.
func TestRoundTrip(t *testing.T) {
	t.Run("float32", testRoundTrip[float32])
	t.Run("float64", testRoundTrip[float64])
}

func testRoundTrip[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	for _, format := range []string{"bf16", "f16", "q8", "q8root", ""} {
		for _, n := range []int{0, 1, 255, 256, 257, 1000} {
			for _, chance := range []bool{false, true} {
				t.Run(fmt.Sprint(format, n, chance), func(t *testing.T) {
					var words []uint32
					if chance {
						words = make([]uint32, n)
						Words(words, Stream{Seed: 5, Step: uint64(n)}, 0)
					}
					u := mixture[T](r, n, []int{0, 40}[r.IntN(2)])
					got, want := slices.Clone(u), kept(format, u, words)
					RoundTrip(format, got, words)
					if !sameAll(got, want) {
						t.Fatalf("%v becomes %v, want %v", u, got, want)
					}
					again := slices.Clone(got)
					RoundTrip(format, again, words)
					if !sameAll(got, again) {
						t.Fatal("what was kept does not stay")
					}
				})
			}
		}
	}
}

func sameAll[T Float](a, b []T) bool {
	return slices.EqualFunc(a, b, func(x, y T) bool { return equal(float64(x), float64(y)) })
}

func kept[T Float](format string, u []T, words []uint32) []T {
	out := slices.Clone(u)
	for i, v := range u {
		switch {
		case format == "bf16" && words == nil:
			out[i] = BF16To[T](BF16From(v))
		case format == "bf16":
			out[i] = BF16To[T](BF16Chance(v, words[i]))
		case format == "f16" && words == nil:
			out[i] = F16To[T](F16From(v))
		case format == "f16":
			out[i] = F16To[T](F16Chance(v, words[i]))
		}
	}
	codes, scales := make([]uint8, len(u)), make([]float32, len(u)/Q8Block+1)
	switch format {
	case "q8":
		Q8Pack(codes, scales, u, words)
		Q8Unpack(out, codes, scales)
	case "q8root":
		Q8PackRoot(codes, scales, u, words)
		Q8UnpackRoot(out, codes, scales)
	}
	return out
}

// TestDrawStep holds a step value's draw to the first of its sequence.
func TestDrawStep(t *testing.T) {
	s := Stream{Seed: 11, Step: 3, Tensor: 5, Site: 9}
	for kind, f := range map[string]func([]float64, Stream, int){"normal": Normal[float64], "uniform": Uniform[float64], "rademacher": Rademacher[float64]} {
		var want [4]float64
		f(want[:], s, 0)
		if got := DrawStep(kind, s); got != want[0] {
			t.Errorf("%s: %v, want %v", kind, got, want[0])
		}
		other := s
		other.Site++
		if got := DrawStep(kind, other); kind != "rademacher" && got == want[0] {
			t.Errorf("%s: two sites give %v", kind, got)
		}
	}
}

// TestRoundingStream holds that no draw of a rule has the words of rounding.
func TestRoundingStream(t *testing.T) {
	seen := map[quad[uint32]]string{}
	for site := range uint32(40) {
		for _, tensor := range []uint32{0, 1, 70000} {
			s := Stream{Seed: 1, Step: 2, Tensor: tensor, Site: site}
			for name, s := range map[string]Stream{"draw": s, "rounding": RoundingStream(Stream{Seed: 1, Step: 2, Tensor: tensor, Site: 77}, fmt.Sprint("state", site))} {
				q := s.Sequence()
				b := q.block(0)
				if what := seen[b]; what != "" {
					t.Fatalf("%s %d of tensor %d has the words of %s", name, site, tensor, what)
				}
				seen[b] = fmt.Sprint(name, site, " of tensor ", tensor)
			}
		}
	}
}

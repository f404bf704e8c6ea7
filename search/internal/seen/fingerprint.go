// Package seen tells whether a search has met a rule before.
//
// In comes a canonical genome; out comes its fingerprint: what it does to some gradients. Rules whose texts differ but that
// do the same have the same one. Package genome's canonical form is cheaper and finds fewer.
package seen

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/vm"
)

const (
	steps       = 8
	coordinates = 32
)

// scales are how large the gradients of the tensors are that fingerprints are of.
var scales = [...]float64{1e-6, 1, 1e6}

// One more tensor has the gradients of the second, times shrunk: a power of two, which roots take exactly.
const (
	second  = 1
	another = len(scales)
	shrunk  = 0x1p-12
)

// values are those of the tensors, side by side; told are those that fingerprints are of.
const (
	values = told + coordinates
	told   = len(scales) * coordinates
)

// probe is the gradients and parameters that fingerprints are taken with, by step.
var probe = newProbe()

type probeData [steps]struct{ grads, x [values]float32 }

func newProbe() *probeData {
	r := rand.New(rand.NewPCG(0x6f707463, 0x66696e67))
	p := &probeData{}
	for k, scale := range scales {
		drift := make([]float64, coordinates) // gradients are the same in part from step to step
		for i := range drift {
			drift[i] = r.NormFloat64()
		}
		for s := range p {
			for i := range drift {
				p[s].grads[k*coordinates+i] = float32(scale * (drift[i] + r.NormFloat64()))
			}
			for i := range drift {
				p[s].x[k*coordinates+i] = float32(r.NormFloat64())
			}
		}
	}
	for s := range p {
		for i := range coordinates {
			p[s].grads[another*coordinates+i] = float32(p[s].grads[second*coordinates+i] * shrunk)
			p[s].x[another*coordinates+i] = p[s].x[second*coordinates+i]
		}
	}
	return p
}

// Fingerprint is what is seen of a rule.
type Fingerprint struct {
	Digest genome.Key // of the updates, whatever their scale
	Dull   string     // why the rule cannot train anything, or ""
	Scales bool       // smaller gradients give the same updates, but for a factor
}

// mantissa is how many bits of an update count.
const mantissa = 12

// Taker takes fingerprints. It belongs to one goroutine at a time.
type Taker struct {
	run *vm.Interpreter
	buf [steps * told * 4]byte
}

// Take runs a rule for some steps on gradients of three scales.
func (t *Taker) Take(g genome.Genome) (Fingerprint, error) {
	if g.Scalars()[g.Root] {
		return Fingerprint{Dull: "the update does not depend on the gradient"}, nil
	}
	if t.run == nil {
		t.run = vm.NewInterpreter(len(scales)+1, coordinates)
	}
	if err := t.run.Load(g); err != nil {
		return Fingerprint{}, err
	}
	var unit [len(scales)]float64
	differ, large, small := 0, 0.0, 0.0 // how large updates are, of either scale
	moves, clocks := false, states(g)
	for s := range probe {
		update := t.run.Update(probe[s].x[:], probe[s].grads[:])
		clocks = slices.DeleteFunc(clocks, func(i int) bool { return !t.run.Uniform(i) })
		if !finite(part(update, second)) {
			return Fingerprint{Dull: "the update is not finite"}, nil
		}
		for k := range scales {
			out, to := part(update, k), t.buf[(s*told+k*coordinates)*4:]
			if unit[k] == 0 {
				unit[k] = rms(out)
			}
			moves = moves || unit[k] != 0
			for i, v := range out {
				binary.LittleEndian.PutUint32(to[4*i:], round(float64(v)/unit[k]))
			}
		}
		of, shrunk := part(update, second), part(update, another)
		if large == 0 {
			large, small = median(of), median(shrunk)
		}
		differ += differing(of, shrunk, large, small)
	}
	f := Fingerprint{Digest: sha256.Sum256(t.buf[:]), Scales: differ <= maxDiffer}
	switch {
	case !moves:
		f.Dull = "the update is zero"
	case len(clocks) > 0: // schedules belong to the outer loop
		f.Dull = "a state tells nothing but the time"
	}
	return f, nil
}

// states are the nodes that keep something.
func states(g genome.Genome) []int {
	var out []int
	for i, n := range g.Nodes {
		if n.Op.Row().Kind == genome.State {
			out = append(out, i)
		}
	}
	return out
}

// maxDiffer is how many of the updates of all steps may differ where gradients are smaller: a guard against zero acts where an
// element's gradient is much smaller than others. If more do, the guard is what the rule is made of.
const maxDiffer = steps * coordinates * 3 / 100

// differing counts the updates that are not the same, but for their units.
func differing(a, b []float32, unitA, unitB float64) int {
	n := 0
	for i, v := range a {
		x, y := float64(float64(v)*unitB), float64(float64(b[i])*unitA)
		if !(math.Abs(x-y) <= 0.1*math.Abs(x)) {
			n++
		}
	}
	return n
}

// part is the part of a tensor.
func part(of []float32, tensor int) []float32 { return of[tensor*coordinates:][:coordinates] }

func finite(u []float32) bool {
	for _, v := range u {
		if !elem.IsFinite(v) {
			return false
		}
	}
	return true
}

// round keeps some bits of a value. Zeros are alike, as are NaNs.
func round(v float64) uint32 {
	const drop = 23 - mantissa
	f := float32(v)
	if f == 0 || f != f {
		return math.Float32bits(float32(math.Abs(float64(f)))) >> 31 << 30 // of NaN too, whatever its sign
	}
	return (math.Float32bits(f) + 1<<(drop-1)) >> drop
}

// median is that of absolute values: the guard of a quotient is in few of them.
func median(u []float32) float64 {
	var size [coordinates]float32
	for i, v := range u {
		size[i] = float32(math.Abs(float64(v)))
	}
	slices.Sort(size[:])
	return float64(size[coordinates/2])
}

func rms(u []float32) float64 {
	sum := 0.0
	for _, v := range u {
		sum += float64(float64(v) * float64(v))
	}
	return math.Sqrt(sum / float64(len(u)))
}

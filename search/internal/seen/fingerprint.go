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

// scales are how large the gradients of the three tensors are.
var scales = [...]float64{1e-6, 1, 1e6}

// values are those of the tensors, side by side.
const values = len(scales) * coordinates

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
	return p
}

// Fingerprint is what is seen of a rule.
type Fingerprint struct {
	Digest genome.Key // of the updates, whatever their scale
	Dull   string     // why the rule cannot train anything, or ""
}

// mantissa is how many bits of an update count.
const mantissa = 12

// Taker takes fingerprints. It belongs to one goroutine at a time.
type Taker struct {
	run *vm.Interpreter
	buf [steps * values * 4]byte
}

// Take runs a rule for some steps on gradients of three scales.
func (t *Taker) Take(g genome.Genome) (Fingerprint, error) {
	if g.Scalars()[g.Root] {
		return Fingerprint{Dull: "the update does not depend on the gradient"}, nil
	}
	if t.run == nil {
		t.run = vm.NewInterpreter(len(scales), coordinates)
	}
	if err := t.run.Load(g); err != nil {
		return Fingerprint{}, err
	}
	var unit [len(scales)]float64
	moves, clocks := false, states(g)
	for s := range probe {
		update := t.run.Update(probe[s].x[:], probe[s].grads[:])
		clocks = slices.DeleteFunc(clocks, func(i int) bool { return !t.run.Uniform(i) })
		if !finite(update[coordinates : 2*coordinates]) {
			return Fingerprint{Dull: "the update is not finite"}, nil
		}
		for k := range scales {
			out, to := update[k*coordinates:][:coordinates], t.buf[(s*values+k*coordinates)*4:]
			if unit[k] == 0 {
				unit[k] = rms(out)
			}
			moves = moves || unit[k] != 0
			for i, v := range out {
				binary.LittleEndian.PutUint32(to[4*i:], round(float64(v)/unit[k]))
			}
		}
	}
	f := Fingerprint{Digest: sha256.Sum256(t.buf[:])}
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

func rms(u []float32) float64 {
	sum := 0.0
	for _, v := range u {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(u)))
}

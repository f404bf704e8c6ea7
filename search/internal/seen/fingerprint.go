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

// probe is the gradients and parameters that fingerprints are taken with.
var probe = newProbe()

type probeData struct {
	lengths  []int
	grads, x [steps][][]float32
}

func newProbe() *probeData {
	r := rand.New(rand.NewPCG(0x6f707463, 0x66696e67))
	p := &probeData{}
	for _, scale := range scales {
		p.lengths = append(p.lengths, coordinates)
		drift := make([]float64, coordinates) // gradients are the same in part from step to step
		for i := range drift {
			drift[i] = r.NormFloat64()
		}
		for s := range steps {
			p.grads[s] = append(p.grads[s], draw(func(i int) float64 { return scale * (drift[i] + r.NormFloat64()) }))
			p.x[s] = append(p.x[s], draw(func(int) float64 { return r.NormFloat64() }))
		}
	}
	return p
}

func draw(value func(i int) float64) []float32 {
	out := make([]float32, coordinates)
	for i := range out {
		out[i] = float32(value(i))
	}
	return out
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
	out [][]float32
	buf []byte
}

// Take runs a rule for some steps on gradients of three scales.
func (t *Taker) Take(g genome.Genome) (Fingerprint, error) {
	if g.Scalars()[g.Root] {
		return Fingerprint{Dull: "the update does not depend on the gradient"}, nil
	}
	p, err := vm.Compile(g)
	if err != nil {
		return Fingerprint{}, err
	}
	if t.out == nil {
		for range scales {
			t.out = append(t.out, make([]float32, coordinates))
		}
	}
	m := p.New(probe.lengths)
	t.buf = t.buf[:0]
	var unit [len(scales)]float64
	moves := false
	for s := range steps {
		for _, out := range t.out {
			clear(out)
		}
		m.Update(t.out, probe.x[s], probe.grads[s])
		for k, out := range t.out {
			if unit[k] == 0 {
				unit[k] = rms(out)
			}
			for _, v := range out {
				if !elem.IsFinite(v) && k == 1 {
					return Fingerprint{Dull: "the update is not finite"}, nil
				}
				moves = moves || v != 0
				t.buf = binary.LittleEndian.AppendUint32(t.buf, round(float64(v)/unit[k]))
			}
		}
	}
	f := Fingerprint{Digest: sha256.Sum256(t.buf)}
	if !moves {
		f.Dull = "the update is zero"
	}
	return f, nil
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

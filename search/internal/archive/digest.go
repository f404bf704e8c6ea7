package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
)

// Digest is the SHA-256 of what the search depends on and of its first births with their results, as hexadecimal digits. Equal
// searches have equal digests, however and by however many workers they were done.
func (a *Archive) Digest(births int) (string, error) {
	if births > a.next {
		return "", fmt.Errorf("%s has %d births, not %d", a.path, a.next, births)
	}
	var last []byte
	err := a.digest(births, func(n int, sum func() []byte) {
		if n == births {
			last = sum()
		}
	})
	return hex.EncodeToString(last), err
}

// digest walks over so many births, and gives the digest before the first and after each.
func (a *Archive) digest(births int, after func(n int, sum func() []byte)) error {
	h, err := a.Header()
	if err != nil {
		return err
	}
	sum := sha256.New()
	write := func(of []byte) {
		sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(of))))
		sum.Write(of)
	}
	for _, part := range []string{format, h.Spec, h.Baselines, h.Numerics} {
		write([]byte(part))
	}
	if h.Tasks != "" {
		write([]byte(h.Tasks))
	}
	now := func() []byte { return sum.Sum(nil) }
	after(0, now)
	each, failed := a.Each(0)
	for b := range each {
		if b.Index == births {
			break
		}
		r := b.Result
		write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(b.Index)), uint64(b.Parent)))
		for _, part := range [][]byte{b.Form[:], []byte(b.Genome), []byte(r.Rule), floats(r.Scores), turns(r.Turns), floats(r.LRs)} {
			write(part)
		}
		write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, r.Seed), uint64(r.Runs)))
		after(b.Index+1, now)
	}
	return *failed
}

func floats(v []float64) []byte {
	out := make([]byte, 0, 8*len(v))
	for _, x := range v {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
	}
	return out
}

func unfloats(b []byte) []float64 {
	var out []float64
	for ; len(b) >= 8; b = b[8:] {
		out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return out
}

// turns are within the bracket's reach, a few of them.
func turns(v []int) []byte {
	out := make([]byte, 0, len(v))
	for _, x := range v {
		out = append(out, byte(int8(x)))
	}
	return out
}

func unturns(b []byte) []int {
	var out []int
	for _, x := range b {
		out = append(out, int(int8(x)))
	}
	return out
}

package ir

import "slices"

// formatLetters are of the formats that direct kernels take: bf16, f16 and q8, rounded to nearest, and what the first loses.
var formatLetters = map[string]string{"bf16": "b", "f16": "f", "bf16rest": "r", "q8": "q", "q8root": "u"}

// Of a direct kernel: how many streams with scales it may read and write, each of which takes a register for it, and have
// streams at all.
const (
	maxScaled  = 10
	maxStreams = 64
)

// Scaled reports whether a storage format has a scale for a block of values.
func Scaled(format string) bool { return format == "q8" || format == "q8root" }

// Direct is k as a kernel that itself reads and writes states, x and the gradient in the formats they are stored in; nil
// when none of them has one, or when something else of k is made piece by piece. Chance has no part in the formats. Such a
// kernel runs over whole vectors only, and not by rows.
//
// A block's scale is known after all of its values: so a stream with scales is only read as it is stored, and what is
// written goes wide to a stream of its own. Behind the streams of k stand two for each such stream, in order: its scales,
// and that one.
func (k *Kernel) Direct(p *Program) *Kernel {
	if k.Rows || len(k.Reductions)+len(k.Collects) > 0 {
		return nil
	}
	out := *k
	out.Streams = append([]Stream{}, k.Streams...)
	formats, any := "", false // a letter a stream
	for i, s := range k.Streams {
		if s.Extent != k.Domain || s.Kind == DrawStream {
			return nil
		}
		as := p.Storage(s.Place)
		switch {
		case as.Format == "":
			formats += "x"
		case as.Stochastic || formatLetters[as.Format] == "":
			return nil
		default:
			out.Streams[i].Format = as.Format
			formats += formatLetters[as.Format]
			any = true
		}
	}
	if !any {
		return nil
	}
	out.Digest += formats
	if !out.addScaled() {
		return nil
	}
	return &out
}

// Scales are the streams of scales of a direct kernel's streams, by these; the stream of new values follows each.
func (k *Kernel) Scales() map[int]int {
	scales, next := map[int]int{}, len(k.Streams)
	for _, s := range k.Streams {
		if Scaled(s.Format) {
			next -= 2
		}
	}
	for i, s := range k.Streams {
		if Scaled(s.Format) {
			scales[i] = next
			next += 2
		}
	}
	return scales
}

// addScaled adds to a direct kernel what streams with scales need, and reports whether there is room for it.
func (k *Kernel) addScaled() bool {
	wide, used := map[int]int{}, 0 // by stream, where its new values go
	for i, s := range slices.Clone(k.Streams) {
		if !Scaled(s.Format) {
			continue
		}
		if s.Read {
			used++
		}
		if s.Write {
			used++
		}
		scales, written := s.Place, s.Place
		scales.Name, written.Name = "scales of "+s.Name, "new "+s.Name
		k.Streams = append(k.Streams, Stream{Place: scales, Read: s.Read, Write: s.Write}, Stream{Place: written, Write: s.Write})
		wide[i] = len(k.Streams) - 1
	}
	k.Stores = slices.Clone(k.Stores)
	for i, s := range k.Stores {
		if to, ok := wide[s.Stream]; ok {
			k.Stores[i].Stream = to
		}
	}
	return used <= maxScaled && len(k.Streams) <= maxStreams
}

package ir

// Direct is k as a kernel that itself reads and writes states in the formats they are stored in; nil when no state of it
// has one, or when something else of k is made piece by piece. The formats are those that need no block and no chance:
// bf16 and f16, rounded to nearest. Such a kernel runs over whole vectors only, and not by rows.
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
		as := Storage{}
		if s.Kind == StateStream {
			as = p.States[s.Index].As
		}
		switch {
		case as.Format == "":
			formats += "x"
		case as.Stochastic || as.Format != "bf16" && as.Format != "f16":
			return nil
		default:
			out.Streams[i].Format = as.Format
			formats += as.Format[:1]
			any = true
		}
	}
	if !any {
		return nil
	}
	out.Digest += formats
	return &out
}

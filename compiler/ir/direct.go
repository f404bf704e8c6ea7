package ir

// formatLetters are of the formats that direct kernels take: bf16 and f16, rounded to nearest, and what the first loses.
var formatLetters = map[string]string{"bf16": "b", "f16": "f", "bf16rest": "r"}

// Direct is k as a kernel that itself reads and writes states, x and the gradient in the formats they are stored in; nil
// when none of them has one, or when something else of k is made piece by piece. The formats are those that need no block
// and no chance. Such a kernel runs over whole vectors only, and not by rows.
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
	return &out
}

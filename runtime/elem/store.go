package elem

// DirectUnit divides the number of elements that a kernel is called on which
// reads and writes storage formats itself; of formats with scales, Q8Block does.
const DirectUnit = 64

// RoundingStream is s as the words of stochastic rounding of a state have it: its site is the FNV-1a hash of the state's
// name, and no draw of a rule has its turn.
func RoundingStream(s Stream, state string) Stream {
	s.Site, s.Turn = 2166136261, 1
	for i := range len(state) {
		s.Site = (s.Site ^ uint32(state[i])) * 16777619
	}
	return s
}

// DrawStep is one draw as a step value: kind is normal, uniform or rademacher.
func DrawStep(kind string, s Stream) float64 {
	var out [1]float64
	switch kind {
	case "normal":
		Normal(out[:], s, 0)
	case "uniform":
		Uniform(out[:], s, 0)
	default:
		Rademacher(out[:], s, 0)
	}
	return out[0]
}

// RoundTrip replaces u by what the storage format bf16, f16, q8, q8root (q8 of values that are never negative), bf16rest or
// f16rest (of what the first two lose) keeps of it; with words, rounded stochastically.
func RoundTrip[T Float](format string, u []T, words []uint32) {
	switch format {
	case "bf16":
		half := make([]uint16, len(u))
		NarrowBF16(half, u, words)
		WidenBF16(u, half)
	case "f16":
		half := make([]uint16, len(u))
		NarrowF16(half, u, words)
		WidenF16(u, half)
	case "bf16rest", "f16rest":
		half := make([]uint16, len(u))
		if format == "bf16rest" {
			RestBF16(half, u)
		} else {
			RestF16(half, u)
		}
		WidenBF16(u, half)
	case "q8":
		codes, scales := make([]int8, len(u)), make([]float32, (len(u)+Q8Block-1)/Q8Block)
		Q8Pack(codes, scales, u, words)
		Q8Unpack(u, codes, scales)
	case "q8root":
		codes, scales := make([]uint8, len(u)), make([]float32, (len(u)+Q8Block-1)/Q8Block)
		Q8PackRoot(codes, scales, u, words)
		Q8UnpackRoot(u, codes, scales)
	}
}

package agree

import (
	"math"
	"strings"
	"testing"
	"unsafe"

	optrt "github.com/optc-lang/optc/runtime"
)

// scaled is the rule x - lr*g as generated code would say it, with one thing wrong.
func scaled[T optrt.Float](wrong string) *optrt.Rule {
	portable := func(a *optrt.Args) {
		x, g, lr := optrt.Slice[T](a, 0), optrt.Slice[T](a, 1), optrt.Scalar[T](a, 0)
		for i := range x {
			x[i] -= T(lr * g[i])
		}
	}
	fast := func(a *optrt.Args) {
		portable(a)
		x, g := optrt.Slice[T](a, 0), optrt.Slice[T](a, 1)
		switch last := a.N - 1; {
		case a.N < 3:
		case wrong == "last element":
			x[last] *= 2
		case wrong == "beyond the end":
			unsafe.Slice(&x[0], a.N+1)[a.N] = 0
		case wrong == "before the start":
			*(*T)(unsafe.Add(unsafe.Pointer(&x[0]), -int(unsafe.Sizeof(x[0])))) = 0
		case wrong == "gradient":
			g[last] = 1
		case wrong == "sign of zero":
			for i := range x {
				if x[i] == 0 {
					x[i] = T(math.Copysign(0, -1))
				}
			}
		}
	}
	elements := func(kind optrt.StreamKind) optrt.Place { return optrt.Place{Kind: kind, Extent: optrt.PerElem} }
	pass := &optrt.Pass{
		Domain:  optrt.PerElem,
		Streams: []optrt.Stream{{Place: elements(optrt.StreamX), Read: true, Write: true}, {Place: elements(optrt.StreamGrad), Read: true}},
		Scalars: []optrt.Slot{{Extent: optrt.PerGroup, Index: optrt.GroupHypers}},
	}
	pass.Kernels[optrt.Go], pass.Kernels[optrt.AVX2] = portable, fast
	stages := []optrt.Stage{{Pass: pass}}
	return &optrt.Rule{
		Name: "scaled", Digest: "00", ReadsGrad: true, ElemBytes: int(unsafe.Sizeof(T(0))),
		Hypers:     []optrt.Hyper{{Name: "lr", Default: 0.1, Hi: 1}},
		ModelSlots: optrt.ModelFree, GroupSlots: optrt.GroupHypers + 1, TensorSlots: optrt.TensorFree,
		First: stages, Later: stages,
	}
}

const scaledText = "rule scaled {\n  hyper lr = 0.1 in [0, 1]\n  x <- x - lr*g\n}\n"

// TestFindsDifferences hands over kernels with a fault each, which must be found, and without, which must not.
func TestFindsDifferences(t *testing.T) {
	if !optrt.Has(optrt.AVX2) {
		t.Skip("NOT RUN: this CPU lacks avx2, in whose place the faulty kernels stand")
	}
	for wrong, want := range map[string]string{
		"":                 "",
		"last element":     "] of",
		"beyond the end":   "beyond",
		"before the start": "beyond",
		"gradient":         "gradient",
		"sign of zero":     "] of",
	} {
		o := options{job: Compare, size: Short, engines: []optrt.Engine{optrt.Go, optrt.AVX2}}
		rule := &Rule{Name: "scaled", Text: scaledText, Rule: "scaled", F32: scaled[float32](wrong), F64: scaled[float64](wrong)}
		for _, rep := range []*Report{runRule[float32](o, rule), runRule[float64](o, rule)} {
			found := strings.Join(rep.Failures, "\n")
			if (found != "") != (wrong != "") || !strings.Contains(found, want) {
				t.Errorf("%q: found %q", wrong, found)
			}
		}
	}
}

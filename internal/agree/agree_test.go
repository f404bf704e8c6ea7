package agree

import (
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/optc-lang/optc/internal/guard"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
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
		case wrong == "reads beyond the end":
			sink = float64(unsafe.Slice(&x[0], a.N+1)[a.N])
		case wrong == "reads before the start":
			sink = float64(*(*T)(unsafe.Add(unsafe.Pointer(&g[0]), -int(unsafe.Sizeof(g[0])))))
		case wrong == "reads beyond the scalars":
			sink = *(*float64)(unsafe.Add(a.Vals, optrt.SplatBytes))
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

// sink is where what is read goes.
var sink float64

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

		"reads beyond the end":     "stream x: touches byte 1 behind",
		"reads before the start":   "stream g: touches byte",
		"reads beyond the scalars": "scalars: touches byte 1 behind",
		"sign of zero":             "] of",
	} {
		o := options{job: Compare, size: Short, engines: []optrt.Engine{optrt.Go, optrt.AVX2}}
		rule := &Rule{Name: "scaled", Text: scaledText, Rule: "scaled", F32: scaled[float32](wrong), F64: scaled[float64](wrong)}
		if !guard.Available && strings.HasPrefix(wrong, "reads") {
			continue
		}
		for _, rep := range []*Report{runRule[float32](o, rule), runRule[float64](o, rule)} {
			found := strings.Join(rep.Failures, "\n")
			if (found != "") != (wrong != "") || !strings.Contains(found, want) {
				t.Errorf("%q: found %q", wrong, found)
			}
		}
	}
}

// kept is the rule s <- s + g; x <- x - s with s as bf16, as generated code would say it, its direct kernel with one thing wrong.
func kept(wrong string) *optrt.Rule {
	portable := func(a *optrt.Args) {
		x, s, g := optrt.Slice[float32](a, 0), optrt.Slice[float32](a, 1), optrt.Slice[float32](a, 2)
		for i := range x {
			s[i] += g[i]
			x[i] -= s[i]
		}
	}
	direct := func(a *optrt.Args) {
		x, half, g := optrt.Slice[float32](a, 0), unsafe.Slice((*uint16)(a.Ptr[1]), a.N), optrt.Slice[float32](a, 2)
		for i := range x {
			s := elem.BF16To[float32](half[i]) + g[i]
			x[i] -= s
			half[i] = elem.BF16From(s)
			switch {
			case wrong == "cut" && s == s:
				half[i] = uint16(math.Float32bits(s) >> 16)
			case wrong == "payload" && s != s:
				half[i] |= 1
			case wrong == "late":
				x[i] += s - elem.BF16To[float32](half[i])
			}
		}
		if wrong == "reads beyond the end" {
			sink = float64(unsafe.Slice(&half[0], a.N+1)[a.N])
		}
	}
	rule := scaled[float32]("")
	pass := &optrt.Pass{Domain: optrt.PerElem}
	for _, kind := range []optrt.StreamKind{optrt.StreamX, optrt.StreamState, optrt.StreamGrad} {
		pass.Streams = append(pass.Streams, optrt.Stream{Place: optrt.Place{Kind: kind, Extent: optrt.PerElem}, Read: true, Write: kind != optrt.StreamGrad})
	}
	stages := []optrt.Stage{{Pass: pass}}
	pass.Kernels[optrt.Go], pass.Kernels[optrt.AVX2], pass.Direct[optrt.AVX2] = portable, portable, direct
	rule.Name, rule.First, rule.Later, rule.Hypers = "kept", stages, stages, nil
	rule.States = []optrt.State{{Name: "s", Extent: optrt.PerElem, Format: "bf16"}}
	return rule
}

const keptText = "rule kept {\n  state s as bf16 = 0\n  s <- s + g\n  x <- x - s\n}\n"

// TestFindsDirect does the same for direct kernels.
func TestFindsDirect(t *testing.T) {
	if !optrt.Has(optrt.AVX2) {
		t.Skip("NOT RUN: this CPU lacks avx2, in whose place the faulty kernels stand")
	}
	for wrong, want := range map[string]string{
		"":                     "",
		"cut":                  "stream s",
		"payload":              "stream s",
		"late":                 "stream x",
		"reads beyond the end": "stream s: touches byte 1 behind",
	} {
		if !guard.Available && strings.HasPrefix(wrong, "reads") {
			continue
		}
		s := &subject[float32]{options: options{size: Short, engines: []optrt.Engine{optrt.Go, optrt.AVX2}}, rule: kept(wrong), report: &Report{}}
		var err error
		if s.compiled, err = compileRule(&Rule{Text: keptText, Rule: "kept"}); err != nil {
			t.Fatal(err)
		}
		if err = s.compareKernels(); (err != nil) != (wrong != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: found %v", wrong, err)
		}
		if s.report.Calls == 0 {
			t.Errorf("%q: nothing called", wrong)
		}
	}
}

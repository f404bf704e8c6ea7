package host

import (
	"testing"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/tasks"
)

// lookahead is x <- x - h/2, h being the gradient at x - g/2, or with plain g itself, for parameters in bf16.
func lookahead(plain bool) *optrt.Rule {
	place := func(kind optrt.StreamKind, index int) optrt.Place {
		return optrt.Place{Kind: kind, Index: index, Extent: optrt.PerElem}
	}
	x, g, point, h := place(optrt.StreamX, 0), place(optrt.StreamGrad, 0), place(optrt.StreamScratch, 0), place(optrt.StreamScratch, 1)
	// step makes the pass to <- x - by/2.
	step := func(to, by optrt.Place) optrt.Stage {
		p := &optrt.Pass{Domain: optrt.PerElem, Streams: []optrt.Stream{{Place: to, Write: true}, {Place: by, Read: true}, {Place: x, Read: true}}}
		from := 2
		if to == x {
			p.Streams, from = []optrt.Stream{{Place: x, Read: true, Write: true}, {Place: by, Read: true}}, 0
		}
		p.Kernels[optrt.Go] = func(a *optrt.Args) {
			out, u, x := optrt.Slice[float32](a, 0), optrt.Slice[float32](a, 1), optrt.Slice[float32](a, from)
			for i := range out {
				out[i] = x[i] - u[i]/2
			}
		}
		return optrt.Stage{Pass: p}
	}
	stages := []optrt.Stage{step(x, g)}
	r := &optrt.Rule{Name: "lookahead", Digest: "00", ReadsGrad: true, ElemBytes: 4, Params: "bf16",
		ModelSlots: optrt.ModelFree, GroupSlots: optrt.GroupHypers, TensorSlots: optrt.TensorFree}
	if !plain {
		r.Probes, r.Scratch = true, []optrt.Extent{optrt.PerElem, optrt.PerElem}
		stages = []optrt.Stage{step(point, g), {Probe: &optrt.Probe{Point: []optrt.Place{point}, Out: &h}}, step(x, h)}
	}
	r.First, r.Later = stages, stages
	return r
}

// A training in 16 bits is the obvious one: the model sees parameters that are rounded, and the rule gradients that are.
func TestHalfRun(t *testing.T) {
	const steps = 20
	for _, plain := range []bool{true, false} {
		open := func() *tasks.Run {
			run, err := tasks.Open("phishing", 3)
			if err != nil {
				t.Fatal(err)
			}
			return run
		}
		run := open()
		opt, err := (&program[float32]{rule: lookahead(plain), req: Request{Workers: 1}}).optimizerOf(run)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tasks.Train(run, opt, steps, nil)
		if err != nil {
			t.Fatal(err)
		}
		slow := open()
		rounded := func(x float32) float32 { return optrt.ToBF16(x).Float32() }
		x, g := slow.Values(), slow.Grads()
		each := func(do func(i, k int)) {
			for i := range x {
				for k := range x[i] {
					do(i, k)
				}
			}
		}
		each(func(i, k int) { x[i][k] = rounded(x[i][k]) })
		for step := range steps {
			if loss := slow.Batch(step); loss != got.Losses[step] {
				t.Fatalf("step %d, plain %v: the loss is %g, and %g step by step", step, plain, got.Losses[step], loss)
			}
			if !plain {
				kept := map[[2]int]float32{}
				each(func(i, k int) {
					kept[[2]int{i, k}] = x[i][k]
					x[i][k] = rounded(x[i][k] - rounded(g[i][k])/2)
				})
				if _, err := slow.Again(g); err != nil {
					t.Fatal(err)
				}
				each(func(i, k int) { x[i][k] = kept[[2]int{i, k}] })
			}
			each(func(i, k int) { x[i][k] = rounded(x[i][k] - rounded(g[i][k])/2) })
		}
		for split := range got.Scores {
			want, err := slow.Score(tasks.Split(split), nil)
			if err != nil || want != got.Scores[split] {
				t.Errorf("plain %v, %s: %v, and %v step by step, %v", plain, tasks.Split(split), got.Scores[split], want, err)
			}
		}
	}
}

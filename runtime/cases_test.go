package runtime

import (
	"math/rand/v2"
	"testing"
)

// casesRule adds the gradient where a group's slot is 0, else random signs: each case leaves the other's stream alone, and
// poisons what it must not see.
func casesRule() *Rule {
	own := func(a *Args) {
		x, g := Slice[float64](a, 0), Slice[float64](a, 1)
		for i := range x {
			x[i] += g[i]
		}
	}
	drawn := func(a *Args) {
		x, r := Slice[float64](a, 0), Slice[float64](a, 2)
		for i := range x {
			x[i] += 3 * r[i]
		}
	}
	signs := Stream{Place: Place{Kind: StreamDraw, Extent: PerElem, Draw: "rademacher"}, Read: true}
	r := bareRule[float64](Stage{Pass: &Pass{Domain: PerElem, Kernels: [NumEngines]Kernel{Go: own},
		Streams: []Stream{updates(StreamX, 0), reads(StreamGrad, 0), signs}, Idle: []int{2},
		Cases: []PassCase{{If: Slot{Extent: PerGroup, Index: GroupHypers}, Kernels: [NumEngines]Kernel{Go: drawn}, Idle: []int{1}}}}})
	r.Hypers = []Hyper{{Name: "drawn", Hi: 1}}
	r.Draws = true
	return r
}

// TestCases: of two groups each runs its own case, with one worker and with several.
func TestCases(t *testing.T) {
	shapes := [][]int{{5}, {3, 4}, {70_000}, {1}}
	for _, workers := range []int{1, 3} {
		params, grads := modelOf[float64](rand.New(rand.NewPCG(1, 1)), shapes, 0)
		before := clone(dataOf(params))
		o, err := New(casesRule(), params, []float64{0}, Workers(workers), Group(Rank(2), []float64{1}))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Step(grads, 0); err != nil {
			t.Fatal(err)
		}
		for k, p := range params {
			for i, x := range p.Data {
				d := x - before[k][i]
				if len(p.Shape) == 2 && d > -2.9 && d < 2.9 || len(p.Shape) != 2 && x != before[k][i]+grads[k][i] {
					t.Fatalf("%d workers, shape %v: element %d moved by %v, its gradient is %v", workers, p.Shape, i, d, grads[k][i])
				}
			}
		}
	}
}

// TestCasesAreChecked: the faults of generated code that would have a kernel run on nothing.
func TestCasesAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(p *Pass){
		"no portable kernel":   func(p *Pass) { p.Cases[0].Kernels = [NumEngines]Kernel{} },
		"a constant condition": func(p *Pass) { p.Cases[0].If = Slot{Value: 1} },
		"no such slot":         func(p *Pass) { p.Cases[0].If.Index = 99 },
		"no such stream":       func(p *Pass) { p.Cases[0].Idle = []int{3} },
		"idle without another": func(p *Pass) { p.Cases = nil },
		"bare beside cases":    func(p *Pass) { p.Bare = &BarePass{Mask: 1, Kernels: p.Kernels, Idle: []int{1}} },
		"bare without a kernel": func(p *Pass) {
			*p = Pass{Domain: PerElem, Kernels: p.Kernels, Streams: p.Streams, Bare: &BarePass{Mask: 1, Idle: []int{1}}}
		},
		"bare that reads its mask": func(p *Pass) {
			*p = Pass{Domain: PerElem, Kernels: p.Kernels, Streams: p.Streams, Bare: &BarePass{Mask: 1, Kernels: p.Kernels}}
		},
		"a collected stream, idle": func(p *Pass) { p.Streams[2].Kind = StreamCollect },
	} {
		r := casesRule()
		if err := r.check(); err != nil {
			t.Fatal(err)
		}
		spoil(r.Later[0].Pass)
		if r.check() == nil {
			t.Errorf("%s is not refused", name)
		}
	}
}

package runtime

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// benchModels are models whose steps should cost alike by the parameter, and ones that are all overhead.
var benchModels = []struct {
	name  string
	sizes []int
}{
	{"1x64M", []int{64 << 20}},
	{"400x160K", slices.Repeat([]int{160 << 10}, 400)},
	{"1x1M", []int{1 << 20}},
	{"1000x16", slices.Repeat([]int{16}, 1000)},
	{"1x16", []int{16}},
}

// BenchmarkOverhead is a step with kernels that do nothing.
func BenchmarkOverhead(b *testing.B) {
	for name, build := range map[string]func() *Rule{"adam": adam[float32], "trust": trust[float32]} {
		rule := build()
		for _, s := range slices.Concat(rule.First, rule.Later) {
			if s.Pass != nil {
				s.Pass.Kernels[Go] = func(*Args) {}
			}
		}
		b.Run(name, func(b *testing.B) { benchmarkRule(b, rule) })
	}
}

// BenchmarkDescent is a step of plain gradient descent by a portable kernel.
func BenchmarkDescent(b *testing.B) {
	rule := adam[float32]()
	rule.States = nil
	pass := rule.Later[1].Pass
	pass.Streams = pass.Streams[:2]
	pass.Kernels[Go] = func(a *Args) {
		x, g, lr := Slice[float32](a, 0), Slice[float32](a, 1), Scalar[float32](a, 0)
		for i := range x {
			x[i] -= float32(lr * g[i])
		}
	}
	benchmarkRule(b, rule)
}

func benchmarkRule(b *testing.B, rule *Rule) {
	for _, model := range benchModels {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/workers=%d", model.name, workers), func(b *testing.B) {
				grads := Alloc[float32](model.sizes...)
				var params []Param[float32]
				for i, data := range Alloc[float32](model.sizes...) {
					params = append(params, Param[float32]{fmt.Sprint("p", i), []int{len(data)}, data})
				}
				o, err := New(rule, params, nil, Workers(workers))
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := o.Step(grads, 1); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// handOff is a job of two items: the first works until the other one has begun, which keeps when that was.
type handOff struct {
	begun atomic.Int64
	start time.Time
}

func (h *handOff) runItem(_ *Args, item int) {
	if item == 1 {
		h.begun.Store(int64(time.Since(h.start)))
	}
	for h.begun.Load() == 0 {
	}
}

// BenchmarkHandOff is the time from a pass's start until a helper that slept works on it: the first quarter, the median and
// the third quarter of 1000 times.
func BenchmarkHandOff(b *testing.B) {
	h := new(handOff)
	j := newJob(h)
	a := new(Args)
	var times []float64
	for b.Loop() {
		times = times[:0]
		for range 1000 {
			time.Sleep(20 * time.Microsecond) // until the helper sleeps
			h.begun.Store(0)
			h.start = time.Now()
			j.do(2, 2, a)
			times = append(times, float64(h.begun.Load()))
		}
	}
	slices.Sort(times)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(times[len(times)/4], "q1-ns")
	b.ReportMetric(times[len(times)/2], "ns")
	b.ReportMetric(times[3*len(times)/4], "q3-ns")
}

package vm

import (
	"sync"
	"sync/atomic"

	"github.com/optc-lang/optc/runtime/elem"
)

// correction is what a moving average of k that started at 0 is to be multiplied with: 1/(1 - (1-k)^t). It is remembered of
// the first steps, since the power takes as long as some kernels on a small tensor. Any goroutine may ask for it.
type correction struct {
	k     float64
	known atomic.Pointer[[]float64] // by step, from 1 on
}

// maxKnown bounds the steps that are remembered, maxCorrections the constants.
const (
	maxKnown       = 1 << 11
	maxCorrections = 1 << 8
)

var corrections = struct {
	sync.Mutex
	by map[float64]*correction
}{by: map[float64]*correction{}}

// correctionOf is the correction of a constant.
func correctionOf(k float64) *correction {
	corrections.Lock()
	defer corrections.Unlock()
	c := corrections.by[k]
	if c == nil {
		if len(corrections.by) == maxCorrections {
			clear(corrections.by)
		}
		c = &correction{k: k}
		corrections.by[k] = c
	}
	return c
}

// at is the correction in step t, from 1 on.
func (c *correction) at(t float64) float64 {
	if t > maxKnown {
		return c.compute(t)
	}
	known := c.known.Load()
	if known == nil || int(t) > len(*known) {
		known = c.learn(int(t), known)
	}
	return (*known)[int(t)-1]
}

// learn remembers the corrections of the steps up to t, and of as many more.
func (c *correction) learn(t int, known *[]float64) *[]float64 {
	more := make([]float64, 0, min(max(8, 2*t), maxKnown))
	if known != nil {
		more = append(more, *known...)
	}
	for len(more) < cap(more) {
		more = append(more, c.compute(float64(len(more)+1)))
	}
	c.known.Store(&more)
	return &more
}

func (c *correction) compute(t float64) float64 { return 1 / (1 - elem.Pow(1-c.k, t)) }

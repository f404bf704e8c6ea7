package subject

import (
	"slices"
	"sync"
	"unsafe"

	optrt "github.com/optc-lang/optc/runtime"
)

// log is what the passes of a step were called with.
type log struct {
	on    bool
	mu    sync.Mutex
	bases map[place]unsafe.Pointer // of arrays of elements
	calls []call
}

// place is an array of the rule.
type place struct {
	kind  optrt.StreamKind
	index int
}

// call is a call of the kernel of pass number pass of the later steps.
type call struct {
	pass    int
	scalars []float32
}

// watch copies a rule, so that while the log is on the kernels of its later steps write down their calls.
func (l *log) watch(rule *optrt.Rule) *optrt.Rule {
	out := *rule
	out.Later = slices.Clone(rule.Later)
	passes := 0
	for i := range out.Later {
		if out.Later[i].Pass == nil {
			continue
		}
		p := *out.Later[i].Pass
		watch := func(kernels *[optrt.NumEngines]optrt.Kernel) {
			for e, k := range kernels {
				if k == nil {
					continue
				}
				number, pass := passes, &p
				kernels[e] = func(a *optrt.Args) {
					if l.on {
						l.note(rule, number, pass, a)
					}
					k(a)
				}
			}
		}
		watch(&p.Kernels)
		p.Cases = slices.Clone(p.Cases)
		for i := range p.Cases {
			watch(&p.Cases[i].Kernels)
		}
		if p.Bare != nil {
			bare := *p.Bare
			watch(&bare.Kernels)
			p.Bare = &bare
		}
		out.Later[i].Pass = &p
		passes++
	}
	return &out
}

func (l *log) note(rule *optrt.Rule, number int, p *optrt.Pass, a *optrt.Args) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bases == nil {
		l.bases = map[place]unsafe.Pointer{}
	}
	for i, s := range p.Streams {
		at := place{s.Kind, s.Index}
		if p.Domain != optrt.PerElem || s.Extent != optrt.PerElem || windowed(rule, s) {
			continue
		}
		if base, ok := l.bases[at]; !ok || uintptr(a.Ptr[i]) < uintptr(base) {
			l.bases[at] = a.Ptr[i]
		}
	}
	if slices.ContainsFunc(l.calls, func(c call) bool { return c.pass == number }) {
		return // of another chunk, with the same scalars: there is one tensor
	}
	c := call{pass: number}
	for i := range p.Scalars {
		c.scalars = append(c.scalars, optrt.Scalar[float32](a, i))
	}
	l.calls = append(l.calls, c)
}

// windowed reports whether a pass sees memory of its worker in place of an array of elements.
func windowed(rule *optrt.Rule, s optrt.Stream) bool {
	return s.Kind == optrt.StreamDraw || s.Kind == optrt.StreamCollect || s.Kind == optrt.StreamState && rule.States[s.Index].Format != ""
}

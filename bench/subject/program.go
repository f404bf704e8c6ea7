package subject

import (
	"errors"
	"fmt"
	"runtime/debug"
	"unsafe"

	optrt "github.com/optc-lang/optc/runtime"
)

// Program is a rule with what it is held against. Generated code makes it.
type Program struct {
	Rule   *optrt.Rule
	Hypers []float64
	Tensor string // its name

	Memory     []Walk      // the least that the rule must move
	Arithmetic func(n int) // as many operations as n vectors of Vector elements need, in registers; nil: none
	Vector     int
	Products   float64 // matrix products of the tensor's side, a step
	C          []CVersion
	CStep      CStep
	NoC        string // why there is no C
}

// Walk is one walk along arrays, due in every so many steps. Its loops do the same.
type Walk struct {
	Every  int
	Arrays []Array
	Loops  []Loop
}

// Loop moves n elements, a multiple of WalkUnit.
type Loop = func(p *[MostArrays]unsafe.Pointer, n int)

// MostArrays is how many arrays a Walk has at most, WalkUnit what its loop takes at once.
const (
	MostArrays = 10
	WalkUnit   = 64
)

// MemoryPrefix begins the names of the things that walk, one a choice of loops.
const MemoryPrefix = "memory-"

// Array is one of a Walk. The rule's own arrays are walked along in place, and keep their values; one that is only written, or
// that the rule has not, is another.
type Array struct {
	Kind  ArrayKind
	Index int     // of the state, or of the further array
	Bytes float64 // of a value
}

// ArrayKind says whose an Array is.
type ArrayKind uint8

// The kinds of arrays.
const (
	X ArrayKind = iota
	Grad
	State
	Other
)

// Serve answers requests about the program.
func (p *Program) Serve() { Serve(&host{program: p}) }

// host is a program with its open tensor.
type host struct {
	program *Program
	team    *team
	c       *cRun
}

func (h *host) List() Reply { return Reply{Cases: []string{h.program.Rule.Name}} }

func (h *host) Close() {
	if h.team != nil {
		h.team.stop()
	}
	if h.c != nil {
		h.c.pins.Unpin()
	}
	h.team, h.c = nil, nil
	debug.FreeOSMemory()
}

// Open builds the rule's optimizer on fresh arrays, takes two steps, of which the second is written down, and readies the rest.
func (h *host) Open(q Request) (map[string]Timed, Reply, error) {
	n := 1
	for _, d := range q.Shape {
		n *= d
	}
	if n < 1 || n%WalkUnit != 0 || q.Threads < 1 {
		return nil, Reply{}, fmt.Errorf("%v by %d threads: a multiple of %d elements and a thread are wanted", q.Shape, q.Threads, WalkUnit)
	}
	p := h.program
	log := &log{}
	rule, err := newRule(p, log.watch(p.Rule), q, n)
	if err != nil {
		return nil, Reply{}, err
	}
	if err := rule.Do(1); err != nil {
		return nil, Reply{}, err
	}
	c, notC := p.newC(q, n, rule, log)
	h.c = c
	log.on = true
	if err := rule.Do(1); err != nil {
		return nil, Reply{}, err
	}
	log.on = false
	r := Reply{Engine: rule.opt.Engine().String(), Missing: map[string]string{}}
	things := map[string]Timed{"rule": rule}
	h.team = newTeam(q.Threads)
	memory, err := newMemory(p, h.team, rule, log, n)
	if err != nil {
		return nil, r, err
	}
	for i, m := range memory {
		things[fmt.Sprintf("%s%d", MemoryPrefix, i)] = m
	}
	if p.Arithmetic != nil {
		things["arithmetic"] = &arithmetic{p, h.team, n}
	}
	if p.Products > 0 {
		things["matrix"] = newMatrix(p.Products, h.team, n)
	}
	if c == nil {
		r.Missing["c"] = notC
		return things, r, nil
	}
	if err := c.prepare(log); err != nil {
		return nil, r, err
	}
	for _, v := range p.C {
		note, err := c.check(v)
		if err != nil {
			return nil, r, fmt.Errorf("%s: %w", v.Name, err)
		}
		r.Notes = append(r.Notes, v.Name+": "+note)
		things[v.Name] = &cTimed{c, v}
	}
	return things, r, nil
}

// stepped is the rule's optimizer with a gradient.
type stepped struct {
	opt    *optrt.Optimizer[float32]
	x, g   []float32
	grads  [][]float32
	in     optrt.Inputs[float32]
	clears bool // the rule leaves zeros in the gradient
}

func newRule(p *Program, rule *optrt.Rule, q Request, n int) (*stepped, error) {
	if len(rule.Givens) > 0 {
		return nil, errors.New("a rule with further inputs is not measured")
	}
	x, g := optrt.Alloc[float32](n), optrt.Alloc[float32](n)
	Fill(x[0], 1)
	Fill(g[0], 1.0/64)
	if len(q.Shape) == 2 { // of Fill's numbers alone the moments are singular to working precision, and have no root
		for i := 0; i < n; i += q.Shape[1] + 1 {
			g[0][i]++
		}
	}
	s := &stepped{x: x[0], g: g[0], grads: g, clears: rule.ClearsGrad}
	s.in = optrt.Inputs[float32]{Loss: 1, Closure: func(to [][]float32) (float64, error) {
		copy(to[0], g[0]) // a model that costs nothing: its gradient is always the same
		return 1, nil
	}}
	hvp := optrt.HVP(func(v, hv [][]float32) error { copy(hv[0], v[0]); return nil })
	opts := []optrt.Option{optrt.Workers(q.Threads), hvp}
	var err error
	s.opt, err = optrt.New(rule, []optrt.Param[float32]{{Name: p.Tensor, Shape: q.Shape, Data: s.x}}, p.Hypers, opts...)
	return s, err
}

// Prepare fills a gradient that steps end with zeros in.
func (s *stepped) Prepare() {
	if s.clears {
		Fill(s.g, 1.0/64)
	}
}

// Do takes steps.
func (s *stepped) Do(steps int) error {
	for range steps {
		if err := s.opt.StepWith(s.grads, s.in); err != nil {
			return err
		}
	}
	return nil
}

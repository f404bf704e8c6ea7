package subject

import (
	"fmt"
	"math"
	"runtime"
	"unsafe"

	optrt "github.com/optc-lang/optc/runtime"
)

// CStep is a step in C: the passes in turn, all on arrays of one table.
type CStep struct {
	Arrays []CArray
	Passes []CPass
	Exact  bool // the formula has nothing that C rounds otherwise: sums, elementary functions
}

// CPass is a pass by its number among those of a later step, and how many scalars it has.
type CPass struct{ Number, Scalars int }

// CArray is an array of a step in C.
type CArray struct {
	Kind    optrt.StreamKind
	Index   int
	Extent  optrt.Extent
	Written bool
}

// CVersion is the step as one compiler setting made it.
type CVersion struct {
	Name  string
	Exact bool // the setting changes no bits
	Table func(n int) unsafe.Pointer
	Run   func(steps, n, rows, cols int, table, scalars unsafe.Pointer)
}

// cRun is the arrays of a step in C.
type cRun struct {
	step    CStep
	n       int
	rows    int
	cols    int
	arrays  [][]float32
	before  [][]float32 // values that the written-down step began with
	rule    *stepped
	scalars []float32
	log     *log
	tables  map[string]unsafe.Pointer
	pins    runtime.Pinner
}

// mostCheckedC bounds the elements of a step in C: it is there for what fits a cache.
const mostCheckedC = 1 << 20

// newC takes what the written-down step will begin with; nil and a reason where there is no C.
func (p *Program) newC(q Request, n int, rule *stepped, l *log) (*cRun, string) {
	if p.NoC != "" {
		return nil, p.NoC
	}
	if len(p.C) == 0 {
		return nil, "there is no C compiler"
	}
	if n > mostCheckedC || q.Threads > 1 {
		return nil, "the C is compared in the cache, on one thread"
	}
	c := &cRun{step: p.CStep, n: n, rows: 1, cols: n, rule: rule, log: l, tables: map[string]unsafe.Pointer{}}
	if len(q.Shape) > 1 {
		c.rows, c.cols = q.Shape[0], n/q.Shape[0]
	}
	// The arrays of states are known once a step is written down: it is taken for that, and its end is the beginning.
	l.on = true
	if err := rule.Do(1); err != nil {
		return nil, err.Error()
	}
	l.on = false
	for _, a := range c.step.Arrays {
		c.before = append(c.before, append([]float32(nil), c.current(a)...))
	}
	l.calls = nil
	return c, ""
}

// current is the rule's own array; nil if it has none of elements.
func (c *cRun) current(a CArray) []float32 {
	switch a.Kind {
	case optrt.StreamX:
		return c.rule.x
	case optrt.StreamGrad:
		return c.rule.g
	}
	base, ok := c.log.bases[place{a.Kind, a.Index}]
	if !ok || a.Extent != optrt.PerElem {
		return nil
	}
	return unsafe.Slice((*float32)(base), c.n)
}

// prepare makes the arrays of C and gathers the scalars of the written-down step.
func (c *cRun) prepare(l *log) error {
	sizes := make([]int, len(c.step.Arrays))
	for i, a := range c.step.Arrays {
		sizes[i] = map[optrt.Extent]int{optrt.PerElem: c.n, optrt.PerRow: c.rows, optrt.PerCol: c.cols}[a.Extent]
		if sizes[i] == 0 {
			return fmt.Errorf("an array of extent %d has no C", a.Extent)
		}
	}
	c.arrays = optrt.Alloc[float32](sizes...)
	for i := range c.arrays {
		if len(c.arrays[i]) > 0 {
			c.pins.Pin(&c.arrays[i][0])
		}
	}
	c.restore()
	byPass := map[int][]float32{}
	for _, call := range l.calls {
		byPass[call.pass] = call.scalars
	}
	for _, p := range c.step.Passes {
		got := byPass[p.Number]
		if len(got) != p.Scalars {
			return fmt.Errorf("pass %d has %d scalars, and %d in C", p.Number, len(got), p.Scalars)
		}
		c.scalars = append(c.scalars, got...)
	}
	if len(c.scalars) == 0 {
		c.scalars = []float32{0}
	}
	return nil
}

// restore gives the arrays of C what the written-down step began with; where the rule's are not to be had, numbers from .5 to 1.5.
func (c *cRun) restore() {
	for i, u := range c.arrays {
		if c.before[i] != nil {
			copy(u, c.before[i])
			continue
		}
		Fill(u, 1)
		for k, v := range u {
			u[k] = float32(math.Abs(float64(v)))
		}
	}
}

func (c *cRun) run(v CVersion, steps int) {
	table, ok := c.tables[v.Name]
	if !ok {
		table = v.Table(len(c.arrays))
		c.tables[v.Name] = table
		for i, u := range c.arrays {
			*(*unsafe.Pointer)(unsafe.Add(table, i*int(unsafe.Sizeof(table)))) = unsafe.Pointer(unsafe.SliceData(u))
		}
	}
	v.Run(steps, c.n, c.rows, c.cols, table, unsafe.Pointer(&c.scalars[0]))
}

// closeTo is how far a value may be off where C rounds otherwise, relative to the largest of its array.
const closeTo = 1e-4

// check takes the written-down step in C and compares what it writes with what the rule wrote.
func (c *cRun) check(v CVersion) (string, error) {
	defer c.restore()
	c.restore()
	c.run(v, 1)
	exact, compared, worst := c.step.Exact && v.Exact, 0, 0.0
	for i, a := range c.step.Arrays {
		want := c.current(a)
		if !a.Written || want == nil || a.Kind == optrt.StreamScratch || c.derived() {
			continue
		}
		compared++
		largest := 0.0
		for _, w := range want {
			largest = max(largest, math.Abs(float64(w)))
		}
		for k, w := range want {
			got := c.arrays[i][k]
			if math.Float32bits(got) == math.Float32bits(w) || w != w && got != got {
				continue
			}
			off := math.Abs(float64(got)-float64(w)) / largest
			if exact || !(off <= closeTo) {
				return "", fmt.Errorf("element %d of array %d is %g in C and %g in Go", k, i, got, w)
			}
			worst = max(worst, off)
		}
	}
	switch {
	case compared == 0:
		return "not compared: rows and columns of numbers are not in reach", nil
	case worst == 0:
		return fmt.Sprintf("%d arrays alike bit for bit", compared), nil
	}
	return fmt.Sprintf("%d arrays alike within %.1g of the largest value", compared, worst), nil
}

// derived reports whether something that the step reads is not the rule's own.
func (c *cRun) derived() bool {
	for i := range c.step.Arrays {
		if c.before[i] == nil {
			return true
		}
	}
	return false
}

// cTimed is a setting of the C to be timed.
type cTimed struct {
	run     *cRun
	version CVersion
}

// Do takes steps, all within one call of C.
func (t *cTimed) Do(steps int) error {
	t.run.run(t.version, steps)
	return nil
}

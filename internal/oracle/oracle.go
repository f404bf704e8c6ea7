// Package oracle reads the reference trajectories of testdata/oracle: what optax, PyTorch and the
// authors' own code make of given parameters and gradients in 100 steps.
//
// In go the committed files; out come cases that say which rule they are of, with which
// hyperparameters, what goes in at each step and what the reference held after it. The package runs
// no rule and knows none. The files are untrusted: a damaged one is an error, never a panic.
package oracle

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
)

// Ext is the ending of a case's file name.
const Ext = ".ref.gz"

// A DType is the type the reference computed in.
type DType string

const (
	F32 DType = "f32"
	F64 DType = "f64"
)

// A Tensor is one parameter. Init and Grad are "zero" where it starts at, or is given, zeros alone; Init is "positive" where it
// starts at sizes.
type Tensor struct {
	Shape []int  `json:"shape"`
	Init  string `json:"init"`
	Grad  string `json:"grad"`
}

// Numel is the number of elements; 1 for the empty shape.
func (t Tensor) Numel() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// A Case is one trajectory: a rule with fixed hyperparameters and options, run by one reference in one type.
// Values of a float32 case are float64 that a float32 holds exactly.
type Case struct {
	Name      string             `json:"name"`
	Rule      string             `json:"rule"`
	Reference string             `json:"reference"` // libraries and their versions
	Call      string             `json:"call"`      // the reference's own arguments
	Formula   string             `json:"formula"`   // what it computes, read from its source
	DType     DType              `json:"dtype"`
	Hypers    map[string]float64 `json:"hypers"`
	Options   map[string]string  `json:"options"`
	Tensors   []Tensor           `json:"tensors"`
	Steps     []int              `json:"steps"`   // the stored steps, ascending; 0 is before the first
	States    []string           `json:"states"`  // reference's names, one array a parameter
	Scalars   []string           `json:"scalars"` // reference's names, one number a model

	// Shapes of the states that are not as the parameters, one a tensor, nil where a tensor has none.
	Shapes map[string][][]int `json:"shapes"`
	// Tolerance is what the formula itself makes of rounding, where that is more than usual; else 0.
	Tolerance float64 `json:"tolerance"`

	Seed    uint64 `json:"seed"`
	Problem string `json:"problem"`
	Digest  string `json:"inputs_sha256"`

	snapshots []Snapshot
}

// A Snapshot is what the reference held after a step. It is shared: copy what you mean to change.
type Snapshot struct {
	Step    int
	Params  [][]float64
	States  map[string][][]float64
	Scalars map[string]float64
}

// Cases reads every case in the folder, sorted by file name.
func Cases(folder fs.FS) ([]Case, error) {
	names, err := fs.Glob(folder, "*"+Ext)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("oracle: no *" + Ext + " in the folder")
	}
	cases := make([]Case, len(names))
	for i, name := range names {
		if cases[i], err = Load(folder, name); err != nil {
			return nil, err
		}
	}
	return cases, nil
}

// Load reads one case by its file name.
func Load(folder fs.FS, name string) (Case, error) {
	f, err := folder.Open(name)
	if err != nil {
		return Case{}, fmt.Errorf("oracle: %w", err)
	}
	defer f.Close()
	c, err := decode(f)
	if err == nil && c.Name+Ext != path.Base(name) {
		err = fmt.Errorf("holds the case %q", c.Name)
	}
	if err != nil {
		return Case{}, fmt.Errorf("oracle: %s: %w", name, err)
	}
	return c, nil
}

// After returns what the reference held after a step, if that step is stored.
func (c *Case) After(step int) (Snapshot, bool) {
	for _, s := range c.snapshots {
		if s.Step == step {
			return s, true
		}
	}
	return Snapshot{}, false
}

// Quadratic says that the gradient depends on the parameters.
func (c *Case) Quadratic() bool { return c.Problem == "quadratic" }

// Init gives the initial values of a tensor.
func (c *Case) Init(tensor int) []float64 {
	t := c.Tensors[tensor]
	return c.fill(t, t.Init == "zero", func(i int) float64 {
		if t.Init == "positive" {
			return math.Abs(initAt(c.Seed, tensor, i))
		}
		return initAt(c.Seed, tensor, i)
	})
}

// Grad gives the gradient of a tensor at a step, counted from 1. Only a quadratic case reads x, the
// tensor's values before the step.
func (c *Case) Grad(step, tensor int, x []float64) []float64 {
	t := c.Tensors[tensor]
	if !c.Quadratic() {
		return c.fill(t, t.Grad == "zero", func(i int) float64 { return gradAt(c.Seed, step, tensor, i) })
	}
	return c.fill(t, false, func(i int) float64 {
		h := c.round(curvatureAt(c.Seed, tensor, i))
		return h * c.round(x[i]-c.round(centreAt(c.Seed, tensor, i)))
	})
}

// Curvature gives a quadratic's h, the diagonal of its Hessian.
func (c *Case) Curvature(tensor int) []float64 {
	return c.fill(c.Tensors[tensor], false, func(i int) float64 { return curvatureAt(c.Seed, tensor, i) })
}

// Loss is the sum of h*(x-c)²/2 over a quadratic's parameters, in float64.
func (c *Case) Loss(params [][]float64) float64 {
	sum := 0.0
	for k, x := range params {
		for i := range x {
			d := x[i] - c.round(centreAt(c.Seed, k, i))
			sum += 0.5 * c.round(curvatureAt(c.Seed, k, i)) * d * d
		}
	}
	return sum
}

// size is the number of elements of a tensor's state.
func (c *Case) size(state string, tensor int) int {
	shapes, ok := c.Shapes[state]
	if !ok {
		return c.Tensors[tensor].Numel()
	}
	if shapes[tensor] == nil {
		return 0
	}
	return Tensor{Shape: shapes[tensor]}.Numel()
}

func (c *Case) fill(t Tensor, zero bool, at func(i int) float64) []float64 {
	out := make([]float64, t.Numel())
	if zero {
		return out
	}
	for i := range out {
		out[i] = c.round(at(i))
	}
	return out
}

func (c *Case) round(v float64) float64 {
	if c.DType == F32 {
		return float64(float32(v))
	}
	return v
}

// Error is the largest difference between got and want as a share of the largest magnitude in want and
// beside, the measure the proofs use. A single step is measured beside the values before it, because it
// may cancel most of them. The error is infinite where the lengths differ or got is not finite.
func Error(got, want []float64, beside ...float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var worst, largest float64
	for i := range want {
		d := math.Abs(got[i] - want[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
		largest = max(largest, math.Abs(want[i]))
	}
	for _, v := range beside {
		largest = max(largest, math.Abs(v))
	}
	if worst == 0 {
		return 0
	}
	return worst / largest
}

// Command peers is the optimizers of Go libraries as a program that bench asks to time them. It is a module of its own, so that
// what they depend on is nobody else's. Each has one tensor and a gradient that stays the same; a library whose step uses its
// gradient up is given it anew, by the library's own means, within the step.
package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/born-ml/born/backend/cpu"
	bornnn "github.com/born-ml/born/nn"
	bornoptim "github.com/born-ml/born/optim"
	borntensor "github.com/born-ml/born/tensor"
	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	mlcontext "github.com/gomlx/gomlx/pkg/ml/context"
	"github.com/gomlx/gomlx/pkg/ml/train/optimizers"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"
	"github.com/nlpodyssey/spago/optimizers/adagrad"
	"github.com/nlpodyssey/spago/optimizers/adam"
	"github.com/nlpodyssey/spago/optimizers/radam"
	"github.com/nlpodyssey/spago/optimizers/sgd"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/optc-lang/optc/bench/subject"
)

// modules are the libraries, by what a case begins with.
var modules = map[string]string{
	"gorgonia": "gorgonia.org/gorgonia",
	"gomlx":    "github.com/gomlx/gomlx",
	"spago":    "github.com/nlpodyssey/spago",
	"born":     "github.com/born-ml/born",
}

// cases are what can be timed: each takes parameters and gradient and gives a step.
var cases = map[string]func(x, g []float32) (func() error, error){
	"gorgonia:adam":    gorgoniaStep(func() gorgonia.Solver { return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(1e-3)) }),
	"gorgonia:adagrad": gorgoniaStep(func() gorgonia.Solver { return gorgonia.NewAdaGradSolver(gorgonia.WithLearnRate(0.01)) }),
	"gorgonia:sgd momentum=0.9": gorgoniaStep(func() gorgonia.Solver {
		return gorgonia.NewMomentum(gorgonia.WithLearnRate(0.01), gorgonia.WithMomentum(0.9))
	}),
	"spago:adam":             spagoAdam(adam.NewDefaultConfig()),
	"spago:adamw":            spagoAdam(adam.NewAdamWConfig(1e-3, 0.9, 0.999, 1e-8, 0.01)),
	"spago:adagrad":          spagoStep(func() spagoStrategy { return adagrad.New[float32](adagrad.NewConfig(0.01, 1e-10)) }),
	"spago:radam":            spagoStep(func() spagoStrategy { return radam.New[float32](radam.NewDefaultConfig()) }),
	"spago:sgd momentum=0.9": spagoStep(func() spagoStrategy { return sgd.New[float32](sgd.NewConfig(0.01, 0.9, false)) }),
	"gomlx:adam": gomlxStep(func() gomlxOptimizer {
		return optimizers.Adam().LearningRate(1e-3).Epsilon(1e-8).Done().(gomlxOptimizer)
	}),
	"gomlx:adamw": gomlxStep(func() gomlxOptimizer {
		return optimizers.Adam().LearningRate(1e-3).Epsilon(1e-8).WeightDecay(0.01).Done().(gomlxOptimizer)
	}),
	"gomlx:sgd": gomlxStep(func() gomlxOptimizer {
		return optimizers.StochasticGradientDescent().WithLearningRate(0.01).WithDecay(false).Done().(gomlxOptimizer)
	}),
	"born:adam":             bornAdam,
	"born:sgd momentum=0.9": bornSGD,
}

func main() { subject.Serve(&server{}) }

type server struct{}

// List names the cases and the libraries' versions.
func (s *server) List() subject.Reply {
	r := subject.Reply{Versions: map[string]string{"go": runtime.Version()}}
	for c := range cases {
		r.Cases = append(r.Cases, c)
	}
	slices.Sort(r.Cases)
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		for name, path := range modules {
			if m.Path == path {
				r.Versions[name] = m.Version
			}
		}
	}
	return r
}

// Open readies a case.
func (s *server) Open(q subject.Request) (map[string]subject.Timed, subject.Reply, error) {
	open, ok := cases[q.Case]
	if !ok {
		return nil, subject.Reply{}, fmt.Errorf("there is no case %s", q.Case)
	}
	n := 1
	for _, d := range q.Shape {
		n *= d
	}
	runtime.GOMAXPROCS(q.Threads)
	x, g := make([]float32, n), make([]float32, n)
	subject.Fill(x, 1)
	subject.Fill(g, 1.0/64)
	step, err := open(x, g)
	if err != nil {
		return nil, subject.Reply{}, err
	}
	t := &timed{step}
	return map[string]subject.Timed{"peer": t}, subject.Reply{}, t.Do(2)
}

// Close frees memory.
func (s *server) Close() { debug.FreeOSMemory() }

type timed struct{ step func() error }

// Do takes steps. A library that panics has failed.
func (t *timed) Do(steps int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %.300s", strings.TrimSpace(fmt.Sprint(r)))
		}
	}()
	for range steps {
		if err := t.step(); err != nil {
			return err
		}
	}
	return nil
}

// weight is a value with its gradient, as gorgonia's solvers take it.
type weight struct{ value, grad *tensor.Dense }

func (w *weight) Value() gorgonia.Value         { return w.value }
func (w *weight) Grad() (gorgonia.Value, error) { return w.grad, nil }

// gorgoniaStep is a step of a solver, which uses the gradient up: it is copied in before.
func gorgoniaStep(make func() gorgonia.Solver) func(x, g []float32) (func() error, error) {
	return func(x, g []float32) (func() error, error) {
		kept := slices.Clone(g)
		w := &weight{tensor.New(tensor.WithShape(len(x)), tensor.WithBacking(x)), tensor.New(tensor.WithShape(len(g)), tensor.WithBacking(g))}
		solver := make()
		return func() error {
			copy(w.grad.Data().([]float32), kept)
			return solver.Step([]gorgonia.ValueGrad{w})
		}, nil
	}
}

type spagoStrategy interface{ OptimizeParams(param *nn.Param) error }

// spagoStep is a step of a strategy, which uses the gradient up: it is accumulated before.
func spagoStep(make func() spagoStrategy) func(x, g []float32) (func() error, error) {
	return func(x, g []float32) (func() error, error) {
		p := nn.NewParam(mat.NewDense[float32](mat.WithShape(len(x)), mat.WithBacking(x)))
		grad := mat.NewDense[float32](mat.WithShape(len(g)), mat.WithBacking(g))
		strategy := make()
		return func() error {
			p.AccGrad(grad)
			return strategy.OptimizeParams(p)
		}, nil
	}
}

func spagoAdam(c adam.Config) func(x, g []float32) (func() error, error) {
	return spagoStep(func() spagoStrategy { return adam.New(c) })
}

type gomlxOptimizer interface {
	UpdateGraphWithGradients(ctx *mlcontext.Context, grads []*graph.Node, lossDType dtypes.DType)
}

// gomlxStep is a run of the graph that an optimizer builds, on the backend in Go.
func gomlxStep(make func() gomlxOptimizer) func(x, g []float32) (func() error, error) {
	return func(x, g []float32) (func() error, error) {
		backend, err := simplego.New("")
		if err != nil {
			return nil, err
		}
		ctx := mlcontext.New()
		w := ctx.VariableWithValue("w", x)
		grad := tensors.FromFlatDataAndDimensions(g, len(g))
		exec, err := mlcontext.NewExec(backend, ctx, func(ctx *mlcontext.Context, grad *graph.Node) *graph.Node {
			w.ValueGraph(grad.Graph())
			make().UpdateGraphWithGradients(ctx, []*graph.Node{grad}, grad.DType())
			return graph.ScalarZero(grad.Graph(), grad.DType())
		})
		if err != nil {
			return nil, err
		}
		return func() error {
			_, err := exec.Exec(grad)
			return err
		}, nil
	}
}

func bornTensors(x, g []float32) (p *bornnn.Parameter[*cpu.Backend], grads map[*borntensor.RawTensor]*borntensor.RawTensor, b *cpu.Backend, err error) {
	b = cpu.New()
	w, err := borntensor.FromSlice[float32](x, borntensor.Shape{len(x)}, b)
	if err != nil {
		return nil, nil, nil, err
	}
	grad, err := borntensor.FromSlice[float32](g, borntensor.Shape{len(g)}, b)
	if err != nil {
		return nil, nil, nil, err
	}
	p = bornnn.NewParameter("w", w)
	return p, map[*borntensor.RawTensor]*borntensor.RawTensor{p.Tensor().Raw(): grad.Raw()}, b, nil
}

func bornAdam(x, g []float32) (func() error, error) {
	p, grads, b, err := bornTensors(x, g)
	if err != nil {
		return nil, err
	}
	opt := bornoptim.NewAdam([]*bornnn.Parameter[*cpu.Backend]{p}, bornoptim.AdamConfig{LR: 1e-3}, b)
	return func() error { opt.Step(grads); return nil }, nil
}

func bornSGD(x, g []float32) (func() error, error) {
	p, grads, b, err := bornTensors(x, g)
	if err != nil {
		return nil, err
	}
	opt := bornoptim.NewSGD([]*bornnn.Parameter[*cpu.Backend]{p}, bornoptim.SGDConfig{LR: 0.01, Momentum: 0.9}, b)
	return func() error { opt.Step(grads); return nil }, nil
}

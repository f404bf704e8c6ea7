package main

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/tasks"
)

const (
	steps     = 50
	batchSize = 64
	layers    = 2 // the hidden one, which is parameter group 0, and the output's, which is group 1
)

// schedule is a learning rate for every step and layer: those of the first step, of the second, and so on.
type schedule []float64

func (s schedule) at(step, layer int) float64 { return s[step*layers+layer] }

// problem is a training of steps steps: where it starts, the minibatch of each step, and the images on which the result is
// judged, those that schedules are chosen by and those that they are not.
type problem struct {
	start       [][]float64
	batches     []images
	valid, test images
}

// trainRows of the images of the task that are not for the test are trained on, and schedules are chosen by the others: there
// must be many, for a schedule has 100 numbers to fit them with.
const trainRows = 700

// open is the problem of a seed, which decides the initial weights and the minibatches.
func open(seed uint64) (*problem, error) {
	run, err := tasks.Open("digits", seed)
	if err != nil {
		return nil, err
	}
	var splits [3]images
	for s := range splits {
		if splits[s].x, splits[s].class, err = run.Examples(tasks.Split(s)); err != nil {
			return nil, err
		}
	}
	known := splits[tasks.TrainSet]
	known.x, known.class = append(known.x, splits[tasks.ValidSet].x...), append(known.class, splits[tasks.ValidSet].class...)
	p := &problem{
		start: initial(seed),
		valid: images{known.x[trainRows:], known.class[trainRows:]},
		test:  splits[tasks.TestSet],
	}
	r := rand.New(rand.NewPCG(seed, 2))
	for len(p.batches) < steps { // an epoch is a permutation in whole minibatches
		for rows := range slices.Chunk(r.Perm(trainRows)[:trainRows/batchSize*batchSize], batchSize) {
			p.batches = append(p.batches, known.at(rows))
		}
	}
	p.batches = p.batches[:steps]
	return p, nil
}

// moment is what a step reads.
type moment struct {
	at    MomentumAdjoint64Given
	grads [][]float64
}

// params are data under the network's names.
func params(data [][]float64) []optrt.Param[float64] {
	var out []optrt.Param[float64]
	for k, name := range names {
		out = append(out, optrt.Param[float64]{Name: name, Shape: shapes[k], Data: data[k]})
	}
	return out
}

var outputLayer = optrt.Named("output.*")

// train is the network after all steps with a schedule, and with record what each step read.
func (p *problem) train(s schedule, record bool) (x [][]float64, tape []moment, err error) {
	x = zeros[float64]()
	for k := range x {
		copy(x[k], p.start[k])
	}
	hyper := DefaultMomentumHyper()
	opt, err := NewMomentum64(params(x), hyper, MomentumGroup(outputLayer, hyper), optrt.Workers(1))
	if err != nil {
		return nil, nil, err
	}
	grads := zeros[float64]()
	for t, batch := range p.batches {
		for layer := range layers {
			if err := opt.SetLR(s.at(t, layer), layer); err != nil {
				return nil, nil, err
			}
		}
		loss(x, batch, grads)
		if record {
			at, err := RecordMomentum64(opt)
			if err != nil {
				return nil, nil, err
			}
			tape = append(tape, moment{at, grads})
		}
		if err := opt.Step(grads); err != nil {
			return nil, nil, err
		}
		if record {
			grads = zeros[float64]()
		}
	}
	return x, tape, nil
}

// value is the loss on the validation images after training with a schedule.
func (p *problem) value(s schedule) (float64, error) {
	x, _, err := p.train(s, false)
	if err != nil {
		return 0, err
	}
	return loss(x, p.valid, nil), nil
}

// derivative is value, and its derivative in every learning rate. The way back of a step takes the cotangents of x and m
// after it to those before it. What they say of the gradient g = ∇f(x) says g_bar; it reaches x by way of the Hessian:
// x_bar += ∇²f(x)·g_bar.
func (p *problem) derivative(s schedule) (value float64, inLR []float64, err error) {
	x, tape, err := p.train(s, true)
	if err != nil {
		return 0, nil, err
	}
	bar := zeros[float64]()
	value = loss(x, p.valid, bar)
	hyper := DefaultMomentumAdjointHyper()
	back, err := NewMomentumAdjoint64(params(bar), hyper, MomentumAdjointGroup(outputLayer, hyper), optrt.Workers(1))
	if err != nil {
		return 0, nil, err
	}
	inLR = make([]float64, len(s))
	for t, m := range slices.Backward(tape) {
		for layer := range layers {
			if err := back.SetLR(s.at(t, layer), layer); err != nil {
				return 0, nil, err
			}
		}
		if err := back.Step(m.grads, m.at); err != nil {
			return 0, nil, err
		}
		lrBar, err := back.StateValue("lr_bar")
		if err != nil {
			return 0, nil, err
		}
		copy(inLR[t*layers:], lrBar.Steps)
		gBar, err := back.StateValue("g_bar")
		if err != nil {
			return 0, nil, err
		}
		curvature(bar, m.at.XAt, gBar.Arrays, p.batches[t])
	}
	return value, inLR, nil
}

// problems are judged by their mean.
type problems []*problem

// openAll are the problems of n seeds.
func openAll(first uint64, n int) (problems, error) {
	var all problems
	for i := range uint64(n) {
		p, err := open(first + i)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// mean is the mean of what f says of each problem, one goroutine a problem.
func (all problems) mean(f func(*problem) ([]float64, error)) ([]float64, error) {
	each, errs := make([][]float64, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() { each[i], errs[i] = f(p) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	mean := make([]float64, len(each[0]))
	for _, v := range each {
		for i := range v {
			mean[i] += v[i] / float64(len(all))
		}
	}
	return mean, nil
}

func (all problems) value(s schedule) (float64, error) {
	mean, err := all.mean(func(p *problem) ([]float64, error) {
		v, err := p.value(s)
		return []float64{v}, err
	})
	if err != nil {
		return 0, err
	}
	return mean[0], nil
}

func (all problems) derivative(s schedule) (value float64, inLR []float64, err error) {
	mean, err := all.mean(func(p *problem) ([]float64, error) {
		v, inLR, err := p.derivative(s)
		return append([]float64{v}, inLR...), err
	})
	if err != nil {
		return 0, nil, err
	}
	return mean[0], mean[1:], nil
}

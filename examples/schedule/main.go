// Command schedule learns a learning rate for every step and layer of a short training, by differentiating the loss after the
// training in all of them. The training's rule and the rule that learns are compiled by optc, and so is the way back through a
// step of the training: its adjoint.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"

	optrt "github.com/optc-lang/optc/runtime"
)

//go:generate go tool optc build --adjoint --dtype f64 momentum.opt
//go:generate go tool optc build --dtype f64 std/adam

func main() {
	seed := flag.Uint64("seed", 1, "decides the initial weights and the minibatches")
	rounds := flag.Int("rounds", 200, "trainings to learn from")
	flag.Parse()
	if err := report(os.Stdout, *seed, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "schedule:", err)
		os.Exit(1)
	}
}

// named is a schedule with what it is called.
type named struct {
	name string
	schedule
}

// report tunes, learns and compares.
func report(out io.Writer, seed uint64, rounds int) error {
	p, err := openAll(seed, seed+1, seed+2, seed+3)
	if err != nil {
		return err
	}
	one, err := p.best(constant, sameLR)
	if err != nil {
		return err
	}
	rows := []named{{"constant", one}}
	for _, g := range []struct {
		name   string
		shape  func(step int) float64
		ratios []float64
	}{{"constant, two layers", constant, ratios}, {"cosine", cosine, sameLR}, {"cosine, two layers", cosine, ratios}} {
		s, err := p.best(g.shape, g.ratios)
		if err != nil {
			return err
		}
		rows = append(rows, named{g.name, s})
	}
	fmt.Fprintf(out, "best constant learning rate: %.3f\n", one.at(0, 0))
	learned, err := p.learn(one, rounds, func(round int, loss float64) {
		if round == 0 || round%(max(rounds/8, 1)) == 0 {
			fmt.Fprintf(out, "round %3d  validation loss %.4f\n", round, loss)
		}
	})
	if err != nil {
		return err
	}
	rows = append(rows, named{"learned", learned})
	if err := compare(out, p, seed, rows); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%6s %9s %9s\n", "step", "hidden", "output")
	for t := range steps {
		if t%5 == 0 || t >= steps-4 {
			fmt.Fprintf(out, "%6d %9.4f %9.4f\n", t+1, learned.at(t, 0), learned.at(t, 1))
		}
	}
	return nil
}

// compare prints what schedules lead to: where they were chosen, on other images, and there from other initial weights with
// other minibatches.
func compare(out io.Writer, p problems, seed uint64, rows []named) error {
	others, err := openAll(seed+4, seed+5, seed+6, seed+7, seed+8, seed+9, seed+10, seed+11)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-20s %11s %9s %17s\n", "schedule", "validation", "test", "test, other seeds")
	for _, r := range rows {
		judge := func(p *problem) ([]float64, error) {
			x, _, err := p.train(r.schedule, false)
			return []float64{loss(x, p.valid, nil), loss(x, p.test, nil)}, err
		}
		here, err := p.mean(judge)
		if err != nil {
			return err
		}
		elsewhere, err := others.mean(judge)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-20s %11.4f %9.4f %17.4f\n", r.name, here[0], here[1], elsewhere[1])
	}
	return nil
}

// Shapes of schedules, as parts of the highest learning rate.
func constant(int) float64    { return 1 }
func cosine(step int) float64 { return (1 + math.Cos(math.Pi*float64(step)/steps)) / 2 }

// What the output layer's learning rate is to the hidden layer's.
var (
	sameLR = []float64{1}
	ratios = []float64{1. / 8, 1. / 4, 1. / 2, 1, 2}
)

// best is the schedule of a shape with the least loss on the validation images, of a grid: highest learning rates in steps of
// 2^(1/4), with each of the ratios.
func (p problems) best(shape func(step int) float64, ratios []float64) (schedule, error) {
	var best schedule
	least := math.Inf(1)
	for k := -20; k <= 4; k++ {
		for _, ratio := range ratios {
			lr := math.Exp2(float64(k) / 4)
			var s schedule
			for t := range steps {
				s = append(s, lr*shape(t), ratio*lr*shape(t))
			}
			v, err := p.value(s)
			if err != nil {
				return nil, err
			}
			if v < least {
				best, least = s, v
			}
		}
	}
	return best, nil
}

// learn improves a schedule by Adam on the logarithms of its learning rates, and tells the loss of each round.
func (p problems) learn(from schedule, rounds int, each func(round int, loss float64)) (schedule, error) {
	logs := make([]float64, len(from))
	for i, lr := range from {
		logs[i] = math.Log(lr)
	}
	hyper := DefaultAdamHyper()
	hyper.LR = 0.05
	opt, err := NewAdam64([]optrt.Param[float64]{{Name: "log_lr", Shape: []int{steps, layers}, Data: logs}}, hyper)
	if err != nil {
		return nil, err
	}
	s := make(schedule, len(from))
	for round := range rounds + 1 {
		for i, l := range logs {
			s[i] = math.Exp(l)
		}
		if round == rounds {
			break
		}
		value, grad, err := p.derivative(s)
		if err != nil {
			return nil, err
		}
		each(round, value)
		for i := range grad { // d/d log lr
			grad[i] *= s[i]
		}
		if err := opt.Step([][]float64{grad}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

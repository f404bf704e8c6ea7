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
	seed := flag.Uint64("seed", 1, "decides the initial weights and minibatches of all trainings")
	rounds := flag.Int("rounds", 150, "steps of learning, of two trainings each")
	flag.Parse()
	if err := report(os.Stdout, *seed, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "schedule:", err)
		os.Exit(1)
	}
}

// Trainings, by number: schedules are tuned on the first, tried out on the next, and learned from those that follow.
const tuned, tried, fresh = 4, 8, 2

// report tunes and learns schedules and compares them.
func report(out io.Writer, seed uint64, rounds int) error {
	numbered := func(from, n int) (problems, error) { return openAll(seed<<32+uint64(from), n) }
	runs, err := numbered(0, tuned)
	if err != nil {
		return err
	}
	others, err := numbered(tuned, tried)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "mean loss of training %10s %11s %11s %20s\n", "0", "0 to 3", "4 to 11", "4 to 11, test images")
	start, err := runs.best(constant, sameRate)
	if err != nil {
		return err
	}
	if err := compare(out, "constant", start, runs, others); err != nil {
		return err
	}
	for _, ratios := range [][]float64{sameRate, ratios} {
		s, err := runs.best(cosine, ratios)
		if err != nil {
			return err
		}
		if err := compare(out, map[bool]string{true: "cosine", false: "cosine, two layers"}[len(ratios) == 1], s, runs, others); err != nil {
			return err
		}
	}
	one, err := learn(start, rounds/2, func(int) (problems, error) { return runs[:1], nil }, func(int, float64) {})
	if err != nil {
		return err
	}
	if err := compare(out, "learned, training 0", one, runs, others); err != nil {
		return err
	}
	learned, err := learn(start, rounds, func(round int) (problems, error) {
		return numbered(tuned+tried+fresh*round, fresh)
	}, func(round int, loss float64) {
		if round%max(rounds/5, 1) == 0 {
			fmt.Fprintf(out, "  round %3d of %d: %.4f\n", round, rounds, loss)
		}
	})
	if err != nil {
		return err
	}
	if err := compare(out, "learned", learned, runs, others); err != nil {
		return err
	}
	table(out, start, learned)
	return nil
}

// compare prints what a schedule leads to: where schedules are tuned, and in other trainings, on images of both kinds.
func compare(out io.Writer, name string, s schedule, runs, others problems) error {
	judge := func(p *problem) ([]float64, error) {
		x, _, err := p.train(s, false)
		return []float64{loss(x, p.valid, nil), loss(x, p.test, nil)}, err
	}
	var row []float64
	for _, on := range []problems{runs[:1], runs, others} {
		mean, err := on.mean(judge)
		if err != nil {
			return err
		}
		row = append(row, mean...)
	}
	fmt.Fprintf(out, "%-21s %10.4f %11.4f %11.4f %20.4f\n", name, row[0], row[2], row[4], row[5])
	return nil
}

// table prints a schedule beside the constant that it was learned from.
func table(out io.Writer, constant, s schedule) {
	fmt.Fprintf(out, "\nlearned rates, from %.3f\n%6s %9s %9s\n", constant.at(0, 0), "steps", "hidden", "output")
	const bin = 5
	for first := 0; first < steps; first += bin {
		var mean [layers]float64 // geometric
		for i := range bin * layers {
			mean[i%layers] += math.Log(s[first*layers+i]) / bin
		}
		fmt.Fprintf(out, "%2d..%-2d %9.3f %9.3f\n", first+1, first+bin, math.Exp(mean[0]), math.Exp(mean[1]))
	}
}

// Shapes of schedules, as parts of the highest learning rate.
func constant(int) float64    { return 1 }
func cosine(step int) float64 { return (1 + math.Cos(math.Pi*float64(step)/steps)) / 2 }

// What the output layer's learning rate is to the hidden layer's.
var (
	sameRate = []float64{1}
	ratios   = []float64{0.25, 0.5, 1, 2}
)

// best is the schedule of a shape with the least loss, of a grid: highest learning rates of 1/32, 1/32·√2, ... 2, with each of
// the ratios.
func (all problems) best(shape func(step int) float64, ratios []float64) (best schedule, err error) {
	least := math.Inf(1)
	for k := -10; k <= 2; k++ {
		for _, ratio := range ratios {
			lr := math.Exp2(float64(k) / 2)
			var s schedule
			for t := range steps {
				s = append(s, lr*shape(t), ratio*lr*shape(t))
			}
			v, err := all.value(s)
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

// learn improves a schedule by Adam on the logarithms of its learning rates, whose own rate falls along half a cosine. Each
// round differentiates the trainings that draw gives, and tells the loss.
func learn(from schedule, rounds int, draw func(round int) (problems, error), tell func(round int, loss float64)) (schedule, error) {
	logs := make([]float64, len(from))
	for i, lr := range from {
		logs[i] = math.Log(lr)
	}
	opt, err := NewAdam64([]optrt.Param[float64]{{Name: "log_lr", Shape: []int{steps, layers}, Data: logs}}, DefaultAdamHyper())
	if err != nil {
		return nil, err
	}
	s := make(schedule, len(from))
	copy(s, from)
	for round := range rounds {
		all, err := draw(round)
		if err != nil {
			return nil, err
		}
		value, grad, err := all.derivative(s)
		if err != nil {
			return nil, err
		}
		tell(round, value)
		for i := range grad { // d/d log lr
			grad[i] *= s[i]
		}
		if err := opt.SetLR(0.05 * (1 + math.Cos(math.Pi*float64(round)/float64(rounds))) / 2); err != nil {
			return nil, err
		}
		if err := opt.Step([][]float64{grad}); err != nil {
			return nil, err
		}
		for i, l := range logs {
			s[i] = math.Exp(l)
		}
	}
	return s, nil
}

// Command digits trains a network to read handwritten digits, with an optimizer that optc compiled from trainer.opt.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/tasks"
)

//go:generate go tool optc build trainer.opt

func main() {
	seed := flag.Uint64("seed", 1, "decides the initial weights and the order of the images")
	flag.Parse()
	if err := learn(os.Stdout, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "digits:", err)
		os.Exit(1)
	}
}

// learn trains once and prints how it goes.
func learn(out io.Writer, seed uint64) error {
	run, err := tasks.Open("digits", seed)
	if err != nil {
		return err
	}
	opt, err := newTrainer(run, hyper())
	if err != nil {
		return err
	}
	steps := run.Task().Steps
	fmt.Fprintf(out, "training with rule trainer on engine %s\n", opt.Engine())
	start := time.Now()
	err = train(run, opt, steps, func(step int, loss float32) {
		if step == 1 || step%80 == 0 {
			fmt.Fprintf(out, "step %3d of %d  loss %.4f\n", step, steps, loss)
		}
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	score, err := run.Score(tasks.TestSet, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "test accuracy %.4f on %d images, trained in %v\n",
		score.Accuracy, run.Task().Sizes[tasks.TestSet], took.Round(time.Millisecond))
	return nil
}

// hyper is the rule's own defaults but for the weight decay.
func hyper() TrainerHyper {
	h := DefaultTrainerHyper()
	h.WeightDecay = 0.1
	return h
}

// newTrainer makes the optimizer for the network's parameters: the biases, which are its vectors, do not decay.
func newTrainer(run *tasks.Run, weights TrainerHyper) (*Trainer, error) {
	var params []optrt.Param[float32]
	for i, p := range run.Task().Params {
		params = append(params, optrt.Param[float32]{Name: p.Name, Shape: p.Shape, Data: run.Values()[i]})
	}
	biases := weights
	biases.WeightDecay = 0
	return NewTrainer(params, weights, TrainerGroup(optrt.Rank(1), biases))
}

// train takes the steps, each on a minibatch of its own, and tells the loss of each.
func train(run *tasks.Run, opt *Trainer, steps int, each func(step int, loss float32)) error {
	for step := range steps {
		loss := run.Batch(step) // forwards and backwards: fills run.Grads()
		if err := opt.Step(run.Grads()); err != nil {
			return err
		}
		each(step+1, loss)
	}
	return nil
}

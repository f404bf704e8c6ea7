// Command mytask searches for an update rule for a task of its own: to find a sparse vector in few noisy measurements, batch by
// batch, which most rules over-fit.
//
// A run must give the same bits on every machine, or archives could not go from one to another. So each product is rounded
// by a conversion before it is added: some processors' compilers would fuse the two otherwise.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"

	"github.com/optc-lang/optc/search"
)

const (
	unknowns     = 48
	measurements = 96 // of each of the three parts
	sparse       = 6  // unknowns that are not zero
	batch        = 8
	steps        = 300
)

// recovery is the task: least squares on measurements A w + noise.
type recovery struct{}

func (recovery) Name() string { return "recovery" }
func (recovery) Steps() int   { return steps }

// Open draws the measurements from the split and the order of batches from the seed.
func (recovery) Open(seed, split uint64) (search.TaskRun, error) {
	r := rand.New(rand.NewPCG(split, 1))
	run := &training{w: make([]float32, unknowns), grad: make([]float32, unknowns), order: rand.New(rand.NewPCG(seed, 2))}
	truth := make([]float32, unknowns)
	for range sparse {
		truth[r.IntN(unknowns)] = float32(2 * r.NormFloat64())
	}
	for part := range run.rows {
		for range measurements {
			m := measurement{a: make([]float32, unknowns), y: float32(0.3 * r.NormFloat64())}
			for i := range m.a {
				m.a[i] = float32(r.NormFloat64()) / float32(1+i%5)
				m.y += float32(m.a[i] * truth[i])
			}
			run.rows[part] = append(run.rows[part], m)
		}
	}
	return run, nil
}

type measurement struct {
	a []float32
	y float32
}

// training is a run: its rows are to train on, to choose by and to test on, as search.Split counts them.
type training struct {
	w, grad []float32
	rows    [3][]measurement
	order   *rand.Rand
}

func (t *training) Values() [][]float32 { return [][]float32{t.w} }
func (t *training) Grads() [][]float32  { return [][]float32{t.grad} }

// Batch is the loss of a few rows, with its gradient.
func (t *training) Batch(int) float32 {
	clear(t.grad)
	loss := float32(0)
	for range batch {
		row := &t.rows[search.TrainSet][t.order.IntN(measurements)]
		e := row.residual(t.w)
		loss += float32(e * e / (2 * batch))
		for i, a := range row.a {
			t.grad[i] += float32(e * a / batch)
		}
	}
	return loss
}

// Loss is the mean over a part of the rows.
func (t *training) Loss(part search.Split) (float64, error) {
	sum := 0.0
	for i := range t.rows[part] {
		e := float64(t.rows[part][i].residual(t.w))
		sum += float64(e * e / 2)
	}
	return sum / measurements, nil
}

func (m *measurement) residual(w []float32) float32 {
	e := -m.y
	for i, a := range m.a {
		e += float32(a * w[i])
	}
	return e
}

func main() {
	log.SetFlags(0)
	file := flag.String("archive", "mytask.db", "the archive, which the next run goes on with")
	budget := flag.String("budget", "20s", "when to stop")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	result, err := search.Run(ctx, search.Spec{
		Archive: *file, Budget: *budget,
		Progress: func(p search.Progress) { fmt.Fprintf(os.Stderr, "\r%d births, %d evaluated", p.Births, p.Evaluated) },
	}, recovery{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(os.Stderr)
	for _, r := range result.Rules[:min(10, len(result.Rules))] {
		fmt.Printf("%6d  %+.2f  %s\n", r.ID, r.Mean, r.Formula)
	}
	text, err := result.Rules[0].Text("recovered")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\n%s", text)
}

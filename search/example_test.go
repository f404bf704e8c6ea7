package search_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/optc-lang/optc/search"
)

// valley is a task of one's own: the bottom of a quadratic that is 64 times as steep along its last axis as along its first. Its
// examples are points near the bottom, so what is held back has another one.
type valley struct{}

func (valley) Name() string { return "valley" }
func (valley) Steps() int   { return 60 }

// Open draws the points from the split and where the run begins from the seed, so that equal arguments give equal runs.
func (valley) Open(seed, split uint64) (search.TaskRun, error) {
	r := &descent{x: make([]float32, 4), grad: make([]float32, 4)}
	for i := range r.x {
		r.x[i] = 1 + float32((seed+uint64(i))%5)/8
	}
	for part := range r.bottom {
		r.bottom[part] = float32((split+uint64(part))%3) / 64
	}
	return r, nil
}

type descent struct {
	x, grad []float32
	bottom  [3]float32 // of what is trained on, chosen by and tested on, as search.Split counts
}

func (d *descent) Values() [][]float32 { return [][]float32{d.x} }
func (d *descent) Grads() [][]float32  { return [][]float32{d.grad} }

// Batch rounds each product by a conversion, since some machines would add it unrounded: archives are the same on all.
func (d *descent) Batch(int) float32 {
	loss, steep := float32(0.001), float32(0.125)
	for i, x := range d.x {
		e := x - d.bottom[search.TrainSet]
		d.grad[i] = steep * e
		loss += float32(steep * e * e / 2)
		steep *= 4
	}
	return loss
}

func (d *descent) Loss(part search.Split) (float64, error) {
	loss, steep := 0.001, 0.125
	for _, x := range d.x {
		e := float64(x - d.bottom[part])
		loss += float64(steep * e * e / 2)
		steep *= 4
	}
	return loss, nil
}

// spec is a search of a moment, in a folder that is to be removed.
func spec() (s search.Spec, remove func()) {
	folder, err := os.MkdirTemp("", "search")
	if err != nil {
		log.Fatal(err)
	}
	s = search.Spec{
		Archive: filepath.Join(folder, "valley.db"), Budget: "60evals", Start: []string{"sgd", "adamw"},
		Ops: []string{"add", "mul", "div", "sqrt", "square", "sign", "ema", "avg"}, Lag: 8,
	}
	return s, func() { os.RemoveAll(folder) }
}

// A search on a task of one's own. Run prints nothing: Progress is told meanwhile, and Result.Rules are all rules in the end, of
// which Fold leaves what a list of the best should have.
func ExampleRun() {
	s, remove := spec()
	defer remove()
	evaluated := 0
	s.Progress = func(p search.Progress) { evaluated = p.Evaluated } // p.Hall are the best so far
	result, err := search.Run(context.Background(), s, valley{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(evaluated, "evaluations")
	for _, r := range search.Fold(result.Rules)[:3] {
		fmt.Printf("%5.2f  %s\n", r.Mean, r.Formula)
	}
	fmt.Println("the first is", result.Rules[0].Name)
	// Output:
	// 60 evaluations
	//  1.50  ema(g; 0.2)
	//  1.43  div(avg(g; 0.2), add(1e-8, sqrt(avg(avg(square(g); 0.001); 0.1))))
	//  0.25  div(avg(g; 0.2), add(1e-8, mul(1.4142135623730951, sqrt(avg(g; 0.001)))))
	// the first is momentum, β = 0.8
}

// The rule to look at first, as a file that optc compiles. Open reads the result of a search that Run has kept, also while it
// goes on.
func ExampleRule_Text() {
	s, remove := spec()
	defer remove()
	if _, err := search.Run(context.Background(), s, valley{}); err != nil {
		log.Fatal(err)
	}
	result, err := search.Open(s.Archive)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range result.Rules {
		if r.Pick {
			text, err := r.Text("down")
			if err != nil {
				log.Fatal(err)
			}
			fmt.Print(text)
		}
	}
	// Output:
	// /// Found by a search, birth 38: fitness 1.50, at least 0.50, where AdamW tuned for each task is 0; tasks: 1.
	// /// The learning rates that were best on them: 2.2 to 2.2.
	// rule down {
	//   hyper lr = 2.2 in [0, inf)
	//   hyper decay = 0 in [0, inf)
	//   state s1 = 0
	//   s1 <- 0.8*s1 + 0.2*g
	//   x <- x - lr*(s1 + decay*x)
	// }
}

// All births made again, and half of the evaluations. The task is given again, since an archive has its name alone.
func ExampleVerify() {
	s, remove := spec()
	defer remove()
	result, err := search.Run(context.Background(), s, valley{})
	if err != nil {
		log.Fatal(err)
	}
	v, err := search.Verify(context.Background(), s, 0.5, 1, valley{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("all births:", v.Births == result.Births)
	fmt.Println("evaluations:", v.Stored, "of them repeated:", v.Repeated)
	// Output:
	// all births: true
	// evaluations: 60 of them repeated: 29
}
